"""What hostile servers have in common: hellos read, one good start of an answer, and who listens."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.tls.zoo import hello
from tests.tls.zoo.hello import HANDSHAKE, WIRE, record

HOST = "127.0.0.1"
Serve = Callable[[socket.socket, threading.Event], None]
TLS12 = WIRE["TLSv1.2"]
SUITE = 0xC02F


def started(connection: socket.socket) -> hello.ClientHello:
    return hello.read(connection)


def picking(offered: hello.ClientHello) -> bytes:
    suite = SUITE if SUITE in offered.suites else offered.suites[0]
    return hello.server_hello(min(max(offered.versions), TLS12), suite & 0xFFFF)


def flight(version: int, suite: int) -> bytes:
    return record(HANDSHAKE, version, hello.server_hello(version, suite) + hello.certificates(b"\x30\x00") + hello.DONE)


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
