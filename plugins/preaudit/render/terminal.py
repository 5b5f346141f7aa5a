"""What a person sees at the end of a run: failures first, what was not looked at, and a sum that adds up."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from preaudit.render.summary import COLUMNS, WORDS, RequirementSummary, Summary, summarise
from preaudit.render.text import record_name, short_reason
from preaudit.snapshot import EVERYWHERE, Status, parse_time
from preaudit.text import plural, prose, shown
from preaudit.verdict import Level, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preaudit.evidence.manifest import Manifest
    from preaudit.evidence.record import Record
    from preaudit.render.unseen import Unseen

LEAST_WIDTH = 20
"""Narrower terminals are written to as if they had this many cells."""

_MOST_REQUIREMENTS = 10
_MOST_SUBJECTS = 5
_MOST_GAPS = 5
_FOREIGN = 400
_LEAST_WITH_PARTS = 64
_SEEN = frozenset({Status.COLLECTED, Status.ABSENT})
_STYLE = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.UNKNOWN: "yellow",
    Verdict.MANUAL: "magenta",
    Verdict.WAIVED: "cyan",
    Verdict.NOT_APPLICABLE: "dim",
}
_GRANT = "preaudit preflight --rbac | kubectl apply -f -"


def render_terminal(  # noqa: PLR0913 - all but two by name
    records: Sequence[Record], manifest: Manifest, *, width: int, colour: bool, pack: str | None,
    summary: Summary | None = None,
) -> str:  # fmt: skip
    """The end of a run as lines of at most `width` cells (at least `LEAST_WIDTH`), each ended by a line break.

    Args:
        records: the records of the pack.
        manifest: its manifest.
        width: cells of a line, as the terminal counts them (East Asian wide characters take two).
        colour: whether to write colours; without, the text is plain.
        pack: the folder of the pack as the user can type it, None where none was written.
        summary: their summary, where it was made before.

    Raises:
        UsageError: the manifest did not count these records.
    """
    summary = summary or summarise(records, manifest)
    page = _Page(max(width, LEAST_WIDTH), colour=colour)
    _head(page, manifest, summary)
    page.blank()
    _counts(page, summary)
    for requirement in summary.failing[:_MOST_REQUIREMENTS]:
        page.blank()
        _requirement(page, requirement)
    _more(page, summary)
    _not_looked_at(page, summary)
    _left_aside(page, manifest)
    page.blank()
    _sum(page, summary)
    _attested(page, manifest)
    _foot(page, manifest, pack)
    return page.text()


class _Page:
    """Collects lines that fit the width."""

    def __init__(self, width: int, *, colour: bool) -> None:
        self.width = width
        self._stream = io.StringIO()
        # An empty environment: the look depends on the arguments alone.
        self._console = Console(
            file=self._stream, width=width, force_terminal=colour, color_system="standard" if colour else None,
            highlight=False, markup=False, emoji=False, legacy_windows=False, _environ={},
        )  # fmt: skip

    def blank(self) -> None:
        self._stream.write("\n")

    def line(self, text: Text) -> None:
        """One line; what does not fit is cut off and marked."""
        text.rstrip()
        if text.cell_len > self.width:
            text.truncate(self.width, overflow="ellipsis")
        self._console.print(text, soft_wrap=True)

    def wrapped(self, text: Text, *, indent: int = 0, first: int = 0) -> None:
        """A paragraph over as many lines as it needs, all but the first indented by `indent`, that by `first`."""
        indent = min(indent, self.width // 4)
        lines = text.wrap(self._console, self.width - max(indent, first), overflow="fold")
        for number, line in enumerate(lines):
            line.rstrip()
            self.line(Text(" " * (indent if number else first)).append_text(line))

    def text(self) -> str:
        return self._stream.getvalue()


def _head(page: _Page, manifest: Manifest, summary: Summary) -> None:
    target, identity = manifest.target, manifest.identity
    parts = [f"preaudit {manifest.tool.get('version', '')}".strip(), f"profile {manifest.profile.name}"]
    if target.cluster_uid or target.version or target.nodes is not None:
        facts = [fact for fact in (target.version, _nodes(target.nodes)) if fact]
        cluster = f"cluster {target.cluster_uid[:8] or 'unknown'}" + (f" ({', '.join(facts)})" if facts else "")
        parts.append(f"{cluster} as {identity.user}" if identity.user else cluster)
    page.wrapped(Text(_told(" · ".join(parts)), style="bold"), indent=2)
    if manifest.demo:
        page.wrapped(
            Text("DEMO: the snapshot of a cluster that ships with preaudit, not yours", "bold yellow"), indent=2
        )
    for reason in manifest.partial:
        page.wrapped(Text(f"PARTIAL: {_told(reason)}", style="bold yellow"), indent=2)
    if manifest.run.interrupted:
        page.wrapped(Text("INTERRUPTED: what was not reached is unknown", style="bold yellow"), indent=2)
    page.wrapped(_collected(manifest, summary), indent=2)
    gate = manifest.gate
    if gate.gate_severity:
        page.wrapped(Text(f"gate: --gate-severity {_told(gate.gate_severity)}, what is less severe is shown only"))
    if gate.allow:
        page.wrapped(Text(f"gate: --allow {_told(','.join(gate.allow))}, these do not close it"))


def _nodes(number: int | None) -> str:
    return "" if number is None else plural(number, "node")


def _collected(manifest: Manifest, summary: Summary) -> Text:
    seen = {status.source for status in manifest.sources if status.status in _SEEN}
    if any(status.status is Status.GIVEN for status in manifest.sources):
        objects = sum(status.count for status in manifest.sources)
        text = Text(f"{plural(objects, 'object')} from files · what they do not hold proves nothing")
    else:
        text = Text(f"collected {plural(len(seen), 'source')}{_duration(manifest)}")
    started = manifest.snapshot.get("started")
    age = (parse_time(manifest.now) - parse_time(started)).total_seconds() if started else 0
    if age >= 60:
        text.append(f", judged as of {_span(age)} later")
    gaps = [gap for gap in summary.unseen if gap.source]
    if gaps:
        named = ", ".join(f"{_told(gap.place)} ({gap.word})" for gap in gaps[:_MOST_GAPS])
        rest = f" and {len(gaps) - _MOST_GAPS:,} more" if len(gaps) > _MOST_GAPS else ""
        text.append(" · ").append(f"not seen: {named}{rest}", style="yellow")
    return text


def _duration(manifest: Manifest) -> str:
    started, finished = manifest.snapshot.get("started"), manifest.snapshot.get("finished")
    if not started or not finished:
        return ""
    return f" in {(parse_time(finished) - parse_time(started)).total_seconds():.3g} s"


def _span(seconds: float) -> str:
    """``3 min``, ``5 h``, ``12 d``."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length or unit == "min":
            return f"{int(seconds // length)} {unit}"
    return ""


def _used(summary: Summary) -> tuple[Verdict, ...]:
    """The columns: manual has one only where it was given."""
    return tuple(one for one in COLUMNS if one is not Verdict.MANUAL or summary.counts[one])


def _counts(page: _Page, summary: Summary) -> None:
    used = _used(summary)
    heads = {verdict: "n/a" if verdict is Verdict.NOT_APPLICABLE else WORDS[verdict] for verdict in used}
    names = [shown(area.name, _FOREIGN).text for area in summary.areas]
    widths = {
        verdict: max([len(heads[verdict]), *(len(f"{area.counts[verdict]:,}") for area in summary.areas)])
        for verdict in used
    }
    needed = 1 + sum(width + 2 for width in widths.values())
    first = min(max([cell_len("area"), *map(cell_len, names)]), page.width - needed)
    if first < len("area"):
        _counts_narrow(page, summary, names)
        return
    head = "".join(f"  {heads[verdict]:>{widths[verdict]}}" for verdict in used)
    page.line(Text(f" {_fitted('area', first)}{head}", style="dim"))
    for area, name in zip(summary.areas, names, strict=True):
        row = Text(f" {_fitted(name, first)}")
        for verdict in used:
            count = area.counts[verdict]
            row.append(f"  {count:>{widths[verdict]},}", style=_STYLE[verdict] if count else "dim")
        page.line(row)


def _counts_narrow(page: _Page, summary: Summary, names: Sequence[str]) -> None:
    for area, name in zip(summary.areas, names, strict=True):
        counts = ", ".join(f"{area.counts[verdict]:,} {WORDS[verdict]}" for verdict in _used(summary))
        page.wrapped(Text(f" {name}: {counts}"), indent=3)


def _requirement(page: _Page, requirement: RequirementSummary) -> None:
    entry = requirement.entry
    level = "" if requirement.closing else f" {_lenient(requirement)}"
    left = (
        Text()
        .append(f" {_told(entry.id)} ", style="bold")
        .append(f"{entry.severity.value}{level}", style=_STYLE[Verdict.FAIL])
    )
    left.append(f"   {_told(entry.title)}")
    right = plural(requirement.failing_subjects, "subject") if requirement.failing_subjects else "no subject"
    room = page.width - len(right) - 2
    if room < page.width // 2:
        page.wrapped(left.append(f" {right}"), indent=3)
    else:
        left.truncate(room, overflow="ellipsis", pad=True)
        page.line(left.append(f"  {right}"))
    by_subject: dict[str, list[Record]] = {}
    for record in requirement.fails:
        by_subject.setdefault(record_name(record), []).append(record)
    _subjects(page, list(by_subject.items()), mixed=bool(requirement.closing))
    if entry.fix:
        page.wrapped(Text().append("fix: ", style="bold").append(_told(entry.fix)), first=3, indent=8)


def _lenient(requirement: RequirementSummary) -> str:
    """Why none of its fails closes the gate."""
    levels = sorted({record.level.value for record in requirement.fails if record.level is not Level.FAIL})
    return f"(level {' and '.join(levels)})" if levels else "(below --gate-severity)"


def _subjects(page: _Page, subjects: list[tuple[str, list[Record]]], *, mixed: bool) -> None:
    first = subjects[:_MOST_SUBJECTS]
    room = max(page.width * 2 // 5, 8)
    names = [shown(name, room).text for name, _ in first]
    name_width = min(max(map(cell_len, names)), room)
    # On a narrow terminal the reason matters more than the part: it names the path anyway.
    room = max(page.width // 4, 6) if page.width >= _LEAST_WITH_PARTS else 0
    withins = [shown(_within(records), room).text if room else "" for _, records in first]
    within_width = min(max(map(cell_len, withins)), room)
    for name, within, (_, records) in zip(names, withins, first, strict=True):
        row = Text(f"   {_fitted(name, name_width)}  ")
        if within_width:
            row.append(f"{_fitted(within, within_width)}  ", style="dim")
        level = "" if records[0].level is Level.FAIL or not mixed else f"level {records[0].level.value}: "
        page.line(row.append(level, style="dim").append(_told(short_reason(records[0]))))
    if len(subjects) > _MOST_SUBJECTS:
        page.line(Text(f"   … {plural(len(subjects) - _MOST_SUBJECTS, 'more subject')}", style="dim"))


def _within(records: Sequence[Record]) -> str:
    """The parts of one subject that fail: the first, and how many others."""
    parts = sorted({record.subject.within for record in records if record.subject and record.subject.within})
    return "" if not parts else parts[0] + (f" +{len(parts) - 1}" if len(parts) > 1 else "")


def _more(page: _Page, summary: Summary) -> None:
    rest = summary.failing[_MOST_REQUIREMENTS:]
    if rest:
        page.blank()
        verb = "requirement fails" if len(rest) == 1 else "requirements fail"
        hint = f"(report.html, or: preaudit explain {_told(rest[0].entry.id)})"
        page.wrapped(Text(f" … {len(rest):,} more {verb} {hint}"), indent=3)


def _not_looked_at(page: _Page, summary: Summary) -> None:
    gaps = [gap for gap in summary.unseen if gap.verdicts]
    if not gaps:
        return
    page.blank()
    refused = any(gap.word == Status.FORBIDDEN.value and not _by_choice(gap) for gap in gaps)
    grant = f"Grant it with: {_GRANT}" if refused else ""
    if len(gaps) == 1:
        page.wrapped(_not_looked_at_text(" not looked at: ", f"{_gap(gaps[0])}. {grant}".rstrip()), indent=3)
        return
    page.line(_not_looked_at_text(" not looked at", ""))
    for gap in gaps[:_MOST_GAPS]:
        page.wrapped(Text(_gap(gap)), first=3, indent=5)
    if len(gaps) > _MOST_GAPS:
        count = sum(gap.verdicts for gap in gaps[_MOST_GAPS:])
        page.wrapped(Text(f"… {plural(count, 'more verdict')} for other causes (report.html)"), first=3, indent=5)
    if grant:
        page.wrapped(Text(grant), first=3, indent=5)


def _not_looked_at_text(head: str, rest: str) -> Text:
    return Text(head, style=_STYLE[Verdict.UNKNOWN]).append(rest, style="not bold default")


def _gap(gap: Unseen) -> str:
    where = "the cluster" if gap.namespace in {EVERYWHERE, "cluster"} else gap.namespace
    what = f"{plural(gap.verdicts, 'verdict')} in {_told(where)}"
    if _by_choice(gap):
        return f"{what}, because {_told(gap.source)} was {_told(gap.cause)}"
    if gap.word == Status.FORBIDDEN.value:
        return f"{what}, because {_told(gap.source)} is forbidden"
    if gap.word:
        return f"{what}, because {_told(gap.source)} could not be read ({gap.word}: {_told(gap.cause)})"
    return f"{what}: {_told(gap.cause)}"


def _by_choice(gap: Unseen) -> bool:
    """Whether nobody asked for the source: an option would show it, not a right."""
    return gap.cause.startswith("not asked")


def _left_aside(page: _Page, manifest: Manifest) -> None:
    """What is outside this judgement by choice: waivers that do not hold, requirements left out, items deselected."""
    if manifest.waivers:
        by_state: dict[str, list[str]] = {}
        for waiver in sorted(manifest.waivers, key=lambda one: (one.state != "live", one.state, one.id)):
            by_state.setdefault(waiver.state, []).append(_told(waiver.id))
        told = ", ".join(f"{len(names)} {_told(state)}{_named(state, names)}" for state, names in by_state.items())
        page.blank()
        page.wrapped(Text(f" waivers: {told}"), indent=3)
    left = [(len(manifest.left_out), "requirement", "left out by design"),
            (len(manifest.deselected), "item", "deselected")]  # fmt: skip
    for number, noun, how in left:
        if number:
            page.wrapped(Text(f" {plural(number, noun)} {how} (report.html)"), indent=3)
    notes = manifest.snapshot.get("notes")
    told_of = [one for one in notes if isinstance(one, str)] if isinstance(notes, list) else []
    for note in told_of[:_MOST_GAPS]:
        page.wrapped(Text(f" note: {_told(note)}"), indent=3)
    if len(told_of) > _MOST_GAPS:
        page.wrapped(Text(f" … {plural(len(told_of) - _MOST_GAPS, 'further note')} (report.html)"), indent=3)


def _named(state: str, names: Sequence[str]) -> str:
    """The ids of waivers that do not hold; of the others the number says enough."""
    if state == "live":
        return ""
    return f" ({', '.join(names[:_MOST_GAPS])}{', …' if len(names) > _MOST_GAPS else ''})"


def _sum(page: _Page, summary: Summary) -> None:
    counts = summary.counts
    terms = " + ".join(f"{counts[verdict]:,} {WORDS[verdict]}" for verdict in _used(summary))
    page.wrapped(Text(f" {plural(counts.total, 'verdict')} = {terms}", style="bold"), indent=3)
    if summary.lenient:
        note = "does not close the gate" if summary.lenient == 1 else "do not close the gate"
        text = f"of the {plural(counts[Verdict.FAIL], 'fail')}, {summary.lenient:,} {note} (level or --gate-severity)"
        page.wrapped(Text(text, style="dim"), first=3, indent=3)


def _attested(page: _Page, manifest: Manifest) -> None:
    number = manifest.totals.attested
    if number:
        text = f"{plural(number, 'verdict')} of these: attested by a person, not observed"
        page.wrapped(Text(text, style="yellow"), first=3, indent=3)
    lapsed = [one for one in manifest.attestations if one.state != "live"]
    if lapsed:
        named = ", ".join(f"{_told(one.id)} ({one.state})" for one in lapsed[:_MOST_GAPS])
        rest = f" and {len(lapsed) - _MOST_GAPS:,} more" if len(lapsed) > _MOST_GAPS else ""
        page.wrapped(Text(f"attestations that decide nothing: {named}{rest}", style="yellow"), first=3, indent=3)


def _foot(page: _Page, manifest: Manifest, pack: str | None) -> None:
    meaning = Text(f"{manifest.gate.exit_code}: {_told(manifest.gate.meaning)}", style="bold")
    if pack is None:
        page.wrapped(Text(" ").append_text(meaning), indent=3)
        return
    left = Text(f" pack  {_told(pack.rstrip('/'))}/   report.html  junit.xml  records.jsonl")
    room = page.width - left.cell_len - meaning.cell_len
    if room >= 3:
        page.line(left.append(" " * room).append_text(meaning))
    else:
        page.wrapped(left, indent=3)
        page.wrapped(Text(" ").append_text(meaning), indent=3)


def _told(text: str) -> str:
    """Foreign text on one line, of bounded length."""
    return prose(shown(text, _FOREIGN).text) if len(text) > _FOREIGN else prose(text)


def _fitted(text: str, cells: int) -> str:
    """Exactly `cells` cells (at least one): padded, or cut in the middle."""
    if cell_len(text) > cells:
        tail = ""
        for character in reversed(text):
            if cell_len(character + tail) > (cells - 1) // 2:
                break
            tail = character + tail
        head = ""
        for character in text:
            if cell_len(head + character + "…" + tail) > cells:
                break
            head += character
        text = f"{head}…{tail}"
    return text + " " * (cells - cell_len(text))
