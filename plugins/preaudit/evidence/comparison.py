"""Two packs compared, subject by subject. What is no longer seen is never resolved: it is lost sight of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import msgspec

from preaudit.evidence import circumstances
from preaudit.evidence.manifest import Manifest
from preaudit.evidence.side import Line, Side
from preaudit.evidence.tokens import without_tokens
from preaudit.verdict import Level, Severity, Verdict

_CLUSTER = "cluster"
_OTHER = "the packs are not about one cluster"
_PARTLY = "what the subject is among was not seen completely"


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


_WORSE = frozenset({Change.NEW_FAILURE, Change.LOST})


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

    old: Manifest
    new: Manifest
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
            if one.change in _WORSE and one.level is Level.FAIL
        ]


def compare(old: Path, new: Path) -> Comparison:
    """Compare two pack folders.

    Raises:
        UsageError: one is no pack, or was changed after it was made.
    """
    before, after = Side(old), Side(new)
    was, is_ = before.manifest, after.manifest
    found: list[Difference] = []
    populations: list[Population] = []
    weakened, levels = circumstances.weakened(was, is_), {one.id: one.level for one in is_.catalogue}
    for requirement, old_lines, new_lines in _joined(before.groups(), after.groups()):
        judged = _Requirement(
            requirement, old_lines, new_lines, after, same_key=circumstances.same_key(was, is_),
            same_cluster=circumstances.same_cluster(was, is_),
        )  # fmt: skip
        strict = weakened.get(requirement)
        for one in judged.differences():
            # A profile that was made milder hides no new failure; what its scope made milder stays so.
            if strict and one.change in _WORSE and one.level is levels[requirement]:
                told = f"{one.note}; " * bool(one.note) + f"the old profile's level was {strict.value}"
                found.append(replace(one, level=strict, note=told))
            else:
                found.append(one)
        population = judged.population()
        if population.came or population.went:
            populations.append(population)
    found.sort(key=_order)
    return Comparison(
        old=was, new=is_, differences=tuple(found), populations=tuple(populations),
        values=tuple(circumstances.values(was, is_)), requirements=tuple(circumstances.requirements(was, is_)),
        waivers=tuple(circumstances.waivers(was, is_)), limits=tuple(circumstances.limits(was, is_)),
    )  # fmt: skip


def _order(one: Difference) -> tuple[int, int, str, str, str]:
    return list(Change).index(one.change), one.severity.rank, one.requirement, one.namespace, one.subject


@dataclass(slots=True)
class _Requirement:
    """One requirement in both packs."""

    id: str
    old_lines: Sequence[Line]
    new_lines: Sequence[Line]
    after: Side
    same_key: bool = field(kw_only=True)
    same_cluster: bool = field(kw_only=True)

    def differences(self) -> Iterator[Difference]:
        before, now = _by_subject(self.old_lines), _by_subject(self.new_lines)
        blind = _blind(self.new_lines)
        lost: set[str] = set()
        later = []
        for key in before.keys() | now.keys():
            found = self._one(before.get(key), now.get(key), blind)
            if found is None:
                continue
            if found.change is Change.LOST and found.old is None and len(key) == 1:
                later.append(found)
                continue
            if found.change is Change.LOST:
                lost |= {found.namespace, _CLUSTER}
            yield found
        # That a place as a whole is not seen any more is told by its subjects, where the old pack had some.
        yield from (one for one in later if one.namespace not in lost)

    def _one(self, old: list[Line] | None, new: list[Line] | None, blind: frozenset[str]) -> Difference | None:
        was, is_ = _worst(old), _worst(new)
        if new is not None and is_ is Verdict.FAIL:
            return self._failing(old, new, was)
        if new is not None and is_ is Verdict.UNKNOWN and was is not Verdict.UNKNOWN:
            return _difference(Change.LOST, new[0], was, is_)
        if old is None or was in {Verdict.NOT_APPLICABLE, Verdict.UNKNOWN}:
            seen = was is Verdict.UNKNOWN and is_ in {Verdict.PASS, Verdict.WAIVED}
            return _difference(Change.SEEN, new[0], was, is_) if seen and new else None
        if new is None:
            why = self._unproved(old[0].namespace, blind) or self.after.proves_absence(self.id, old[0].namespace)
            if why:
                return _difference(Change.LOST, old[0], was, None, why)
            return _difference(Change.GONE, old[0], was, None) if was is Verdict.FAIL else None
        if was is Verdict.FAIL:
            return self._no_failure(new, is_, blind)
        if is_ is Verdict.MANUAL and was in {Verdict.PASS, Verdict.WAIVED}:
            return _difference(Change.LOST, new[0], was, is_, "it is left to a person now")
        return None

    def _unproved(self, namespace: str, blind: frozenset[str]) -> str:
        """Why what the new pack shows is not all that there is of a subject; "" where it is."""
        if not self.same_cluster:
            return _OTHER
        return _PARTLY if blind & {namespace, _CLUSTER} else ""

    def _no_failure(self, new: list[Line], is_: Verdict | None, blind: frozenset[str]) -> Difference:
        """A failure that is none any more; only what was observed to hold, and completely, is fixed."""
        if is_ is Verdict.WAIVED:
            return _difference(Change.WAIVED, new[0], Verdict.FAIL, is_)
        if is_ is not Verdict.PASS:
            return _difference(Change.LOST, new[0], Verdict.FAIL, is_)
        if any(line.attestation for line in new):
            return _difference(Change.LOST, new[0], Verdict.FAIL, is_, "a person attests it now, it was not observed")
        why = self._unproved(new[0].namespace, blind)
        return _difference(Change.LOST if why else Change.FIXED, new[0], Verdict.FAIL, is_, why)

    def _failing(self, old: list[Line] | None, new: list[Line], was: Verdict | None) -> Difference:
        if was is not Verdict.FAIL or old is None:
            waiver = next((line.waiver for line in old or () if line.waiver), None)
            note = f"waiver {waiver} holds no more" if waiver else ""
            if old is None and _blind(self.old_lines) & {new[0].namespace, _CLUSTER}:
                note = "the old pack had not seen completely what it is among"
            return _difference(Change.NEW_FAILURE, new[0], was, Verdict.FAIL, note)
        same = self._evidence(old) == self._evidence(new)
        return _difference(Change.STILL if same else Change.CHANGED, new[0], was, Verdict.FAIL)

    def _evidence(self, lines: Iterable[Line]) -> set[bytes]:
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


def _blind(lines: Iterable[Line]) -> frozenset[str]:
    """Where not all was seen: a record without a subject, unless it says that a complete look found none."""
    return frozenset(
        line.namespace for line in lines if line.subject is None and line.verdict is not Verdict.NOT_APPLICABLE
    )


def _key(line: Line) -> tuple[str, ...]:
    subject = line.subject
    if subject is None:
        return (line.namespace,)
    return (line.namespace, subject.api_version, subject.kind, subject.namespace, subject.name, subject.within)


def _by_subject(lines: Iterable[Line]) -> dict[tuple[str, ...], list[Line]]:
    """The records of each subject and part, the worst first."""
    found: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for line in lines:
        found[_key(line)].append(line)
    for group in found.values():
        group.sort(key=lambda line: line.verdict.rank)
    return found


def _worst(lines: Sequence[Line] | None) -> Verdict | None:
    return lines[0].verdict if lines else None


def _difference(change: Change, line: Line, old: Verdict | None, new: Verdict | None, note: str = "") -> Difference:
    subject = line.subject
    parts = (subject.namespace, subject.kind, subject.name) if subject else (line.namespace,)
    name = "/".join(part for part in parts if part)
    return Difference(
        change=change, requirement=line.requirement, title=line.title, severity=line.severity, level=line.level,
        namespace=line.namespace, subject=f"{name} {subject.within}".strip() if subject else name, old=old, new=new,
        reason=line.reason, note=note,
    )  # fmt: skip


def _joined(
    old: Iterator[tuple[str, list[Line]]], new: Iterator[tuple[str, list[Line]]]
) -> Iterator[tuple[str, list[Line], list[Line]]]:
    """Both sides by requirement; each is sorted, so that one requirement at a time is in memory."""
    left, right = next(old, None), next(new, None)
    while left or right:
        name = min(side[0] for side in (left, right) if side)
        both = [side[1] if side and side[0] == name else [] for side in (left, right)]
        yield name, both[0], both[1]
        left = next(old, None) if left and left[0] == name else left
        right = next(new, None) if right and right[0] == name else right
