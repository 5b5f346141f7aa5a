"""The rows of the HTML tables: what a record shows, bounded so that a report of 10,000 open records stays readable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preaudit.render.text import record_name, short_reason, value_text
from preaudit.text import Shown, plural
from preaudit.verdict import Level, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from preaudit.evidence.record import Record
    from preaudit.render.budget import Budget
    from preaudit.render.summary import RequirementSummary

_NAME = 72
_LEAST_NAME = 60
_LEAST_TEXT = 200
_MOST_OBSERVED = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One open record.

    Attributes:
        verdict: its verdict.
        where: namespace, kind and name of its subject; the namespace alone where there is none.
        within: the part of the subject, None for the whole.
        marks: short facts beside the subject: number of pods, platform, level.
        reason: why the verdict is what it is.
        observed: paths and values that it rests on.
        more: number of further observations, which stand in records.jsonl.
        expected: the expectation where it is not the one of the requirement.
        note: what a reader should know beside the reason.
        waiver: id of the waiver that covers it.
    """

    verdict: Verdict
    where: tuple[Shown, ...]
    within: Shown | None
    marks: tuple[str, ...]
    reason: Shown
    observed: tuple[tuple[Shown, Shown], ...]
    more: int
    expected: Shown | None
    note: Shown | None
    waiver: Shown | None


@dataclass(frozen=True, slots=True)
class SubjectLine:
    """One failing subject in the list of a remedy, with the parts of it that fail."""

    where: tuple[Shown, ...]
    within: tuple[Shown, ...]
    more: int


def rows_of(requirement: RequirementSummary, budget: Budget) -> Iterator[Row]:
    """The open records of a requirement as rows, one at a time."""
    for record in requirement.open:
        yield _row(record, requirement.entry.expected, budget)


def _row(record: Record, expected: str, budget: Budget) -> Row:
    subject = record.subject
    most = 1 if budget.tight else _MOST_OBSERVED
    return Row(
        verdict=record.verdict,
        where=_where(record, budget),
        within=budget.take(subject.within, _NAME, least=_LEAST_NAME) if subject and subject.within else None,
        marks=tuple(_marks(record)),
        reason=budget.take(" ".join(short_reason(record).split()), 2_000, least=_LEAST_TEXT),
        observed=tuple(
            (
                budget.take(seen.path, _NAME * 2, least=_LEAST_NAME),
                budget.take(value_text(seen.value), 500, least=_LEAST_NAME),
            )
            for seen in record.observed[:most]
        ),
        more=max(0, len(record.observed) - most),
        expected=budget.take(record.expected, 500, least=_LEAST_NAME) if record.expected != expected else None,
        note=budget.take(record.note, 1_000, least=_LEAST_NAME) if record.note else None,
        waiver=budget.take(record.waiver, _NAME, least=_LEAST_NAME) if record.waiver else None,
    )


def _where(record: Record, budget: Budget) -> tuple[Shown, ...]:
    subject = record.subject
    parts = (subject.namespace, subject.kind, subject.name) if subject else (record.namespace,)
    return tuple(budget.take(part, _NAME, least=_LEAST_NAME) for part in parts if part)


def _marks(record: Record) -> Iterator[str]:
    if record.pods:
        yield plural(record.pods, "running pod")
    if record.source == "template" and record.subject:
        yield "judged by its template"
    if record.subject and record.subject.unverified:
        yield "owner not verified"
    if record.scope == "platform":
        yield "platform"
    if record.attestation:
        yield f"attested ({record.attestation}), not observed"
    if record.level is not Level.FAIL:
        yield f"level {record.level.value}"


def subject_lines(records: Sequence[Record], budget: Budget) -> list[SubjectLine]:
    """The distinct subjects of these records in their order, each with the first three parts that fail."""
    grouped: dict[str, list[Record]] = {}
    for record in records:
        grouped.setdefault(record_name(record), []).append(record)
    lines = []
    for found in grouped.values():
        parts = list(dict.fromkeys(one.subject.within for one in found if one.subject and one.subject.within))
        most = 1 if budget.tight else 3
        lines.append(
            SubjectLine(
                where=_where(found[0], budget),
                within=tuple(budget.take(part, _NAME, least=_LEAST_NAME) for part in parts[:most]),
                more=max(0, len(parts) - most),
            )
        )
    return lines
