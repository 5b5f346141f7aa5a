"""Endpoints as subjects: what each one was seen to do, and which of them could not be looked at."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from preaudit.endpoint import Endpoint as Seen
from preaudit.endpoint import Reached
from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE
from preaudit.source import ENDPOINTS
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.ref import Subject

EXTERNAL = "external"
"""Name of the item that judges endpoints that the user named himself."""
COVERAGE = "TLS-001"
"""The requirement that tells of endpoints that could not be looked at."""
_NAMED = 12
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class Endpoint:
    """One endpoint that answered, and of which it is known what it speaks.

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

    def note(self, what: str, value: Any) -> None:
        """Log a fact that a verdict rests on."""
        self.log.entries.append((what, what, value))


class EndpointCoverage:
    """The endpoints of one namespace that share the way in which they were (not) seen.

    Attributes:
        state: "seen", or why they were not: ``unreachable``, ``closed``, ``not-dialled``, ``not-understood``, ``unfound``.
        cause: the sentence that they share.
        names: the endpoints' names, sorted.
    """

    __slots__ = ("cause", "log", "names", "platform", "ref", "source", "state")

    def __init__(self, source: str, place: str, state: str, cause: str, names: Sequence[str]) -> None:  # noqa: PLR0913, PLR0917 - two callers
        namespace = "" if place in {CLUSTER, EXTERNAL} else place
        self.source = source
        self.platform = place == CLUSTER
        self.state = state
        self.cause = cause
        self.names = tuple(sorted(names))
        within = hashlib.sha256(cause.encode()).hexdigest()[:8] if cause else ""
        self.ref = Subject(kind="Endpoints", namespace=namespace, name=state, within=within, api_version="preaudit/v1")
        self.log = ReadLog()

    @property
    def digest(self) -> str:
        """Sha256 over state, cause and names."""
        return hashlib.sha256(_ENCODE([self.state, self.cause, self.names])).hexdigest()

    @property
    def is_seen(self) -> bool:
        """All of them answered and were understood; logged.

        Raises:
            NotObservable: they were not.
        """
        more = f" and {len(self.names) - _NAMED} more" if len(self.names) > _NAMED else ""
        told = ", ".join(self.names[:_NAMED]) + more
        self.log.entries.append(("endpoints", "endpoints", told))
        if self.state != "seen":
            raise NotObservable(f"{len(self.names)} endpoints ({told})" if self.names else "endpoints", self.cause)
        self.log.entries.append(("seen", "seen", len(self.names)))
        return True


def endpoints(estate: Estate, namespace: str) -> Iterator[Endpoint]:
    """The endpoints of one item that were understood; the others are told by `coverage`."""
    for source, seen in _seen(estate, namespace):
        if seen.understood:
            yield Endpoint(estate, source, seen)


def coverage(estate: Estate, namespace: str) -> Iterator[EndpointCoverage]:
    """How far the endpoints of one item were seen: one subject for each cause."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for source, seen in _seen(estate, namespace):
        groups[source, *_standing(seen)].append(seen.name)
    for (source, state, cause), names in sorted(groups.items()):
        if state != "aside":
            yield EndpointCoverage(source, namespace, state, cause, names)
    for source, cause in _gaps(estate, namespace):
        yield EndpointCoverage(source, namespace, "unfound", cause, ())


def places(estate: Estate) -> list[str]:
    """Where items about endpoints stand: each place where one was understood; "cluster" where there is none."""
    found = {place for place, several in _by_place(estate).items() if any(seen.understood for _, seen in several)}
    return sorted(found) or [CLUSTER]


def coverage_places(estate: Estate) -> list[str]:
    """Where items about coverage stand: each place that has endpoints, or that was not searched completely."""
    found = set(_by_place(estate))
    for source in ENDPOINTS:
        found |= {CLUSTER if one.namespace == EVERYWHERE else one.namespace
                  for one in estate.snapshot.collection.sources if one.source == source and one.cause}  # fmt: skip
    return sorted(found) or [CLUSTER]


def missing(estate: Estate, namespace: str) -> list[tuple[str, str]]:
    """What could not be looked at in one place (for "cluster" where nothing was: anywhere): what, and why."""
    every = namespace == CLUSTER and places(estate) == [CLUSTER]
    found = []
    for place in coverage_places(estate) if every else [namespace]:
        for one in coverage(estate, place):
            if one.state != "seen":
                found.append((f"endpoints of {place}", one.cause))
    return found


def _by_place(estate: Estate) -> dict[str, list[tuple[str, Seen]]]:
    """Every endpoint by the item that it belongs to."""

    def made() -> Iterator[dict[str, list[tuple[str, Seen]]]]:
        table: dict[str, list[tuple[str, Seen]]] = defaultdict(list)
        for source in ENDPOINTS:
            for one in estate.snapshot.objects(source):
                seen = msgspec.convert(one["spec"], Seen)
                place = EXTERNAL if seen.owner_kind == "Target" else seen.namespace or CLUSTER
                table[place].append((source, seen))
        yield dict(table)

    (table,) = estate.kept("endpoints by place", EVERYWHERE, made)
    return table


def _seen(estate: Estate, namespace: str) -> list[tuple[str, Seen]]:
    return _by_place(estate).get(namespace, [])


def _standing(seen: Seen) -> tuple[str, str]:
    """How far one endpoint was seen, and the sentence that says why not further.

    "aside" is what no client relies on and nothing answers at: a declared containerPort, a port that should be closed.
    """
    if seen.understood:
        return "seen", ""
    if seen.reached is Reached.OPEN:
        return "not-understood", seen.protocol_cause or "it answers to nothing that was tried"
    if seen.reached is Reached.CLOSED and not seen.served:
        return "aside", ""
    return seen.reached.value, seen.cause


def _gaps(estate: Estate, namespace: str) -> Iterator[tuple[str, str]]:
    """Ways to look whose search for endpoints was not complete in one place, with the cause."""
    for source in ENDPOINTS:
        where = EVERYWHERE if namespace in {CLUSTER, EXTERNAL} else namespace
        found = estate.snapshot.coverage(source, where)
        if not found.complete and not found.given:
            yield source, found.told
