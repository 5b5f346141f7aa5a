"""OSCAL assessment results 1.2.1: what was observed about each requirement, and findings about NIST's controls.

A finding says "not satisfied" where something fails or was not seen, and "satisfied" only where a requirement alone
evidences the whole control and every record of it passed. Passes that evidence a control in part are observations: no
finding is made of them, in neither direction.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import msgspec

from preaudit.evidence import manifest as manifests
from preaudit.render.summary import COLUMNS, WORDS, RequirementSummary, Summary
from preaudit.render.text import record_name, value_text
from preaudit.text import cut, inert, plural, prose
from preaudit.verdict import Verdict

if TYPE_CHECKING:
    from preaudit.evidence.manifest import Control, Manifest
    from preaudit.evidence.record import Record
    from preaudit.render.summary import NamespaceCount

VERSION = "1.2.1"
NAMES = "urn:preaudit:oscal:1"
"""The namespace of our properties, and of the names that our UUIDs (version 5) are made of."""

MOST_OPEN = 300
"""Open records of one requirement that are observations of their own; the others are counted in one more."""

MOST_NAMESPACES = 50
_MOST_RELATED = 100
_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, NAMES)
_NIST = "nist-800-53r5"
_NIST_ID = re.compile(r"([a-z]{2}-\d{1,2})(?:\((\d{1,2})\))?", re.IGNORECASE)
_TITLE = 200
_TEXT = 600
_OBSERVED = 5


@dataclass(slots=True)
class _Objective:
    """What a finding is about while it is put together: a control of NIST's, or a requirement that has none."""

    target: str
    about: str
    requirements: list[tuple[RequirementSummary, str]] = field(default_factory=list)
    """Each with its relationship to the control."""


def render_oscal(summary: Summary, manifest: Manifest, stream: IO[bytes], *, records_sha256: str) -> None:
    """Write oscal.json.

    Args:
        summary: the summary of the records of the pack.
        manifest: its manifest; every time in the file is the run's clock, ``manifest.now``.
        stream: where to write.
        records_sha256: hash of records.jsonl; with the profile it is what every UUID is made of.
    """
    effective = manifests.pretty(manifest.profile)
    ids = _Ids(f"{records_sha256} {hashlib.sha256(effective).hexdigest()} {manifest.now}")
    objectives = _objectives(summary)
    related: dict[str, list[str]] = {}
    stream.write(b'{"assessment-results":' + _encoded(_head(manifest, ids))[:-1])
    stream.write(b',"results":[' + _encoded(_result(summary, manifest, ids, objectives))[:-1])
    if summary.requirements:
        stream.write(b',"observations":[')
        for number, requirement in enumerate(summary.requirements):
            for place, observation in enumerate(_observations(requirement, number, manifest.now, ids)):
                stream.write((b",\n" if number or place else b"\n") + _encoded(observation))
                if place <= _MOST_RELATED:
                    related.setdefault(requirement.entry.id, []).append(observation["uuid"])
        stream.write(b"]")
    findings = [found for one in objectives if (found := _finding(one, manifest, ids, related))]
    if findings:
        stream.write(b',"findings":' + _encoded(findings))
    stream.write(b'}],"back-matter":' + _encoded(_back_matter(manifest, ids, effective, records_sha256)) + b"}}\n")


class _Ids:
    """UUIDs of one document: the same content always has the same."""

    def __init__(self, seed: str) -> None:
        self._space = uuid.uuid5(_SPACE, seed)

    def __call__(self, *names: object) -> str:
        return str(uuid.uuid5(self._space, " ".join(map(str, names))))


def _head(manifest: Manifest, ids: _Ids) -> dict[str, Any]:
    profile = manifest.profile
    return {
        "uuid": ids("document"),
        "metadata": {
            "title": _line(f"preaudit, profile {profile.name} {profile.version}", _TITLE),
            "last-modified": manifest.now,
            "version": manifest.now,
            "oscal-version": VERSION,
            "props": _props(tool=f"preaudit {manifest.tool.get('version', '')}", profile=profile.name,
                            target=manifest.target.cluster_uid or manifest.target.api_url),
        },
        # There is no assessment plan beside the profile: it says what is asked, of what, and by which values.
        "import-ap": {"href": f"#{ids('profile')}"},
    }  # fmt: skip


def _result(summary: Summary, manifest: Manifest, ids: _Ids, objectives: list[_Objective]) -> dict[str, Any]:
    counts = summary.counts
    banner = [
        *(["DEMO: findings about a recorded cluster that ships with preaudit."] if manifest.demo else []),
        *(["The run was interrupted; what it did not reach is unknown."] if manifest.run.interrupted else []),
        *(f"PARTIAL: {reason}" for reason in manifest.partial),
    ]
    told = ", ".join(f"{counts[verdict]:,} {WORDS[verdict]}" for verdict in COLUMNS)
    controls = [{"control-id": one.target.removesuffix("_obj")} for one in objectives if one.target.endswith("_obj")]
    # The schema asks for at least one control; "none" is the id of no control.
    nothing = {"description": "No control of NIST's is spoken of.", "include-controls": [{"control-id": "none"}]}
    return {
        "uuid": ids("result"),
        "title": _line(f"Verdicts under the profile {manifest.profile.name}", _TITLE),
        "description": _line(" ".join((f"{plural(counts.total, 'record')}: {told}.", *banner)), _TEXT * 4),
        "start": manifest.now,
        "props": _props(**{f"records-{verdict.value}": str(counts[verdict]) for verdict in COLUMNS},
                        **{"records-attested": str(manifest.totals.attested)}),
        "reviewed-controls": {"control-selections": [{"include-controls": controls} if controls else nothing]},
        "remarks": "A control without a finding is not satisfied thereby: its evidence is partial, or there is none.",
    }  # fmt: skip


def _objectives(summary: Summary) -> list[_Objective]:
    """What findings can be about, sorted: controls of NIST's, then requirements that speak to none of them."""
    controls: dict[str, _Objective] = {}
    alone: list[_Objective] = []
    for requirement in summary.requirements:
        spoken = {name: one.relationship for one in requirement.entry.controls if (name := _oscal_id(one))}
        for name, relationship in spoken.items():
            objective = controls.setdefault(name, _Objective(target=f"{name}_obj", about=f"control {name}"))
            objective.requirements.append((requirement, relationship))
        if not spoken:
            # Such a target is no objective of NIST's catalogue; its name says whose it is.
            name = "preaudit-" + re.sub(r"[^A-Za-z0-9_.-]", "-", requirement.entry.id)[:80]
            target = f"{name}_{len(alone)}" if any(one.target == name for one in alone) else name
            about = f"requirement {requirement.entry.id}"
            alone.append(_Objective(target=target, about=about, requirements=[(requirement, "full")]))
    return [*(controls[name] for name in sorted(controls, key=_by_number)), *alone]


def _by_number(control: str) -> tuple[str | int, ...]:
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"[-.]", control))


def _oscal_id(control: Control) -> str:
    """``ac-2.3`` of NIST's ``AC-2(3)``, "" for anything else."""
    match = _NIST_ID.fullmatch(control.id) if control.framework == _NIST else None
    return "" if match is None else match[1].lower() + (f".{match[2]}" if match[2] else "")


def _observations(requirement: RequirementSummary, number: int, now: str, ids: _Ids) -> Iterator[dict[str, Any]]:
    """The requirement as a whole, its open records worst first, then what passed or did not apply by namespace."""
    entry = requirement.entry
    told = ", ".join(f"{count:,} {WORDS[verdict]}" for verdict, count in requirement.counts.by_verdict.items() if count)
    others = [_line(f"{one.framework}:{one.id}", _TITLE) for one in entry.controls if not _oscal_id(one)]

    def observation(key: str, title: str, description: str, props: list[dict[str, str]]) -> dict[str, Any]:
        return {
            "uuid": ids("observation", number, key),
            "title": _line(title, _TITLE),
            "description": _line(description, _TEXT),
            "props": [*_props(requirement=entry.id), *props],
            "methods": [entry.method if entry.method in {"EXAMINE", "TEST", "INTERVIEW"} else "UNKNOWN"],
            "collected": now,
        }

    whole = observation("whole", f"{entry.id}: {entry.title}", told or "not judged: the run holds no record of it", [
        *_props(severity=entry.severity.value, level=entry.level.value),
        *({"name": "control", "ns": NAMES, "value": one} for one in others if one),
    ])  # fmt: skip
    evidence = {"href": f"#{ids('records')}", "description": "Every record of it, one a line."}
    yield {**whole, "relevant-evidence": [evidence]}
    for place, record in enumerate(requirement.open[:MOST_OPEN]):
        title = f"{entry.id} {WORDS[record.verdict]}: {record_name(record)}"
        yield observation(f"open {place}", title, _told(record), _record_props(record))
    left = requirement.open[MOST_OPEN:]
    for verdict in COLUMNS:
        count = sum(record.verdict is verdict for record in left)
        if count:
            more = f"{plural(count, 'further record')} {WORDS[verdict]}, in records.jsonl"
            props = _props(verdict=verdict.value, count=str(count))
            yield observation(f"more {verdict.value}", f"{entry.id} {WORDS[verdict]}: more", more, props)
    yield from (
        observation(f"quiet {place}", f"{entry.id} in {quiet.namespace}", _quiet(quiet),
                    _props(namespace=quiet.namespace, passes=str(quiet.passes),
                           **{"not-applicable": str(quiet.not_applicable)}))
        for place, quiet in enumerate(_folded(requirement.quiet))
    )  # fmt: skip


def _folded(quiet: tuple[NamespaceCount, ...]) -> tuple[NamespaceCount, ...]:
    """At most `MOST_NAMESPACES`, the last of them the sum of the rest."""
    if len(quiet) <= MOST_NAMESPACES:
        return quiet
    rest = quiet[MOST_NAMESPACES - 1 :]
    name = f"{len(rest)} further namespaces"
    passes, not_applicable = sum(one.passes for one in rest), sum(one.not_applicable for one in rest)
    return (*quiet[: MOST_NAMESPACES - 1], type(rest[0])(name, passes, not_applicable))


def _quiet(quiet: NamespaceCount) -> str:
    return f"{plural(quiet.passes, 'record')} passed, {quiet.not_applicable:,} not applicable, each in records.jsonl"


def _told(record: Record) -> str:
    seen = "; ".join(f"{one.path} = {value_text(one.value)}" for one in record.observed[:_OBSERVED])
    return f"{record.reason or 'no reason given'}{f' ({seen})' if seen else ''}"


def _record_props(record: Record) -> list[dict[str, str]]:
    subject = record.subject
    facts = {"kind": subject.kind, "name": subject.name, "within": subject.within} if subject else {}
    return _props(verdict=record.verdict.value, level=record.level.value, scope=record.scope,
                  namespace=record.namespace, **facts, waiver=record.waiver or "",
                  attestation=record.attestation or "")  # fmt: skip


def _finding(
    objective: _Objective, manifest: Manifest, ids: _Ids, related: dict[str, list[str]]
) -> dict[str, Any] | None:
    """The finding about an objective; None where there is nothing to determine."""
    totals = {verdict: sum(one.counts[verdict] for one, _ in objective.requirements) for verdict in COLUMNS}
    status = _status(objective, totals, whole=not (manifest.partial or manifest.run.interrupted))
    if status is None:
        return None
    open_ = [one for one, _ in objective.requirements if one.open] or [one for one, _ in objective.requirements]
    names = ", ".join(f"{one.entry.id} ({relationship})" for one, relationship in objective.requirements)
    told = ", ".join(f"{count:,} {WORDS[verdict]}" for verdict, count in totals.items() if count)
    return {
        "uuid": ids("finding", objective.target),
        "title": _line(f"{objective.about}: {status['state']}", _TITLE),
        "description": _line(f"{told}; from {names}", _TEXT * 4),
        "props": [{"name": "relationship", "ns": NAMES, "value": relationship}
                  for relationship in sorted({relationship for _, relationship in objective.requirements})],
        "target": {"type": "objective-id", "target-id": objective.target, "status": status},
        "related-observations": [{"observation-uuid": name} for one in open_
                                 for name in related.get(one.entry.id, [])[: 1 + len(one.open)]],
    }  # fmt: skip


def _status(objective: _Objective, totals: dict[Verdict, int], *, whole: bool) -> dict[str, str] | None:
    """The state of an objective with its reason; None where its evidence allows none."""
    if totals[Verdict.FAIL]:
        return {"state": "not-satisfied", "reason": "fail", "remarks": f"{totals[Verdict.FAIL]:,} records fail."}
    if totals[Verdict.UNKNOWN]:
        told = f"Not observed: {totals[Verdict.UNKNOWN]:,} records are unknown. Nothing that was seen fails."
        return {"state": "not-satisfied", "reason": "other", "remarks": told}
    if totals[Verdict.MANUAL]:
        told = f"A person must attest {plural(totals[Verdict.MANUAL], 'record')}; nobody has."
        return {"state": "not-satisfied", "reason": "other", "remarks": told}
    if totals[Verdict.WAIVED]:
        told = f"Accepted, not fixed: {plural(totals[Verdict.WAIVED], 'record')} waived."
        return {"state": "not-satisfied", "reason": "other", "remarks": told}
    full = all(relationship == "full" for _, relationship in objective.requirements)
    passed = all(one.counts.total and one.counts[Verdict.PASS] == one.counts.total for one, _ in objective.requirements)
    if full and passed and whole:
        return {"state": "satisfied", "reason": "pass", "remarks": "Every record passed, and they are all it asks for."}
    return None


def _back_matter(manifest: Manifest, ids: _Ids, effective: bytes, records_sha256: str) -> dict[str, Any]:
    def resource(key: str, title: str, href: str, sha256: str) -> dict[str, Any]:
        hashes = {"hashes": [{"algorithm": "SHA-256", "value": sha256}]} if sha256 else {}
        return {"uuid": ids(key), "title": _line(title, _TITLE), "rlinks": [{"href": href, **hashes}]}

    return {
        "resources": [
            resource("profile", f"The profile in force: {manifest.profile.name} {manifest.profile.version}",
                     "inputs/effective-profile.json", hashlib.sha256(effective).hexdigest()),
            resource("records", "Every record, one a line", "records.jsonl", records_sha256),
        ]
    }  # fmt: skip


def _props(**values: str) -> list[dict[str, str]]:
    """Properties in our namespace; those without a value are left out."""
    shown = {name.replace("_", "-"): _line(value, _TITLE) for name, value in values.items()}
    return [{"name": name, "ns": NAMES, "value": value} for name, value in shown.items() if value]


def _line(text: str, limit: int) -> str:
    return inert(cut(prose(cut(text, limit * 2)), limit)).strip()


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value)
