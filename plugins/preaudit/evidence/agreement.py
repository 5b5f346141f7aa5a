"""Whether the manifest and the files that it rests on tell the same: snapshot, profile, what people declared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from preaudit.evidence.contents import Survey
from preaudit.evidence.finding import Fault, Finding, finding
from preaudit.evidence.outline import Outline
from preaudit.evidence.pack import RECORDS
from preaudit.evidence.strict import MAX_JSON, NotStrict, pretty, read_pretty
from preaudit.plainfile import TooMuch, read_plain
from preaudit.snapshot import StoredFile

COLLECTION = "snapshot/collection.json"
EFFECTIVE = "inputs/effective-profile.json"


class _Collection(msgspec.Struct, frozen=True):
    """The part of collection.json that is compared."""

    files: tuple[StoredFile, ...]


def agreement_findings(folder: Path, outline: Outline, manifest: dict[str, Any], found: Survey) -> list[Finding]:
    """What the manifest says otherwise than the files that it names."""
    stored = {one.name: one for one in outline.files}
    told = [
        finding(Fault.MISSING, f"manifest.json does not name {name}, without which there is no pack")
        for name in (RECORDS, COLLECTION, EFFECTIVE)
        if name not in stored
    ]
    for layer in outline.profile.layers:
        name = f"inputs/profile-{layer.get('name', '')}.yaml"
        if name not in stored or stored[name].sha256 != layer.get("sha256"):
            sentence = f"{name} is not the file of the profile that manifest.json tells (its sha256 differs)"
            told.append(finding(Fault.CONTRADICTION, sentence))
    for word, declared in (("waivers", outline.waivers), ("attestations", outline.attestations)):
        if declared and f"inputs/{word}.yaml" not in stored:
            told.append(finding(Fault.MISSING, f"inputs/{word}.yaml is missing; manifest.json lists {word} of it"))
    if EFFECTIVE in found.files and EFFECTIVE in stored:
        try:
            same = read_plain(folder / EFFECTIVE, MAX_JSON) == pretty(manifest["profile"])
        except (OSError, TooMuch):
            same = False
        if not same:
            told.append(finding(Fault.CONTRADICTION, f"{EFFECTIVE} is not the profile that manifest.json tells"))
    if COLLECTION in found.files and COLLECTION in stored:
        told += _collection(folder, outline, stored)
    return told


def _collection(folder: Path, outline: Outline, stored: dict[str, StoredFile]) -> list[Finding]:
    if stored[COLLECTION].sha256 != outline.snapshot.sha256:
        sentence = f"{COLLECTION} is not the one that was judged: manifest.json tells two sha256 for it"
        return [finding(Fault.CONTRADICTION, sentence)]
    try:
        collection = msgspec.convert(read_pretty(read_plain(folder / COLLECTION, MAX_JSON)), _Collection)
    except NotStrict as error:
        return [finding(Fault.MALFORMED, f"{COLLECTION} {error}")]
    except (OSError, TooMuch, msgspec.ValidationError) as error:
        return [finding(Fault.MALFORMED, f"{COLLECTION} cannot be read: {error}")]
    told = []
    for one in collection.files:
        name = f"snapshot/{one.name}"
        if stored.get(name) != msgspec.structs.replace(one, name=name):
            told.append(finding(Fault.CONTRADICTION, f"{name} is not the file that {COLLECTION} tells"))
    known = {f"snapshot/{one.name}" for one in collection.files} | {COLLECTION}
    told += [
        finding(Fault.EXTRA, f"{name} is a file of the snapshot that {COLLECTION} does not tell")
        for name in sorted(stored)
        if name.startswith("snapshot/") and name not in known
    ]
    return told
