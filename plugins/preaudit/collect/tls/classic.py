"""One real handshake up to TLS 1.2, done by OpenSSL over memory buffers, without a client certificate."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable

from preaudit.collect.tls.connection import Broken, Connection, TimedOut
from preaudit.collect.tls.lenient import lenient
from preaudit.collect.tls.modern import MAX_BYTES, Shaken

_REFUSED = re.compile(r"ALERT_(HANDSHAKE_FAILURE|BAD_CERTIFICATE|NO_CERTIFICATE|CERTIFICATE_REQUIRED)")


def shake_hands(
    connection: Connection,
    receive: Callable[[Connection, float], bytes],
    until: float,
    *,
    server_name: str,
    read_until: Callable[[], float],
) -> Shaken:
    """Complete a handshake and read once; see `Shaken`.

    Args:
        connection: fresh.
        receive: reads from it by a deadline.
        until: `time.monotonic` by which all ends.
        server_name: sent as SNI, "" for none.
        read_until: gives the `time.monotonic` by which the read after the handshake ends.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    total, finished, flights = 0, False, 0
    try:
        stream = lenient("ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1_2).wrap_bio(
            incoming, outgoing, server_hostname=server_name or None
        )
        while True:
            try:
                if finished:
                    stream.read(1)
                    return Shaken(finished=True, quiet=True)
                stream.do_handshake()
                finished = True
                connection.send(outgoing.read(), until)
                until = min(until, read_until())
            except ssl.SSLWantReadError:
                if data := outgoing.read():
                    connection.send(data, until)
                    flights += 1
                data = receive(connection, until)
                total += len(data)
                if not data or total > MAX_BYTES:
                    return Shaken(finished=finished, failure="closed" if not data else f"more than {MAX_BYTES} bytes")
                incoming.write(data)
    except TimedOut as broken:
        return Shaken(finished=finished, quiet=finished, failure="" if finished else str(broken))
    except Broken as broken:
        return Shaken(finished=finished, failure=str(broken))
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", "") or str(error)
        found = _REFUSED.search(reason.replace(" ", "_").upper())
        # Before the client's second flight nobody can have missed a certificate.
        words = f"alert {found[1].lower()}" if found and (finished or flights > 1) else ""
        return Shaken(finished=finished, refused=words, failure=words or f"OpenSSL: {reason.replace('_', ' ').lower()}")
