"""records.csv: one row a record, for spreadsheets, which must neither compute nor run anything that a name holds."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import msgspec

from preaudit.text import cut, inert

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preaudit.evidence.record import Record, Subject

COLUMNS = (
    "requirement", "title", "area", "severity", "verdict", "level", "scope", "namespace",
    "subject.apiVersion", "subject.kind", "subject.namespace", "subject.name", "subject.uid", "subject.within",
    "subject.unverified", "subject.host", "subject.port",
    "reason", "observed", "expected", "controls", "source", "pods", "spec", "population", "note",
    "waiver", "attestation",
)  # fmt: skip
"""Every key of a record; those of its subject with a prefix, its lists and values as JSON or separated by blanks."""

MOST_CHARACTERS = 32_000
"""Spreadsheets keep 32,767 characters of a cell; a longer text loses its middle, the whole stands in records.jsonl."""

_ROWS_AT_ONCE = 500
_MOST_KEPT = 8_192
_MOST_KEPT_CHARACTERS = 1_000
"""Number and length of the cells that are kept, so that they take 16 MB at the worst of ordinary letters."""

_ENCODE = msgspec.json.Encoder().encode
_FORMULA = frozenset("=+-@\t\r＝＋－＠")  # noqa: RUF001 - spreadsheets take the full-width signs as well


def render_csv(records: Iterable[Record], stream: IO[bytes]) -> None:
    """Write records.csv: UTF-8, RFC 4180 (lines end with CR LF, every cell in quotes), one row a record.

    Args:
        records: the records of the pack, in its order.
        stream: where to write.
    """
    cells = _Cells()
    stream.write((",".join(cells[name] for name in COLUMNS) + "\r\n").encode())
    rows: list[str] = []
    for record in records:
        rows.append(_row(record, cells))
        if len(rows) == _ROWS_AT_ONCE:
            stream.write("".join(rows).encode(errors="replace"))
            rows.clear()
    stream.write("".join(rows).encode(errors="replace"))


class _Cells(dict[str, str]):
    """Cells in quotes by their texts: what repeats from record to record is looked at once."""

    def __missing__(self, text: str) -> str:
        quoted = '"' + cell(text).replace('"', '""') + '"'
        if len(text) <= _MOST_KEPT_CHARACTERS:
            if len(self) == _MOST_KEPT:
                self.clear()
            self[text] = quoted
        return quoted


def _row(record: Record, cells: _Cells) -> str:
    observed = _ENCODE(record.observed).decode() if record.observed else ""
    return (
        f"{cells[record.requirement]},{cells[record.title]},{cells[record.area]},{cells[record.severity]},"
        f"{cells[record.verdict]},{cells[record.level]},{cells[record.scope]},{cells[record.namespace]},"
        f"{_subject(record.subject, cells)},{cells[record.reason]},{cells[observed]},{cells[record.expected]},"
        f"{cells[' '.join(record.controls)]},{cells[record.source]},"
        f"{cells['' if record.pods is None else str(record.pods)]},{cells[record.spec]},{cells[record.population]},"
        f"{cells[record.note]},{cells[record.waiver or '']},{cells[record.attestation or '']}\r\n"
    )


def _subject(subject: Subject | None, cells: _Cells) -> str:
    if subject is None:
        return '"","","","","","","","",""'
    return (
        f"{cells[subject.api_version]},{cells[subject.kind]},{cells[subject.namespace]},{cells[subject.name]},"
        f"{cells[subject.uid]},{cells[subject.within]},{cells['true' if subject.unverified else 'false']},"
        f"{cells[subject.host]},{cells[str(subject.port) if subject.port else '']}"
    )


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
