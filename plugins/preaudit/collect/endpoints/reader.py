"""Reading the pages of one place, and finding out whether it speaks HTTP at all."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence

import msgspec

from preaudit.collect.endpoints.answers import is_http, page_of, redirected
from preaudit.collect.endpoints.ask import Ask
from preaudit.collect.endpoints.classify import Spoken
from preaudit.collect.endpoints.greeting import Open
from preaudit.collect.endpoints.pages import fetch
from preaudit.collect.endpoints.protocols import QUESTIONS
from preaudit.collect.endpoints.secured import secure
from preaudit.collect.tls.connection import Broken, Connection, Stopped
from preaudit.endpoint import Fact, Page

PAGE_SECONDS = 4.0
QUESTION_SECONDS = 1.0
_HTTP_ALL_THE_SAME = re.compile(rb"\A.{0,8}http/\d|<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
"""Answers that some clients of HTTP understand, though they are not as they should be."""
_REDIRECTED = " (where it redirects to)"
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
            return (first, *self._followed(asks[0], raw), *(self.page(ask)[0] for ask in asks[1:])), told
        why = f"not asked, as GET {first.path} gave no answer: {first.cause}"
        pages = (first, *(page_of(ask, b"", why) for ask in asks[1:]))
        if raw and not is_http(raw) and not _HTTP_ALL_THE_SAME.search(raw[:512]):
            return pages, Fact(False, "what it answers to GET is not HTTP/1.1")  # noqa: FBT003 - a value
        other = "" if raw else self._other_protocol()
        if other:
            return pages, Fact(False, f"it speaks {other}")  # noqa: FBT003 - a value
        return pages, Fact(None, f"GET {first.path}: {first.cause}")

    def _followed(self, ask: Ask, raw: bytes) -> Iterator[Page]:
        """The page to which the first one sends everybody on, where that is at the same place; its path is not kept."""
        path = redirected(ask, raw, tls=self._spoken.tls)
        if path is None:
            return
        if path in {"", ask.path}:
            page = page_of(ask, b"", "its redirect is to no path that can be asked for")
        else:
            page, _ = self.page(Ask(path, ask.host))
        yield msgspec.structs.replace(page, path=f"{ask.path}{_REDIRECTED}")

    def again(self, path: str, host: str, authorization: str) -> Ask:
        """The request for a page that was seen before, by the path that stands in it, with credentials.

        Raises:
            Broken: it was seen by a redirect, and there is none any more.
        """
        if path.endswith(_REDIRECTED):
            ask = Ask(path.removesuffix(_REDIRECTED), host)
            path = redirected(ask, self.page(ask)[1], tls=self._spoken.tls) or ""
            if not path:
                raise Broken("it redirects there no more")
        return Ask(path, host, authorization=authorization)

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
