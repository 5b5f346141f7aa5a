"""Servers that send without end, or without hurry."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
from collections.abc import Iterator

from tests.tls.hostile import TLS12, picking, started
from tests.tls.zoo import hello
from tests.tls.zoo.hello import HANDSHAKE, message, record

FLOOD_BYTES = 64 << 20


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
    started(connection)
    head = bytes((2,)) + (0xFFFFFF).to_bytes(3)
    _pour(connection, itertools.chain([record(HANDSHAKE, TLS12, head)], itertools.repeat(record(HANDSHAKE, TLS12, bytes(16384)))), ended)


def huge_certificate(connection: socket.socket, ended: threading.Event) -> None:
    """A good ServerHello, then a Certificate of 16 MB."""
    offered = started(connection)
    head = bytes((11,)) + (0xFFFFFF).to_bytes(3) + (0xFFFFFC).to_bytes(3) + (0xFFFFF9).to_bytes(3)
    start = record(HANDSHAKE, TLS12, picking(offered) + head)
    _pour(connection, itertools.chain([start], itertools.repeat(record(HANDSHAKE, TLS12, bytes(16384)))), ended)


def empty_fragments(connection: socket.socket, ended: threading.Event) -> None:
    """Records without content, for ever."""
    started(connection)
    _pour(connection, itertools.repeat(struct.pack(">BHH", HANDSHAKE, TLS12, 0) * 100), ended)


def one_byte_fragments(connection: socket.socket, ended: threading.Event) -> None:
    """An endless handshake message, a byte a record."""
    started(connection)
    head = bytes((2,)) + (0xFFFFFF).to_bytes(3)
    start = b"".join(record(HANDSHAKE, TLS12, bytes((one,))) for one in head)
    _pour(connection, itertools.chain([start], itertools.repeat(record(HANDSHAKE, TLS12, b"\0") * 200)), ended)


def endless_messages(connection: socket.socket, ended: threading.Event) -> None:
    """A ServerHello, then HelloRequests without end."""
    offered = started(connection)
    _pour(connection, itertools.chain([record(HANDSHAKE, TLS12, picking(offered))], itertools.repeat(record(HANDSHAKE, TLS12, message(0, b"") * 500))), ended)


def endless_warnings(connection: socket.socket, ended: threading.Event) -> None:
    """Alerts of level warning without end."""
    started(connection)
    _pour(connection, itertools.repeat(record(hello.ALERT, TLS12, b"\x01\x5a") * 200), ended)


def endless_tickets(connection: socket.socket, ended: threading.Event) -> None:
    """change_cipher_spec without end, which TLS 1.3 bids clients ignore."""
    started(connection)
    _pour(connection, itertools.repeat(record(20, TLS12, b"\x01") * 200), ended)


def oversized_record(connection: socket.socket, ended: threading.Event) -> None:
    """A record longer than any may be."""
    started(connection)
    _pour(connection, itertools.repeat(struct.pack(">BHH", HANDSHAKE, TLS12, 0xFFFF) + bytes(0xFFFF)), ended)


def endless_retries(connection: socket.socket, ended: threading.Event) -> None:
    """HelloRetryRequests, again and again, for a group that nobody has."""
    random_ = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    extensions = struct.pack(">HHH", 43, 2, 0x0304) + struct.pack(">HHH", 51, 2, 0x6A6A)
    body = struct.pack(">H", TLS12) + random_ + b"\x00" + b"\x13\x01\x00" + hello.vector(extensions)
    started(connection)
    _pour(connection, itertools.repeat(record(HANDSHAKE, TLS12, message(2, body)) * 20), ended)


def slow_drip(connection: socket.socket, ended: threading.Event) -> None:
    """A good answer, a byte every 50 ms."""
    offered = started(connection)
    for byte in record(HANDSHAKE, TLS12, picking(offered) + hello.certificates(b"\x30\x00") + hello.DONE) * 100:
        connection.sendall(bytes((byte,)))
        if ended.wait(0.05):
            return


def endless_http(connection: socket.socket, ended: threading.Event) -> None:
    """It is no TLS at all, and talks without end."""
    _pour(connection, itertools.repeat(b"HTTP/1.1 400 Bad Request\r\nX: y\r\n" * 100), ended)


FLOODS = (huge_message, huge_certificate, empty_fragments, one_byte_fragments, endless_messages, endless_warnings, endless_tickets, oversized_record, endless_retries, slow_drip, endless_http)
