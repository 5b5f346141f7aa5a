"""Two packs compared, subject by subject. What is no longer seen is never resolved: it is lost sight of."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from preaudit.errors import UsageError
from preaudit.evidence import manifest as manifests
from preaudit.evidence.pack import MANIFEST, RECORDS
from preaudit.evidence.tokens import without_tokens
from preaudit.subjects.ref import Subject
from preaudit.verdict import Level, Severity, Verdict

_MAX_LINE = 16 * 2**20
_MAX_MANIFEST = 256 * 2**20
_CLUSTER = "cluster"
_NONE = object()


class Change(StrEnum):
    """What became of one requirement on one subject."""

    NEW_FAILURE = "new failure"
    LOST = "lost sight of"
    CHANGED = "still failing, on other evidence"
    STILL = "still failing"
    FIXED = "fixed"
    GONE = "fixed, the subject is gone"
    WAIVED = "waived since"
    SEEN = "seen now"


class _Line(msgspec.Struct):
    """What a comparison needs of a record; the rest of the line is not decoded."""

    requirement: str
    namespace: str
    title: str
    severity: Severity
    level: Level
    verdict: Verdict
    reason: str
    subject: Subject | None = None
    observed: msgspec.Raw = msgspec.Raw(b"[]")
    waiver: str | None = None
    attestation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One requirement on one subject that is not the same, or still fails.

    Attributes:
        subject: ``shop/DaemonSet/agent containers[agent]``, the namespace where there is no subject.
        old: verdict in the old pack, None where the old pack has no record.
        new: the same in the new one.
        reason: of the new record, or of the old one where the new pack has none.
        note: what else a reader should know (a waiver that ended).
    """

    change: Change
    requirement: str
    title: str
    severity: Severity
    level: Level
    namespace: str
    subject: str
    old: Verdict | None
    new: Verdict | None
    reason: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Population:
    """Number of distinct subjects of one requirement, and of those that came and went."""

    requirement: str
    old: int
    new: int
    came: int
    went: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that differs between two packs.

    Attributes:
        old: manifest of the older pack.
        new: manifest of the newer one.
        differences: by change, then severity, requirement and subject.
        populations: of the requirements whose number of subjects, or the subjects themselves, changed.
        values: profile values that changed: name, old, new (JSON), where one of the two may be "not set".
        requirements: ids that only one of the packs judged, with "added" or "removed".
        waivers: ids of waivers that held and hold no more, with their state now.
        limits: what this comparison cannot tell, in sentences.
    """

    old: manifests.Manifest
    new: manifests.Manifest
    differences: tuple[Difference, ...]
    populations: tuple[Population, ...]
    values: tuple[tuple[str, str, str], ...]
    requirements: tuple[tuple[str, str], ...]
    waivers: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]

    def of(self, change: Change) -> list[Difference]:
        """The differences of one kind."""
        return [one for one in self.differences if one.change is change]

    @property
    def worse(self) -> list[Difference]:
        """New failures and what was lost sight of, at level fail: what closes a gate on new findings."""
        return [
            one
            for one in self.differences
            if one.change in {Change.NEW_FAILURE, Change.LOST} and one.level is Level.FAIL
        ]


def compare(old: Path, new: Path) -> Comparison:
    """Compare two pack folders.

    Raises:
        UsageError: one is no pack, or was changed after it was made.
    """
    before, after = _Side(old), _Side(new)
    same_key = _same_key(before.manifest, after.manifest)
    found: list[Difference] = []
    populations: list[Population] = []
    rows = _joined(before.groups(), after.groups())
    for requirement, old_lines, new_lines in rows:
        judge = _Requirement(requirement, old_lines, new_lines, before.manifest, after, same_key=same_key)
        found += judge.differences()
        population = judge.population()
        if population.came or population.went:
            populations.append(population)
    found.sort(key=_order)
    return Comparison(
        old=before.manifest, new=after.manifest, differences=tuple(found), populations=tuple(populations),
        values=tuple(_values(before.manifest, after.manifest)),
        requirements=tuple(_requirements(before.manifest, after.manifest)),
        waivers=tuple(_waivers(before.manifest, after.manifest)),
        limits=tuple(_limits(before.manifest, after.manifest, same_key=same_key)),
    )  # fmt: skip


def _order(one: Difference) -> tuple[int, int, str, str, str]:
    return list(Change).index(one.change), one.severity.rank, one.requirement, one.namespace, one.subject


class _Side:
    """One of the two packs."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORDS
        self.manifest = _manifest(folder)
        self.judged = {one.id for one in self.manifest.catalogue}
        self.deselected = {one.get("item", "") for one in self.manifest.deselected}
        namespaces = self.manifest.snapshot.get("namespaces")
        self.scope = frozenset(namespaces) if isinstance(namespaces, list) else None
        self.files = self.manifest.snapshot.get("mode") == "manifests"

    def groups(self) -> Iterator[tuple[str, list[_Line]]]:
        """The records by requirement, in the order of the pack, which is checked on the way, as is its hash."""
        digest = hashlib.sha256()
        last = ""
        for requirement, lines in groupby(self._lines(digest), lambda line: line.requirement):
            if requirement < last:
                raise UsageError(f"{self._path}: the records are not in order; run preaudit verify on the pack")
            last = requirement
            yield requirement, list(lines)
        told = next((one.sha256 for one in self.manifest.files if one.name == RECORDS), "")
        if digest.hexdigest() != told:
            raise UsageError(f"{self._path} was changed after it was made; run preaudit verify on the pack")

    def _lines(self, digest: Any) -> Iterator[_Line]:
        decode = msgspec.json.Decoder(_Line).decode
        try:
            with self._path.open("rb") as stream:
                while line := stream.readline(_MAX_LINE):
                    digest.update(line)
                    yield decode(line)
        except OSError as error:
            raise UsageError(f"{self._path} cannot be read: {error.strerror}") from None
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise UsageError(f"{self._path}: a line is no record: {error}; run preaudit verify on the pack") from None

    def proves_absence(self, requirement: str, namespace: str, blind: frozenset[str]) -> str:
        """Why a subject that has no record is not proved to be gone; "" where it is."""
        if requirement not in self.judged:
            return "the requirement was not judged"
        if f"{requirement}[{namespace}]" in self.deselected:
            return "it was deselected"
        if self.files:
            return "files were judged: what is not in them proves nothing"
        if self.scope is not None and namespace not in self.scope:
            return f"{namespace} was outside the declared namespaces"
        if blind & {namespace, _CLUSTER}:
            return "what the subject would be among was not seen completely"
        return ""


@dataclass(slots=True)
class _Requirement:
    """One requirement in both packs."""

    id: str
    old_lines: Sequence[_Line]
    new_lines: Sequence[_Line]
    old_manifest: manifests.Manifest
    after: _Side
    same_key: bool = field(kw_only=True)

    def differences(self) -> Iterator[Difference]:
        before, now = _by_subject(self.old_lines), _by_subject(self.new_lines)
        blind = frozenset(line.namespace for line in self.new_lines if not line.subject and _unseen(line))
        for key in before.keys() | now.keys():
            found = self._one(before.get(key), now.get(key), blind)
            if found is not None:
                yield found

    @property
    def _blind_before(self) -> frozenset[str]:
        return frozenset(line.namespace for line in self.old_lines if not line.subject and _unseen(line))

    def _one(self, old: list[_Line] | None, new: list[_Line] | None, blind: frozenset[str]) -> Difference | None:
        was, is_ = _worst(old), _worst(new)
        if new is not None and is_ is Verdict.FAIL:
            return self._failing(old, new, was)
        if new is not None and _unseen(new[0]) and was is not Verdict.UNKNOWN and (old is not None or new[0].subject):
            return _difference(Change.LOST, new[0], was, is_)
        if old is None or was in {Verdict.NOT_APPLICABLE, Verdict.UNKNOWN}:
            seen = was is Verdict.UNKNOWN and is_ in {Verdict.PASS, Verdict.WAIVED}
            return _difference(Change.SEEN, new[0], was, is_) if seen and new else None
        if new is None:
            why = self.after.proves_absence(self.id, old[0].namespace, blind)
            if why:
                return _difference(Change.LOST, old[0], was, None, why)
            return _difference(Change.GONE, old[0], was, None) if was is Verdict.FAIL else None
        if was is Verdict.FAIL:
            return self._no_failure(new, is_)
        if is_ is Verdict.MANUAL and was in {Verdict.PASS, Verdict.WAIVED}:
            return _difference(Change.LOST, new[0], was, is_, "it is left to a person now")
        return None

    def _no_failure(self, new: list[_Line], is_: Verdict | None) -> Difference:
        """A failure that is none any more; only what was observed to hold is fixed."""
        if is_ is Verdict.WAIVED:
            return _difference(Change.WAIVED, new[0], Verdict.FAIL, is_)
        if is_ is not Verdict.PASS:
            return _difference(Change.LOST, new[0], Verdict.FAIL, is_)
        if any(line.attestation for line in new):
            return _difference(Change.LOST, new[0], Verdict.FAIL, is_, "a person attests it now, it was not observed")
        return _difference(Change.FIXED, new[0], Verdict.FAIL, is_)

    def _failing(self, old: list[_Line] | None, new: list[_Line], was: Verdict | None) -> Difference:
        if was is not Verdict.FAIL or old is None:
            waiver = next((line.waiver for line in old or () if line.waiver), None)
            note = f"waiver {waiver} holds no more" if waiver else ""
            if old is None and self._blind_before & {new[0].namespace, _CLUSTER}:
                note = "the old pack had not seen completely what it is among"
            return _difference(Change.NEW_FAILURE, new[0], was, Verdict.FAIL, note)
        same = self._evidence(old) == self._evidence(new)
        return _difference(Change.STILL if same else Change.CHANGED, new[0], was, Verdict.FAIL)

    def _evidence(self, lines: Iterable[_Line]) -> set[bytes]:
        """What fails, as it was observed; redacted values count only under one key."""
        facts = set()
        for line in lines:
            if line.verdict is not Verdict.FAIL:
                continue
            raw = bytes(line.observed)
            if b"$redacted" in raw and not self.same_key:
                raw = msgspec.json.encode(without_tokens(msgspec.json.decode(raw)))
                facts.add(raw)
            else:
                facts.add(raw + line.reason.encode(errors="surrogatepass"))
        return facts

    def population(self) -> Population:
        old = {_key(line) for line in self.old_lines if line.subject}
        new = {_key(line) for line in self.new_lines if line.subject}
        return Population(self.id, len(old), len(new), len(new - old), len(old - new))


def _unseen(line: _Line) -> bool:
    return line.verdict is Verdict.UNKNOWN


def _key(line: _Line) -> tuple[str, ...]:
    subject = line.subject
    if subject is None:
        return (line.namespace,)
    return (line.namespace, subject.api_version, subject.kind, subject.namespace, subject.name, subject.within)


def _by_subject(lines: Iterable[_Line]) -> dict[tuple[str, ...], list[_Line]]:
    """The records of each subject and part, the worst first."""
    found: dict[tuple[str, ...], list[_Line]] = defaultdict(list)
    for line in lines:
        found[_key(line)].append(line)
    for group in found.values():
        group.sort(key=lambda line: line.verdict.rank)
    return found


def _worst(lines: Sequence[_Line] | None) -> Verdict | None:
    return lines[0].verdict if lines else None


def _difference(change: Change, line: _Line, old: Verdict | None, new: Verdict | None, note: str = "") -> Difference:
    subject = line.subject
    parts = (subject.namespace, subject.kind, subject.name) if subject else (line.namespace,)
    name = "/".join(part for part in parts if part)
    return Difference(
        change=change, requirement=line.requirement, title=line.title, severity=line.severity, level=line.level,
        namespace=line.namespace, subject=f"{name} {subject.within}".strip() if subject else name, old=old, new=new,
        reason=line.reason, note=note,
    )  # fmt: skip


def _joined(
    old: Iterator[tuple[str, list[_Line]]], new: Iterator[tuple[str, list[_Line]]]
) -> Iterator[tuple[str, list[_Line], list[_Line]]]:
    """Both sides by requirement; each is sorted, so that one requirement at a time is in memory."""
    left, right = next(old, None), next(new, None)
    while left or right:
        name = min(side[0] for side in (left, right) if side)
        both = [side[1] if side and side[0] == name else [] for side in (left, right)]
        yield name, both[0], both[1]
        left = next(old, None) if left and left[0] == name else left
        right = next(new, None) if right and right[0] == name else right


def _manifest(folder: Path) -> manifests.Manifest:
    path = folder / MANIFEST
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_MANIFEST + 1)
        if len(raw) > _MAX_MANIFEST:
            raise UsageError(f"{path} is longer than {_MAX_MANIFEST >> 20} MiB, which no manifest is")
        return manifests.decode(raw)
    except OSError as error:
        raise UsageError(f"{folder}: no pack that can be read ({MANIFEST}: {error.strerror})") from None
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: no manifest of this version: {error}") from None


def _same_key(old: manifests.Manifest, new: manifests.Manifest) -> bool:
    names = [one.snapshot.get("redaction") for one in (old, new)]
    ids = [name.get("key_id") if isinstance(name, dict) else None for name in names]
    return bool(ids[0]) and ids[0] == ids[1]


def _values(old: manifests.Manifest, new: manifests.Manifest) -> Iterator[tuple[str, str, str]]:
    before = {one.name: one.value for one in old.profile.parameters}
    after = {one.name: one.value for one in new.profile.parameters}
    for name in sorted(before.keys() | after.keys()):
        was, is_ = (_json(values.get(name, _NONE)) for values in (before, after))
        if was != is_:
            yield name, was, is_


def _json(value: Any) -> str:
    return "not set" if value is _NONE else msgspec.json.encode(value, order="sorted").decode()


def _requirements(old: manifests.Manifest, new: manifests.Manifest) -> Iterator[tuple[str, str]]:
    before: Mapping[str, str] = {one.id: one.sha256 for one in old.catalogue}
    after: Mapping[str, str] = {one.id: one.sha256 for one in new.catalogue}
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield name, "removed"
        elif name not in before:
            yield name, "added"


def _waivers(old: manifests.Manifest, new: manifests.Manifest) -> Iterator[tuple[str, str]]:
    after = {one.id: one.state for one in new.waivers}
    for waiver in old.waivers:
        if waiver.state == "live" and after.get(waiver.id) != "live":
            yield waiver.id, after.get(waiver.id, "not given any more")


def _limits(old: manifests.Manifest, new: manifests.Manifest, *, same_key: bool) -> Iterator[str]:
    ids = [one.target.cluster_uid for one in (old, new)]
    if ids[0] != ids[1]:
        yield "the packs are about two clusters, or one of them could not be named"
    elif not ids[0]:
        yield "neither pack could name its cluster"
    if old.tool != new.tool:
        versions = " and ".join(Counter(one.tool.get("version", "unknown") for one in (old, new)))
        yield f"the packs were judged by two builds of preaudit ({versions}): a change may be one of the checks"
    if not same_key:
        yield "redacted values cannot be compared: the packs have different redaction keys"
    for word, one in (("old", old), ("new", new)):
        for reason in one.partial:
            yield f"the {word} pack is PARTIAL: {reason}"
        if one.run.interrupted:
            yield f"the {word} pack comes from an interrupted run"
