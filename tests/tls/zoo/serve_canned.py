"""Servers that answer from a tin, for what nothing real serves any more: ``python -m tests.tls.zoo.serve_canned FILE``.

They get as far as ServerHelloDone and know no cryptography beyond it. Signatures are bytes without meaning; no client
of a survey reads them.
"""

from __future__ import annotations

import base64
import socket
import struct
from collections.abc import Mapping
from typing import Any

from tests.tls.zoo import hello
from tests.tls.zoo.accepting import Serve, main
from tests.tls.zoo.dh import PRIMES

_RENEGOTIATION = struct.pack(">HH", 0xFF01, 1) + b"\x00"


def _exchange(suite: str, version: int) -> bytes:
    """A ServerKeyExchange where the suite has one: temporary RSA of 512 bits, or DH of 512 bits."""
    if suite.startswith("TLS_RSA_EXPORT_"):
        parameters = hello.vector(PRIMES[512].to_bytes(64)) + hello.vector(b"\x01\x00\x01")
    elif suite.startswith("TLS_DHE_"):
        parameters = hello.vector(PRIMES[512].to_bytes(64)) + hello.vector(b"\x02") + hello.vector((4).to_bytes(64))
    else:
        return b""
    scheme = b"\x04\x01" if version == hello.WIRE["TLSv1.2"] else b""
    return hello.message(12, parameters + scheme + hello.vector(bytes(256)))


def _sslv2(der: bytes, kinds: list[int]) -> bytes:
    """A SERVER-HELLO with the certificate and all cipher kinds that it has."""
    ciphers = b"".join(kind.to_bytes(3) for kind in kinds)
    body = struct.pack(">BBBHHHH", 4, 0, 1, 2, len(der), len(ciphers), 16) + der + ciphers + bytes(16)
    return struct.pack(">H", 0x8000 | len(body)) + body


def _tls(entry: Mapping[str, Any], offered: hello.ClientHello, der: bytes) -> bytes:
    spoken = [hello.WIRE[one] for one in entry["versions"]]
    version = max((one for one in spoken if one <= max(offered.versions)), default=0)
    if not version:
        return hello.alert(max(spoken, default=hello.WIRE["SSLv3"]), hello.PROTOCOL_VERSION)
    name = next((one for one, code in entry["suites"].items() if code in offered.suites), "")
    if not name:
        return hello.alert(version, hello.HANDSHAKE_FAILURE)
    compression = 1 if entry.get("compression") and 1 in offered.compressions else 0
    asks = 0xFF01 in dict(offered.extensions) or 0x00FF in offered.suites
    first = hello.server_hello(version, entry["suites"][name], compression=compression, extensions=_RENEGOTIATION if asks else b"")
    flight = first + hello.certificates(der) + _exchange(name, version) + hello.DONE
    return hello.record(hello.HANDSHAKE, version, flight)


def make(entry: Mapping[str, Any]) -> Serve:
    der = base64.b64decode(entry["der"])

    def serve(connection: socket.socket) -> None:
        offered = hello.read(connection)
        if offered.version == 2:
            if not entry["sslv2"]:
                return
            connection.sendall(_sslv2(der, list(entry["sslv2"].values())))
        else:
            connection.sendall(_tls(entry, offered, der))
        connection.settimeout(2)
        # The client goes on, or goes; either is the end of what is in the tin.
        connection.recv(4096)

    return serve


if __name__ == "__main__":
    main(make)
