"""Reading ClientHellos and writing what answers them, byte by byte, apart from the code under test."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

WIRE = {"SSLv3": 0x0300, "TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
HANDSHAKE, ALERT = 22, 21
HANDSHAKE_FAILURE, PROTOCOL_VERSION, DECODE_ERROR = 40, 70, 50


@dataclass(frozen=True)
class ClientHello:
    """What a client offers.

    Attributes:
        version: the highest one offered, as on the wire; 0x0002 for an SSLv2 hello.
        suites: code points, in order (SSLv2: three bytes each).
        compressions: compression methods.
        extensions: bodies by number.
        size: bytes of the record, or records, that it came in.
    """

    version: int
    suites: tuple[int, ...]
    compressions: tuple[int, ...] = (0,)
    extensions: tuple[tuple[int, bytes], ...] = ()
    size: int = 0

    @property
    def versions(self) -> tuple[int, ...]:
        """By supported_versions where it is sent, else the one named version."""
        body = dict(self.extensions).get(43)
        if not body:
            return (self.version,)
        return struct.unpack(f">{body[0] // 2}H", body[1 : 1 + body[0] // 2 * 2])


def exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError(f"{len(data)} of {count} bytes")
        data += part
    return data


def read(connection: socket.socket) -> ClientHello:
    """Waits for one hello of SSLv2's or TLS's form."""
    head = exactly(connection, 5)
    if head[0] & 0x80 and head[2] == 1:
        return _sslv2(head, exactly(connection, (struct.unpack(">H", head[:2])[0] & 0x7FFF) - 3))
    if head[0] != HANDSHAKE:
        raise ValueError(f"record type {head[0]}")
    body, size = exactly(connection, struct.unpack(">H", head[3:])[0]), 0
    while len(body) < 4 or len(body) < 4 + int.from_bytes(body[1:4]):
        more = exactly(connection, 5)
        body += exactly(connection, struct.unpack(">H", more[3:])[0])
        size += 5
    return _tls(body, len(body) + 5 + size)


def _sslv2(head: bytes, rest: bytes) -> ClientHello:
    version = struct.unpack(">H", head[3:5])[0]
    suites, _, _ = struct.unpack(">HHH", rest[:6])
    offered = rest[6 : 6 + suites]
    return ClientHello(version, tuple(int.from_bytes(offered[i : i + 3]) for i in range(0, suites, 3)), size=len(head + rest))


def _tls(body: bytes, size: int) -> ClientHello:
    version = struct.unpack(">H", body[4:6])[0]
    at = 38 + 1 + body[38]
    count = struct.unpack(">H", body[at : at + 2])[0]
    suites = struct.unpack(f">{count // 2}H", body[at + 2 : at + 2 + count])
    at += 2 + count
    compressions = tuple(body[at + 1 : at + 1 + body[at]])
    at += 1 + body[at] + 2
    extensions = []
    while at + 4 <= len(body):
        kind, length = struct.unpack(">HH", body[at : at + 4])
        extensions.append((kind, body[at + 4 : at + 4 + length]))
        at += 4 + length
    return ClientHello(version, suites, compressions, tuple(extensions), size)


def record(kind: int, version: int, body: bytes) -> bytes:
    return b"".join(
        struct.pack(">BHH", kind, version, len(body[i : i + 16384])) + body[i : i + 16384] for i in range(0, len(body), 16384)
    )


def alert(version: int, description: int) -> bytes:
    return record(ALERT, version, bytes((2, description)))


def message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3) + body


def vector(body: bytes, length: int = 2) -> bytes:
    return len(body).to_bytes(length) + body


def server_hello(version: int, suite: int, *, compression: int = 0, extensions: bytes = b"") -> bytes:
    body = struct.pack(">H", version) + bytes(range(32)) + b"\x00" + struct.pack(">HB", suite, compression)
    return message(2, body + (vector(extensions) if extensions else b""))


def certificates(*ders: bytes) -> bytes:
    return message(11, vector(b"".join(vector(one, 3) for one in ders), 3))


DONE = message(14, b"")
