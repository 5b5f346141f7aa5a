"""records.csv: one row a record, for spreadsheets, which must neither compute nor run anything that a name holds."""

from __future__ import annotations

import csv
from functools import lru_cache
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING

import msgspec

from preaudit.render.text import cut, inert

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preaudit.evidence.record import Record, Subject

COLUMNS = (
    "requirement", "title", "area", "severity", "verdict", "level", "scope", "namespace",
    "subject.apiVersion", "subject.kind", "subject.namespace", "subject.name", "subject.uid", "subject.within",
    "subject.unverified", "reason", "observed", "expected", "controls", "source", "pods", "spec", "population", "note",
    "waiver", "attestation",
)  # fmt: skip
"""Every key of a record; those of its subject with a prefix, its lists and values as JSON or separated by blanks."""

MOST_CHARACTERS = 32_000
"""Spreadsheets keep 32,767 characters of a cell; a longer text loses its middle, the whole stands in records.jsonl."""

_FORMULA = frozenset("=+-@\t\r＝＋－＠")  # noqa: RUF001 - spreadsheets take the full-width signs as well


def render_csv(records: Iterable[Record], stream: IO[bytes]) -> None:
    """Write records.csv: UTF-8, RFC 4180 (lines end with CR LF, every cell in quotes), one row a record.

    Args:
        records: the records of the pack, in its order.
        stream: where to write.
    """
    text = TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="", write_through=False)
    try:
        rows = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        rows.writerow(COLUMNS)
        rows.writerows(map(_row, records))
        text.flush()
    finally:
        # Without this the stream, which is the caller's, would be closed with the wrapper.
        text.detach()


def _row(record: Record) -> tuple[str, ...]:
    observed = msgspec.json.encode(record.observed).decode() if record.observed else ""
    return (
        _often(record.requirement), _often(record.title), _often(record.area), record.severity.value,
        record.verdict.value, record.level.value, _often(record.scope), _often(record.namespace),
        *_subject(record.subject), cell(record.reason), cell(observed), _often(record.expected),
        _often(" ".join(record.controls)), _often(record.source), "" if record.pods is None else str(record.pods),
        cell(record.spec), _often(record.population), cell(record.note), cell(record.waiver or ""),
        cell(record.attestation or ""),
    )  # fmt: skip


def _subject(subject: Subject | None) -> tuple[str, ...]:
    if subject is None:
        return "", "", "", "", "", "", ""
    return (
        _often(subject.api_version), _often(subject.kind), _often(subject.namespace), cell(subject.name),
        cell(subject.uid), cell(subject.within), "true" if subject.unverified else "false",
    )  # fmt: skip


def cell(text: str) -> str:
    """The text as a spreadsheet shows it and nothing else: inert, bounded, and never the beginning of a formula."""
    if not text:
        return ""
    # Looked at before it is made inert, too: what began with a tab begins with the tab's picture afterwards.
    if text[0] in _FORMULA or text.lstrip()[:1] in _FORMULA:
        return "'" + cut(inert(cut(text, MOST_CHARACTERS)), MOST_CHARACTERS - 1)
    if len(text) > MOST_CHARACTERS // 8:
        return cut(inert(cut(text, MOST_CHARACTERS)), MOST_CHARACTERS)
    return inert(text)


_often = lru_cache(maxsize=4_096)(cell)
"""What repeats from record to record is looked at once."""
