"""Weak servers with habits: each refuses, resets or closes for a reason that has nothing to do with what it accepts."""

from __future__ import annotations

import itertools
import random
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tests.tls.proxies import reset
from tests.tls.zoo import hello
from tests.tls.zoo.dh import PRIMES
from tests.tls.zoo.hello import WIRE, ClientHello

RC4, TRIPLE, DHE, ECDHE = 0x0005, 0x000A, 0x0033, 0xC013
NAMES = {RC4: "TLS_RSA_WITH_RC4_128_SHA", TRIPLE: "TLS_RSA_WITH_3DES_EDE_CBC_SHA", DHE: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
         ECDHE: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"}  # fmt: skip
Habit = Callable[[ClientHello, int], bytes | str]
"""What is done to a hello, and to the how-manieth: "" to go on, "reset", "close", or an answer."""
FAILURE, INTERNAL, ILLEGAL, NAME = (hello.alert(WIRE["TLSv1.0"], code) for code in (40, 80, 47, 112))


@dataclass(frozen=True)
class Strange:
    """One habit, and the weakness behind it.

    Attributes:
        name: what it does.
        habit: see `Habit`.
        version: the one version that it speaks.
        suites: code points that it takes.
        read: how many of the offered suites it looks at; 0 for all.
    """

    name: str
    habit: Habit
    version: str = "TLSv1.0"
    suites: tuple[int, ...] = (RC4, TRIPLE)
    read: int = 0

    @property
    def true(self) -> frozenset[str]:
        return frozenset(NAMES[one] for one in self.suites)


def _numbers(offered: ClientHello, kind: int) -> tuple[int, ...]:
    body = dict(offered.extensions).get(kind, b"\0\0")
    return struct.unpack(f">{(len(body) - 2) // 2}H", body[2 : 2 + (len(body) - 2) // 2 * 2])


def _random(what: bytes | str, share: float) -> Habit:
    dice = random.Random(7)
    return lambda _, __: what if dice.random() < share else ""


ALL = (
    Strange("is well-behaved", lambda _, __: ""),
    Strange("resets hellos of more than 255 bytes", lambda offered, _: "reset" if offered.size > 255 else ""),
    Strange("closes on more than 128 suites", lambda offered, _: "close" if len(offered.suites) > 128 else ""),
    Strange("reads the first 64 suites only", lambda _, __: "", read=64),
    Strange("closes on versions above its own", lambda offered, _: "close" if max(offered.versions) > WIRE["TLSv1.0"] else ""),
    Strange("resets hellos without its name", lambda offered, _: "" if b"zoo.example" in dict(offered.extensions).get(0, b"") else "reset"),
    Strange("refuses hellos without its name", lambda offered, _: "" if b"zoo.example" in dict(offered.extensions).get(0, b"") else NAME),
    Strange("fails on PSS as the first signature", lambda offered, _: FAILURE if _numbers(offered, 13)[:1] in {(0x0804,), (0x0805,), (0x0806,)} else "", "TLSv1.2"),
    Strange("fails on signatures that it does not know", lambda offered, _: FAILURE if set(_numbers(offered, 13)) - {0x0401, 0x0501, 0x0601, 0x0201, 0x0403, 0x0503, 0x0603, 0x0203} else "", "TLSv1.2"),
    Strange("fails on groups that it does not know", lambda offered, _: FAILURE if set(_numbers(offered, 10)) - {23, 24, 25} else "", "TLSv1.2", (ECDHE,)),
    Strange("takes illegal_parameter for unknown groups", lambda offered, _: ILLEGAL if set(_numbers(offered, 10)) - {23, 24, 25, 29, 30} else "", "TLSv1.2", (ECDHE, RC4)),
    Strange("fails DHE where ffdhe groups are offered", lambda offered, _: FAILURE if any(one >= 256 for one in _numbers(offered, 10)) else "", "TLSv1.2", (DHE,)),
    Strange("knows no extensions", lambda offered, _: "reset" if offered.extensions else ""),
    Strange("knows no compression", lambda offered, _: "reset" if offered.compressions != (0,) else ""),
    Strange("says internal_error for no", lambda offered, _: "" if {RC4, TRIPLE} & set(offered.suites) else INTERNAL),
    Strange("resets for no", lambda offered, _: "" if {RC4, TRIPLE} & set(offered.suites) else "reset"),
    Strange("closes for no", lambda offered, _: "" if {RC4, TRIPLE} & set(offered.suites) else "close"),
    Strange("resets every other connection", lambda _, count: "reset" if count % 2 else ""),
    Strange("resets every third connection", lambda _, count: "reset" if count % 3 == 2 else ""),
    Strange("resets three of ten", _random("reset", 0.3)),
    Strange("closes half", _random("close", 0.5)),
    Strange("says internal_error half the time", _random(INTERNAL, 0.5)),
    Strange("fails the handshake at every fourth connection", lambda _, count: FAILURE if count % 4 == 3 else ""),
    Strange("resets two connections of every ten", lambda _, count: "reset" if count % 10 in {4, 5} else ""),
    Strange("resets runs of eight connections", lambda _, count: "reset" if count // 8 % 2 else ""),
)  # fmt: skip


def serving(one: Strange, der: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """What happens to a connection; `tests.tls.hostile.serving` listens."""
    counter = itertools.count()
    version = WIRE[one.version]

    def answer(offered: ClientHello) -> bytes | str:
        # The count is taken once a hello is there: parallel connections are counted as they speak.
        if habit := one.habit(offered, next(counter)):
            return habit
        if offered.version == 2:
            return "close"
        if max(offered.versions) < version:
            return hello.alert(version, hello.PROTOCOL_VERSION)
        suite = next((code for code in offered.suites[: one.read or None] if code in one.suites), 0)
        if not suite:
            return hello.alert(version, hello.HANDSHAKE_FAILURE)
        flight = hello.server_hello(version, suite) + hello.certificates(der) + _exchange(suite, version) + hello.DONE
        return hello.record(hello.HANDSHAKE, version, flight)

    def serve(connection: socket.socket, _: threading.Event) -> None:
        said = answer(hello.read(connection))
        if said == "reset":
            reset(connection)
        elif isinstance(said, bytes):
            connection.sendall(said)
            connection.settimeout(1)
            connection.recv(4096)

    return serve


def _exchange(suite: int, version: int) -> bytes:
    scheme = b"\x04\x01" if version == WIRE["TLSv1.2"] else b""
    if suite == DHE:
        parameters = hello.vector(PRIMES[1024].to_bytes(128)) + hello.vector(b"\x02") + hello.vector((4).to_bytes(128))
    elif suite == ECDHE:
        parameters = b"\x03\x00\x17" + hello.vector(b"\x04" + bytes(64), 1)
    else:
        return b""
    return hello.message(12, parameters + scheme + hello.vector(bytes(256)))
