"""From bytes to handshake messages and alerts, with bounds on everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from preaudit.collect.tls.wire import Garbage

MAX_FRAGMENT = 2**14 + 2048
MAX_HANDSHAKE = 256 * 1024
"""Bytes of handshake that are read of one connection at most."""
_MAX_WARNINGS = 4

CHANGE_CIPHER, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23


@dataclass(frozen=True)
class Record:
    """One record: content type, header as sent (it is authenticated in TLS 1.3) and fragment."""

    kind: int
    header: bytes
    fragment: bytes


@dataclass(frozen=True)
class Alert:
    """A fatal alert, or close_notify; mere warnings are left out."""

    code: int


@dataclass(frozen=True)
class Message:
    """One handshake message: its type and body, and the whole as it enters the transcript."""

    kind: int
    body: bytes

    @property
    def whole(self) -> bytes:
        """Header and body."""
        return bytes((self.kind,)) + len(self.body).to_bytes(3) + self.body


class Records:
    """Cuts a stream into records.

    Raises:
        Garbage: what came is no record of SSLv3 or TLS.
    """

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Iterator[Record]:
        """The records that `data` completes."""
        self._pending += data
        at, pending = 0, self._pending
        while len(pending) - at >= 5:
            kind, length = pending[at], int.from_bytes(pending[at + 3 : at + 5])
            if not CHANGE_CIPHER <= kind <= DATA or pending[at + 1] != 3 or pending[at + 2] > 4:
                raise Garbage("what came is no TLS record")
            if not 0 < length <= MAX_FRAGMENT:
                raise Garbage(f"a record of {length} bytes")
            if len(pending) - at - 5 < length:
                break
            yield Record(kind, pending[at : at + 5], pending[at + 5 : at + 5 + length])
            at += 5 + length
        self._pending = pending[at:]
        if self._pending and not CHANGE_CIPHER <= self._pending[0] <= DATA:
            raise Garbage("what came is no TLS record")


class Messages:
    """Joins fragments of handshake messages and reads alerts.

    Raises:
        Garbage: a malformed alert, or more than `MAX_HANDSHAKE` bytes.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._total = 0
        self._warnings = 0

    def feed(self, kind: int, fragment: bytes) -> Iterator[Message | Alert]:
        """The messages that a fragment of a record's content type completes; other types give none."""
        if kind == ALERT:
            yield from self._alert(fragment)
        elif kind == HANDSHAKE:
            self._total += len(fragment)
            if self._total > MAX_HANDSHAKE:
                raise Garbage(f"more than {MAX_HANDSHAKE} bytes of handshake")
            self._pending += fragment
            while len(self._pending) >= 4:
                length = int.from_bytes(self._pending[1:4])
                if length > MAX_HANDSHAKE:
                    raise Garbage(f"a handshake message of {length} bytes")
                if len(self._pending) < 4 + length:
                    return
                message = Message(self._pending[0], bytes(self._pending[4 : 4 + length]))
                del self._pending[: 4 + length]
                yield message

    def _alert(self, fragment: bytes) -> Iterator[Alert]:
        if len(fragment) != 2 or fragment[0] not in {1, 2}:
            raise Garbage("a malformed alert")
        if self._pending:
            raise Garbage("an alert within a handshake message")
        level, code = fragment
        if level == 2 or code in {0, 40, 70, 71}:
            yield Alert(code)
            return
        self._warnings += 1
        if self._warnings > _MAX_WARNINGS:
            raise Garbage(f"more than {_MAX_WARNINGS} warning alerts")
