"""One hello, one connection, one reply: the only file that dials and reads."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from preaudit.collect.tls.connection import Broken, Connection, Dial, NoRoute, Refused, Reset, Stopped, TimedOut
from preaudit.collect.tls.flight import Flight
from preaudit.collect.tls.hello import Hello, Shape, encode, session_id
from preaudit.collect.tls.pace import HostGate, Pace
from preaudit.collect.tls.reply import Lost, Reply
from preaudit.collect.tls.sslv2 import Flight2, client_hello

_CHUNK = 16 * 1024
MAX_BYTES = 320 * 1024
"""Bytes that are read of one connection at most: 256 KB of handshake and its records."""
_SLICE_SECONDS = 0.25


class Incoming(Protocol):
    """What bytes are fed to, until they make a reply."""

    def feed(self, data: bytes) -> Reply | None:
        """Take bytes; the reply once it is certain."""


@dataclass(frozen=True)
class Hello2:
    """An SSLv2 CLIENT-HELLO; see `sslv2.client_hello`."""

    plain: bool = False
    shape: ClassVar[Shape] = Shape.FULL


T = TypeVar("T")


class Asker(Protocol):
    """What the reduction needs of `Asking`."""

    pace: Pace
    connections: int

    def ask(self, hello: Hello | Hello2) -> Reply:
        """Offer a hello on a fresh connection."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""


def lost_by(broken: Broken, suite: int | None = None) -> Lost:
    """What a broken stream says: only a reset may mean something when it repeats."""
    final = isinstance(broken, Stopped | Refused | NoRoute)
    return Lost(str(broken) or type(broken).__name__, repeats=isinstance(broken, Reset), final=final, suite=suite)


class Asking:
    """Asks one endpoint, one connection at a time.

    Args:
        dial: opens connections.
        pace: seconds per connection.
        gate: the host's.
        ends: `time.monotonic` after which nothing is asked any more.
        stop: likewise once it is set.
        most: connections at most; 0 for no limit.
    """

    def __init__(  # noqa: PLR0913 - everything that bounds a connection
        self, dial: Dial, *, pace: Pace, gate: HostGate, ends: float, stop: threading.Event | None, most: int = 0
    ) -> None:
        self._dial = dial
        self._gate = gate
        self.pace = pace
        self.ends = ends
        self.stop = stop
        self._most = most
        self.connections = 0

    @property
    def limited(self) -> bool:
        """Connections may run out before all is asked for."""
        return self._most > 0

    def over(self) -> Lost | None:
        """Why nothing can be asked any more; None while it can."""
        if self.stop is not None and self.stop.is_set():
            return Lost("the run is being ended", final=True)
        if time.monotonic() >= self.ends:
            return Lost("the time for this endpoint is over", final=True)
        if self._most and self.connections >= self._most:
            return Lost(f"no more than {self._most} connections are made to this endpoint", final=True)
        return None

    def wait(self, seconds: float) -> None:
        """Let time pass, less if the run is being ended."""
        seconds = min(seconds, self.ends - time.monotonic())
        if seconds <= 0:
            return
        if self.stop is not None:
            self.stop.wait(seconds)
        else:
            time.sleep(seconds)

    def ask(self, hello: Hello | Hello2) -> Reply:
        """Offer a hello on a fresh connection."""
        if isinstance(hello, Hello2):
            first = client_hello(plain=hello.plain)
            return self.talk(lambda connection, until: self._read(connection, until, Flight2(), first))
        random = os.urandom(32)
        flight = Flight(hello, session_id(random))
        return self.talk(lambda connection, until: self._read(connection, until, flight, encode(hello, random)))

    def talk(self, dialogue: Callable[[Connection, float], T]) -> T | Lost:
        """Run a dialogue on a fresh connection, with the time by which it must end."""
        if over := self.over():
            return over
        self.connections += 1
        try:
            with self._gate.connection(self.ends, self.stop):
                until = min(self.ends, time.monotonic() + self.pace.connection_seconds)
                connection = self._dial(until)
                try:
                    return dialogue(connection, until)
                finally:
                    connection.close()
        except Broken as broken:
            return lost_by(broken)

    def receive(self, connection: Connection, until: float) -> bytes:
        """Bytes of the peer's; the stop event is looked at while waiting.

        Raises:
            Broken: as `Connection.receive`, and `Stopped`.
        """
        while True:
            if self.stop is not None and self.stop.is_set():
                raise Stopped("the run is being ended")
            now = time.monotonic()
            try:
                return connection.receive(_CHUNK, min(until, now + _SLICE_SECONDS))
            except TimedOut:
                if time.monotonic() >= until:
                    raise

    def _read(self, connection: Connection, until: float, incoming: Incoming, first: bytes) -> Reply:
        suite = None
        try:
            connection.send(first, until)
            total = 0
            while total < MAX_BYTES:
                data = self.receive(connection, until)
                if not data:
                    suite = getattr(incoming, "suite", None)
                    words = "closed after ServerHello" if suite is not None else "closed"
                    return Lost(words, repeats=True, suite=suite)
                total += len(data)
                reply = incoming.feed(data)
                if reply is not None:
                    return reply
                if time.monotonic() >= until:
                    raise TimedOut("timed out")
        except Broken as broken:
            return lost_by(broken, getattr(incoming, "suite", None))
        return Lost(f"more than {MAX_BYTES} bytes came without an answer")
