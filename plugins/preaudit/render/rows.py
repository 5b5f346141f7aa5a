"""The rows of the HTML tables: what a record shows, bounded so that a report of 10,000 open records stays readable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from preaudit.evidence.record import Record, Subject
from preaudit.render.summary import RequirementSummary
from preaudit.render.text import Shown, plural, record_name, short_reason, shown, value_text
from preaudit.verdict import Level, Verdict

_NAME = 72
_PAGE_BUDGET = 5_000_000
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


def field_limit(open_records: int) -> int:
    """Longest text shown in one field, in characters: 200 to 2,000, fewer the more open records there are."""
    return max(200, min(2_000, _PAGE_BUDGET // max(open_records, 1)))


def rows_of(requirement: RequirementSummary, limit: int) -> Iterator[Row]:
    """The open records of a requirement as rows, one at a time."""
    for record in requirement.open:
        yield _row(record, requirement.entry.expected, limit)


def _row(record: Record, expected: str, limit: int) -> Row:
    subject = record.subject
    return Row(
        verdict=record.verdict,
        where=_where(subject) if subject else (shown(record.namespace, _NAME),),
        within=shown(subject.within, _NAME) if subject and subject.within else None,
        marks=tuple(_marks(record)),
        reason=shown(" ".join(short_reason(record).split()), limit),
        observed=tuple(
            (shown(seen.path, _NAME * 2), shown(value_text(seen.value), max(limit // 4, 80)))
            for seen in record.observed[:_MOST_OBSERVED]
        ),
        more=max(0, len(record.observed) - _MOST_OBSERVED),
        expected=shown(record.expected, limit) if record.expected != expected else None,
        note=shown(record.note, limit) if record.note else None,
        waiver=shown(record.waiver, _NAME) if record.waiver else None,
    )


def _where(subject: Subject) -> tuple[Shown, ...]:
    return tuple(shown(part, _NAME) for part in (subject.namespace, subject.kind, subject.name) if part)


def _marks(record: Record) -> Iterator[str]:
    if record.pods is not None:
        yield plural(record.pods, "running pod")
    if record.source == "template" and record.subject:
        yield "judged by its template"
    if record.subject and record.subject.unverified:
        yield "owner not verified"
    if record.scope == "platform":
        yield "platform"
    if record.level is not Level.FAIL:
        yield f"level {record.level.value}"


def subject_lines(records: Sequence[Record]) -> list[SubjectLine]:
    """The distinct subjects of these records in their order, each with the first three parts that fail."""
    grouped: dict[str, list[Record]] = {}
    for record in records:
        grouped.setdefault(record_name(record), []).append(record)
    lines = []
    for found in grouped.values():
        first = found[0]
        parts = list(dict.fromkeys(one.subject.within for one in found if one.subject and one.subject.within))
        lines.append(
            SubjectLine(
                where=_where(first.subject) if first.subject else (shown(first.namespace, _NAME),),
                within=tuple(shown(part, _NAME) for part in parts[:3]),
                more=max(0, len(parts) - 3),
            )
        )
    return lines
