"""What is seen of an endpoint, and how a look at it is settled in three values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from preaudit.endpoint import Answer, Fact, Page
from preaudit.endpoint import Endpoint as Seen
from preaudit.errors import NotObservable
from preaudit.subjects.estate import Estate
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.ref import Subject

EXTERNAL = "external"
"""Name of the item that judges endpoints that the user named himself, and of the exposure to the outside."""
_NO_HTTP = frozenset({"postgresql", "mysql", "smtp", "imap", "pop3", "ldap", "redis", "mongodb", "kafka", "amqp",
                      "h2c", "ssh"})  # fmt: skip
_TOLD = 3
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class Observed:
    """What endpoints of every kind tell: who they are, and what their pages say.

    Whatever looks for violations here returns those that it found; where it found none and not everything was seen,
    it raises `NotObservable`: absence is proof only over a complete look.

    Attributes:
        seen: the observation.
        source: how it was looked at, ``endpoints/connect``.
        ref: the subject as a record names it.
        log: what a check read.
    """

    __slots__ = ("estate", "log", "ref", "seen", "source")

    def __init__(self, estate: Estate, source: str, seen: Seen) -> None:
        self.estate = estate
        self.source = source
        self.seen = seen
        self.ref = Subject(
            kind="Endpoint", namespace=seen.namespace, name=seen.name, host=seen.host, port=seen.port,
            api_version="preaudit/v1",
        )  # fmt: skip
        self.log = ReadLog()

    @property
    def digest(self) -> str:
        """Sha256 over everything that was seen, addresses and names of replicas left out."""
        return hashlib.sha256(_ENCODE(msgspec.structs.replace(self.seen, replicas=()))).hexdigest()

    @property
    def platform(self) -> bool:
        """It belongs to the cluster and not to the product: a node's endpoint, or one of the control plane."""
        return self.seen.owner_kind == "Node" or bool(self.seen.role)

    @property
    def is_external(self) -> bool:
        """It is reached from outside of the cluster's own networks."""
        return self.seen.exposure == EXTERNAL

    def note(self, what: str, value: Any) -> None:
        """Log a fact that a verdict rests on."""
        self.log.entries.append((what, what, value))

    def found(self, what: str, violations: Iterable[str], gaps: Sequence[NotObservable]) -> list[str]:
        """Log and return what was found, sorted; it outranks what was not seen.

        Raises:
            NotObservable: nothing was found, and there are gaps.
        """
        told = sorted(set(violations))
        self.note(what, told)
        if gaps and not told:
            first, *others = sorted(gaps, key=lambda one: bool(one.at_most))
            more = f"; and {len(gaps) - _TOLD} more" if len(gaps) > _TOLD else ""
            reasons = "; ".join([first.why, *map(str, others[: _TOLD - 1])]) + more
            raise NotObservable(first.what, reasons, first.at_most)
        return told

    # Pages

    @property
    def speaks_http(self) -> bool:
        """It answers HTTP requests of clients without a certificate, within TLS or without.

        Raises:
            NotObservable: nobody knows.
        """
        if self.seen.protocol == "http" or any(page.status for page in self.seen.pages):
            return True
        if self.seen.protocol in _NO_HTTP or self._turns_strangers_away:
            return False
        silent = next((f"{page.method} {page.path}: {page.cause}" for page in self.seen.pages if page.cause), "")
        return self.known("HTTP", Fact(self.seen.http.value, self.seen.http.cause or silent))

    @property
    def _turns_strangers_away(self) -> bool:
        """TLS itself ends without a client certificate, so that no request is ever answered."""
        tls = self.seen.tls
        return tls is not None and tls.without_certificate is Answer.REFUSED and tls.client_certificate.value is True

    @staticmethod
    def known(what: str, fact: Fact) -> bool:
        """The value of a fact.

        Raises:
            NotObservable: it has none.
        """
        if fact.value is None:
            raise NotObservable(what, fact.cause or "it was not asked for")
        return fact.value

    def pages(self, what: str, bad: Callable[[Page], Iterable[str]], *, texts: bool = False) -> list[str]:
        """What is bad about its HTTP answers, each with method and path; logged as `what`.

        Args:
            what: what is looked for.
            bad: what is bad about one answer.
            texts: it is looked for in the page's text too, so that an answer that broke off is not seen completely.
        """
        answered = [page for page in self.seen.pages if page.status]
        violations = [f"{page.method} {page.path}: {one}" for page in answered for one in bad(page)]
        return self.found(what, violations, self._pages_unseen(texts=texts))

    def answers_to_strangers(self, what: str, bad: Callable[[Page], Iterable[str]]) -> list[str]:
        """The same of its answers to requests that came from another site's page (`Page.origin`)."""
        answered = [page for page in self.seen.pages if page.status and page.origin]
        violations = [f"{page.method} {page.path}: {one}" for page in answered for one in bad(page)]
        nobody = [] if answered else [NotObservable("answers to another origin", "no request was sent from one")]
        return self.found(what, violations, [*nobody, *self._pages_unseen()])

    def has_page(self, wanted: Callable[[Page], bool]) -> bool:
        """One of its HTTP answers is wanted.

        Raises:
            NotObservable: none of those that were seen is, and not all were.
        """
        if any(wanted(page) for page in self.seen.pages if page.status):
            return True
        if unseen := self._pages_unseen():
            raise unseen[0]
        return False

    def _pages_unseen(self, *, texts: bool = False) -> list[NotObservable]:
        if not self.seen.pages:
            return [NotObservable("HTTP pages", self.seen.http.cause or "none was asked for")]
        found = []
        for page in self.seen.pages:
            cause = page.cause or "no answer came" if not page.status else page.odd
            if texts and page.cause and not page.enough:
                cause = cause or page.cause
            if cause:
                found.append(NotObservable(f"{page.method} {page.path}", cause))
        return found
