"""What ``preaudit verify`` tells: what is wrong, or what was proved and what no check of a pack can prove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from preaudit.evidence.integrity import Checked
from preaudit.evidence.outline import Outline
from preaudit.text import cut, inert, plural
from preaudit.verdict import Exit, Verdict

_MOST_LISTED = 20
_NOT_PROVEN = """\
not proven: that the cluster was as the snapshot shows it (its API server could have lied, and whoever ran the audit
could have chosen the cluster and the moment), that what the profile does not ask is in order, what the run says of
itself (its times, operator and command line), and that the signer's key was never in other hands nor its certificate
revoked. --live N looks at the cluster again."""
_NOT_DERIVED = """\
not proven: that the verdicts follow from the snapshot, and that manifest.json, report.html and the other renderings
tell what the records tell. --reperform makes all of them again."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a second look (``--reperform`` or ``--live``) compared.

    Attributes:
        what: "records judged again", "objects read again".
        compared: their number.
        differing: what came out otherwise, one sentence each.
        left_out: what was not compared, and why.
        derived: verdicts, manifest and renderings were made again, as far as `left_out` does not say otherwise.
    """

    what: str
    compared: int
    differing: tuple[str, ...]
    left_out: tuple[str, ...]
    derived: bool = False

    @property
    def exit(self) -> Exit:
        """1 where something differs, 6 where something was not compared, 0 where everything is equal."""
        if self.differing:
            return Exit.FAILED
        return Exit.UNKNOWN if self.left_out or self.compared < 1 else Exit.OK


def opinion(checked: Checked, comparisons: Sequence[Comparison], *, trusted: bool) -> tuple[str, Exit]:
    """The text for a person, and the exit code.

    Args:
        checked: of `preaudit.evidence.integrity.check`.
        comparisons: the second looks that were made.
        trusted: ``--trust`` was given.
    """
    lines = _identity(checked)
    if checked.findings:
        lines += [f"WRONG: {one.sentence}" for one in checked.findings[:_MOST_LISTED]]
        lines += _more(len(checked.findings))
        lines += ["", f"NOT VERIFIED: {plural(len(checked.findings), 'thing')} wrong with this pack"]
        return "\n".join(lines) + "\n", Exit.FAILED
    lines += [f"proven: {inert(one)}" for one in checked.proved]
    lines += [f"note: {inert(one)}" for one in checked.notes]
    for one in comparisons:
        lines += _compared(one)
    code = _exit(comparisons, trusted=trusted)
    lines.append("")
    if any(one.exit is Exit.FAILED for one in comparisons):
        lines.append("NOT VERIFIED: a second look came out otherwise")
    elif not trusted:
        lines.append(
            "INTEGRITY ONLY: the pack agrees with itself, but whoever made it could have changed and re-sealed it; "
            "give --trust with the signer's public key or CA, got on another way"
        )
    elif code is Exit.UNKNOWN:
        lines.append("VERIFIED IN PART: files, counts and signature are right; what was not compared is listed above")
    else:
        lines.append("VERIFIED: files, counts and signature are right")
    if not any(one.derived for one in comparisons):
        lines.append(_NOT_DERIVED)
    lines.append(_NOT_PROVEN)
    return "\n".join(lines) + "\n", code


def _exit(comparisons: Sequence[Comparison], *, trusted: bool) -> Exit:
    codes = {one.exit for one in comparisons} | {Exit.OK if trusted else Exit.UNKNOWN}
    return next(code for code in (Exit.FAILED, Exit.UNKNOWN, Exit.OK) if code in codes)


def _identity(checked: Checked) -> list[str]:
    outline = checked.files.outline
    if outline is None:
        return []
    run, totals = outline.run, outline.totals
    cluster = outline.target.cluster_uid or "none (files or named endpoints were judged, or the cluster did not say)"
    verdicts = ", ".join(f"{totals.verdicts[one.value]:,} {one.value}" for one in Verdict)
    attested = f"; {totals.attested:,} of them rest on a person's word" if totals.attested else ""
    who = _text(outline.identity.user) or "nobody known"
    tool = f"{_text(outline.tool.name)} {_text(outline.tool.version)}"
    lines = [
        f"manifest sha256 {checked.manifest_sha256}",
        f"run      {_text(run.id)} from {_text(run.started)} to {_text(run.finished)} by {_text(run.operator)}",
        f"cluster  {_text(cluster)} {_text(outline.target.api_url)} as {who}",
        f"profile  {_text(outline.profile.name)} {_text(outline.profile.version)}, judged by {tool}",
        f"result   exit code {outline.gate.exit_code}: {_text(outline.gate.meaning)}",
        f"records  {totals.records:,}: {verdicts}{attested}",
    ]
    lines += _asked(outline)
    return [*lines, ""]


def _asked(outline: Outline) -> list[str]:
    """What makes this run a special one."""
    let = [f"--allow {','.join(outline.gate.allow)}"] if outline.gate.allow else []
    let += [f"--gate-severity {outline.gate.gate_severity}"] if outline.gate.gate_severity else []
    lines = [f"GATE     opened by {_text(' and '.join(let))}"] if let else []
    lines += [f"PARTIAL  {_text(one)}" for one in outline.partial[:_MOST_LISTED]]
    lines += _more(len(outline.partial))
    if outline.demo:
        lines.append("DEMO     the cluster is the recorded one that ships with preaudit")
    if outline.run.nonce:
        lines.append(f"nonce    {_text(outline.run.nonce)}")
    if outline.run.previous:
        lines.append(f"previous manifest sha256 {_text(outline.run.previous)}")
    return lines


def _compared(one: Comparison) -> list[str]:
    lines = [f"{one.what}: {one.compared:,} compared, {len(one.differing):,} differ"]
    lines += [f"DIFFERS: {_text(told)}" for told in one.differing[:_MOST_LISTED]]
    lines += _more(len(one.differing))
    lines += [f"NOT COMPARED: {_text(told)}" for told in one.left_out[:_MOST_LISTED]]
    lines += _more(len(one.left_out))
    if one.compared < 1:
        lines.append("NOT COMPARED: nothing was compared")
    return lines


def _more(number: int) -> list[str]:
    return [f"   and {number - _MOST_LISTED:,} more"] if number > _MOST_LISTED else []


def _text(value: str) -> str:
    return inert(cut(value, 400))
