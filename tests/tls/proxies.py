"""A way to a server that is slow, throttled, narrow or broken: what stands between a scanner and the truth."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

HOST = "127.0.0.1"
CARRY_SECONDS = 20.0


class Over(StrEnum):
    """What happens to a connection that is one too many."""

    RESET = "reset"
    HANG = "hang"
    CLOSE = "close"
    FAILURE = "handshake_failure"
    """The alert that servers send where they have no suite in common: some throttle with it."""
    VERSION = "protocol_version"
    INTERNAL = "internal_error"


ALERTS = {Over.FAILURE: 40, Over.VERSION: 70, Over.INTERNAL: 80}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How a proxy spoils the way.

    Attributes:
        name: as the count names it.
        delay: seconds before a connection is carried on.
        per_second: connections that are let through in a second; 0 for all.
        at_once: connections that are served at one time; others wait. 0 for all.
        first: the number of connections that are served; none after them. 0 for all.
        outage: after `first`, this many are turned away, and all others are served again. 0: none is served again.
        every: only each n-th connection is turned away, from `first` on; 0 for no such rhythm.
        over: what happens to those that are not served.
        stops: after `first`, nothing listens any more.
        old: hellos whose highest version is below TLS 1.2 are reset, as middleboxes do.
    """

    name: str
    delay: float = 0.0
    per_second: int = 0
    at_once: int = 0
    first: int = 0
    outage: int = 0
    every: int = 0
    over: Over = Over.RESET
    stops: bool = False
    old: bool = False


def reset(connection: socket.socket) -> None:
    """Closes with RST: lingering for zero seconds."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Proxy:
    """Carries connections to one server, with one fault."""

    def __init__(self, target: tuple[str, int], fault: Fault) -> None:
        self.target, self.fault = target, fault
        self._listener = socket.create_server((HOST, 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._places = threading.Semaphore(fault.at_once or 10_000)
        self._begun: list[float] = []
        self._count = 0
        self._ended = threading.Event()
        self._hung: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        # Closing alone would leave the thread in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._hung:
            one.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._count += 1
            if self._too_many():
                self._turn_away(client)
                if self.fault.stops:
                    self._listener.close()
                    return
            else:
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _too_many(self) -> bool:
        if self.fault.every:
            return self._count % self.fault.every == self.fault.first % self.fault.every
        if self.fault.first and self._count > self.fault.first:
            return not self.fault.outage or self._count <= self.fault.first + self.fault.outage
        if not self.fault.per_second:
            return False
        now = time.monotonic()
        self._begun = [when for when in self._begun if now - when < 1]
        if len(self._begun) >= self.fault.per_second:
            return True
        self._begun.append(now)
        return False

    def _turn_away(self, client: socket.socket) -> None:
        if self.fault.over is Over.HANG:
            self._hung.append(client)
        elif self.fault.over is Over.RESET:
            reset(client)
        elif self.fault.over is Over.CLOSE:
            client.close()
        else:
            threading.Thread(target=self._alert, args=(client,), daemon=True).start()

    def _alert(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(CARRY_SECONDS)
            client.recv(65536)
            client.sendall(bytes((21, 3, 1, 0, 2, 2, ALERTS[self.fault.over])))
            client.shutdown(socket.SHUT_WR)
            client.recv(65536)

    def _serve(self, client: socket.socket) -> None:
        with client, self._places, suppress(OSError):
            first = b""
            if self.fault.old:
                client.settimeout(CARRY_SECONDS)
                first = client.recv(65536)
                if _old(first):
                    reset(client)
                    return
            if self._ended.wait(self.fault.delay):
                return
            with socket.create_connection(self.target, timeout=5) as server:
                if first:
                    server.sendall(first)
                self._carry(client, server)

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        """Both ways, until both have ended; what one end resets is reset at the other."""
        other, deadline = {client: server, server: client}, time.monotonic() + CARRY_SECONDS
        client.setblocking(True)
        reading = [client, server]
        while reading and not self._ended.is_set() and time.monotonic() < deadline:
            for source in select.select(reading, [], [], 0.5)[0]:
                try:
                    data = source.recv(65536)
                except ConnectionResetError:
                    reset(other[source])
                    return
                if data:
                    other[source].sendall(data)
                else:
                    reading.remove(source)
                    with suppress(OSError):
                        other[source].shutdown(socket.SHUT_WR)


def _old(hello: bytes) -> bool:
    """An SSLv2 hello, or one whose client_version is below TLS 1.2 (TLS 1.3's says TLS 1.2)."""
    return hello[:1] != b"\x16" or (len(hello) > 11 and hello[9:11] < b"\x03\x03")


@contextmanager
def before(target: tuple[str, int], fault: Fault) -> Iterator[int]:
    """A proxy before `target`; gives its port on loopback."""
    proxy = Proxy(target, fault)
    try:
        yield proxy.port
    finally:
        proxy.close()


FAULTS = (
    Fault(name="delay of 20 ms", delay=0.02),
    Fault(name="50 connections a second, then resets", per_second=50),
    Fault(name="50 connections a second, then hangs", per_second=50, over=Over.HANG),
    Fault(name="50 connections a second, then closes", per_second=50, over=Over.CLOSE),
    Fault(name="50 connections a second, then internal_error", per_second=50, over=Over.INTERNAL),
    Fault(name="one connection at a time", at_once=1),
    Fault(name="nothing listens after 12 connections", first=12, stops=True),
    Fault(name="answers 3 connections, then resets", first=3),
    Fault(name="answers 7 connections, then hangs", first=7, over=Over.HANG),
    Fault(name="answers 20 connections, then closes", first=20, over=Over.CLOSE),
    Fault(name="answers 9 connections, then handshake_failure", first=9, over=Over.FAILURE),
    Fault(name="answers 13 connections, then protocol_version", first=13, over=Over.VERSION),
    Fault(name="resets hellos of old versions", old=True),
)
