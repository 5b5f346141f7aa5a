"""Whose pod is it: the top controller, found by verified UID, because a forged reference must not hide a pod."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from preaudit.errors import UsageError
from preaudit.snapshot import Snapshot
from preaudit.source import SOURCES, Source
from preaudit.subjects.ref import Subject

CONTROLLERS = (
    "replicationcontrollers", "deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps",
    "jobs.batch", "cronjobs.batch",
)  # fmt: skip
"""Sources whose objects own pods, directly or through one another."""
WORKLOAD_SOURCES = ("pods", *CONTROLLERS)
_MAX_HOPS = 8
_MADE = frozenset({("ReplicaSet", "Deployment"), ("Job", "CronJob")})
"""Controllers that Kubernetes makes, and of what."""


class Metadata(msgspec.Struct):
    """The metadata that ownership needs; annotation values may be redaction marks."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    labels: dict[str, Any] | None = None
    annotations: dict[str, Any] | None = None
    owners: list[dict[str, Any]] | None = msgspec.field(default=None, name="ownerReferences")


class Stored(msgspec.Struct):
    """An object of a snapshot with its spec left undecoded."""

    metadata: Metadata
    spec: msgspec.Raw = msgspec.Raw(b"null")
    status: msgspec.Raw = msgspec.Raw(b"{}")
    api_version: str = msgspec.field(default="", name="apiVersion")
    kind: str = ""

    @property
    def ref(self) -> Subject:
        """The object as a record names it."""
        meta = self.metadata
        return Subject(
            api_version=self.api_version, kind=self.kind, namespace=meta.namespace, name=meta.name, uid=meta.uid
        )

    def spec_value(self) -> dict[str, Any]:
        """A fresh decoded copy of the spec, empty where it is none."""
        return _mapping(self.spec) or {}

    def pod_spec(self) -> dict[str, Any] | None:
        """A fresh decoded copy of a pod's spec; None where it is missing or no mapping."""
        return _mapping(self.spec)

    def spec_read(self) -> Any:
        """A fresh decoded copy of the spec as a lens reads it: "" where it is missing, so that reading it raises."""
        value = msgspec.json.decode(self.spec)
        return "" if value is None else value

    @property
    def phase(self) -> Any:
        """The phase of a pod, as its status tells it; nothing else of the status is decoded."""
        try:
            return _PHASE(self.status).phase
        except msgspec.ValidationError:  # it is no mapping
            return None

    def status_value(self) -> dict[str, Any]:
        """A fresh decoded copy of the status."""
        return _mapping(self.status) or {}


class _Status(msgspec.Struct):
    """The only field of a pod's status that decides whether the pod is judged."""

    phase: Any = None


_PHASE = msgspec.json.Decoder(_Status).decode


def _mapping(raw: msgspec.Raw) -> dict[str, Any] | None:
    value = msgspec.json.decode(raw)
    return value if isinstance(value, dict) else None


_DECODE = msgspec.json.Decoder(Stored).decode


def stored_objects(snapshot: Snapshot, source: str) -> Iterator[Stored]:
    """The objects of a source, decoded down to their metadata.

    Raises:
        UsageError: a line is no object with a name; the snapshot was not written by this tool.
    """
    known = SOURCES[source]
    for number, line in enumerate(snapshot.lines(source), 1):
        try:
            found = _DECODE(line)
        except msgspec.DecodeError as error:
            where = f"the snapshot's {source}, line {number}"
            raise UsageError(f"{where}: no object that can be read: {error}") from None
        if not found.kind:
            found.kind, found.api_version = known.kind, known.api_version
        yield found


class Owner(msgspec.Struct, frozen=True):
    """The top of an ownership chain.

    Attributes:
        ref: what the record names.
        chain: the collected controllers, from the lowest to the last.
    """

    ref: Subject
    chain: tuple[Stored, ...] = ()

    @property
    def controller(self) -> Stored | None:
        """The last controller that was collected; None where there is none."""
        return self.chain[-1] if self.chain else None


class Owners:
    """All collected controllers of a snapshot, by kind and UID."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._by_uid: dict[tuple[str, str, str], Stored] = {}
        self._sources: dict[tuple[str, str], Source] = {}
        self.controllers: list[Stored] = []
        self.by_namespace: dict[str, list[Stored]] = defaultdict(list)
        for name in CONTROLLERS:
            source = SOURCES[name]
            self._sources[source.group, source.kind] = source
            for found in stored_objects(snapshot, name):
                self.controllers.append(found)
                self.by_namespace[found.metadata.namespace].append(found)
                if found.metadata.uid:
                    self._by_uid[source.name, found.metadata.namespace, found.metadata.uid] = found

    def top(self, start: Stored) -> Owner:
        """The last controller above `start` that was collected and whose UID, name and namespace match.

        A reference to a kind that is never collected is kept as declared, marked unverified. Where a reference does
        not match what was collected, the climb ends below it.
        """
        here, chain = start, tuple[Stored, ...]()
        seen = {id(start)}
        for _ in range(_MAX_HOPS):
            claims = [one for one in here.metadata.owners or () if one.get("controller") is True]
            if len(claims) != 1:
                break
            claim = {key: str(claims[0].get(key, "")) for key in ("apiVersion", "kind", "name", "uid")}
            group = claim["apiVersion"].rpartition("/")[0]
            source = self._sources.get((group, claim["kind"]))
            if source is None:
                return self._declared(here, claim, chain)
            above = self._by_uid.get((source.name, here.metadata.namespace, claim["uid"]))
            if above is None or above.metadata.name != claim["name"] or id(above) in seen:
                break
            seen.add(id(above))
            here, chain = above, (*chain, above)
        return Owner(here.ref, chain)

    @staticmethod
    def _declared(here: Stored, claim: dict[str, str], chain: tuple[Stored, ...]) -> Owner:
        # A static pod names its node: the node runs it, but the pod is what an auditor speaks about.
        if (claim["apiVersion"], claim["kind"]) == ("v1", "Node") or not claim["name"]:
            return Owner(here.ref, chain)
        declared = Subject(
            api_version=claim["apiVersion"], kind=claim["kind"], namespace=here.metadata.namespace,
            name=claim["name"], uid=claim["uid"], unverified=True,
        )  # fmt: skip
        return Owner(declared, chain)

    def runs_for_another(self, controller: Stored) -> bool:
        """A collected controller made it from its own template: a Deployment's ReplicaSet, a CronJob's Job.

        Its template is then no subject. Whatever else names an owner has a template of its own, which only that owner's
        makers have read: it is judged, lest a reference hide it.
        """
        chain = self.top(controller).chain
        return bool(chain) and (controller.kind, chain[0].kind) in _MADE
