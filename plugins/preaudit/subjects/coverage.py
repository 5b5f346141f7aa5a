"""How far endpoints were looked at: which did not answer, which are not understood, where nobody searched."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from preaudit.endpoint import Endpoint as Seen
from preaudit.endpoint import Reached
from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE
from preaudit.source import ENDPOINTS
from preaudit.subjects.endpoint import by_place, places
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.observed import EXTERNAL
from preaudit.subjects.ref import Subject

COVERAGE = "TLS-001"
"""The requirement that tells of endpoints that could not be looked at."""
_NAMED = 12
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class EndpointCoverage:
    """The endpoints of one namespace that share the way in which they were (not) seen.

    Attributes:
        state: "seen", or why they were not: ``unreachable``, ``closed``, ``not-dialled``, ``not-understood``,
            ``in-part`` (some of their replicas were not looked at), ``unfound``.
        cause: the sentence that they share.
        names: the endpoints' names, sorted.
    """

    __slots__ = ("cause", "log", "names", "platform", "ref", "source", "state")

    def __init__(self, source: str, place: str, state: str, cause: str, names: Sequence[str]) -> None:
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


def coverage(estate: Estate, namespace: str) -> Iterator[EndpointCoverage]:
    """How far the endpoints of one item were seen: one subject for each cause."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for source, seen in by_place(estate).get(namespace, []):
        groups[source, *_standing(seen)].append(seen.name)
    for (source, state, cause), names in sorted(groups.items()):
        if state != "aside":
            yield EndpointCoverage(source, namespace, state, cause, names)
    for source, cause in gaps(estate, namespace):
        yield EndpointCoverage(source, namespace, "unfound", cause, ())


def coverage_places(estate: Estate) -> list[str]:
    """Where items about coverage stand: each place that has endpoints, or that was not searched completely."""
    found = set(by_place(estate))
    for source in ENDPOINTS:
        found |= {CLUSTER if one.namespace == EVERYWHERE else one.namespace
                  for one in estate.snapshot.collection.sources if one.source == source and one.cause}  # fmt: skip
    return sorted(found) or [CLUSTER]


def missing(estate: Estate, namespace: str) -> list[tuple[str, str]]:
    """What could not be looked at in one place (for "cluster" where nothing was: anywhere): what, and why."""
    every = namespace == CLUSTER and places(estate) == [CLUSTER]
    return missing_anywhere(estate) if every else _missing_in(estate, [namespace])


def missing_anywhere(estate: Estate) -> list[tuple[str, str]]:
    """What could not be looked at in any place: what, and why."""
    return _missing_in(estate, coverage_places(estate))


def _missing_in(estate: Estate, wanted: Sequence[str]) -> list[tuple[str, str]]:
    return [(f"endpoints of {place}", one.cause) for place in wanted
            for one in coverage(estate, place) if one.state != "seen"]  # fmt: skip


def gaps(estate: Estate, namespace: str) -> Iterator[tuple[str, str]]:
    """Ways to look whose search for endpoints was not complete in one place, with the cause."""
    for source in ENDPOINTS:
        where = EVERYWHERE if namespace in {CLUSTER, EXTERNAL} else namespace
        found = estate.snapshot.coverage(source, where)
        if not found.complete and not found.given:
            yield source, found.told


def _standing(seen: Seen) -> tuple[str, str]:
    """How far one endpoint was seen, and the sentence that says why not further.

    "aside" is what no client relies on and nothing answers at: a declared containerPort, a port that should be closed.
    """
    if seen.understood:
        if seen.unlooked:
            return "in-part", "further replicas of them were not looked at"
        return "seen", ""
    if seen.reached is Reached.OPEN:
        return "not-understood", seen.protocol_cause or "it answers to nothing that was tried"
    if seen.reached is Reached.CLOSED and not seen.served:
        return "aside", ""
    return seen.reached.value, seen.cause
