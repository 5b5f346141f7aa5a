"""summary.md: the run as a comment on a merge request: banners, the sum, what was not looked at, the worst failures.

The places that show such comments make links, mentions, references and images of plain text, also of escaped text, but
of nothing in a code span. So every foreign text that is more than plain words stands in one.
"""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING

from preaudit.render.summary import COLUMNS, WORDS, Counts, RequirementSummary, Summary
from preaudit.render.text import record_name, short_reason
from preaudit.snapshot import Status
from preaudit.text import cut, plural, prose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preaudit.evidence.manifest import Manifest
    from preaudit.evidence.record import Record

MOST_CHARACTERS = 65_000
"""GitHub refuses comments of more than 65,536 characters; GitLab takes more."""

_MOST_REQUIREMENTS = 25
_MOST_SUBJECTS = 5
_MOST_GAPS = 15
_MOST_AREAS = 40
_NAME = 120
_TEXT = 300
_END = 300
_WORD = re.compile(r"\(?(?:/?[A-Za-z]+(?:['-][A-Za-z]+)*|\d{1,3}(?:\.\d{1,3})?)[,.;)]*")


def render_markdown(summary: Summary, manifest: Manifest, stream: IO[bytes]) -> None:
    """Write summary.md: GitHub's and GitLab's Markdown, UTF-8, at most `MOST_CHARACTERS` characters.

    Args:
        summary: the summary of the records of the pack.
        manifest: its manifest.
        stream: where to write.
    """
    left = MOST_CHARACTERS - _END
    for line in _lines(summary, manifest):
        if len(line) + 1 > left:
            stream.write(b"\n\nThis summary was too long and ends here; report.html and records.jsonl tell all.\n")
            return
        left -= len(line) + 1
        stream.write(f"{line}\n".encode())


def _lines(summary: Summary, manifest: Manifest) -> Iterator[str]:
    yield f"## preaudit: {plain(manifest.gate.meaning)} (exit {manifest.gate.exit_code})"
    yield ""
    yield from _banners(manifest)
    profile, target = manifest.profile, manifest.target
    cluster = f", cluster {code(target.cluster_uid)} {code(target.version)}" if target.cluster_uid else ""
    yield f"Profile {code(f'{profile.name} {profile.version}')}{cluster}, judged as of {code(manifest.now)}."
    yield ""
    yield _sum(summary.counts)
    yield ""
    if manifest.totals.attested:
        yield f"{plural(manifest.totals.attested, 'record')} of these: attested by a person, not observed."
        yield ""
    if summary.lenient:
        yield f"{plural(summary.lenient, 'fail')} did not count for the exit, because of level or severity."
        yield ""
    yield from _areas(summary)
    yield from _unseen(summary, manifest)
    yield from _failing(summary)
    yield from _beside(manifest)
    yield "The whole: report.html and records.jsonl in the pack. There is no score: it would hide what was not seen."


def _banners(manifest: Manifest) -> Iterator[str]:
    told = []
    if manifest.demo:
        told.append("**DEMO**: findings about a recorded cluster that ships with preaudit, not about one of yours.")
    if manifest.run.interrupted:
        told.append("**INTERRUPTED**: what the run did not reach is unknown.")
    told += [f"**PARTIAL**: {plain(reason)}" for reason in manifest.partial[:_MOST_GAPS]]
    if len(manifest.partial) > _MOST_GAPS:
        told.append(f"**PARTIAL**: {plural(len(manifest.partial) - _MOST_GAPS, 'further reason')}, see the manifest.")
    for number, line in enumerate(told):
        if number:
            yield ">"
        yield f"> {line}"
    if told:
        yield ""


def _sum(counts: Counts) -> str:
    told = " + ".join(f"{counts[verdict]:,} {WORDS[verdict]}" for verdict in COLUMNS)
    return f"**{plural(counts.total, 'verdict')}** = {told}"


def _areas(summary: Summary) -> Iterator[str]:
    yield f"| area | {' | '.join(WORDS[verdict] for verdict in COLUMNS)} | sum |"
    yield f"|---|{'---:|' * (len(COLUMNS) + 1)}"
    for area in summary.areas[:_MOST_AREAS]:
        yield _row(plain(area.name.replace("_", " ")), area.counts)
    if len(summary.areas) > _MOST_AREAS:
        rest = summary.areas[_MOST_AREAS:]
        counts = Counts({verdict: sum(one.counts[verdict] for one in rest) for verdict in COLUMNS})
        yield _row(plural(len(rest), "further area"), counts)
    yield _row("all", summary.counts)
    yield ""


def _row(name: str, counts: Counts) -> str:
    return f"| {name} | {' | '.join(f'{counts[verdict]:,}' for verdict in COLUMNS)} | {counts.total:,} |"


def _unseen(summary: Summary, manifest: Manifest) -> Iterator[str]:
    yield "### Not looked at"
    yield ""
    for gap in summary.unseen[:_MOST_GAPS]:
        word = f" {plain(gap.word)}:" if gap.word else ":"
        yield (
            f"- {code(gap.place)}{word} {code(gap.cause, _TEXT)}; {plural(gap.verdicts, 'verdict')} unknown for it; "
            f"would help: {code(gap.right, _TEXT)}"
        )
    if len(summary.unseen) > _MOST_GAPS:
        yield f"- {plural(len(summary.unseen) - _MOST_GAPS, 'further gap')}"
    if any(one.status is Status.GIVEN for one in manifest.sources):
        yield "- files were judged; what they do not hold proves nothing"
    elif not summary.unseen:
        yield "Every read that was tried succeeded." if manifest.sources else "The manifest tells of no reads."
    yield ""


def _failing(summary: Summary) -> Iterator[str]:
    if not summary.failing:
        return
    yield "### What fails"
    yield ""
    for requirement in summary.failing[:_MOST_REQUIREMENTS]:
        yield from _requirement(requirement)
    if len(summary.failing) > _MOST_REQUIREMENTS:
        yield f"- {plural(len(summary.failing) - _MOST_REQUIREMENTS, 'further requirement')}"
    yield ""


def _requirement(requirement: RequirementSummary) -> Iterator[str]:
    entry = requirement.entry
    lenient = "" if requirement.closing else ", does not close the gate"
    subjects = plural(requirement.failing_subjects, "subject")
    yield f"- {code(entry.id)} **{entry.severity.value}** {plain(entry.title)} {subjects}{lenient}"
    first: dict[str, Record] = {}
    for record in requirement.fails:
        first.setdefault(record_name(record), record)
    for name, record in list(first.items())[:_MOST_SUBJECTS]:
        within = record.subject.within if record.subject else ""
        yield f"  - {code(f'{name} {within}'.rstrip())}: {code(short_reason(record) or 'no reason given', _TEXT)}"
    if len(first) > _MOST_SUBJECTS:
        yield f"  - {len(first) - _MOST_SUBJECTS:,} more"
    if entry.fix:
        yield f"  - fix: {plain(entry.fix, _TEXT)}"


def _beside(manifest: Manifest) -> Iterator[str]:
    """Waivers that no longer hold, and what the run left out by design."""
    dead = [use for use in manifest.waivers if use.state != "live"]
    if dead:
        named = ", ".join(f"{code(use.id)} {plain(use.state)}" for use in dead[:_MOST_GAPS])
        more = f" and {len(dead) - _MOST_GAPS:,} more" if len(dead) > _MOST_GAPS else ""
        yield f"Waivers to look at: {named}{more}."
        yield ""
    if manifest.left_out:
        yield f"{plural(len(manifest.left_out), 'requirement')} left out by design; the manifest says why."
        yield ""


def plain(text: str, limit: int = _TEXT) -> str:
    """A text of plain words as it is, anything else as a code span."""
    told = prose(cut(text, limit * 2))
    if len(told) <= limit and told and all(_WORD.fullmatch(word) for word in told.split(" ")):
        return told
    return code(text, limit)


def code(text: str, limit: int = _NAME) -> str:
    """A code span on one line: whatever the text holds, nothing is made of it, and no table breaks at it."""
    told = cut(prose(cut(text, limit * 2)), limit).replace("`", "'").replace("|", "¦").strip()
    return f"`{told or '(empty)'}`"
