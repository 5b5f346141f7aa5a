"""One real handshake up to TLS 1.2, done by OpenSSL over memory buffers, without a client certificate."""

from __future__ import annotations

import re
import ssl
import warnings
from collections.abc import Callable
from functools import lru_cache

from preaudit.collect.tls.connection import Broken, Connection, TimedOut
from preaudit.collect.tls.modern import MAX_BYTES, Shaken

_REFUSED = re.compile(r"ALERT_(HANDSHAKE_FAILURE|BAD_CERTIFICATE|NO_CERTIFICATE|CERTIFICATE_REQUIRED)")


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    """A client that trusts nothing and takes everything: what it hears is only looked at."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
    return context


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
        stream = _context().wrap_bio(incoming, outgoing, server_hostname=server_name or None)
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
