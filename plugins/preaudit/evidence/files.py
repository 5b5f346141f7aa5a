"""The files of a pack: whether they are what its manifest says, and the manifest what the files say."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preaudit.evidence.agreement import agreement_findings
from preaudit.evidence.contents import compare, hash_files, survey
from preaudit.evidence.counting import RecordCheck, totals_findings
from preaudit.evidence.finding import Fault, Finding, finding
from preaudit.evidence.outline import Outline, read_outline
from preaudit.evidence.pack import MANIFEST, RECORDS
from preaudit.evidence.strict import MAX_JSON, NotStrict
from preaudit.plainfile import TooMuch, read_plain


@dataclass(frozen=True, slots=True)
class Files:
    """What a look at the files of a pack found.

    Attributes:
        findings: what is wrong, empty when nothing is.
        outline: what the manifest says, None where it cannot be read.
        manifest: the whole of its value.
        manifest_bytes: as they were read, once.
        names: every file that lies in the folder.
        size: of the files that the manifest names, in bytes.
    """

    findings: tuple[Finding, ...]
    outline: Outline | None = None
    manifest: dict[str, Any] = field(default_factory=dict)
    manifest_bytes: bytes = b""
    names: frozenset[str] = frozenset()
    size: int = 0


def check_files(folder: Path) -> Files:
    """Check the files of a pack against its manifest, and what the manifest says against the files."""
    try:
        found = survey(folder)
        raw = read_plain(folder / MANIFEST, MAX_JSON) if MANIFEST in found.files else b""
    except TooMuch as error:
        return Files((finding(Fault.MALFORMED, str(error)),))
    except OSError as error:
        return Files((finding(Fault.IRREGULAR, f"the pack cannot be read: {error.strerror}"),))
    names = frozenset(found.files)
    if MANIFEST not in found.files:
        cause = "is a link or a special file" if MANIFEST in found.irregular else "is missing"
        return Files((finding(Fault.MISSING, f"{MANIFEST} {cause}; this is no whole pack"),), names=names)
    try:
        outline, manifest = read_outline(raw)
    except NotStrict as error:
        return Files((finding(Fault.MALFORMED, f"{MANIFEST} {error}"),), manifest_bytes=raw, names=names)
    try:
        faults = compare(found, outline.files)
    except TooMuch as error:
        return Files((finding(Fault.MALFORMED, str(error)),), names=names)
    records = RecordCheck()
    faults += hash_files(folder, outline.files, found, {RECORDS: records.feed})
    faults += totals_findings(outline.totals)
    read = RECORDS in found.files and any(stored.name == RECORDS for stored in outline.files)
    if read and not any(one.sentence.startswith(RECORDS) for one in faults):
        faults += records.findings(outline.totals)
    faults += agreement_findings(folder, outline, manifest, found)
    size = sum(stored.bytes for stored in outline.files)
    return Files(tuple(faults), outline, manifest, raw, names, size)
