"""The estate: everything that a snapshot holds, indexed by namespace, read lazily and never changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE, Snapshot
from preaudit.source import SOURCES, source_named
from preaudit.subjects.forms import Forms
from preaudit.subjects.lens import Lens, ReadLog
from preaudit.subjects.owners import WORKLOAD_SOURCES, Owners

_Kept = TypeVar("_Kept")
BINDINGS = ("rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io")
CLUSTER = "cluster"
"""Name of the item that judges cluster-wide subjects."""


class Estate:
    """A snapshot, ready to be asked by subjects."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._subjects: dict[tuple[str, str], list[Any]] = {}
        self._pods_of: dict[str, list[dict[str, Any]]] = {}
        self._gaps: dict[tuple[tuple[str, ...], str], tuple[tuple[str, str], ...]] = {}
        self._by_namespace: dict[str, dict[str, list[dict[str, Any]]]] = {}

    @cached_property
    def owners(self) -> Owners:
        """The controllers, by UID."""
        return Owners(self.snapshot)

    @cached_property
    def forms(self) -> Forms:
        """The distinct pod specs of every workload."""
        return Forms(self.snapshot, self.owners)

    def kept(self, kind: str, namespace: str, made: Callable[[], Iterable[_Kept]]) -> list[_Kept]:
        """The subjects of one kind in a namespace, made once for all requirements that judge them."""
        found = self._subjects.get((kind, namespace))
        if found is None:
            found = self._subjects[kind, namespace] = list(made())
        return found

    def forget(self) -> None:
        """Let go of everything that was decoded; it is read again where it is asked for again."""
        for name in ("owners", "forms"):
            self.__dict__.pop(name, None)
        self._by_namespace.clear()
        self._pods_of.clear()
        self._subjects.clear()
        self.snapshot.forget()

    def gaps(self, sources: tuple[str, ...], namespace: str) -> tuple[tuple[str, str], ...]:
        """Those of some sources that were not seen completely in a namespace (or "*", or "cluster"), each with why.

        Objects from files are what they are.
        """
        found = self._gaps.get((sources, namespace))
        if found is None:
            found = self._gaps[sources, namespace] = tuple(self._unseen(sources, namespace))
        return found

    def _unseen(self, sources: tuple[str, ...], namespace: str) -> Iterator[tuple[str, str]]:
        for name in sources:
            where = namespace if SOURCES[name].namespaced and namespace != CLUSTER else EVERYWHERE
            if name == "namespaces":
                where = namespace
            coverage = self.snapshot.coverage(name, where)
            if not coverage.complete and not coverage.given:
                yield name, coverage.told

    @property
    def given(self) -> bool:
        """The objects came from files: what is not there proves nothing."""
        return self.snapshot.collection.mode == "manifests"

    def objects(self, source: str, namespace: str = EVERYWHERE) -> list[dict[str, Any]]:
        """The collected objects of a source in one namespace ("*" or a cluster-wide source: all of them)."""
        if namespace == EVERYWHERE or not SOURCES[source].namespaced:
            return self.snapshot.objects(source)
        if source == "pods":
            return self._pods(namespace)
        table = self._by_namespace.get(source)
        if table is None:
            table = self._by_namespace[source] = defaultdict(list)
            for found in self.snapshot.objects(source):
                table[found["metadata"].get("namespace", "")].append(found)
        return table.get(namespace, [])

    def _pods(self, namespace: str) -> list[dict[str, Any]]:
        """The pods of one namespace; those of all others, which fill a cluster, are not decoded."""
        found = self._pods_of.get(namespace)
        if found is None:
            name = namespace.encode()
            decode = msgspec.json.Decoder(dict[str, Any]).decode
            # A name can stand in JSON in other letters than its own only by an escape.
            lines = (line for line in self.snapshot.lines("pods") if name in line or b"\\u" in line)
            found = [one for one in map(decode, lines) if one["metadata"].get("namespace", "") == namespace]
            self._pods_of[namespace] = found
        return found

    def related(self, source: str, namespace: str, log: ReadLog) -> list[Lens]:
        """Lenses on the objects of another source beside a subject, for `namespace` or the cluster.

        Raises:
            NotObservable: the source was not seen completely there.
        """
        known = source_named(source)
        where = namespace if known.namespaced else EVERYWHERE
        coverage = self.snapshot.coverage(source, where)
        if coverage.given:
            log.given = True
        elif not coverage.complete:
            what = source if where == EVERYWHERE else f"{source} in {where}"
            raise NotObservable(what, coverage.told)
        found = self.objects(source, where)
        shown = "" if where == EVERYWHERE else f"{where}/"
        log.entries.append((f"{source} in {where}", f"{source} in {where}", f"{len(found)} objects"))
        return [
            Lens(one, known.kind, f"{known.kind}/{shown}{one['metadata'].get('name', '')}",
                 f"{known.kind}/{one['metadata'].get('name', '')}", log)
            for one in found
        ]  # fmt: skip

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that an item stands for: the declared scope, or all that are known by any source."""
        collection = self.snapshot.collection
        if collection.scope_namespaces is not None:
            return tuple(sorted(set(collection.scope_namespaces)))
        known = set(collection.namespaces) | set(self.forms.by_namespace)
        for source in SOURCES.values():
            if source.namespaced and source.name not in WORKLOAD_SOURCES:
                known |= self.snapshot.namespaces_of(source.name)
        return tuple(sorted(known - {""}))


