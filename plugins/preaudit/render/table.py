"""The table of subjects that a failing item prints: one line a subject, no Python frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from preaudit.render.text import record_name, short_reason
from preaudit.text import inert, plural, shown
from preaudit.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preaudit.evidence.record import Record

MOST_LINES = 20
_NAME_CELLS = 60
_WITHIN_CELLS = 40
_REASON_CHARACTERS = 400
_TOLD = frozenset({Verdict.FAIL, Verdict.UNKNOWN, Verdict.MANUAL, Verdict.WAIVED})


def subject_table(records: Sequence[Record]) -> str:
    """The records that are not quiet (pass, not-applicable), worst first: where, within, reason.

    At most `MOST_LINES` lines, then a count of the others; "" where every record is quiet. No line break at the end.
    """
    told = sorted(
        (record for record in records if record.verdict in _TOLD),
        key=lambda record: (record.verdict.rank, record.sort_key),
    )
    first = told[:MOST_LINES]
    rows = [_row(record) for record in first]
    name_width = max((cell_len(name) for name, _, _ in rows), default=0)
    within_width = max((cell_len(within) for _, within, _ in rows), default=0)
    several = len({record.verdict for record in told}) > 1
    verdict_width = max((len(record.verdict.value) for record in first), default=0)
    lines = []
    for record, (name, within, reason) in zip(first, rows, strict=True):
        cells = [f"{record.verdict.value:<{verdict_width}}"] if several else []
        cells.append(_padded(name, name_width))
        if within_width:
            cells.append(_padded(within, within_width))
        lines.append("  ".join([*cells, reason]).rstrip())
    if len(told) > MOST_LINES:
        rest = f"… and {plural(len(told) - MOST_LINES, 'more line')} like these"
        lines.append(f"{rest} ({plural(len({record_name(record) for record in told}), 'subject')} in all)")
    return "\n".join(lines)


def _row(record: Record) -> tuple[str, str, str]:
    within = record.subject.within if record.subject else ""
    return (
        shown(record_name(record), _NAME_CELLS).text,
        shown(within, _WITHIN_CELLS).text,
        inert(shown(short_reason(record), _REASON_CHARACTERS).text),
    )


def _padded(text: str, cells: int) -> str:
    return text + " " * (cells - cell_len(text))
