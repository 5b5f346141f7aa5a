"""Servers that mean harm, or are out of their minds: each is what happens to one connection."""

from __future__ import annotations

import itertools
import os
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.tls.proxies import reset
from tests.tls.zoo import hello
from tests.tls.zoo.hello import HANDSHAKE, WIRE, message, record

HOST = "127.0.0.1"
Serve = Callable[[socket.socket, threading.Event], None]
TLS12 = WIRE["TLSv1.2"]
SUITE = 0xC02F
STATIC_RSA = (0x002F, 0x0035, 0x000A, 0x0005, 0x0004, 0x0001, 0x0002, 0x0003, 0x0006, 0x0007, 0x0008, 0x0009, 0x003B, 0x003C, 0x003D, 0x0041,
              0x0084, 0x0096, 0x009C, 0x009D, 0x00BA, 0x00C0, 0xC09C, 0xC09D, 0xC0A0, 0xC0A1, 0xC050, 0xC051)  # fmt: skip
FLOOD_BYTES = 64 << 20


def _started(connection: socket.socket) -> hello.ClientHello:
    return hello.read(connection)


def _pick(offered: hello.ClientHello) -> bytes:
    suite = SUITE if SUITE in offered.suites else offered.suites[0]
    return hello.server_hello(min(max(offered.versions), TLS12), suite & 0xFFFF)


def _pour(connection: socket.socket, parts: Iterator[bytes], ended: threading.Event) -> None:
    """Sends until the client has gone, or 64 MB are through."""
    sent = 0
    for part in parts:
        if ended.is_set() or sent > FLOOD_BYTES:
            return
        connection.sendall(part)
        sent += len(part)


def huge_message(connection: socket.socket, ended: threading.Event) -> None:
    """A handshake message that says it has 16 MB, and sends them in whole records."""
    _started(connection)
    head = bytes((2,)) + (0xFFFFFF).to_bytes(3)
    _pour(connection, itertools.chain([record(HANDSHAKE, TLS12, head)], itertools.repeat(record(HANDSHAKE, TLS12, bytes(16384)))), ended)


def huge_certificate(connection: socket.socket, ended: threading.Event) -> None:
    """A good ServerHello, then a Certificate of 16 MB."""
    offered = _started(connection)
    head = bytes((11,)) + (0xFFFFFF).to_bytes(3) + (0xFFFFFC).to_bytes(3) + (0xFFFFF9).to_bytes(3)
    start = record(HANDSHAKE, TLS12, _pick(offered) + head)
    _pour(connection, itertools.chain([start], itertools.repeat(record(HANDSHAKE, TLS12, bytes(16384)))), ended)


def empty_fragments(connection: socket.socket, ended: threading.Event) -> None:
    """Records without content, for ever."""
    _started(connection)
    _pour(connection, itertools.repeat(struct.pack(">BHH", HANDSHAKE, TLS12, 0) * 100), ended)


def one_byte_fragments(connection: socket.socket, ended: threading.Event) -> None:
    """An endless handshake message, a byte a record."""
    _started(connection)
    head = bytes((2,)) + (0xFFFFFF).to_bytes(3)
    start = b"".join(record(HANDSHAKE, TLS12, bytes((one,))) for one in head)
    _pour(connection, itertools.chain([start], itertools.repeat(record(HANDSHAKE, TLS12, b"\0") * 200)), ended)


def endless_messages(connection: socket.socket, ended: threading.Event) -> None:
    """A ServerHello, then HelloRequests without end."""
    offered = _started(connection)
    _pour(connection, itertools.chain([record(HANDSHAKE, TLS12, _pick(offered))], itertools.repeat(record(HANDSHAKE, TLS12, message(0, b"") * 500))), ended)


def endless_warnings(connection: socket.socket, ended: threading.Event) -> None:
    """Alerts of level warning without end."""
    _started(connection)
    _pour(connection, itertools.repeat(record(hello.ALERT, TLS12, b"\x01\x5a") * 200), ended)


def endless_tickets(connection: socket.socket, ended: threading.Event) -> None:
    """change_cipher_spec without end, which TLS 1.3 bids clients ignore."""
    _started(connection)
    _pour(connection, itertools.repeat(record(20, TLS12, b"\x01") * 200), ended)


def oversized_record(connection: socket.socket, ended: threading.Event) -> None:
    """A record longer than any may be."""
    _started(connection)
    _pour(connection, itertools.repeat(struct.pack(">BHH", HANDSHAKE, TLS12, 0xFFFF) + bytes(0xFFFF)), ended)


def short_hello(connection: socket.socket, _: threading.Event) -> None:
    """A ServerHello that ends in the middle of its random."""
    _started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, message(2, b"\x03\x03" + bytes(10))))


def lying_lengths(connection: socket.socket, _: threading.Event) -> None:
    """Inner lengths that point beyond the message."""
    offered = _started(connection)
    body = struct.pack(">H", TLS12) + bytes(32) + b"\xff" + bytes(4)
    certificate = message(11, b"\xff\xff\xff" + bytes(8))
    connection.sendall(record(HANDSHAKE, TLS12, message(2, body)) + record(HANDSHAKE, TLS12, _pick(offered) + certificate))


def lying_extensions(connection: socket.socket, _: threading.Event) -> None:
    """Extensions whose lengths overlap the end, and one twice."""
    offered = _started(connection)
    twice = struct.pack(">HH", 0xFF01, 1) + b"\x00"
    connection.sendall(record(HANDSHAKE, TLS12, hello.server_hello(TLS12, offered.suites[0] & 0xFFFF, extensions=twice * 2 + b"\x00\x17\xff\xff")))


def lying_certificate_lengths(connection: socket.socket, _: threading.Event) -> None:
    """A good ServerHello and a Certificate whose inner length lies."""
    offered = _started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, _pick(offered) + message(11, b"\x00\x00\x05\xff\xff\xff\x00\x00") + hello.DONE))


def garbage_key_exchange(connection: socket.socket, _: threading.Event) -> None:
    """A good ServerHello and Certificate, then a ServerKeyExchange of noise."""
    offered = _started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, _pick(offered) + hello.certificates(os.urandom(700)) + message(12, os.urandom(300)) + hello.DONE))


def empty_certificate(connection: socket.socket, _: threading.Event) -> None:
    """A Certificate message without certificates, and one that is empty."""
    offered = _started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, _pick(offered) + hello.certificates(b"") + hello.DONE))


def unoffered_suite(connection: socket.socket, _: threading.Event) -> None:
    """It picks what nobody offered."""
    _started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, hello.server_hello(TLS12, 0xFEDC) + hello.DONE))


def unknown_version(connection: socket.socket, _: threading.Event) -> None:
    """It picks a version that does not exist."""
    offered = _started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, hello.server_hello(0x0399, offered.suites[0] & 0xFFFF) + hello.DONE))


def _flight(version: int, suite: int) -> bytes:
    return record(HANDSHAKE, version, hello.server_hello(version, suite) + hello.certificates(b"\x30\x00") + hello.DONE)


def same_suite_always(connection: socket.socket, _: threading.Event) -> None:
    """It picks one suite, offered or not: an enumerator that trusts it never ends."""
    _started(connection)
    connection.sendall(_flight(TLS12, STATIC_RSA[0]))


def any_suite(connection: socket.socket, _: threading.Event) -> None:
    """It accepts whatever old suite is offered, in every version."""
    offered = _started(connection)
    version = min(max(offered.versions), TLS12)
    suite = next((one for one in offered.suites if one in STATIC_RSA), 0)
    connection.sendall(_flight(version, suite) if suite else hello.alert(version, hello.HANDSHAKE_FAILURE))


def endless_retries(connection: socket.socket, ended: threading.Event) -> None:
    """HelloRetryRequests, again and again, for a group that nobody has."""
    random_ = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    extensions = struct.pack(">HHH", 43, 2, 0x0304) + struct.pack(">HHH", 51, 2, 0x6A6A)
    body = struct.pack(">H", TLS12) + random_ + b"\x00" + b"\x13\x01\x00" + hello.vector(extensions)
    _started(connection)
    _pour(connection, itertools.repeat(record(HANDSHAKE, TLS12, message(2, body)) * 20), ended)


def noise(connection: socket.socket, _: threading.Event) -> None:
    """Random bytes."""
    _started(connection)
    connection.sendall(random.randbytes(random.randrange(1, 4000)))


def noise_in_records(connection: socket.socket, _: threading.Event) -> None:
    """Random bytes in well-formed handshake records."""
    _started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, random.randbytes(random.randrange(1, 4000))))


def garbage_after_hello(connection: socket.socket, _: threading.Event) -> None:
    """A good ServerHello, then noise."""
    offered = _started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, _pick(offered)) + random.randbytes(500))


def slow_drip(connection: socket.socket, ended: threading.Event) -> None:
    """A good answer, a byte every 50 ms."""
    offered = _started(connection)
    for byte in record(HANDSHAKE, TLS12, _pick(offered) + hello.certificates(b"\x30\x00") + hello.DONE) * 100:
        connection.sendall(bytes((byte,)))
        if ended.wait(0.05):
            return


def endless_http(connection: socket.socket, ended: threading.Event) -> None:
    """It is no TLS at all, and talks without end."""
    _pour(connection, itertools.repeat(b"HTTP/1.1 400 Bad Request\r\nX: y\r\n" * 100), ended)


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
    offered = _started(connection)
    connection.sendall(record(HANDSHAKE, TLS12, _pick(offered)))


def echoes(connection: socket.socket, _: threading.Event) -> None:
    """It sends back what it got."""
    connection.sendall(connection.recv(65536))


ALL: tuple[Serve, ...] = (
    huge_message, huge_certificate, empty_fragments, one_byte_fragments, endless_messages, endless_warnings, endless_tickets,
    oversized_record, short_hello, lying_lengths, lying_extensions, lying_certificate_lengths, garbage_key_exchange, empty_certificate,
    unoffered_suite, unknown_version, same_suite_always, any_suite, endless_retries, noise, noise_in_records, garbage_after_hello,
    slow_drip, endless_http, closes_at_once, resets_at_once, says_nothing, closes_after_hello, echoes,
)  # fmt: skip


@contextmanager
def serving(serve: Serve) -> Iterator[int]:
    """Listens on loopback, and does this to every connection; gives the port."""
    ended = threading.Event()
    listener = socket.create_server((HOST, 0), backlog=128)

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError, EOFError, ValueError, struct.error, IndexError):
            connection.settimeout(10)
            serve(connection, ended)

    def accept() -> None:
        while not ended.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=2)
