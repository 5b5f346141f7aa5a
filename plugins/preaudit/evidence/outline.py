"""The part of a manifest that checks and signatures rely on; it reads manifests of later versions, too."""

from __future__ import annotations

from typing import Any

import msgspec

from preaudit.evidence.strict import NotStrict, read_pretty
from preaudit.snapshot import StoredFile
from preaudit.verdict import Verdict

SCHEMA = "preaudit.manifest/1"
_COUNT = 2**48
_SHA256 = frozenset("0123456789abcdef")
_VERDICTS = frozenset(one.value for one in Verdict)


class Tool(msgspec.Struct, frozen=True):
    """What made the pack; `files_sha256` identifies the installed files, "" where it was not told."""

    name: str
    version: str
    files_sha256: str = ""


class Profile(msgspec.Struct, frozen=True):
    """The rules: the named profile and the hashes of its files, ``{"name", "file", "sha256"}``."""

    name: str
    version: str
    layers: tuple[dict[str, str], ...]


class Target(msgspec.Struct, frozen=True):
    """The cluster; empty where it could not be learned."""

    api_url: str = ""
    cluster_uid: str = ""


class Identity(msgspec.Struct, frozen=True):
    """Who looked."""

    user: str = ""


class Redaction(msgspec.Struct, frozen=True):
    """How values were hidden: the policy, and where the key came from."""

    policy: str = ""
    key: str = ""


class Taken(msgspec.Struct, frozen=True):
    """The snapshot: hash of its collection.json."""

    sha256: str
    redaction: Redaction = Redaction()


class Totals(msgspec.Struct, frozen=True):
    """The counts as the manifest tells them; whether they add up is checked apart."""

    items_collected: int
    items_executed: int
    items_deselected: int
    items_lost: int
    records: int
    verdicts: dict[str, int]
    attested: int = 0


class Gate(msgspec.Struct, frozen=True):
    """The run's own end, and what the user let through."""

    exit_code: int
    meaning: str
    allow: tuple[str, ...] = ()
    gate_severity: str = ""


class Run(msgspec.Struct, frozen=True):
    """When, by whom."""

    id: str
    started: str
    finished: str
    operator: str = ""
    interrupted: bool = False
    previous: str = ""
    nonce: str = ""


class Outline(msgspec.Struct, frozen=True):
    """The fields of `preaudit.evidence.manifest.Manifest` that are needed here, under the same names."""

    schema: str
    tool: Tool
    profile: Profile
    now: str
    target: Target
    identity: Identity
    snapshot: Taken
    partial: tuple[str, ...]
    totals: Totals
    gate: Gate
    run: Run
    files: tuple[StoredFile, ...]
    waivers: tuple[Any, ...] = ()
    attestations: tuple[Any, ...] = ()
    demo: bool = False


def read_outline(raw: bytes) -> tuple[Outline, dict[str, Any]]:
    """The outline of a manifest's bytes, and the whole of its value.

    Raises:
        NotStrict: they are no manifest that this version can check; a clause that says why.
    """
    value = read_pretty(raw)
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        raise NotStrict(f"is of schema {str(schema)[:80]!r}, this version reads {SCHEMA!r}")
    try:
        outline = msgspec.convert(value, Outline)
    except (msgspec.ValidationError, RecursionError) as error:
        raise NotStrict(f"is no manifest: {error}") from None
    for stored in outline.files:
        if fault := name_fault(stored.name):
            raise NotStrict(f"names the file {stored.name[:80]!r}, which {fault}")
        if len(stored.sha256) != 64 or not _SHA256.issuperset(stored.sha256) or not 0 <= stored.bytes < _COUNT:
            raise NotStrict(f"gives no length and sha256 for {stored.name[:80]!r}")
    names = [stored.name for stored in outline.files]
    if len(set(names)) != len(names):
        raise NotStrict("names a file twice")
    if outline.totals.verdicts.keys() != _VERDICTS:
        raise NotStrict("counts other verdicts than " + ", ".join(sorted(_VERDICTS)))
    return outline, value


def name_fault(name: str, depth: int = 3) -> str:
    """Why a path is none that a pack may hold, at most `depth` parts long; "" where it may."""
    parts = name.split("/")
    if not name or name.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        return "does not lie in the pack"
    if len(name.encode("utf-8", "surrogatepass")) > 255 or len(parts) > depth:
        return "is too long"
    if not name.isprintable() or any(mark in name for mark in '\\"'):
        return "holds characters that no name in a pack has"
    return ""
