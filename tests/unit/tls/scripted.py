"""A server in memory: what it answers is a function of the hello, and what the network does is a script."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from preaudit.collect.tls.connection import Refused, Reset, TimedOut
from preaudit.collect.tls.registry import SUITES, TLS12, TLS13

CERTIFICATE = b"\x30\x03\x02\x01\x05"
ALERTS = {"failure": 40, "version": 70, "internal": 80, "security": 71}


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return struct.pack(">BHH", kind, version, len(body)) + body


def message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3) + body


def alert(code: int, level: int = 2) -> bytes:
    return record(21, bytes((level, code)))


def server_hello(version: int, suite: int, session: bytes = b"", extensions: bytes = b"", *, random: bytes = bytes(32), compression: int = 0) -> bytes:
    tail = struct.pack(">H", len(extensions)) + extensions if extensions else b""
    return message(2, struct.pack(">H", version) + random + bytes((len(session),)) + session + struct.pack(">HB", suite, compression) + tail)


RETRY = bytes.fromhex("CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C")


def retry(suite: int, group: int, session: bytes) -> bytes:
    extensions = struct.pack(">HHHHHH", 43, 2, 0x0304, 51, 2, group)
    return record(22, server_hello(TLS12, suite, session, extensions, random=RETRY))


def flight(version: int, suite: int, group: int = 23, bits: int = 2048) -> bytes:
    """A whole first flight up to TLS 1.2, as one record for each message."""
    one = SUITES[suite]
    parts = [server_hello(version, suite)]
    if one.authentication:
        parts.append(message(11, (len(CERTIFICATE) + 3).to_bytes(3) + len(CERTIFICATE).to_bytes(3) + CERTIFICATE))
    hint = b"\0\0" if "PSK" in one.name else b""
    if one.key_exchange == "ec":
        parts.append(message(12, hint + struct.pack(">BHB", 3, group, 1) + b"\4" + b"signature"))
    elif one.key_exchange == "dh":
        prime = (1 << (bits - 1) | 1).to_bytes((bits + 7) // 8)
        numbers = b"".join(struct.pack(">H", len(value)) + value for value in (prime, b"\2", b"\4"))
        parts.append(message(12, hint + numbers + b"signature"))
    parts.append(message(14, b""))
    return b"".join(record(22, part, version) for part in parts)


@dataclass(frozen=True)
class Seen:
    """A ClientHello as a server reads it."""

    version: int
    session: bytes
    suites: tuple[int, ...]
    groups: tuple[int, ...]
    size: int
    share: bool = False
    versions: tuple[int, ...] = ()


def read_hello(data: bytes) -> Seen | None:
    """None for SSLv2."""
    if data[0] & 0x80:
        return None
    at = 9
    version = struct.unpack_from(">H", data, at)[0]
    at += 34
    session = data[at + 1 : at + 1 + data[at]]
    at += 1 + data[at]
    count = struct.unpack_from(">H", data, at)[0]
    suites = struct.unpack_from(f">{count // 2}H", data, at + 2)
    at += 2 + count
    at += 1 + data[at]
    extensions, end = {}, len(data)
    at += 2
    while at < end:
        kind, length = struct.unpack_from(">HH", data, at)
        extensions[kind] = data[at + 4 : at + 4 + length]
        at += 4 + length
    raw = extensions.get(10, b"\0\0")
    groups = struct.unpack(f">{(len(raw) - 2) // 2}H", raw[2:])
    modern = extensions.get(43, b"\0")
    versions = struct.unpack(f">{(len(modern) - 1) // 2}H", modern[1:])
    return Seen(version, session, suites, groups, len(data) - 5, len(extensions.get(51, b"\0\0")) > 2, versions)


@dataclass
class Weak:
    """A server of given suites by version; picks by its own order where `own_order`."""

    suites: dict[int, tuple[int, ...]]
    groups: tuple[int, ...] = (29, 23)
    own_order: bool = False
    bits: int = 2048
    refusal: int = 40
    largest: int = 1 << 16

    def answer(self, data: bytes) -> bytes:
        seen = read_hello(data)
        if seen is None:
            return alert(70)
        offered = max(seen.versions) if seen.versions else seen.version
        if offered == TLS13 and TLS13 not in self.suites:
            offered = TLS12
        usable = [version for version in self.suites if version <= offered and (version != TLS13 or TLS13 in seen.versions)]
        if TLS13 in seen.versions and TLS12 not in seen.versions and seen.versions:
            usable = [version for version in usable if version == TLS13]
        if not usable:
            return alert(70)
        version = max(usable)
        order, other = (self.suites[version], seen.suites) if self.own_order else (seen.suites, self.suites[version])
        group = next((one for one in (self.groups if self.own_order else seen.groups) if one in self.groups and one in seen.groups), None)
        if not seen.groups and version < TLS13:
            group = self.groups[0]
        for suite in order:
            if suite in other and (group is not None or (version != TLS13 and SUITES[suite].key_exchange != "ec")):
                return retry(suite, group, seen.session) if version == TLS13 else flight(version, suite, group or 23, self.bits)
        return alert(self.refusal)


Script = Callable[[int, bytes], bytes | Exception | None]
"""Given the connection's number (from 0) and the hello: bytes, an error, or None for what the server says."""


@dataclass
class Network:
    """Dials a `Weak` server through a script; counts connections."""

    server: Weak
    script: Script = lambda number, hello: None
    connections: int = 0
    refuse_from: int = 1 << 30
    hellos: list[bytes] = field(default_factory=list)

    def dial(self, deadline: float) -> Wire:
        number = self.connections
        self.connections += 1
        if number >= self.refuse_from:
            raise Refused("connection refused")
        return Wire(self, number)


class Wire:
    def __init__(self, network: Network, number: int) -> None:
        self.network, self.number, self.out, self.closed = network, number, b"", False
        self.error: Exception | None = None

    def send(self, data: bytes, deadline: float) -> None:
        if self.out or self.error:
            return
        self.network.hellos.append(data)
        said = self.network.script(self.number, data)
        if isinstance(said, Exception):
            self.error = said
        else:
            self.out = self.network.server.answer(data) if said is None else said

    def receive(self, limit: int, deadline: float) -> bytes:
        if self.error is not None:
            raise self.error
        data, self.out = self.out[:limit], self.out[limit:]
        return data

    def close(self) -> None:
        self.closed = True


__all__ = ["Refused", "Reset", "TimedOut"]
