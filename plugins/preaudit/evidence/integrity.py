"""Whether a pack is what was written: files, counts, inputs, signature. It reads hostile input and runs none of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from preaudit.evidence.files import Files, check_files
from preaudit.evidence.finding import Finding
from preaudit.evidence.signatures import check_signatures
from preaudit.evidence.trust import Trust


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of a pack found.

    Attributes:
        findings: what is wrong, of files, counts and signature; empty when nothing is.
        files: the files' part.
        manifest_sha256: hash of manifest.json.
        proved: sentences about what was proved, in the order to tell them.
        notes: sentences about what was not judged.
        trusted: a signature was verified against what the verifier trusts.
    """

    findings: tuple[Finding, ...]
    files: Files
    manifest_sha256: str
    proved: tuple[str, ...]
    notes: tuple[str, ...]
    trusted: bool


def check(
    folder: Path, trust: Trust | None, *, now: datetime, timestamp_trust: Sequence[x509.Certificate] = ()
) -> Checked:
    """Check a pack against its manifest, and its signature against what the verifier trusts.

    Args:
        folder: of the pack.
        trust: a key or authorities, None to look at the integrity only.
        now: the moment of the check, aware; certificates are judged at it where no token proves another.
        timestamp_trust: authorities for time; empty to ignore a token.
    """
    files = check_files(folder)
    if not files.manifest_bytes:
        return Checked(files.findings, files, "", (), (), trusted=False)
    hashed = hashlib.sha256(files.manifest_bytes).hexdigest()
    sealed = check_signatures(folder, files, hashed, trust, now=now, timestamp_trust=timestamp_trust)
    findings = files.findings + sealed.findings
    proved: tuple[str, ...] = ()
    if files.outline is not None and not files.findings:
        count = len(files.outline.files)
        proved = (
            f"{count} files, {files.size:,} bytes: lengths and sha256 as manifest.json tells, none missing or extra",
            f"{files.outline.totals.records:,} records: in canonical form, in order, each once; the counts add up",
        )
    trusted = sealed.trusted and not findings
    return Checked(findings, files, hashed, proved + sealed.proved, sealed.notes, trusted)
