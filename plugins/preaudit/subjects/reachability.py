"""What the probe pod asked, as subjects: isolated pods, metadata addresses, ports behind a sidecar."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import ClassVar

import msgspec

from preaudit.endpoint import Fact
from preaudit.errors import NotObservable
from preaudit.reachability import Answered, Question
from preaudit.reachability import Reachability as Seen
from preaudit.snapshot import EVERYWHERE
from preaudit.source import IN_CLUSTER
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.ref import Subject

_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class Asked:
    """One question and what came back.

    Attributes:
        seen: the observation.
        source: how it was made, ``endpoints/in-cluster``.
        ref: the subject as a record names it.
        log: what a check read.
    """

    __slots__ = ("log", "ref", "seen", "source")
    question: ClassVar[Question]

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.source = IN_CLUSTER
        self.ref = Subject(kind="Reachability", namespace=seen.namespace, name=seen.name, port=seen.port,
                           api_version="preaudit/v1")  # fmt: skip
        self.log = ReadLog()

    @property
    def digest(self) -> str:
        """Sha256 over what was seen, the address and the replica's name left out."""
        return hashlib.sha256(_ENCODE(msgspec.structs.replace(self.seen, address="", pod=""))).hexdigest()

    @property
    def platform(self) -> bool:
        """It belongs to no namespace."""
        return not self.seen.namespace

    def note(self, what: str, value: object) -> None:
        """Log a fact that a verdict rests on."""
        self.log.entries.append((what, what, value))

    @property
    def answered(self) -> Answered:
        """What came back; logged.

        Raises:
            NotObservable: nobody knows.
        """
        self.note("asked from namespace", self.seen.origin)
        if self.seen.answered is Answered.UNKNOWN:
            raise NotObservable("an answer from inside the cluster", self.seen.cause or "it was not asked for")
        self.note("answer", self.seen.answered.value)
        return self.seen.answered

    def proven(self, what: str, fact: Fact) -> bool:
        """The value of a fact; logged with its cause.

        Raises:
            NotObservable: it has none.
        """
        if fact.value is None:
            raise NotObservable(what, fact.cause or "it was not asked for")
        self.note(what, fact.cause or fact.value)
        return fact.value

    def control_holds(self) -> None:
        """The probe's way is good: what should answer does; logged.

        Raises:
            NotObservable: it does not, so silence proves nothing.
        """
        if not self.proven("a control that should answer", self.seen.control):
            raise NotObservable("a control that should answer", self.seen.control.cause or "it did not")


class IsolatedPod(Asked):
    """A pod that network policies isolate, and none of them lets the probe in."""

    __slots__ = ()
    question = Question.POLICY

    def lets_strangers_in(self) -> bool:
        """It answers the probe; logged.

        Raises:
            NotObservable: silence that proves nothing, or an answer that may be a filter's as well as the pod's.
        """
        self.note("isolated by", list(self.seen.isolated_by))
        found = self.answered
        if found is Answered.OPEN:
            return True
        if found is not Answered.SILENT:
            why = "a filter that says no, or nothing listens at the pod's address"
            raise NotObservable(f"the answer {found.value}", f"it may be {why}")
        self.control_holds()
        what = "the same port through a port-forward"
        if not self.proven(what, self.seen.listener):
            raise NotObservable(what, self.seen.listener.cause or "it does not answer")
        self.note("answer", found.value)
        return False


class MetadataAddress(Asked):
    """An address at which clouds tell their machines secrets."""

    __slots__ = ()
    question = Question.METADATA

    def answers(self) -> bool:
        """A TCP connection came about; logged.

        Raises:
            NotObservable: silence that proves nothing, or a refusal, which may be that of a service that is down.
        """
        found = self.answered
        if found is Answered.OPEN:
            return True
        if found is Answered.REFUSED:
            raise NotObservable("the answer refused", "it may be a filter that says no, or a service that is down")
        self.control_holds()
        self.note("answer", found.value)
        return False


class SidecarPort(Asked):
    """A port that a container declares beside a sidecar that ends TLS for it."""

    __slots__ = ()
    question = Question.SIDECAR

    @property
    def is_closed(self) -> bool:
        """Nothing listens at the pod's address; logged.

        Raises:
            NotObservable: nobody knows.
        """
        found = self.answered
        if found in {Answered.SILENT, Answered.NO_ROUTE}:
            raise NotObservable("the port from inside the cluster", self.seen.cause or "no connection came about")
        if found is Answered.REFUSED and self.seen.isolated_by:
            self.note("isolated by", list(self.seen.isolated_by))
            why = f"the policy {self.seen.isolated_by[0]} may say no to the probe, and not to the port's clients"
            raise NotObservable("the answer refused", why)
        return found is Answered.REFUSED

    def fact(self, name: str) -> bool:
        """A yes or no by its field's name ("plaintext", "client_certificate"); logged.

        Raises:
            NotObservable: it is not known.
        """
        fact: Fact = getattr(self.seen, name)
        told = name.replace("_", " ")
        if fact.value is None:
            raise NotObservable(told, fact.cause or "it was not asked for")
        self.note(told, fact.value)
        return fact.value


def asked(kind: type[Asked]) -> Callable[[Estate, str], Iterator[Asked]]:
    """What enumerates the subjects of one item."""

    def enumerate_asked(estate: Estate, namespace: str) -> Iterator[Asked]:
        for seen in _by_place(estate).get((kind.question, namespace), []):
            yield kind(seen)

    return enumerate_asked


def places(kind: type[Asked]) -> Callable[[Estate], list[str]]:
    """What tells where items stand: where something was asked, and where nobody knows what to ask."""

    def places_of(estate: Estate) -> list[str]:
        found = {place for question, place in _by_place(estate) if question is kind.question}
        if kind.question is not Question.METADATA:
            found |= {one.namespace for one in estate.snapshot.collection.sources
                      if one.source == IN_CLUSTER and one.cause and one.namespace != EVERYWHERE}  # fmt: skip
        return sorted(found) or [CLUSTER]

    return places_of


def missing(kind: type[Asked]) -> Callable[[Estate, str], list[tuple[str, str]]]:
    """What tells why not everything of one place may have been asked; what was, says so itself."""

    def missing_of(estate: Estate, namespace: str) -> list[tuple[str, str]]:
        own = any(one.source == IN_CLUSTER and one.namespace == namespace for one in estate.snapshot.collection.sources)
        if not own and _by_place(estate).get((kind.question, namespace)):
            return []
        found = estate.snapshot.coverage(IN_CLUSTER, EVERYWHERE if namespace == CLUSTER else namespace)
        return [] if found.complete or found.given else [(IN_CLUSTER, found.told)]

    return missing_of


def _by_place(estate: Estate) -> dict[tuple[Question, str], list[Seen]]:
    def made() -> Iterator[dict[tuple[Question, str], list[Seen]]]:
        table: dict[tuple[Question, str], list[Seen]] = defaultdict(list)
        for one in estate.snapshot.objects(IN_CLUSTER):
            seen = msgspec.convert(one["spec"], Seen)
            table[seen.question, seen.namespace or CLUSTER].append(seen)
        yield dict(table)

    (table,) = estate.kept("reachability by place", EVERYWHERE, made)
    return table
