"""HDF ``exec-json`` for Heimdall and the SAF tools: one control a requirement, only the results of its worst verdict.

Those tools read a control with mixed results as green: passed beside skipped becomes "not a finding", impact 0 beside
failed becomes "not applicable". So a control carries the results of its worst verdict alone and counts the others in
text, its impact is never below 0.1, and none is without a result (one without any would convert to a pass).
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import IO, TYPE_CHECKING, Any

import msgspec

from preaudit.render.summary import COLUMNS, WORDS, RequirementSummary, Summary
from preaudit.render.text import record_name, value_text
from preaudit.text import cut, inert, plural, prose
from preaudit.verdict import Severity, Verdict, worst

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from preaudit.evidence.manifest import AttestationUse, CatalogueEntry, Manifest, WaiverUse
    from preaudit.evidence.record import Record

MOST_RESULTS = 500
"""Results of one control that are told one by one; the rest is one result more, with their number."""

MOST_NAMESPACES = 100

IMPACT = {
    Severity.CRITICAL: 0.9,
    Severity.HIGH: 0.7,
    Severity.MEDIUM: 0.5,
    Severity.LOW: 0.3,
    Severity.INFO: 0.1,
}
STATUS = {
    Verdict.FAIL: "failed",
    # Not "skipped": XCCDF would say "notchecked" of both what a person must attest and what could not be seen.
    Verdict.UNKNOWN: "error",
    Verdict.MANUAL: "skipped",
    # Not "failed": a finding that somebody accepted is told as such, neither as open nor as fixed.
    Verdict.WAIVED: "skipped",
    Verdict.PASS: "passed",
    Verdict.NOT_APPLICABLE: "skipped",
}
_NIST = "nist-800-53r5"
_TEXT = 600
_NAME = 300
_MOST_OBSERVED = 5


def render_hdf(summary: Summary, manifest: Manifest, stream: IO[bytes]) -> None:
    """Write hdf.json, control by control.

    Args:
        summary: the summary of the records of the pack.
        manifest: its manifest; the time of every result is the run's clock, ``manifest.now``.
        stream: where to write.
    """
    waivers = {use.id: use for use in manifest.waivers}
    attestations = {use.id: use for use in manifest.attestations}
    statuses: Counter[str] = Counter()
    profile = msgspec.json.encode(_profile(manifest, summary))
    stream.write(b'{"platform":' + msgspec.json.encode(_platform(manifest)) + b',"profiles":[' + profile[:-1])
    stream.write(b',"controls":[')
    for number, requirement in enumerate(summary.requirements):
        control = _control(requirement, manifest.now, waivers, attestations)
        statuses[control["results"][0]["status"]] += 1
        stream.write((b",\n" if number else b"\n") + msgspec.json.encode(control))
    told = {name: {"total": statuses[name]} for name in ("passed", "skipped", "failed", "error")}
    closing = {"statistics": {"controls": told}, "version": manifest.tool.get("version", "")}
    stream.write(b"]}]," + msgspec.json.encode(closing)[1:] + b"\n")


def _platform(manifest: Manifest) -> dict[str, str]:
    target = manifest.target
    return {
        "name": "Kubernetes",
        "release": _line(target.version, _NAME) or "unknown",
        "target_id": _line(target.cluster_uid or target.api_url, _NAME),
    }


def _profile(manifest: Manifest, summary: Summary) -> dict[str, Any]:
    """The profile without its controls."""
    profile = manifest.profile
    banner = [*(["DEMO: a recorded cluster."] if manifest.demo else []), *manifest.partial]
    if manifest.left_out:
        banner.append(f"{plural(len(manifest.left_out), 'requirement')} left out by design, see the manifest.")
    return {
        "name": f"preaudit-{_line(profile.name, _NAME)}",
        "title": _line(profile.title, _NAME),
        "version": _line(profile.version, _NAME),
        "sha256": profile.layers[0].get("sha256", "") if profile.layers else "",
        "summary": _line(" ".join((_counted(summary.counts.by_verdict), *banner)), _TEXT * 4),
        "status": "loaded",
        "supports": [],
        "attributes": [
            {"name": _line(one.name, _NAME), "options": {
                "value": _line(value_text(one.value), _TEXT), "description": _line(one.meaning, _TEXT),
                "source": _line(one.source, _TEXT), "layer": _line(one.layer, _NAME)}}
            for one in profile.parameters
        ],
        "groups": [
            {"id": _line(area.name, _NAME), "title": _line(area.name, _NAME).replace("_", " "),
             "controls": [_line(one.entry.id, _NAME) for one in area.requirements]}
            for area in summary.areas
        ],
    }  # fmt: skip


def _control(
    requirement: RequirementSummary,
    now: str,
    waivers: Mapping[str, WaiverUse],
    attestations: Mapping[str, AttestationUse],
) -> dict[str, Any]:
    entry, counts = requirement.entry, requirement.counts
    decisive = worst(verdict for verdict in COLUMNS if counts[verdict]) if counts.total else None
    control: dict[str, Any] = {
        "id": _line(entry.id, _NAME) or "(no id)",
        "title": _line(entry.title, _TEXT),
        "desc": _line(entry.why, _TEXT * 4),
        "descriptions": [
            {"label": label, "data": _line(text, _TEXT * 4)}
            for label, text in (
                ("check", f"{entry.method} {entry.population}; expected: {entry.expected}. {entry.reperform}"),
                ("fix", entry.fix),
                ("caveat", entry.limitations),
                ("comments", f"records: {_counted(counts.by_verdict)}"),
            )
            if text
        ],
        "impact": IMPACT[entry.severity],
        "refs": [],
        "tags": _tags(entry),
        "code": "",
        "source_location": {"ref": _line(entry.file, _NAME)},
        "results": [
            {"code_desc": what, "start_time": now, **status}
            for what, status in _results(requirement, decisive)
        ],
    }
    if counts[Verdict.WAIVED]:
        control["waiver_data"] = _waiver_data(requirement, waivers)
    told = [one for one in requirement.open if one.attestation is not None and one.verdict is decisive]
    if told:
        control["attestation_data"] = _attestation_data(control["id"], told, attestations)
    return control


def _results(requirement: RequirementSummary, decisive: Verdict | None) -> Iterator[tuple[str, dict[str, str]]]:
    """What each result is about, and its status and message; at least one, all of one status."""
    if decisive is None:
        yield "nothing was judged", _status("skipped", "not judged: the run holds no record of it")
        return
    others = _counted({verdict: count for verdict, count in requirement.counts.by_verdict.items()
                       if verdict is not decisive})  # fmt: skip
    beside = f"; beside it {others}" if others else ""
    status = STATUS[decisive]
    if decisive in {Verdict.PASS, Verdict.NOT_APPLICABLE}:
        for place, count in _by_namespace(requirement, decisive):
            yield place, _status(status, f"{plural(count, 'record')} {WORDS[decisive]}{beside}")
    found = [one for one in requirement.open if one.verdict is decisive]
    for number, record in enumerate(found[:MOST_RESULTS]):
        yield _subject(record), _status(status, _message(record) + ("" if number else beside))
    if len(found) > MOST_RESULTS:
        more = len(found) - MOST_RESULTS
        yield f"{more} more", _status(status, f"{plural(more, 'further record')} {WORDS[decisive]}, in records.jsonl")


def _by_namespace(requirement: RequirementSummary, decisive: Verdict) -> Iterator[tuple[str, int]]:
    """Passes (or what did not apply) by namespace; of very many namespaces the last ones together."""
    counts = [
        (_line(quiet.namespace, _NAME) or "(no namespace)", count)
        for quiet in requirement.quiet
        if (count := quiet.passes if decisive is Verdict.PASS else quiet.not_applicable)
    ]
    yield from counts[:MOST_NAMESPACES]
    rest = counts[MOST_NAMESPACES:]
    if rest:
        yield plural(len(rest), "further namespace"), sum(count for _, count in rest)


def _status(status: str, told: str) -> dict[str, str]:
    """Status and message; what is skipped says why in a field of its own as well, where some readers look."""
    return {"status": status, "message": told, **({"skip_message": told} if status == "skipped" else {})}


def _message(record: Record) -> str:
    """``fail at level info: containers[a].securityContext.privileged is true, expected false (path = true)``."""
    level = "" if record.level.value == "fail" else f" at level {record.level.value}"
    waived = f" by {_line(record.waiver, _NAME)}" if record.waiver else ""
    person = f" (attested in {_line(record.attestation, _NAME)}, not observed)" if record.attestation else ""
    seen = ", ".join(f"{_line(one.path, _NAME)} = {_line(value_text(one.value), _NAME)}"
                     for one in record.observed[:_MOST_OBSERVED])  # fmt: skip
    reason = _line(record.reason, _TEXT) or "no reason given"
    return f"{WORDS[record.verdict]}{level}{waived}{person}: {reason}{f' ({seen})' if seen else ''}"


def _subject(record: Record) -> str:
    within = f" {record.subject.within}" if record.subject and record.subject.within else ""
    return _line(record_name(record) + within, _NAME) or "(no name)"


def _tags(entry: CatalogueEntry) -> dict[str, Any]:
    tags: dict[str, Any] = {"area": _line(entry.area, _NAME), "level": entry.level.value}
    if entry.severity is not Severity.INFO:
        tags["severity"] = entry.severity.value
    for control in entry.controls:
        if control.framework == _NIST:
            tags.setdefault("nist", []).append(control.id.upper().replace("(", " ("))
        else:
            tags.setdefault(_line(control.framework, _NAME), []).append(_line(control.id, _NAME))
    return tags


def _waiver_data(requirement: RequirementSummary, waivers: Mapping[str, WaiverUse]) -> dict[str, Any]:
    """The waivers of a control in the one place there is for them.

    ``skipped_due_to_waiver`` stays false: the check ran, and where it is true, readers show the whole control as not
    applicable, whatever else it found.
    """
    found = Counter(one.waiver or "" for one in requirement.open if one.verdict is Verdict.WAIVED)
    uses = [waivers[name] for name in sorted(found) if name in waivers]
    told = [f"{_line(name, _NAME)} covers {plural(count, 'record')}" for name, count in sorted(found.items())]
    return {
        "expiration_date": min((use.expires for use in uses), default=None),
        "justification": cut("; ".join(
            f"{_line(use.id, _NAME)}: {_line(use.reason, _TEXT)} (approved by {_line(use.approver, _NAME)})"
            for use in uses), _TEXT * 8),
        "message": cut("; ".join(told), _TEXT * 4),
        "run": True,
        "skipped_due_to_waiver": False,
    }  # fmt: skip


def _attestation_data(
    control: str, told: Sequence[Record], attestations: Mapping[str, AttestationUse]
) -> dict[str, str]:
    found = Counter(one.attestation or "" for one in told)
    uses = [attestations[name] for name in sorted(found) if name in attestations]
    return {
        "control_id": control,
        "explanation": cut("; ".join(
            [f"{_line(name, _NAME)}: {plural(count, 'record')}" for name, count in sorted(found.items())]
            + [_line(use.statement, _TEXT) for use in uses]), _TEXT * 8),
        "frequency": f"{min(map(_days, uses), default=1)}d",
        "status": STATUS[told[0].verdict],
        "updated": max((use.attested_on for use in uses), default=""),
        "updated_by": cut("; ".join(dict.fromkeys(f"{_line(use.author, _NAME)}, {_line(use.role, _NAME)}"
                                                  for use in uses)), _TEXT),
    }  # fmt: skip


def _days(use: AttestationUse) -> int:
    """How long a statement holds, in days; 1 where its dates cannot be read."""
    try:
        return max((date.fromisoformat(use.expires) - date.fromisoformat(use.attested_on)).days, 1)
    except ValueError:
        return 1


def _counted(counts: Mapping[Verdict, int]) -> str:
    """``12 pass, 1 fail``: the verdicts that occur."""
    return ", ".join(f"{count:,} {WORDS[verdict]}" for verdict, count in counts.items() if count)


def _line(text: str, limit: int) -> str:
    return inert(cut(prose(cut(text, limit * 2)), limit))
