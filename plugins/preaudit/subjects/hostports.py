"""Hosts as subjects: which of their ports are open, and whether something declares them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase

import msgspec

from preaudit.errors import NotObservable
from preaudit.hostports import HostPorts as Seen
from preaudit.snapshot import EVERYWHERE
from preaudit.source import PORTS
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.ref import Subject

_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class HostPorts:
    """The ports of one host: a node, or the first replica of a workload.

    Attributes:
        seen: the observation.
        source: how it was made, ``endpoints/ports``.
        ref: the subject as a record names it.
        log: what a check read.
    """

    __slots__ = ("log", "ref", "seen", "source")

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.source = PORTS
        self.ref = Subject(kind="HostPorts", namespace=seen.namespace, name=seen.name, api_version="preaudit/v1")
        self.log = ReadLog()

    @property
    def digest(self) -> str:
        """Sha256 over what was seen, the address and the replica's name left out."""
        return hashlib.sha256(_ENCODE(msgspec.structs.replace(self.seen, addresses=(), pod=""))).hexdigest()

    @property
    def platform(self) -> bool:
        """It is a node, so it belongs to the cluster and not to the product."""
        return self.seen.owner_kind == "Node"

    def undeclared(self, allowed: list[str]) -> list[int]:
        """Open ports that neither the cluster nor the profile declares; logged.

        Args:
            allowed: patterns of ``namespace/Kind/name:port`` (``Node/name:port``).

        Raises:
            NotObservable: none was found, and not every port was seen.
        """
        seen = self.seen
        who = f"{seen.namespace}/{seen.name}" if seen.namespace else seen.name
        found = [port for port in seen.open if port not in seen.declared
                 and not any(fnmatchcase(f"{who}:{port}", one) for one in allowed)]  # fmt: skip
        for what, value in (("open ports", seen.open), ("declared ports", seen.declared), ("undeclared ports", found)):
            self.log.entries.append((what, what, list(value)))
        if not found and seen.complete.value is not True:
            raise NotObservable("open ports", seen.complete.cause or "not every port was seen")
        return found


def host_ports(estate: Estate, namespace: str) -> Iterator[HostPorts]:
    """The hosts of one item."""
    for seen in _by_place(estate).get(namespace, []):
        yield HostPorts(seen)


def places(estate: Estate) -> list[str]:
    """Where items about hosts stand: where there is one, and where they were not all found."""
    found = set(_by_place(estate))
    found |= {CLUSTER if one.namespace == EVERYWHERE else one.namespace
              for one in estate.snapshot.collection.sources if one.source == PORTS and one.cause}  # fmt: skip
    return sorted(found) or [CLUSTER]


def missing(estate: Estate, namespace: str) -> list[tuple[str, str]]:
    """Why the hosts of one place may not all have been found."""
    found = estate.snapshot.coverage(PORTS, EVERYWHERE if namespace == CLUSTER else namespace)
    return [] if found.complete or found.given else [(PORTS, found.told)]


def _by_place(estate: Estate) -> dict[str, list[Seen]]:
    def made() -> Iterator[dict[str, list[Seen]]]:
        table: dict[str, list[Seen]] = defaultdict(list)
        for one in estate.snapshot.objects(PORTS):
            seen = msgspec.convert(one["spec"], Seen)
            table[seen.namespace or CLUSTER].append(seen)
        yield dict(table)

    (table,) = estate.kept("ports by place", EVERYWHERE, made)
    return table
