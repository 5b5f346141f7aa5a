"""The manifest: who looked at what, when, with what, under which rules, and how the counts add up."""

from __future__ import annotations

from typing import Any

import msgspec

from preaudit.snapshot import Identity, Permissions, SourceStatus, StoredFile, Target
from preaudit.verdict import Level, Severity

SCHEMA = "preaudit.manifest/1"


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One effective profile value with where it comes from.

    Attributes:
        name: ``certificate.days_left``.
        value: the value in force.
        unit: "d", "MB", "" for none.
        meaning: one sentence.
        source: the document that asks for it, or "our default".
        source_date: its date, ISO 8601.
        kind: regulation, benchmark, or our-default.
        layer: the file (or ``--set``) that set it.
        overrides: the layers whose value it replaced, nearest first.
    """

    name: str
    value: Any
    unit: str
    meaning: str
    source: str
    source_date: str
    kind: str
    layer: str
    overrides: tuple[str, ...] = ()


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The profile that was judged by: its chain of files (child first) and every effective value."""

    name: str
    title: str
    version: str
    layers: tuple[dict[str, str], ...]
    """Each ``{"name", "file", "sha256"}``, the named profile first, its ancestors after it."""
    parameters: tuple[Parameter, ...]


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """One control that a requirement speaks to: ``nist-800-53r5`` ``ac-6``, and how far it covers it."""

    framework: str
    id: str
    relationship: str = "supports"


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to a requirement, written once; records refer to it by its id.

    Attributes:
        why: the reason for the requirement, one paragraph.
        fix: what to do about a violation.
        expected: the expectation in words.
        method: EXAMINE, TEST or INTERVIEW (NIST SP 800-53A).
        population: what it is about, in words ("every container of every workload").
        sources: the sources that it reads.
        level: the level that the profile gives it.
        reperform: the command that judges it again from the pack.
        limitations: what its pass does not prove.
        sha256: hash of the file that holds the check.
        reviewer: a blank slot for the auditor.
    """

    id: str
    title: str
    area: str
    severity: Severity
    level: Level
    why: str
    fix: str
    expected: str
    method: str
    population: str
    sources: tuple[str, ...]
    controls: tuple[Control, ...]
    reperform: str
    file: str
    sha256: str
    limitations: str = ""
    parameters: tuple[str, ...] = ()
    reviewer: str = ""


class WaiverUse(msgspec.Struct, frozen=True, kw_only=True):
    """A waiver of the waiver file and what became of it.

    Attributes:
        state: live (used), expired, unused (its subject was not found), stale (its subject passes),
            unknown (no such requirement), changed (the accepted value is another one now).
        days_left: whole days until the end of its last day, negative when expired.
        subjects: number of records that it waived.
    """

    id: str
    requirement: str
    subject: dict[str, Any]
    owner: str
    approver: str
    reason: str
    compensating_control: str
    approved_on: str
    expires: str
    state: str
    days_left: int
    subjects: int = 0


class AttestationUse(msgspec.Struct, frozen=True, kw_only=True):
    """An attestation of the attestation file and what became of it.

    Attributes:
        verdict: "pass" or "fail", as the person stated.
        file_sha256: hash of the document that the statement rests on, "" where none is named.
        state: live (used), expired, future, unused (no manual verdict is about its subject), unknown (no such
            requirement).
        days_left: whole days until the end of its last day, negative when expired.
        subjects: number of records that it decided.
    """

    id: str
    requirement: str
    subject: dict[str, Any]
    verdict: str
    author: str
    role: str
    statement: str
    file: str = ""
    file_sha256: str = ""
    attested_on: str
    expires: str
    state: str
    days_left: int
    subjects: int = 0


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The counts that must add up: collected = executed + deselected, records = sum of the verdicts."""

    items_collected: int
    items_executed: int
    items_deselected: int
    items_lost: int = 0
    """Collected, but never judged (interrupted, a crashed worker); each has an unknown record."""
    records: int
    verdicts: dict[str, int]
    """Number of records by verdict; all six keys are present."""
    attested: int = 0
    """Of the records with pass or fail, those that rest on a person's attestation and not on something observed."""

    def __post_init__(self) -> None:
        """Counts that do not add up are a defect of the program, never a report."""
        if self.items_collected != self.items_executed + self.items_lost + self.items_deselected:
            raise ValueError(f"{self.items_collected} items were collected, which is not what became of them")
        if sum(self.verdicts.values()) != self.records:
            raise ValueError(f"{self.records} records, but the verdicts add up to {sum(self.verdicts.values())}")


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What the exit code was computed from: severities that count, what was allowed, and what it means."""

    exit_code: int
    meaning: str
    allow: tuple[str, ...] = ()
    gate_severity: str = ""
    manual_allowed: bool = False
    """The profile lets manual requirements pass without attestation."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two runs on the same snapshot; outside every equality."""

    id: str
    started: str
    finished: str
    local_offset: str
    operator: str
    command: tuple[str, ...]
    python: str
    platform: str
    plugins: dict[str, str] = {}
    """Versions of the distributions whose code ran beside preaudit's own."""
    interrupted: bool = False
    previous: str = ""
    """sha256 of the manifest of the pack before this one, where it was named."""
    nonce: str = ""
    """What an auditor asked to be written into this very run."""
    pseudonyms: bool = False
    """The renderings show pseudonyms for hosts, addresses and people."""
    attachments: str = ""
    """The folder under which Jenkins finds the pack, "" where junit.xml has no attachment marks."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``manifest.json``.

    Attributes:
        partial: why this run does not show everything, one sentence each; empty when it does.
        left_out: requirements that were not judged by design ``{"requirement", "reason"}`` (active groups not
            included, questions that files cannot answer, scope).
        deselected: items that the user left out ``{"item", "reason"}``.
        snapshot: mode, started, finished, sha256 of collection.json, notes, scope, age in seconds at `now`.
        now: the clock that every verdict used, RFC 3339 UTC.
        files: every other file of the pack.
    """

    schema: str = SCHEMA
    tool: dict[str, str]
    profile: Profile
    now: str
    target: Target
    identity: Identity
    permissions: Permissions = Permissions()
    snapshot: dict[str, Any]
    sources: tuple[SourceStatus, ...]
    partial: tuple[str, ...]
    left_out: tuple[dict[str, str], ...]
    deselected: tuple[dict[str, str], ...]
    catalogue: tuple[CatalogueEntry, ...]
    totals: Totals
    waivers: tuple[WaiverUse, ...]
    attestations: tuple[AttestationUse, ...] = ()
    gate: Gate
    retention: dict[str, Any] = {}
    """How long the profile wants a pack kept: ``days``, ``until`` (a date), and the ``source`` of that."""
    run: Run
    files: tuple[StoredFile, ...] = ()
    demo: bool = False


def pretty(value: Any) -> bytes:
    """JSON with sorted keys, indented by one space, one line break at the end."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1) + b"\n"


def encode(manifest: Manifest) -> bytes:
    """The bytes of manifest.json."""
    return pretty(manifest)


def with_files(manifest: Manifest, files: tuple[StoredFile, ...]) -> Manifest:
    """The manifest with the files of its pack."""
    return msgspec.structs.replace(manifest, files=files)


def decode(raw: bytes) -> Manifest:
    """The manifest of these bytes.

    Raises:
        msgspec.ValidationError: they are no manifest of this version.
    """
    return msgspec.json.decode(raw, type=Manifest)
