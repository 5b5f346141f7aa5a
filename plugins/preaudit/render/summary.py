"""What all renderings count: computed once, from the records, and held against the manifest's totals."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preaudit.errors import UsageError
from preaudit.evidence.manifest import CatalogueEntry, Control, Manifest
from preaudit.gate import GateRules
from preaudit.render.text import record_name
from preaudit.render.unseen import Unseen, unseen_groups
from preaudit.verdict import Level, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from preaudit.evidence.record import Record

COLUMNS = (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.MANUAL, Verdict.WAIVED, Verdict.NOT_APPLICABLE)
"""The verdicts in the order in which they are counted out to a reader."""

WORDS: Mapping[Verdict, str] = {verdict: verdict.value.replace("-", " ") for verdict in COLUMNS}
OPEN = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.MANUAL, Verdict.WAIVED)
"""The verdicts whose records are shown one by one, worst first; the others are counted."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Number of records by verdict; all six verdicts are present."""

    by_verdict: Mapping[Verdict, int]

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Counts:
        """Count them."""
        found = Counter(verdicts)
        return cls({verdict: found[verdict] for verdict in COLUMNS})

    def __getitem__(self, verdict: Verdict) -> int:
        return self.by_verdict[verdict]

    @property
    def total(self) -> int:
        """The sum over all verdicts."""
        return sum(self.by_verdict.values())


@dataclass(frozen=True, slots=True)
class NamespaceCount:
    """Observed passes and not-applicables of one requirement in one namespace: counted, not shown one by one."""

    namespace: str
    passes: int
    not_applicable: int


@dataclass(frozen=True, slots=True)
class RequirementSummary:
    """One requirement with everything that was found about it.

    Attributes:
        entry: its catalogue entry; made from its records where the catalogue has none.
        counts: its records by verdict.
        open: its fail, unknown, manual and waived records, and the passes that rest on an attestation; worst first,
            those that close the gate before others of the same verdict, then in the order of the pack.
        quiet: its observed passes and its not-applicables by namespace, sorted.
        subjects: number of distinct subjects, whatever the verdict.
        population_sha256: hash of the sorted list of those subjects (see `population_hash`).
        failing_subjects: number of distinct subjects with a fail.
        closing: number of its records that keep the gate closed.
    """

    entry: CatalogueEntry
    counts: Counts
    open: tuple[Record, ...]
    quiet: tuple[NamespaceCount, ...]
    subjects: int
    population_sha256: str
    failing_subjects: int
    closing: int

    @property
    def fails(self) -> tuple[Record, ...]:
        """Its failing records; they are the first of the open ones."""
        return self.open[: self.counts[Verdict.FAIL]]


@dataclass(frozen=True, slots=True)
class AreaSummary:
    """One area: its counts and its requirements, sorted by id."""

    name: str
    counts: Counts
    requirements: tuple[RequirementSummary, ...]


@dataclass(frozen=True, slots=True)
class Remedy:
    """What fixes findings: one text, the requirements that give it, and everything that fails for want of it."""

    fix: str
    requirements: tuple[RequirementSummary, ...]
    severity: Severity
    subjects: int
    closes_gate: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that is counted.

    Attributes:
        counts: all records by verdict; equal to the manifest's totals.
        areas: sorted by name.
        unseen: what was not looked at, the most consequential first.
        remedies: worst first.
        failing: requirements with at least one fail: those that close the gate first, then by severity, then by
            number of failing subjects.
        lenient: fails that do not close the gate, because of their level or of ``--gate-severity``.
    """

    counts: Counts
    areas: tuple[AreaSummary, ...]
    unseen: tuple[Unseen, ...]
    remedies: tuple[Remedy, ...]
    failing: tuple[RequirementSummary, ...]
    lenient: int

    @property
    def requirements(self) -> tuple[RequirementSummary, ...]:
        """Every requirement, by area, then by id."""
        return tuple(requirement for area in self.areas for requirement in area.requirements)


def population_hash(records: Iterable[Record]) -> str:
    """The sha256, in hex, of the distinct subjects: sorted lines ``apiVersion|kind|namespace|name|uid|within``."""
    lines = {
        f"{subject.api_version}|{subject.kind}|{subject.namespace}|{subject.name}|{subject.uid}|{subject.within}\n"
        for record in records
        if (subject := record.subject) is not None
    }
    # Names read from files may hold lone surrogates; they are hashed as they stand, not refused.
    return hashlib.sha256("".join(sorted(lines)).encode(errors="surrogatepass")).hexdigest()


def summarise(records: Sequence[Record], manifest: Manifest) -> Summary:
    """Count the records of a pack.

    Raises:
        UsageError: they are not the records that the manifest counted; such a pack gets no report.
    """
    counts = Counts.of(record.verdict for record in records)
    _reconcile(counts, manifest)
    gate = GateRules.of(manifest.gate)
    grouped: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        grouped[record.requirement].append(record)
    entries = {entry.id: entry for entry in manifest.catalogue}
    for name, found in grouped.items():
        if name not in entries:
            entries[name] = _entry_of(found[0])
    requirements = [_requirement(entry, grouped.get(name, []), gate) for name, entry in entries.items()]
    failing = sorted((one for one in requirements if one.fails), key=_by_weight)
    return Summary(
        counts=counts,
        areas=_areas(requirements),
        unseen=unseen_groups(records, manifest),
        remedies=_remedies(failing, gate),
        failing=tuple(failing),
        lenient=sum(
            record.verdict is Verdict.FAIL and not gate.closes(record)
            for one in failing
            for record in one.fails
        ),
    )


def _reconcile(counts: Counts, manifest: Manifest) -> None:
    for verdict in COLUMNS:
        told = manifest.totals.verdicts.get(verdict.value, 0)
        if told != counts[verdict]:
            raise UsageError(
                f"the records hold {counts[verdict]} {WORDS[verdict]}, the manifest counted {told}: "
                "they do not belong together or were changed; run preaudit verify on the pack"
            )


def _requirement(entry: CatalogueEntry, records: Sequence[Record], gate: GateRules) -> RequirementSummary:
    quiet: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    opened: list[Record] = []
    for record in records:
        if record.verdict is Verdict.PASS and record.attestation is None:
            quiet[record.namespace][0] += 1
        elif record.verdict is Verdict.NOT_APPLICABLE:
            quiet[record.namespace][1] += 1
        else:
            opened.append(record)
    opened.sort(key=lambda record: (record.verdict.rank, not gate.closes(record), record.sort_key))
    return RequirementSummary(
        entry=entry,
        counts=Counts.of(record.verdict for record in records),
        open=tuple(opened),
        quiet=tuple(NamespaceCount(name, *quiet[name]) for name in sorted(quiet)),
        subjects=len({record_name(record) for record in records if record.subject}),
        population_sha256=population_hash(records),
        failing_subjects=len({record_name(record) for record in opened if record.verdict is Verdict.FAIL}),
        closing=sum(gate.closes(record) for record in opened),
    )


def _by_weight(requirement: RequirementSummary) -> tuple[bool, int, int, str]:
    entry = requirement.entry
    return requirement.closing == 0, entry.severity.rank, -requirement.failing_subjects, entry.id


def _areas(requirements: Iterable[RequirementSummary]) -> tuple[AreaSummary, ...]:
    areas: dict[str, list[RequirementSummary]] = defaultdict(list)
    for requirement in requirements:
        areas[requirement.entry.area].append(requirement)
    return tuple(
        AreaSummary(
            name=name,
            counts=Counts({verdict: sum(one.counts[verdict] for one in areas[name]) for verdict in COLUMNS}),
            requirements=tuple(sorted(areas[name], key=lambda one: one.entry.id)),
        )
        for name in sorted(areas)
    )


def _remedies(failing: Sequence[RequirementSummary], gate: GateRules) -> tuple[Remedy, ...]:
    """Group by the text of the fix; `failing` is sorted by weight, so that each group's first is its worst."""
    groups: dict[str, list[RequirementSummary]] = defaultdict(list)
    for requirement in failing:
        groups[" ".join(requirement.entry.fix.split())].append(requirement)
    remedies = [
        Remedy(
            fix=fix,
            requirements=tuple(group),
            severity=min((one.entry.severity for one in group), key=lambda severity: severity.rank),
            subjects=len({record_name(record) for one in group for record in one.fails}),
            closes_gate=any(gate.closes(record) for one in group for record in one.fails),
        )
        for fix, group in groups.items()
    ]
    return tuple(sorted(remedies, key=lambda one: (not one.closes_gate, one.severity.rank, -one.subjects, one.fix)))


def _entry_of(record: Record) -> CatalogueEntry:
    """A catalogue entry for a requirement that the catalogue lacks: what its records say, and nothing made up."""
    controls = (control.partition(":") for control in record.controls)
    return CatalogueEntry(
        id=record.requirement,
        title=record.title,
        area=record.area,
        severity=record.severity,
        level=Level.FAIL,
        why="",
        fix="",
        expected=record.expected,
        method="",
        population=record.population,
        sources=(),
        controls=tuple(Control(framework=framework, id=name) for framework, _, name in controls),
        reperform="",
        file="",
        sha256="",
        limitations="This requirement is missing in the manifest's catalogue.",
    )
