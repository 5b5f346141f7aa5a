"""The six verdicts, the three levels, severities, and the exit code that follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum


class Verdict(StrEnum):
    """What was found about one subject, in the words of a record."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    MANUAL = "manual"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105 - a verdict
    NOT_APPLICABLE = "not-applicable"

    @property
    def rank(self) -> int:
        """Position from worst (0) to best (5); aggregates take the lowest."""
        return _VERDICT_ORDER[self]


_VERDICT_ORDER = {verdict: rank for rank, verdict in enumerate(Verdict)}

PROVED = frozenset({Verdict.PASS, Verdict.WAIVED, Verdict.NOT_APPLICABLE})
"""The verdicts that need a complete look: nothing that was not observed may have one of them."""


class Level(StrEnum):
    """How a profile treats a requirement: only fails and unknowns at level fail close the gate."""

    FAIL = "fail"
    WARN = "warn"
    INFO = "info"


def lower(one: Level, other: Level) -> Level:
    """The milder of two levels."""
    return max(one, other, key=list(Level).index)


class Severity(StrEnum):
    """How bad a violation is; it belongs to the requirement, not to the profile."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Position from most severe (0) to least."""
        return _SEVERITY_ORDER[self]


_SEVERITY_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


class Exit(IntEnum):
    """Exit codes; 0 to 5 are pytest's own."""

    OK = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    NOTHING_JUDGED = 5
    UNKNOWN = 6


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several verdicts: fail > unknown > manual > waived > pass > not-applicable.

    Raises:
        ValueError: there is none, so there is nothing to aggregate.
    """
    return min(verdicts, key=lambda verdict: verdict.rank)
