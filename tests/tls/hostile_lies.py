"""Servers that lie, stutter, or break off: each is what happens to one connection."""

from __future__ import annotations

import os
import random
import socket
import struct
import threading

from tests.tls.hostile import TLS12, flight, picking, started
from tests.tls.proxies import reset
from tests.tls.zoo import hello
from tests.tls.zoo.hello import HANDSHAKE, message, record

STATIC_RSA = (0x002F, 0x0035, 0x000A, 0x0005, 0x0004, 0x0001, 0x0002, 0x0003, 0x0006, 0x0007, 0x0008, 0x0009, 0x003B, 0x003C, 0x003D, 0x0041,
              0x0084, 0x0096, 0x009C, 0x009D, 0x00BA, 0x00C0, 0xC09C, 0xC09D, 0xC0A0, 0xC0A1, 0xC050, 0xC051)  # fmt: skip


def short_hello(connection: socket.socket, _: threading.Event) -> None:
    """A ServerHello that ends in the middle of its random."""
    started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, message(2, b"\x03\x03" + bytes(10))))


def lying_lengths(connection: socket.socket, _: threading.Event) -> None:
    """Inner lengths that point beyond the message."""
    offered = started(connection)
    body = struct.pack(">H", TLS12) + bytes(32) + b"\xff" + bytes(4)
    certificate = message(11, b"\xff\xff\xff" + bytes(8))
    connection.sendall(record(HANDSHAKE, TLS12, message(2, body)) + record(HANDSHAKE, TLS12, picking(offered) + certificate))


def lying_extensions(connection: socket.socket, _: threading.Event) -> None:
    """Extensions whose lengths overlap the end, and one twice."""
    offered = started(connection)
    twice = struct.pack(">HH", 0xFF01, 1) + b"\x00"
    connection.sendall(record(HANDSHAKE, TLS12, hello.server_hello(TLS12, offered.suites[0] & 0xFFFF, extensions=twice * 2 + b"\x00\x17\xff\xff")))


def lying_certificate_lengths(connection: socket.socket, _: threading.Event) -> None:
    """A good ServerHello and a Certificate whose inner length lies."""
    offered = started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, picking(offered) + message(11, b"\x00\x00\x05\xff\xff\xff\x00\x00") + hello.DONE))


def garbage_key_exchange(connection: socket.socket, _: threading.Event) -> None:
    """A good ServerHello and Certificate, then a ServerKeyExchange of noise, whose first byte is no type of a curve."""
    offered = started(connection)
    noise = b"\0" + os.urandom(299)  # one in a hundred would otherwise begin as a good one does
    connection.sendall(record(HANDSHAKE, TLS12, picking(offered) + hello.certificates(os.urandom(700)) + message(12, noise) + hello.DONE))


def empty_certificate(connection: socket.socket, _: threading.Event) -> None:
    """A Certificate message without certificates, and one that is empty."""
    offered = started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, picking(offered) + hello.certificates(b"") + hello.DONE))


def unoffered_suite(connection: socket.socket, _: threading.Event) -> None:
    """It picks what nobody offered."""
    started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, hello.server_hello(TLS12, 0xFEDC) + hello.DONE))


def unknown_version(connection: socket.socket, _: threading.Event) -> None:
    """It picks a version that does not exist."""
    offered = started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, hello.server_hello(0x0399, offered.suites[0] & 0xFFFF) + hello.DONE))


def same_suite_always(connection: socket.socket, _: threading.Event) -> None:
    """It picks one suite, offered or not: an enumerator that trusts it never ends."""
    started(connection)
    connection.sendall(flight(TLS12, STATIC_RSA[0]))


def any_suite(connection: socket.socket, _: threading.Event) -> None:
    """It accepts whatever old suite is offered, in every version."""
    offered = started(connection)
    version = min(max(offered.versions), TLS12)
    suite = next((one for one in offered.suites if one in STATIC_RSA), 0)
    connection.sendall(flight(version, suite) if suite else hello.alert(version, hello.HANDSHAKE_FAILURE))


def noise(connection: socket.socket, _: threading.Event) -> None:
    """Random bytes."""
    started(connection)
    connection.sendall(random.randbytes(random.randrange(1, 4000)))


def noise_in_records(connection: socket.socket, _: threading.Event) -> None:
    """Random bytes in well-formed handshake records."""
    started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, random.randbytes(random.randrange(1, 4000))))


def garbage_after_hello(connection: socket.socket, _: threading.Event) -> None:
    """A good ServerHello, then noise."""
    offered = started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, picking(offered)) + random.randbytes(500))


def closes_at_once(connection: socket.socket, _: threading.Event) -> None:
    """It closes before it was asked."""
    connection.close()


def resets_at_once(connection: socket.socket, _: threading.Event) -> None:
    """It resets before it was asked."""
    reset(connection)


def says_nothing(connection: socket.socket, ended: threading.Event) -> None:
    """It takes the connection and is silent."""
    ended.wait(30)


def closes_after_hello(connection: socket.socket, _: threading.Event) -> None:
    """It picks a suite, and closes before ServerHelloDone."""
    offered = started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, picking(offered)))


def echoes(connection: socket.socket, _: threading.Event) -> None:
    """It sends back what it got."""
    connection.sendall(connection.recv(65536))


LIES = (short_hello, lying_lengths, lying_extensions, lying_certificate_lengths, garbage_key_exchange, empty_certificate, unoffered_suite, unknown_version, same_suite_always, any_suite, noise, noise_in_records, garbage_after_hello, closes_at_once, resets_at_once, says_nothing, closes_after_hello, echoes)
