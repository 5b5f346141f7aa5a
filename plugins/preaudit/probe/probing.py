"""The active group in-cluster in a collection: questions, the Job, answers, and the source that they become."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from preaudit.collect.endpoints.collected import statuses_of, stored
from preaudit.collect.endpoints.find import Found
from preaudit.collect.endpoints.look import Look
from preaudit.collect.endpoints.place import Place
from preaudit.collect.kubeconfig import Access
from preaudit.endpoint import Endpoint, Fact, Reached
from preaudit.probe.answers import answers, better, failed
from preaudit.probe.client import Client, Fault
from preaudit.probe.isolation import POLICIES, Isolation, Origin
from preaudit.probe.job import PREFIX, labels
from preaudit.probe.parameters import Settings
from preaudit.probe.questions import Questions, questions
from preaudit.probe.reading import read_log
from preaudit.probe.running import Running
from preaudit.probe.words import MAX_PLAN, encoded
from preaudit.reachability import Answered, Reachability, reachability_line
from preaudit.snapshot import EVERYWHERE, Collection, Snapshot, SourceStatus, Status, StoredFile
from preaudit.source import IN_CLUSTER
from preaudit.subjects.estate import Estate

Seen = tuple[Place, Endpoint]
_CALL = "a Job of the probe's image"
_FORWARD_SECONDS = 20.0
_OWN = re.compile(rf"{PREFIX}[a-z0-9]+(?:-[a-z0-9]+)?")
NO_IMAGE = "name the image: --set in_cluster.image=REGISTRY/preaudit@sha256:… (deploy/README.md says how it is made)"


@dataclass(slots=True, kw_only=True)
class Probing:
    """One use of the probe.

    Attributes:
        folder: the snapshot's folder.
        collection: what was collected so far.
        access: the way to the API server.
        settings: where and how it runs.
        run_id: of this run.
        times: the present time, as it is recorded.
        judged: requirements ask for its source; else it only looks at what nobody reaches from outside.
        notes: what was done to the cluster, in sentences.
    """

    folder: Path
    collection: Collection
    access: Access
    settings: Settings
    run_id: str
    times: Callable[[], str]
    judged: bool = True
    notes: list[str] = field(default_factory=list)
    _found: list[Reachability] | None = None
    _gaps: dict[str, str] = field(default_factory=dict)
    _fault: str = ""
    _begun: str = ""

    def run(self, found: Found, seen: Sequence[Seen], look: Look, forward: Look | None) -> list[Seen]:
        """Ask everything once.

        Args:
            found: where the cluster declares endpoints.
            seen: what was seen there from outside.
            look: how that was done.
            forward: the vantage of a port-forward; None where it is not asked for.

        Returns:
            what was seen, better where the probe saw what nobody sees from outside.
        """
        self._begun = self.times()
        estate = Estate(Snapshot(self.folder, self.collection))
        origin = self._origin(estate)
        asked = questions(estate, found, seen, self.settings, origin)
        if not self.judged:
            asked = Questions(looks=asked.looks)
            if not asked.looks:
                return list(seen)
        self._gaps = asked.gaps
        pace = look.gates.pace
        plan = asked.plan(
            self.settings, per_second=pace.per_second, at_once=pace.at_once, endpoint_seconds=pace.endpoint_seconds
        )
        text = encoded(plan)
        running = Running(Client(self.access, self.settings.namespace), self.settings, self.run_id, text, self.notes)
        try:
            self._check(text)
            told = read_log(running.log(), plan)
        except Fault as error:
            # Names of a run would make two records of the same thing differ.
            self._fault = _OWN.sub(f"{PREFIX}…", f"the probe pod: {error}")
            self._found = failed(asked, self._fault)
            return list(seen)
        self._found = list(answers(asked, told, lambda place: listens(place, forward)))
        self._found = self._doubted(self._found, estate, origin)
        return better(asked, told, seen, look)

    def _origin(self, estate: Estate) -> Origin:
        namespace = self.settings.namespace
        own = labels(self.run_id)
        for key in ("job-name", "batch.kubernetes.io/job-name"):
            own[key] = PREFIX + self.run_id
        unknown = dict.fromkeys(("controller-uid", "batch.kubernetes.io/controller-uid"), 0)
        mine = next((one for one in estate.objects("namespaces") if one["metadata"].get("name") == namespace), None)
        theirs = (mine["metadata"].get("labels") or {}) if mine is not None else None
        return Origin(namespace, {**own, **unknown}, theirs if isinstance(theirs, dict) else None)

    def _check(self, plan: str) -> None:
        """What needs no cluster to be known wrong.

        Raises:
            Fault: nothing is to be made.
        """
        if not self.settings.image:
            raise Fault(NO_IMAGE)
        if not 10 <= self.settings.seconds <= 3600:
            raise Fault(f"in_cluster.seconds is {self.settings.seconds}; it takes 10 to 3600")
        if len(plan) > MAX_PLAN:
            raise Fault(f"its questions are {len(plan)} bytes long, more than {MAX_PLAN}")
        known = self.collection
        every = known.scope_namespaces is None and known.namespaces_complete
        if every and self.settings.namespace not in known.namespaces:
            raise Fault(f"namespace {self.settings.namespace} does not exist: kubectl create namespace "
                        f"{self.settings.namespace}, or --set in_cluster.namespace=…")  # fmt: skip

    def _doubted(self, found: list[Reachability], estate: Estate, origin: Origin) -> list[Reachability]:
        """Silence proves nothing where the probe's own namespace may hold it back."""
        namespace = origin.namespace
        why = ""
        if unseen := estate.gaps((POLICIES,), namespace):
            scope = self.collection.scope_namespaces
            hint = f" (add --namespace {namespace})" if scope is not None and namespace not in scope else ""
            why = f"whether a policy of namespace {namespace} holds the probe back was not seen: {unseen[0][1]}{hint}"
        elif names := Isolation(estate).holding_back(origin):
            why = (f"the policy {names[0]} of namespace {namespace} limits what the probe may send: name another "
                   "with --set in_cluster.namespace=…")  # fmt: skip
        if not why:
            return found
        silent = (Answered.SILENT, Answered.NO_ROUTE, Answered.REFUSED)
        return [msgspec.structs.replace(one, answered=Answered.UNKNOWN, cause=why) if one.answered in silent else one
                for one in found]  # fmt: skip

    def collected(self) -> tuple[list[SourceStatus], list[StoredFile]]:
        """Statuses and files of the source."""
        found = sorted(self._found or (), key=lambda one: (one.namespace, one.question, one.name))
        files = stored(self.folder, IN_CLUSTER, map(reachability_line, found))
        spans = self._begun, self.times()
        if self._fault:
            status = SourceStatus(source=IN_CLUSTER, namespace=EVERYWHERE, status=Status.ERROR, cause=self._fault,
                                  call=_CALL, count=len(found), started=spans[0], finished=spans[1])  # fmt: skip
            return [status], files
        places = [one.namespace for one in found]
        return statuses_of(IN_CLUSTER, _CALL, places, self._gaps, self.collection.namespaces, spans), files


def listens(place: Place, forward: Look | None) -> Fact:
    """Whether a pod's port answers through a port-forward, which neither policies nor firewalls hinder."""
    if forward is None:
        return Fact(None, "not asked for: --active port-forward")
    seen = forward.at(replace(place, refused=""), time.monotonic() + _FORWARD_SECONDS)
    if seen.understood:
        return Fact(True, f"it answers as {seen.protocol}")  # noqa: FBT003 - the value
    if seen.reached is Reached.CLOSED:
        return Fact(False, seen.cause)  # noqa: FBT003
    return Fact(None, seen.cause or seen.protocol_cause or "it answers to nothing that was tried")
