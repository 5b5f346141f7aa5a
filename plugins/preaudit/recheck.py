"""Looking again: objects of a pack's snapshot, drawn by lot, read from the cluster with the verifier's own rights."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from preaudit.collect.one import OneByOne, one_by_one
from preaudit.collect.redaction_key import told
from preaudit.errors import NotObservable, UsageError
from preaudit.evidence.manifest import Manifest
from preaudit.evidence.places import unequal_places
from preaudit.evidence.tokens import without_tokens
from preaudit.observe import redaction_key
from preaudit.snapshot import Snapshot
from preaudit.source import PROBED, SOURCES

MOST = 1000
_UNREAD = PROBED | {"secrets"}
"""Kubelets are read past the API server; of Secrets only metadata was kept, which has no whole object to compare."""


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What came of it.

    Attributes:
        compared: objects that are in the cluster as the pack tells, field by field.
        differing: one sentence for each that has the same revision there and another content.
        left_out: one sentence for each that tells nothing: changed or gone since, or not readable.
    """

    compared: int
    differing: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Drawn:
    source: str
    stored: dict[str, Any]

    @property
    def metadata(self) -> dict[str, Any]:
        return self.stored.get("metadata") or {}

    @property
    def name(self) -> str:
        namespace = self.metadata.get("namespace") or ""
        return f"{self.source} {namespace}{'/' if namespace else ''}{self.metadata.get('name')}"


def recheck(  # noqa: PLR0913 - each is an option of the user's, given by name
    folder: Path, manifest: Manifest, count: int, *, kubeconfig: str | None, context: str | None,
    redaction_key_file: str | None, lot: random.Random | None = None,
) -> Rechecked:  # fmt: skip
    """Draw `count` objects of the snapshot and read each again.

    Args:
        folder: the pack.
        manifest: its manifest.
        count: how many objects.
        kubeconfig: as kubectl takes it.
        context: the same.
        redaction_key_file: the pack's redaction key, where redacted values are to be compared too.
        lot: what draws; by default nobody can foresee it.

    Raises:
        UsageError: the pack is about files, or about another cluster than the one that answers.
        TargetError: the cluster cannot be used.
    """
    if not 1 <= count <= MOST:
        raise UsageError(f"--live {count}: draw at least 1 object and at most {MOST}")
    if manifest.snapshot.get("mode") != "live":
        raise UsageError("--live: this pack was made of files, there is no cluster to look at")
    snapshot = Snapshot(folder / "snapshot")
    drawn = list(_draw(snapshot, count, lot or random.SystemRandom()))
    key = redaction_key(redaction_key_file)
    facts = manifest.snapshot.get("redaction")
    same_key = key is not None
    if key is not None and (not isinstance(facts, dict) or told(key, {}, given=True)["key_id"] != facts.get("key_id")):
        raise UsageError(f"--redaction-key-file {redaction_key_file}: this pack was redacted with another key")
    same = 0
    differing: list[str] = []
    left_out: list[str] = []
    with one_by_one(kubeconfig, context, key, datetime.now(UTC)) as cluster:
        _check_cluster(manifest, cluster)
        for one in drawn:
            outcome = _look(one, cluster, same_key=same_key)
            if outcome is None:
                same += 1
            else:
                (differing if outcome.startswith("differs") else left_out).append(f"{one.name}: {outcome}")
    return Rechecked(same, tuple(differing), tuple(left_out))


def _draw(snapshot: Snapshot, count: int, lot: random.Random) -> Iterator[_Drawn]:
    """Objects at random places, each as likely as any other."""
    sources = [one for one in SOURCES if one not in _UNREAD]
    sizes = {name: sum(1 for _ in snapshot.lines(name)) for name in sources}
    wanted = sorted(lot.sample(range(sum(sizes.values())), min(count, sum(sizes.values()))), reverse=True)
    place = 0
    for name in sources:
        for line in snapshot.lines(name):
            if wanted and wanted[-1] == place:
                wanted.pop()
                yield _Drawn(name, msgspec.json.decode(line, type=dict[str, Any]))
            place += 1


def _check_cluster(manifest: Manifest, cluster: OneByOne) -> None:
    here, there = cluster.target.cluster_uid, manifest.target.cluster_uid
    if here and there and here != there:
        raise UsageError(f"--live: the pack is about cluster {there}, {cluster.target.api_url} is cluster {here}")


def _look(one: _Drawn, cluster: OneByOne, *, same_key: bool) -> str | None:
    """None where the object is as stored, else what is to be said; "differs…" where the pack cannot be true."""
    metadata = one.metadata
    try:
        line = cluster.line(one.source, metadata.get("namespace") or "", metadata.get("name") or "")
    except NotObservable as error:
        return f"not seen: {error.why}"
    if not line:
        return "is not there any more"
    found = msgspec.json.decode(line, type=dict[str, Any])
    now = found.get("metadata") or {}
    if now.get("uid") != metadata.get("uid"):
        return "another object has its name now"
    if now.get("resourceVersion") != metadata.get("resourceVersion"):
        return "changed since it was collected"
    stored: Any = one.stored if same_key else without_tokens(one.stored)
    places = list(unequal_places(stored, found if same_key else without_tokens(found)))
    if places:
        return f"differs at the same revision: {', '.join(one or 'the object' for one in places[:3])}"
    return None
