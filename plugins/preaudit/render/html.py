"""The report for people: one self-contained HTML file that needs no script, no network and no other file."""

from __future__ import annotations

import re
from datetime import timedelta, timezone
from typing import TYPE_CHECKING

from markupsafe import Markup

from preaudit.render.budget import Budget
from preaudit.render.page import ICONS, content_policy, encoded, environment
from preaudit.render.rows import Row, SubjectLine, rows_of, subject_lines
from preaudit.render.sources import SourceLook, source_looks
from preaudit.render.summary import COLUMNS, OPEN, WORDS, Counts, RequirementSummary, Summary, summarise
from preaudit.snapshot import SourceStatus, Status, parse_time
from preaudit.text import plural
from preaudit.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from preaudit.evidence.manifest import Manifest
    from preaudit.evidence.record import Record
    from preaudit.render.endpoints import EndpointLine
    from preaudit.render.unseen import Unseen

_Told = tuple[tuple[str, str], ...]
_COMPLETE = {Status.COLLECTED, Status.ABSENT}
_LEAST_SHARE = 0.8
_ROW_BYTES = 3_000_000
_FINDING_BYTES = 800_000
_MOST_READS = 3_000
_MOST_CAUSES = 200


def render_html(  # noqa: PLR0913 - each is said by name
    records: Sequence[Record],
    manifest: Manifest,
    *,
    reports: Path,
    summary: Summary | None = None,
    endpoints: Sequence[EndpointLine] = (),
    endpoint_count: int = 0,
) -> bytes:
    """The report as UTF-8.

    Args:
        records: the records of the pack.
        manifest: its manifest.
        reports: the folder that holds ``html/`` with the templates, the style sheet and the script.
        summary: their summary, where it was made before.
        endpoints: those that the report lists.
        endpoint_count: how many there are in all.

    Raises:
        UsageError: the manifest did not count these records.
    """
    summary = summary or summarise(records, manifest)
    folder = reports / "html"
    style = (folder / "report.css").read_text(encoding="utf-8")
    script = (folder / "report.js").read_text(encoding="utf-8")
    template = environment(folder).get_template("report.html.j2")
    stream = template.stream(
        manifest=manifest,
        summary=summary,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=content_policy(style, script),
        columns=COLUMNS,
        words=WORDS,
        icons=ICONS,
        open_verdicts=OPEN,
        parameters={parameter.name: parameter for parameter in manifest.profile.parameters},
        looks_alike=_looks_alike(manifest),
        anchors=_anchors(summary),
        left_out=_by_reason(manifest.left_out, "requirement"),
        deselected=_by_reason(manifest.deselected, "item"),
        gaps=_gaps(summary),
        reads=_reads(manifest),
        rows=_rows(),
        subjects=_subjects(),
        seen_completely=bool(manifest.sources) and {one.status for one in manifest.sources} <= _COMPLETE,
        given=any(one.status is Status.GIVEN for one in manifest.sources),
        bar_segments=_bar,
        plural=plural,
        local_time=_local_time,
        endpoints=endpoints,
        endpoint_count=endpoint_count,
    )
    return b"".join(encoded(stream))


def _anchors(summary: Summary) -> dict[str, str]:
    """An id in the page for every requirement; ids of foreign requirements may hold anything."""
    anchors: dict[str, str] = {}
    taken: set[str] = set()
    for number, requirement in enumerate(summary.requirements):
        name = requirement.entry.id
        anchor = f"req-{re.sub(r'[^A-Za-z0-9_-]', '-', name)[:60]}"
        if anchor in taken:
            anchor = f"{anchor}-{number}"
        taken.add(anchor)
        anchors[name] = anchor
    return anchors


def _by_reason(entries: Sequence[dict[str, str]], key: str) -> list[tuple[str, list[str]]]:
    """``(reason, what was left out for it)``, the reasons in the order of their first mention."""
    grouped: dict[str, list[str]] = {}
    for entry in entries:
        grouped.setdefault(entry.get("reason", ""), []).append(entry.get(key, ""))
    return list(grouped.items())


def _gaps(summary: Summary) -> list[Unseen]:
    """The gaps that are listed: failed reads first of all; single causes beside them stand with their records too."""
    read = [gap for gap in summary.unseen if gap.word][:_MOST_READS]
    other = [gap for gap in summary.unseen if not gap.word][:_MOST_CAUSES]
    return sorted(read + other, key=lambda gap: -gap.verdicts)


def _reads(manifest: Manifest) -> list[SourceStatus]:
    """The reads that are listed: all, or where there are very many, those first that were no full look."""
    if len(manifest.sources) <= _MOST_READS:
        return list(manifest.sources)
    return sorted(manifest.sources, key=lambda status: status.status is Status.COLLECTED)[:_MOST_READS]


def _looks_alike(manifest: Manifest) -> Callable[[Sequence[str]], list[tuple[_Told, list[SourceLook]]]]:
    """Groups the sources of a requirement by how far they were seen, so that a line tells of all that are alike."""
    looks = {look.source: look for look in source_looks(manifest.sources)}

    def alike(names: Sequence[str]) -> list[tuple[_Told, list[SourceLook]]]:
        groups: dict[_Told, list[SourceLook]] = {}
        for name in names:
            look = looks.get(name, SourceLook(source=name, count=0, complete=False, told=()))
            groups.setdefault(look.told, []).append(look)
        return list(groups.items())

    return alike


def _rows() -> Callable[[RequirementSummary], Iterator[Row]]:
    budget = Budget(_ROW_BYTES)
    return lambda requirement: rows_of(requirement, budget)


def _subjects() -> Callable[[RequirementSummary], list[SubjectLine]]:
    budget = Budget(_FINDING_BYTES)
    return lambda requirement: subject_lines(requirement.fails, budget)


def _bar(counts: Counts) -> list[tuple[Verdict, float, float]]:
    """``(verdict, start, width)`` in percent; a verdict that occurs is never too thin to be seen."""
    total = counts.total
    if not total:
        return []
    shares = [(verdict, max(100 * counts[verdict] / total, _LEAST_SHARE)) for verdict in COLUMNS if counts[verdict]]
    scale = 100 / sum(share for _, share in shares)
    found, start = [], 0.0
    for verdict, share in shares:
        found.append((verdict, round(start, 2), round(share * scale, 2)))
        start += share * scale
    return found


def _local_time(time: str, offset: str) -> str:
    """``2026-11-22 13:00:00 +01:00`` of a UTC time and an offset; "" where the offset is not known."""
    match = re.fullmatch(r"([+-])(\d{2}):?(\d{2})", offset)
    if not match or not time:
        return ""
    minutes = int(match[2]) * 60 + int(match[3])
    if minutes >= 24 * 60:
        return ""
    zone = timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
    return parse_time(time).astimezone(zone).isoformat(sep=" ", timespec="seconds")
