"""Attestations: a person's word on what only a person can tell. They turn manual into pass or fail, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from preaudit import declaration
from preaudit.errors import UsageError
from preaudit.evidence.manifest import AttestationUse
from preaudit.evidence.record import Record
from preaudit.subjects.ref import Subject
from preaudit.verdict import Verdict

_TEXT = ("id", "requirement", "verdict", "author", "role", "statement", "attested_on", "expires")
_VERDICTS = (Verdict.PASS, Verdict.FAIL)
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """What one person stated about one subject.

    Attributes:
        subject: keys of the subject that must all be equal; ``{kind: Cluster, uid: …}`` for what belongs to a whole
            cluster, which is named by the UID of its namespace kube-system.
        verdict: pass or fail.
        file: name of the document that the statement rests on, "" for none.
        file_sha256: its hash.
    """

    id: str
    requirement: str
    subject: dict[str, Any]
    verdict: Verdict
    author: str
    role: str
    statement: str
    period: declaration.Period
    file: str = ""
    file_sha256: str = ""

    def names(self, requirement: str, ref: Subject) -> bool:
        """Whether it is about this requirement and subject, whatever the date."""
        return self.requirement == requirement and declaration.names(self.subject, ref)


@dataclass(frozen=True, slots=True)
class Attested:
    """The attestation that decides, and what is to be said about one that does not."""

    by: Attestation | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Attestations:
    """The attestations of a run, evaluated on one recorded day about one cluster.

    Attributes:
        cluster_uid: of the cluster that was looked at, "" where it was not learned: then none about a whole cluster
            holds, since it might be about another one.
    """

    entries: tuple[Attestation, ...]
    now: datetime
    cluster_uid: str = ""

    def decide(self, requirement: str, ref: Subject | None) -> Attested:
        """The attestation for one manual verdict.

        Args:
            requirement: id.
            ref: its subject; None where it is about the whole cluster.
        """
        about = ref or self._cluster
        today, note = self.now.date(), ""
        holding = []
        for one in self.entries:
            if about is None or not one.names(requirement, about):
                continue
            if one.period.holds(today):
                holding.append(one)
            else:
                note = f"attestation {one.id} does not hold: {one.period.excuse(today)}"
        if holding:
            # Where two persons contradict one another, the worse word counts, whatever stands first in the file.
            return Attested(min(holding, key=lambda one: one.verdict.rank))
        return Attested(None, note)

    @property
    def _cluster(self) -> Subject | None:
        return Subject(kind="Cluster", name="", uid=self.cluster_uid) if self.cluster_uid else None

    def uses(self, records: Iterable[Record], names: Iterable[str]) -> tuple[AttestationUse, ...]:
        """What became of each: live, expired, future, unused, or unknown."""
        used: dict[str, int] = {}
        for record in records:
            if record.attestation:
                used[record.attestation] = used.get(record.attestation, 0) + 1
        ids, today = set(names), self.now.date()
        return tuple(self._use(one, used.get(one.id, 0), one.requirement in ids, today) for one in self.entries)

    def _use(self, one: Attestation, subjects: int, known: bool, today: Any) -> AttestationUse:  # noqa: FBT001
        state = "live" if subjects else "unused"
        if not known:
            state = "unknown"
        elif not one.period.holds(today):
            state = "expired" if today > one.period.last else "future"
        return AttestationUse(
            id=one.id, requirement=one.requirement, subject=one.subject, verdict=one.verdict.value, author=one.author,
            role=one.role, statement=one.statement, file=one.file, file_sha256=one.file_sha256,
            attested_on=one.period.first.isoformat(), expires=one.period.last.isoformat(), state=state,
            days_left=one.period.days_left(today), subjects=subjects,
        )  # fmt: skip


def load_attestations(path: Path, now: datetime, cluster_uid: str = "") -> Attestations:
    """The attestations of a file; a document that one names and that lies beside the file must have its hash.

    Raises:
        UsageError: one sentence with file and line.
    """
    return Attestations(declaration.load(path, "attestations", lambda entry: _read(entry, path)), now, cluster_uid)


def _read(entry: dict[str, Any], path: Path) -> Attestation:
    declaration.check_keys(entry, "attestation", _TEXT, ("subject", "file", "file_sha256"))
    if entry["verdict"] not in _VERDICTS:
        raise UsageError(f"verdict is {entry['verdict']!r}; a person attests pass or fail, nothing else")
    file, digest = entry.get("file", ""), entry.get("file_sha256", "")
    if bool(file) != bool(digest) or not isinstance(file, str) or not isinstance(digest, str):
        raise UsageError("file and file_sha256 go together: the document's name, and its hash in 64 hex digits")
    if file:
        _check_document(path.parent, file, digest)
    return Attestation(
        id=entry["id"], requirement=entry["requirement"], verdict=Verdict(entry["verdict"]), author=entry["author"],
        role=entry["role"], statement=entry["statement"], file=file, file_sha256=digest,
        subject=declaration.subject_of(entry, "attestation", "{kind: Cluster, uid: UID of the namespace kube-system}"),
        period=declaration.Period(declaration.day(entry, "attested_on"), declaration.day(entry, "expires")),
    )  # fmt: skip


def _check_document(folder: Path, file: str, digest: str) -> None:
    if len(digest) != 64 or set(digest) - _HEX:
        raise UsageError("file_sha256 is no sha256 in 64 lower-case hex digits; sha256sum gives it")
    if Path(file).name != file:
        raise UsageError(f"file is {file!r}; it is the name of a document beside this file, without a folder")
    try:
        with (folder / file).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return  # in a pack only the hash goes along
    except OSError as error:
        raise UsageError(f"{folder / file} cannot be read: {error.strerror}") from None
    if found != digest:
        raise UsageError(f"{folder / file} has the sha256 {found}, not the attested one: it is another document")
