"""What was not looked at, and what hangs on it: unknown records matched to the reads that did not succeed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preaudit.snapshot import EVERYWHERE, SourceStatus, Status
from preaudit.source import SOURCES
from preaudit.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from preaudit.evidence.manifest import Manifest
    from preaudit.evidence.record import Record

_SEEN = frozenset({Status.COLLECTED, Status.ABSENT, Status.GIVEN})
_CLUSTER = "cluster"
_NOT_SEEN = "not seen: "
_NO_RIGHT = {
    Status.ERROR: "no right: the read failed; run again when the cause is gone",
    Status.TRUNCATED: "no right: the answer was cut short; run again, or raise the limit that the cause names",
}


@dataclass(frozen=True, slots=True)
class Unseen:
    """One gap.

    Attributes:
        source: the source that was not seen, "" where no read failed (a redacted value, a check that broke).
        namespace: where; "*" for the whole cluster.
        word: ``forbidden``, ``error``, ``truncated``; "" where no read failed.
        cause: why, as the source or the check gave it.
        right: the least right that would help, or what would where no right does.
        verdicts: number of unknown verdicts that hang on it.
        requirements: ids of the requirements whose verdicts these are, sorted.
    """

    source: str
    namespace: str
    word: str
    cause: str
    right: str
    verdicts: int
    requirements: tuple[str, ...]

    @property
    def place(self) -> str:
        """``pods in payments``, or ``nodes/configz`` for the whole cluster."""
        if not self.source:
            return self.namespace
        return self.source if self.namespace in {EVERYWHERE, _CLUSTER} else f"{self.source} in {self.namespace}"


_Key = tuple[str, str, str, str]


def unseen_groups(records: Sequence[Record], manifest: Manifest) -> tuple[Unseen, ...]:
    """Every gap, those that most verdicts hang on first; a gap that none hangs on is listed as well."""
    gaps = _Gaps(manifest)
    groups: dict[_Key, list[str]] = {key: [] for key in gaps.keys()}  # noqa: SIM118 - not a mapping
    for record in records:
        if record.verdict is Verdict.UNKNOWN:
            groups.setdefault(gaps.key_of(record), []).append(record.requirement)
    found = [
        Unseen(
            source=source,
            namespace=namespace,
            word=word,
            cause=cause,
            right=_right(source, namespace, word, cause),
            verdicts=len(requirements),
            requirements=tuple(sorted(set(requirements))),
        )
        for (source, namespace, word, cause), requirements in groups.items()
    ]
    return tuple(sorted(found, key=lambda gap: (-gap.verdicts, gap.source, gap.namespace, gap.word, gap.cause)))


class _Gaps:
    """The reads of a run that were not a full look, and which of them an unknown record is about."""

    def __init__(self, manifest: Manifest) -> None:
        self._reads = {entry.id: entry.sources for entry in manifest.catalogue}
        self._failed: dict[tuple[str, str], list[SourceStatus]] = {}
        by_namespace = {status.source for status in manifest.sources if status.namespace != EVERYWHERE}
        self._quiet: set[int] = set()
        for status in manifest.sources:
            if status.status in _SEEN:
                continue
            self._failed.setdefault((status.source, status.namespace), []).append(status)
            if status.namespace == EVERYWHERE and status.source in by_namespace:
                # The cluster-wide list was refused and single namespaces were read instead: those speak for it.
                self._quiet.add(id(status))
        # The longest name first: "nodes/configz" is named by a reason in which "nodes" stands as well.
        self._sources = sorted({source for source, _ in self._failed}, key=lambda name: (-len(name), name))

    def keys(self) -> Iterator[_Key]:
        """One key for each failed read that stands for itself."""
        for statuses in self._failed.values():
            for status in statuses:
                if id(status) not in self._quiet:
                    yield _key(status)

    def key_of(self, record: Record) -> _Key:
        """The failed read that the record's reason names, else that of its source, else the reason itself."""
        named = _listed(record.reason) or [one for one in self._sources if _names(record.reason, one)]
        candidates = (*named, record.source, *self._reads.get(record.requirement, ()))
        for source in candidates:
            for namespace in (record.namespace, EVERYWHERE):
                statuses = self._failed.get((source, namespace))
                if statuses:
                    told = next((one for one in statuses if one.object and one.object in record.reason), statuses[0])
                    return _key(told)
        if record.namespace == _CLUSTER:
            # A question about the whole cluster fails where one namespace was not seen.
            for source in candidates:
                told_of = next((found for (name, _), found in self._failed.items() if name == source), None)
                if told_of:
                    return _key(told_of[0])
        return "", record.namespace, "", record.reason


def _right(source: str, namespace: str, word: str, cause: str) -> str:
    """The least right that would close the gap, or what would where it is no matter of rights."""
    if not word:
        return "no right: see the cause"
    known = SOURCES.get(source)
    if known is not None and known.opt_in and (word == Status.FORBIDDEN.value or "--read" in cause):
        return f"list {source}, and the option --read {known.opt_in}"
    if word != Status.FORBIDDEN.value:
        return _NO_RIGHT[Status(word)]
    verb = "get" if "/" in source else "list"
    if known is not None and not known.namespaced:
        return f"{verb} {source}"
    return f"{verb} {source} in {'all namespaces' if namespace == EVERYWHERE else namespace}"


def _key(status: SourceStatus) -> _Key:
    cause = f"{status.object}: {status.cause}" if status.object else status.cause
    return status.source, status.namespace, status.status.value, cause


def _listed(reason: str) -> list[str]:
    """The sources of a reason such as ``not seen: pods, deployments.apps (forbidden: …); services (error: …)``."""
    rest = reason.removeprefix(_NOT_SEEN)
    return rest.partition(" (")[0].split(", ") if rest != reason else []


def _names(reason: str, source: str) -> bool:
    """Whether a reason names the source as `NotObservable` writes it: ``pods in payments: …``, ``nodes: …``."""
    return reason.startswith((f"{source} in ", f"{source}: ")) or f" {source} in " in reason or f" {source}: " in reason
