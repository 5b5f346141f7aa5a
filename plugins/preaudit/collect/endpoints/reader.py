"""Reading the pages of one place, and finding out whether it speaks HTTP at all."""

from __future__ import annotations

import time
from collections.abc import Sequence

from preaudit.collect.endpoints.classify import Spoken
from preaudit.collect.endpoints.greeting import Open
from preaudit.collect.endpoints.pages import Ask, fetch, is_http, page_of
from preaudit.collect.endpoints.protocols import QUESTIONS
from preaudit.collect.endpoints.secured import secure
from preaudit.collect.tls.connection import Broken, Connection, Stopped
from preaudit.endpoint import Fact, Page

PAGE_SECONDS = 4.0
QUESTION_SECONDS = 1.0
_OTHERS = tuple(one for one in QUESTIONS if one.protocol not in {"http", "postgresql"})
"""What else may be spoken within TLS; PostgreSQL begins TLS in its own words."""


class Reader:
    """Asks one place, within TLS where it speaks TLS.

    Args:
        open_: opens connections to it.
        spoken: what it speaks.
        server_name: sent as SNI.
        ends: reading of `time.monotonic` by which the look is over.
    """

    def __init__(self, open_: Open, spoken: Spoken, server_name: str, ends: float) -> None:
        self._open = open_
        self._spoken = spoken
        self._server_name = server_name
        self._ends = ends

    def read(self, asks: Sequence[Ask]) -> tuple[tuple[Page, ...], Fact]:
        """Every page that was asked for, those without an answer too, and whether HTTP is spoken.

        Raises:
            Stopped: the run is being ended.
        """
        first, raw = self.page(asks[0])
        if first.status:
            told = Fact(True, f"it answers GET {first.path} with {first.status}")  # noqa: FBT003 - a value
            return (first, *(self.page(ask)[0] for ask in asks[1:])), told
        why = f"not asked, as GET {first.path} gave no answer: {first.cause}"
        pages = (first, *(page_of(ask, b"", why) for ask in asks[1:]))
        if raw and not is_http(raw):
            return pages, Fact(False, "what it answers to GET is not HTTP/1.1")  # noqa: FBT003 - a value
        other = "" if raw else self._other_protocol()
        if other:
            return pages, Fact(False, f"it speaks {other}")  # noqa: FBT003 - a value
        return pages, Fact(None, f"GET {first.path}: {first.cause}")

    def page(self, ask: Ask) -> tuple[Page, bytes]:
        """One page, and the bytes that came.

        Raises:
            Stopped: the run is being ended.
        """
        deadline = min(self._ends, time.monotonic() + PAGE_SECONDS)
        try:
            connection = self.connected(deadline)
        except Stopped:
            raise
        except Broken as error:
            return page_of(ask, b"", str(error)), b""
        try:
            return fetch(connection, ask, deadline)
        finally:
            connection.close()

    def connected(self, deadline: float) -> Connection:
        """A fresh stream, within TLS where the place speaks TLS.

        Raises:
            Broken: none came about.
        """
        connection = self._open(deadline)
        return secure(connection, self._server_name, deadline) if self._spoken.tls else connection

    def _other_protocol(self) -> str:
        """A protocol that answers within TLS where HTTP does not; "" where none does."""
        if not self._spoken.tls:
            return ""
        for question in _OTHERS:
            deadline = min(self._ends, time.monotonic() + QUESTION_SECONDS)
            try:
                connection = self.connected(deadline)
            except Stopped:
                raise
            except Broken:
                return ""  # no client without a certificate gets this far
            try:
                connection.send(question.ask, deadline)
                if question.answers(connection.receive(4096, deadline)):
                    return question.protocol
            except Stopped:
                raise
            except Broken:
                continue
            finally:
                connection.close()
        return ""
