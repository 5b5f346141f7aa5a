"""One real handshake of TLS 1.3: its chain, whether it asks for a certificate, and what it says without one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from preaudit.collect.tls import messages
from preaudit.collect.tls.connection import Broken, TimedOut
from preaudit.collect.tls.hello import Hello, body_of, encode, session_id
from preaudit.collect.tls.protection import HASHES, KeyShare, Protection, Schedule
from preaudit.collect.tls.records import (
    ALERT,
    CHANGE_CIPHER,
    DATA,
    HANDSHAKE,
    Alert,
    Message,
    Messages,
    Record,
    Records,
)
from preaudit.collect.tls.registry import TLS13
from preaudit.collect.tls.reply import alert_words
from preaudit.collect.tls.wire import Garbage, vector

if TYPE_CHECKING:
    from collections.abc import Callable

    from preaudit.collect.tls.connection import Connection

_CHANGE = b"\x14\3\3\0\1\1"
MAX_BYTES = 320 * 1024
REFUSALS = {40, 41, 42, 116}
"""Alerts for want of a certificate: handshake_failure, no_certificate, bad_certificate, certificate_required."""


@dataclass(frozen=True)
class Shaken:
    """How far a handshake went.

    Attributes:
        finished: the server's Finished came and was right (or OpenSSL says so).
        chain: DER, leaf first.
        unread: certificates beyond those kept.
        asks_certificate: a CertificateRequest came; None where the handshake ended before that.
        refused: the alert in words that came for want of a certificate.
        quiet: after the handshake, one read brought no fatal alert and no end of the stream.
        failure: why it went no further; "" where it went to its end.
        alert: the alert that ended the handshake before its end; None for all else.
        suite: the code of the suite that was picked; None before that.
        group: likewise the group's.
        final: nothing more can be asked (nothing listens any more, the time is over).
    """

    finished: bool = False
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    unread: int = 0
    asks_certificate: bool | None = None
    refused: str = ""
    quiet: bool = False
    failure: str = ""
    alert: int | None = None
    suite: int | None = None
    group: int | None = None
    final: bool = False


class Handshake13:
    """A handshake over one connection.

    Args:
        connection: fresh.
        receive: reads from it by a deadline.
        until: `time.monotonic` by which all ends.
    """

    def __init__(self, connection: Connection, receive: Callable[[Connection, float], bytes], until: float) -> None:
        self._connection = connection
        self._receive = receive
        self._until = until
        self._records = Records()
        self._messages = Messages()
        self._queue: list[Record] = []
        self._transcript = b""
        self._reading: Protection | None = None
        self._total = 0

    def run(self, hello: Hello, group: int, *, read_until: Callable[[], float] | None = None) -> Shaken:
        """Shake hands; with `read_until`, complete without a certificate and read once, else stop at the chain.

        Args:
            hello: of TLS 1.3, with suites of `HASHES` and groups that hold `group`.
            group: of the key share.
            read_until: gives the `time.monotonic` by which a read after the handshake ends.
        """
        self._seen = Shaken()
        try:
            return self._run(hello, group, read_until)
        except Garbage as wrong:
            return self._with(failure=str(wrong))
        except Broken as broken:
            return self._with(failure=str(broken))

    def _with(self, **changes: Any) -> Shaken:
        return replace(self._seen, **changes)

    def _next(self) -> Record:
        while not self._queue:
            data = self._receive(self._connection, self._until)
            if not data:
                raise Broken("closed")
            self._total += len(data)
            if self._total > MAX_BYTES:
                raise Garbage(f"more than {MAX_BYTES} bytes of handshake")
            self._queue += self._records.feed(data)
        return self._queue.pop(0)

    def _items(self) -> list[Message | Alert]:
        record = self._next()
        kind, content = record.kind, record.fragment
        if kind == CHANGE_CIPHER:
            return []
        if kind == DATA:
            if self._reading is None:
                raise Garbage("a protected record before any key")
            kind, content = self._reading.open(record.header, content)
        elif self._reading is not None and kind == HANDSHAKE:
            raise Garbage("an unprotected handshake message")
        if kind not in {ALERT, HANDSHAKE}:
            return []
        return list(self._messages.feed(kind, content))

    def _run(self, hello: Hello, group: int, read_until: Callable[[], float] | None) -> Shaken:
        share = KeyShare(group)
        random = os.urandom(32)
        offered = replace(hello, share=(group, share.public()))
        self._connection.send(encode(offered, random), self._until)
        items = self._items()
        while not items:
            items = self._items()
        first = items[0]
        if isinstance(first, Alert):
            return self._with(failure=alert_words(first.code), alert=first.code)
        if first.kind != messages.SERVER_HELLO or len(items) > 1:
            raise Garbage("no ServerHello came first")
        server = messages.server_hello(first.body)
        if server.version != TLS13 or server.retry or server.suite not in offered.suites or server.group != group:
            return self._with(failure="the ServerHello is not of the version, suite and group that were asked for")
        if server.session_id != session_id(random):
            raise Garbage("its session id is not the hello's")
        self._seen = self._with(suite=server.suite, group=server.group)
        schedule = Schedule(HASHES[server.suite])
        self._transcript = body_of(offered, random) + first.whole
        secret = schedule.handshake(share.secret(server.share))
        theirs = schedule.traffic(secret, "s hs traffic", self._transcript)
        ours = schedule.traffic(secret, "c hs traffic", self._transcript)
        self._reading = Protection(server.suite, schedule, theirs)
        self._flight(schedule, theirs)
        if read_until is None:
            return self._seen
        self._answer(server.suite, schedule, secret, ours)
        if not self._seen.asks_certificate:
            return self._with(quiet=True)  # nothing was asked for that could be refused now
        self._until = min(self._until, read_until())
        return self._after()

    def _flight(self, schedule: Schedule, theirs: bytes) -> None:
        """From EncryptedExtensions to Finished."""
        rank = {messages.ENCRYPTED_EXTENSIONS: 0, messages.CERTIFICATE_REQUEST: 1, messages.CERTIFICATE: 2,
                messages.CERTIFICATE_VERIFY: 3, messages.FINISHED: 4}  # fmt: skip
        last = -1
        while True:
            for item in self._items():
                if isinstance(item, Alert):
                    self._seen = self._with(alert=item.code)
                    raise Broken(alert_words(item.code))
                if rank.get(item.kind, -1) <= last:
                    raise Garbage(f"handshake message {item.kind} out of turn")
                last = rank[item.kind]
                if item.kind == messages.CERTIFICATE_REQUEST:
                    self._seen = self._with(asks_certificate=True)
                elif item.kind == messages.CERTIFICATE:
                    chain, unread = messages.certificates(item.body, modern=True)
                    asks = bool(self._seen.asks_certificate)
                    self._seen = self._with(chain=chain, unread=unread, asks_certificate=asks)
                elif item.kind == messages.FINISHED:
                    if item.body != schedule.finished(theirs, self._transcript):
                        raise Garbage("the server's Finished is wrong")
                    self._transcript += item.whole
                    self._seen = self._with(finished=True)
                    return
                self._transcript += item.whole

    def _answer(self, suite: int, schedule: Schedule, secret: bytes, ours: bytes) -> None:
        """An empty Certificate where one is asked for, and Finished; then the keys of application data."""
        master = schedule.master(secret)
        theirs = schedule.traffic(master, "s ap traffic", self._transcript)
        writing = Protection(suite, schedule, ours)
        out = _CHANGE
        if self._seen.asks_certificate:
            empty = bytes((messages.CERTIFICATE,)) + vector(3, b"\0\0\0\0")
            out += writing.seal(HANDSHAKE, empty)
            self._transcript += empty
        finished = bytes((messages.FINISHED,)) + vector(3, schedule.finished(ours, self._transcript))
        self._connection.send(out + writing.seal(HANDSHAKE, finished), self._until)
        self._reading = Protection(suite, schedule, theirs)

    def _after(self) -> Shaken:
        """What one read brings once the handshake is over: silence and tickets are a yes."""
        try:
            for item in self._items():
                if isinstance(item, Alert):
                    refused = alert_words(item.code) if item.code in REFUSALS and self._seen.asks_certificate else ""
                    return self._with(refused=refused, failure=alert_words(item.code))
        except TimedOut:
            return self._with(quiet=True)
        return self._with(quiet=True)
