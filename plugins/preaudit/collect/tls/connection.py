"""One byte stream to a server, and how it can break.

`Connection` and `Dial` are what the survey needs of the world: plain sockets are `TcpConnection`; a port-forward or a
STARTTLS dialogue brings its own. Deadlines are readings of `time.monotonic`, in seconds.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Protocol, Self

_SLICE_SECONDS = 0.25
"""How long a wait goes on before the stop event is looked at."""
_NO_MATTER_SECONDS = 0.005
"""A wait may end later by this much; the system rounds by about as much."""


class Broken(Exception):  # noqa: N818 - a state of the world
    """The stream gave no further bytes; the text says why, in a few words."""


class Refused(Broken):
    """Nothing listens there (TCP reset in answer to SYN)."""


class Reset(Broken):
    """The peer tore the connection down (RST, broken pipe)."""


class TimedOut(Broken):
    """The deadline passed; a `Connection` is still usable after it, with a later deadline."""


class NoRoute(Broken):
    """No way to the address, or no such name."""


class Stopped(Broken):
    """The run is being ended."""


class Connection(Protocol):
    """One stream, already through STARTTLS if there is any."""

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of it.

        Raises:
            Reset: the peer tore the connection down.
            TimedOut: the deadline passed.
        """

    def receive(self, limit: int, deadline: float) -> bytes:
        """Wait for 1 to `limit` bytes; ``b""`` is an orderly close.

        Raises:
            Reset: the peer tore the connection down.
            TimedOut: the deadline passed; a further call with a later one goes on where this ended.
        """

    def close(self) -> None:
        """End the stream; never raises, and may be called twice."""


Dial = Callable[[float], Connection]
"""Opens a fresh connection by a deadline (and does STARTTLS itself); raises subclasses of `Broken`."""

_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM}


def broken_by(error: OSError) -> Broken:
    """The kind of break that an operating system error is."""
    if isinstance(error, ConnectionRefusedError):
        return Refused("connection refused")
    if isinstance(error, TimeoutError):
        return TimedOut("timed out")
    if isinstance(error, socket.gaierror) or error.errno in _UNREACHABLE:
        return NoRoute(error.strerror or "no route")
    if isinstance(error, ConnectionError):
        return Reset("connection reset")
    return Broken(error.strerror or type(error).__name__)


class TcpConnection:
    """A TCP connection of the operating system's.

    The system itself wakes a waiting call after a slice of time, so that most connections need one call to connect
    and one to receive, where polling needs five: with many threads, each call costs a change of thread as well.

    Args:
        raw: a connected socket that blocks for a slice at most (`_limit`); it becomes this object's.
        stop: once set, waits end with `Stopped` within a quarter of a second.
    """

    def __init__(self, raw: socket.socket, stop: threading.Event | None = None) -> None:
        self._raw = raw
        self._stop = stop
        self._slice = 0.0

    @classmethod
    def open(cls, address: str, port: int, deadline: float, stop: threading.Event | None = None) -> Self:
        """Connect to an IP address.

        Raises:
            Broken: `Refused`, `NoRoute`, `TimedOut`, `Reset` or `Stopped`.
        """
        try:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            raw = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise broken_by(error) from error
        connection = cls(raw, stop)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection._limit(deadline)
            code = raw.connect_ex((address, port))
            if code == errno.EINPROGRESS:
                connection._wait(select.POLLOUT, deadline)
                code = raw.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, errno.errorcode.get(code, str(code)))  # noqa: TRY301 - one place turns it into Broken
        except OSError as error:
            connection.close()
            raise broken_by(error) from error
        except Broken:
            connection.close()
            raise
        return connection

    def _left(self, deadline: float) -> float:
        """Seconds to wait now, a slice at most."""
        if self._stop is not None and self._stop.is_set():
            raise Stopped("the run is being ended")
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOut("timed out")
        return min(left, _SLICE_SECONDS)

    def _limit(self, deadline: float) -> None:
        """Let the next calls block no longer than a slice, and not past the deadline."""
        seconds = self._left(deadline)
        if abs(seconds - self._slice) > _NO_MATTER_SECONDS:
            # Rounded up: no time at all would mean for ever.
            limit = struct.pack("ll", 0, int(seconds * 1_000_000) + 1)
            self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            self._slice = seconds

    def _wait(self, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._raw.fileno(), event)
        while not poll.poll(self._left(deadline) * 1000):
            pass

    def send(self, data: bytes, deadline: float) -> None:
        """See `Connection.send`."""
        left = memoryview(data)
        while left:
            try:
                left = left[self._raw.send(left, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
            except OSError as error:
                raise broken_by(error) from error

    def receive(self, limit: int, deadline: float) -> bytes:
        """See `Connection.receive`."""
        while True:
            self._limit(deadline)
            try:
                return self._raw.recv(limit)
            except BlockingIOError:
                continue
            except OSError as error:
                raise broken_by(error) from error

    def close(self) -> None:
        """See `Connection.close`."""
        self._raw.close()
