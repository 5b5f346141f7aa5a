"""How politely one host is asked: connections at once, connections per second, waits and retries."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from preaudit.collect.tls.connection import Stopped, TimedOut

_SLICE_SECONDS = 0.25


@dataclass(frozen=True)
class Pace:
    """Bounds on what one host is asked for.

    Attributes:
        at_once: connections open at the same time to one host; 0 for no limit.
        per_second: connections begun in a second to one host; 0 for no limit.
        connection_seconds: the longest that one connection may take, dialling included.
        endpoint_seconds: the longest that one endpoint may take.
        back_offs: seconds to wait before each further try of what was inconclusive; its length is their number.
        read_seconds: how long a server may take to speak after a handshake that it need not answer.
    """

    at_once: int = 2
    per_second: float = 25.0
    connection_seconds: float = 5.0
    endpoint_seconds: float = 120.0
    back_offs: tuple[float, ...] = (0.2, 1.0)
    read_seconds: float = 0.3

    def __post_init__(self) -> None:
        if self.at_once < 0 or self.per_second < 0:
            raise ValueError("at_once and per_second are 0 (no limit) or more")
        if self.connection_seconds <= 0 or self.endpoint_seconds <= 0 or self.read_seconds <= 0:
            raise ValueError("a pace's seconds are more than 0")
        if any(wait < 0 for wait in self.back_offs):
            raise ValueError("a back-off is 0 seconds or more")


UNLIMITED = Pace(at_once=0, per_second=0)
"""No politeness: for servers of one's own."""


class HostGate:
    """Lets connections to one host through at a `Pace`; shared by all threads and endpoints of that host."""

    def __init__(self, pace: Pace) -> None:
        self._at_once = pace.at_once
        self._gap = 1 / pace.per_second if pace.per_second else 0.0
        self._open = 0
        self._next = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def connection(self, deadline: float, stop: threading.Event | None = None) -> Iterator[None]:
        """Hold one place for as long as a connection is open.

        Raises:
            TimedOut: no place by the deadline.
            Stopped: the run is being ended.
        """
        self._enter(deadline, stop)
        try:
            yield
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify()

    def _enter(self, deadline: float, stop: threading.Event | None) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                if stop is not None and stop.is_set():
                    raise Stopped("the run is being ended")
                full = bool(self._at_once) and self._open >= self._at_once
                early = self._next - now
                if not full and early <= 0:
                    self._open += 1
                    self._next = now + self._gap
                    return
                if now >= deadline:
                    raise TimedOut("no place for a further connection to this host within the time given")
                self._changed.wait(min(_SLICE_SECONDS, deadline - now, _SLICE_SECONDS if full else early))
