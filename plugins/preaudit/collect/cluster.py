"""One concurrent pass over a live cluster: every source listed, redacted and written, with how far it was seen."""

from __future__ import annotations

import gc
import secrets
import threading
import time
from collections import Counter, abc
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import preaudit
from preaudit.collect.discovery import Served, discover
from preaudit.collect.endpoints.around import Around
from preaudit.collect.endpoints.collected import CONNECT
from preaudit.collect.endpoints.find import find_places
from preaudit.collect.endpoints.nodes import CLUSTER_CA, KUBELET_CA
from preaudit.collect.endpoints.portforward import PortForward
from preaudit.collect.endpoints.services import resolved
from preaudit.collect.endpoints.targets import anchors_of, target_place
from preaudit.collect.identity import first_contact
from preaudit.collect.kubeconfig import load_access
from preaudit.collect.kubeconfig_certificates import held_certificates
from preaudit.collect.kubelet import SOURCE as CONFIGZ
from preaudit.collect.kubelet import kubelets, read_configz
from preaudit.collect.listing import ListCall, ListReader
from preaudit.collect.namespaces import read_scope
from preaudit.collect.objects import Lines
from preaudit.collect.permissions import permissions
from preaudit.collect.redact import Redactor
from preaudit.collect.redaction_key import told
from preaudit.collect.transport import Api, Budget
from preaudit.collect.wording import utc
from preaudit.collect.writer import RewindableWriter, kept, prepare
from preaudit.errors import UsageError
from preaudit.kubeconfig import kubeconfig_line
from preaudit.probe.probing import Probing
from preaudit.snapshot import (
    Collection,
    Snapshot,
    SourceStatus,
    Status,
    StoredFile,
    file_name,
    write_collection,
)
from preaudit.source import DIALLED, IN_CLUSTER, KUBECONFIG, PROBED, SOURCES, Source, with_needs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preaudit.collect.endpoints.collected import Manner
    from preaudit.collect.endpoints.targets import Target
    from preaudit.collect.progress import Progress

AT_ONCE = 3
"""Sources that are read at the same time; the API server shares the machine with what it serves."""
MAX_NAMESPACE_LISTS = 2000
"""Namespaces in which one source is listed singly, where listing it everywhere is forbidden."""
LEGACY_TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - the type's name
NOT_ASKED_FOR = "not asked for: Secrets are read only with --read secrets-metadata"


def collect_cluster(  # noqa: PLR0913 - each is an option of the user's, given by name
    folder: Path,
    *,
    sources: abc.Collection[str],
    kubeconfig: str | None,
    context: str | None,
    namespaces: Sequence[str] | None,
    read: abc.Collection[str],
    redaction_key: bytes | None,
    kubelet_ca: str | None,
    now: datetime,
    progress: Progress,
    manner: Manner | None = None,
    targets: Sequence[Target] = (),
) -> Collection:
    """Read `sources` from a live cluster into a snapshot.

    Namespaces are always read too, and nodes where the kubelets' configuration is asked for.

    Args:
        folder: the snapshot's folder; made if it is missing, must hold no snapshot.
        sources: names of `preaudit.source.SOURCES`.
        kubeconfig: file, or None for kubectl's order of places.
        context: its context, or None for the current one.
        namespaces: the declared scope, or None for the whole cluster.
        read: the ``--read`` words.
        redaction_key: HMAC key of the redaction; None makes one for this run.
        kubelet_ca: PEM file of the CA that signed the kubelets' serving certificates.
        now: start of the collection, UTC.
        progress: is told how far it is.
        manner: how endpoints are looked at; None where they are not.
        targets: endpoints that the user names himself.

    Raises:
        TargetError: there is no such cluster, it cannot be reached, or it refuses the credentials.
        UsageError: an option cannot be used as given.
    """
    wanted = _wanted(sources)
    known_words = {source.opt_in for source in SOURCES.values()} - {""}
    for word in read:
        if word not in known_words:
            raise UsageError(f"--read {word}: unknown, known are: {', '.join(sorted(known_words))}")
    if namespaces is not None and not namespaces:
        raise UsageError("the list of namespaces is empty; name one with --namespace or leave it out")
    if redaction_key is not None and len(redaction_key) < 16:
        raise UsageError("the redaction key is shorter than 16 bytes; make one: head -c 32 /dev/urandom > KEYFILE")
    plan = _Plan(
        wanted=wanted,
        scope=None if namespaces is None else tuple(sorted(set(namespaces))),
        read=frozenset(read),
        key=redaction_key or secrets.token_bytes(32),
        key_given=redaction_key is not None,
        kubelet_ca=kubelet_ca,
        now=now,
        manner=manner,
        targets=tuple(targets),
    )
    api = Api(load_access(kubeconfig, context))
    run = _Run(api, folder, plan, progress)
    collecting = gc.isenabled()
    gc.disable()  # bulk decoding makes no cycles, and the collector costs more than the parser
    try:
        return run.collect()
    finally:
        api.stop()
        api.access.pool.clear()
        progress.close()
        if collecting:
            gc.enable()


def _wanted(sources: abc.Collection[str]) -> list[Source]:
    """The sources to read, the large ones first."""
    names = with_needs({*sources, "namespaces"})
    first = ("namespaces", "pods", "configmaps", "replicasets.apps")
    ordered = [name for name in first if name in names] + [name for name in SOURCES if name in names - set(first)]
    return [SOURCES[name] for name in ordered]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one collection is to do: the options, checked."""

    wanted: list[Source]
    scope: tuple[str, ...] | None
    read: frozenset[str]
    key: bytes
    key_given: bool
    kubelet_ca: str | None
    now: datetime
    manner: Manner | None
    targets: tuple[Target, ...]


class _Run:
    """The state of one collection."""

    def __init__(self, api: Api, folder: Path, plan: _Plan, progress: Progress) -> None:
        self.api = api
        self.folder = folder
        self.plan = plan
        self.progress = progress
        self.counts: Counter[str] = Counter()
        self.files: list[StoredFile] = []
        self.notes = list(api.access.notes)
        self.stop = threading.Event()
        self._begin = time.monotonic()

    def clock(self) -> datetime:
        """The present time on the run's clock, which no jump of the machine's clock disturbs."""
        return self.plan.now + timedelta(seconds=time.monotonic() - self._begin)

    def time(self) -> str:
        """The present time as it is recorded."""
        return utc(self.clock())

    def collect(self) -> Collection:
        """Everything, in order: contact, scope, lists, kubelets, our own kubeconfig, ``collection.json``."""
        target, identity = first_contact(self.api, self.clock())
        prepare(self.folder)
        self.progress.start(len(self.plan.wanted))
        statuses, seen = self._lists()
        statuses = self._doubt_unconfirmed(statuses, seen)
        statuses += self._configz()
        statuses += self._kubeconfig()
        names, complete, kube_system = self._namespaces(statuses, seen)
        nodes = next((status for status in statuses if status.source == "nodes"), None)
        target = msgspec.structs.replace(
            target,
            cluster_uid=target.cluster_uid or kube_system,
            nodes=nodes.count if nodes is not None and nodes.status is Status.COLLECTED else None,
        )
        collection = Collection(
            started=utc(self.plan.now),
            finished=self.time(),
            tool_version=preaudit.__version__,
            target=target,
            identity=identity,
            permissions=permissions(self.api, self.plan.scope[0] if self.plan.scope else "default"),
            scope_namespaces=self.plan.scope,
            namespaces=names,
            namespaces_complete=complete,
            read=tuple(sorted(self.plan.read)),
            redaction=told(self.plan.key, self.counts, given=self.plan.key_given),
            sources=_in_order(statuses),
            files=tuple(sorted(self.files, key=lambda stored: stored.name)),
            notes=tuple(self.notes),
        )
        collection = self._with_endpoints(collection)
        write_collection(self.folder, collection)
        return collection

    def _with_endpoints(self, collection: Collection) -> Collection:
        """The collection with the endpoints that its objects declare, where they are asked for."""
        manner = self.plan.manner
        wanted = frozenset(source.name for source in self.plan.wanted) & frozenset(DIALLED)
        if manner is None or not wanted:
            return collection
        found = find_places(Snapshot(self.folder, collection), self.api.access.api_url)
        known = {CLUSTER_CA: _read(self.api.access.ca_file), KUBELET_CA: _read(self.plan.kubelet_ca)}
        known |= {**found.anchors, **anchors_of(self.plan.targets)}
        probe = None
        if manner.probe is not None and "in-cluster" in manner.groups:
            probe = Probing(
                folder=self.folder, collection=collection, access=self.api.access, settings=manner.probe,
                run_id=secrets.token_hex(5), times=self.time, judged=IN_CLUSTER in wanted,
            )  # fmt: skip
        around = Around(
            folder=self.folder, collection=collection, found=found, manner=manner, known=known, stop=self.stop,
            targets=[target_place(one, resolved) for one in self.plan.targets], times=self.time,
            forward=PortForward(self.api.access, self.stop) if "port-forward" in manner.groups else None,
            probe=probe,
        )  # fmt: skip
        statuses, files = around.look(
            wanted, self.progress.source_started, self.progress.source_done, lambda: self.progress.page(CONNECT, 1)
        )
        return msgspec.structs.replace(
            collection,
            finished=self.time(),
            sources=_in_order((*collection.sources, *statuses)),
            files=tuple(sorted((*collection.files, *files), key=lambda stored: stored.name)),
            notes=(*collection.notes, *(probe.notes if probe is not None else ())),
        )

    def _lists(self) -> tuple[list[SourceStatus], set[str]]:
        """Every source that the API server lists, several at a time: statuses, and namespaces of objects seen."""
        listed = [source for source in self.plan.wanted if source.name not in PROBED]
        if self.plan.scope is not None:
            left_out = [source.name for source in listed if not source.namespaced and source.name != "namespaces"]
            if left_out:
                self.notes.append(
                    f"Outside the declared scope (--namespace), so not read: {', '.join(sorted(left_out))}."
                )
            listed = [source for source in listed if source.namespaced or source.name == "namespaces"]
        served = discover(self.api, listed, Budget(seconds=120))
        statuses: list[SourceStatus] = []
        seen: set[str] = set()
        readers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="list")
        ahead = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="page")
        try:
            futures: list[Future[_Outcome]] = []
            for source in listed:
                futures.append(
                    readers.submit(self._source, source, served[source.name], ahead, futures[0] if futures else None)
                )
            for future in futures:
                outcome = future.result()
                statuses += outcome.statuses
                seen |= outcome.namespaces
                self.counts += outcome.counts
                self.files += outcome.files
        except BaseException:
            self.api.stop()
            raise
        finally:
            readers.shutdown(cancel_futures=True)
            ahead.shutdown(cancel_futures=True)
        return statuses, seen

    def _source(
        self, source: Source, served: Served, ahead: ThreadPoolExecutor, first: Future[_Outcome] | None
    ) -> _Outcome:
        """Read one source, everywhere or in single namespaces; runs in a thread of its own."""
        self.progress.source_started(source.name)
        metadata_only = source.name == "secrets"
        redactor = Redactor(self.plan.key)
        lines = Lines(source, redactor, {"type": LEGACY_TOKEN} if metadata_only else None)
        writer = RewindableWriter(self.folder, source.name)
        reader = ListReader(self.api, lines, writer, ahead, lambda objects: self.progress.page(source.name, objects))
        outcome = _Outcome()
        budget = Budget()
        try:
            if source.opt_in and source.opt_in not in self.plan.read:
                outcome.statuses.append(SourceStatus(source=source.name, status=Status.FORBIDDEN, cause=NOT_ASKED_FOR))
            elif served.status is not None:
                outcome.statuses.append(
                    SourceStatus(source=source.name, status=served.status, cause=served.cause, call="GET /apis",
                                 started=self.time(), finished=self.time())
                )  # fmt: skip
            elif self.plan.scope is not None and source.name == "namespaces":
                outcome.statuses += read_scope(self.api, self.plan.scope, lines, writer, self.time)
                outcome.names = set(self.plan.scope)
            else:
                call = ListCall(source, served.version, fields=f"type={LEGACY_TOKEN}" if metadata_only else "",
                                metadata_only=metadata_only)  # fmt: skip
                self._list(call, reader, budget, outcome, first)
        finally:
            stored = writer.close()
        outcome.files += kept(self.folder, stored)
        if source.name == "namespaces" and self.plan.scope is None:
            outcome.names = {msgspec.json.decode(line)["metadata"]["name"] for line in self._stored_lines("namespaces")}
        outcome.namespaces = reader.namespaces - {""}
        outcome.counts = redactor.counts
        done = [status.status.value for status in outcome.statuses if status.status is not Status.COLLECTED]
        self.progress.source_done(source.name, stored.lines, done[0] if done else Status.COLLECTED.value)
        return outcome

    def _list(
        self, call: ListCall, reader: ListReader, budget: Budget, outcome: _Outcome, first: Future[_Outcome] | None
    ) -> None:
        """List everywhere; where that is forbidden, or a scope is declared, in each namespace that is known."""
        if self.plan.scope is not None:
            single: abc.Iterable[str] = self.plan.scope
        else:
            status, code = self._one(call, reader, budget)
            outcome.statuses.append(status)
            if code != 403 or not call.source.namespaced or first is None:
                return
            single = sorted(first.result().names)[:MAX_NAMESPACE_LISTS]
        for namespace in single:
            one = ListCall(call.source, call.version, namespace, call.fields, call.metadata_only)
            outcome.statuses.append(self._one(one, reader, budget)[0])

    def _one(self, call: ListCall, reader: ListReader, budget: Budget) -> tuple[SourceStatus, int]:
        started = self.time()
        end = reader.read(call, budget)
        status = SourceStatus(
            source=call.source.name,
            namespace=call.namespace,
            status=end.status,
            cause=end.cause,
            call=call.text,
            count=end.count,
            resource_version=end.resource_version,
            started=started,
            finished=self.time(),
        )
        return status, end.code

    def _configz(self) -> list[SourceStatus]:
        """The kubelets' configuration, where it is asked for and nodes are within the scope."""
        if not any(source.name == CONFIGZ for source in self.plan.wanted) or self.plan.scope is not None:
            return []
        self.progress.source_started(CONFIGZ)
        redactor = Redactor(self.plan.key)
        writer = RewindableWriter(self.folder, CONFIGZ)
        try:
            found = kubelets(self._stored_lines("nodes"))
            statuses = read_configz(
                self.api.access,
                found,
                kubelet_ca=self.plan.kubelet_ca,
                redactor=redactor,
                write=writer.write,
                times=self.time,
            )
        finally:
            stored = writer.close()
        self.files += kept(self.folder, stored)
        if not statuses:
            cause = "no node is known whose kubelet could be asked"
            statuses = [SourceStatus(source=CONFIGZ, status=Status.ERROR, cause=cause)]
        self.counts += redactor.counts
        self.progress.page(CONFIGZ, stored.lines)
        self.progress.source_done(CONFIGZ, stored.lines, statuses[0].status.value)
        return statuses

    def _kubeconfig(self) -> list[SourceStatus]:
        """The certificates of the kubeconfig in use, where they are asked for and the cluster is within the scope.

        What of them cannot be read stands in the objects themselves: the look at the kubeconfig is complete.
        """
        if not any(source.name == KUBECONFIG for source in self.plan.wanted) or self.plan.scope is not None:
            return []
        self.progress.source_started(KUBECONFIG)
        started = self.time()
        writer = RewindableWriter(self.folder, KUBECONFIG)
        try:
            for held in held_certificates(self.api.access):
                writer.write(kubeconfig_line(held))
        finally:
            stored = writer.close()
        self.files += kept(self.folder, stored)
        self.progress.page(KUBECONFIG, stored.lines)
        self.progress.source_done(KUBECONFIG, stored.lines, Status.COLLECTED.value)
        call = "the kubeconfig's context in use" if self.api.access.context else "the ServiceAccount's files of our pod"
        return [
            SourceStatus(source=KUBECONFIG, status=Status.COLLECTED, call=call, count=stored.lines, started=started,
                         finished=self.time())
        ]  # fmt: skip

    def _doubt_unconfirmed(self, statuses: list[SourceStatus], seen: set[str]) -> list[SourceStatus]:
        """Empty lists of a namespace that nobody confirmed may be those of one that does not exist."""
        unconfirmed = {
            status.namespace
            for status in statuses
            if status.source == "namespaces" and status.object and status.status is not Status.COLLECTED
        } - seen
        cause = "the list is empty, and whether the namespace exists could not be confirmed"
        return [
            msgspec.structs.replace(status, status=Status.ERROR, cause=cause)
            if status.namespace in unconfirmed and status.status is Status.COLLECTED
            else status
            for status in statuses
        ]

    def _namespaces(self, statuses: list[SourceStatus], seen: set[str]) -> tuple[tuple[str, ...], bool, str]:
        """Every namespace known by name, whether these are all, and the UID of kube-system."""
        listed = [msgspec.json.decode(line)["metadata"] for line in self._stored_lines("namespaces")]
        names = {metadata["name"] for metadata in listed} | seen | set(self.plan.scope or ())
        complete = all(status.status is Status.COLLECTED for status in statuses if status.source == "namespaces")
        kube_system = next((entry.get("uid", "") for entry in listed if entry["name"] == "kube-system"), "")
        return tuple(sorted(names)), complete, kube_system

    def _stored_lines(self, source: str) -> abc.Iterator[bytes]:
        """Lines that this run has written."""
        path = self.folder / file_name(source)
        if path.exists():
            with path.open("rb") as stream:
                yield from stream


def _in_order(statuses: abc.Iterable[SourceStatus]) -> tuple[SourceStatus, ...]:
    return tuple(sorted(statuses, key=lambda status: (status.source, status.namespace, status.object)))


def _read(path: str | None) -> bytes:
    """A file of trust anchors, nothing where there is none; an unreadable one was told of before."""
    try:
        return Path(path).read_bytes() if path else b""
    except OSError:
        return b""


class _Outcome:
    """What reading one source gave."""

    def __init__(self) -> None:
        self.statuses: list[SourceStatus] = []
        self.files: list[StoredFile] = []
        self.counts: Counter[str] = Counter()
        self.namespaces: set[str] = set()
        """Namespaces of the objects that were read."""
        self.names: set[str] = set()
        """For the source "namespaces": their names."""
