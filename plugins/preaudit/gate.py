"""The gate: which records keep it closed, and the exit code of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from preaudit.errors import UsageError
from preaudit.evidence.manifest import Gate
from preaudit.evidence.record import Record
from preaudit.verdict import Exit, Level, Severity, Verdict

ALLOWED = ("unknown", "manual")
_MEANING = {
    Exit.OK: "nothing is open",
    Exit.FAILED: "something fails",
    Exit.INTERRUPTED: "interrupted",
    Exit.INTERNAL: "internal error",
    Exit.USAGE: "usage",
    Exit.NOTHING_JUDGED: "nothing was judged",
    Exit.UNKNOWN: "nothing fails, something is unknown",
}


@dataclass(frozen=True, slots=True)
class GateRules:
    """What the user let through.

    Attributes:
        allow: verdicts that do not close the gate (``--allow unknown,manual``).
        severity: the least severity that counts (``--gate-severity``), None for all.
        manual_allowed: the profile lets manual requirements pass without attestation.
    """

    allow: frozenset[str] = frozenset()
    severity: Severity | None = None
    manual_allowed: bool = False

    @classmethod
    def of(cls, told: Gate) -> GateRules:
        """The rules that a manifest tells."""
        severity = Severity(told.gate_severity) if told.gate_severity else None
        return cls(frozenset(told.allow), severity, told.manual_allowed)

    def counts(self, record: Record) -> bool:
        """Whether the record is at level fail and severe enough to close the gate."""
        return record.level is Level.FAIL and (self.severity is None or record.severity.rank <= self.severity.rank)

    def opens(self, record: Record) -> str:
        """What the record does to the gate: "fail", "unknown", "manual", or "" for nothing."""
        if not self.counts(record):
            return ""
        if record.verdict is Verdict.FAIL:
            return "fail"
        if record.verdict is Verdict.UNKNOWN and "unknown" not in self.allow:
            return "unknown"
        if record.verdict is Verdict.MANUAL and not self.manual_allowed and "manual" not in self.allow:
            return "manual"
        return ""

    def closes(self, record: Record) -> bool:
        """Whether the record alone keeps the gate closed."""
        return self.opens(record) != ""


@dataclass(slots=True)
class GateCount:
    """Running counts over records, from which the exit code follows."""

    rules: GateRules
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    open: Counter[str] = field(default_factory=Counter)

    def add(self, records: Sequence[Record]) -> None:
        """Count the records of one item."""
        for record in records:
            self.verdicts[record.verdict] += 1
            self.open[self.rules.opens(record)] += 1

    @property
    def exit(self) -> Exit:
        """1 a fail, 6 an unknown or unattested manual, 0 something passed or was waived, 5 nothing was judged."""
        if self.open["fail"]:
            return Exit.FAILED
        if self.open["unknown"] or self.open["manual"]:
            return Exit.UNKNOWN
        if self.verdicts[Verdict.PASS] or self.verdicts[Verdict.WAIVED] or self.verdicts[Verdict.FAIL]:
            return Exit.OK
        return Exit.NOTHING_JUDGED


def meaning(code: Exit) -> str:
    """The exit code in words."""
    return _MEANING[code]


def parse_allow(text: str | None) -> frozenset[str]:
    """The words of ``--allow``.

    Raises:
        UsageError: a word is none of unknown, manual.
    """
    words = frozenset(word.strip() for word in (text or "").split(",") if word.strip())
    if words - set(ALLOWED):
        raise UsageError(f"--allow {text}: it takes {' and '.join(ALLOWED)}; a fail is never allowed, waive it")
    return words


def parse_severity(text: str | None) -> Severity | None:
    """The severity of ``--gate-severity``.

    Raises:
        UsageError: there is no such severity.
    """
    if text is None:
        return None
    try:
        return Severity(text)
    except ValueError:
        raise UsageError(f"--gate-severity {text}: it is one of {', '.join(one.value for one in Severity)}") from None
