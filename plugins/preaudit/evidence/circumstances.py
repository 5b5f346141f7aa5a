"""What differs between two runs around their verdicts: clusters, values, requirements, waivers, keys, limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from preaudit.evidence.manifest import Manifest
from preaudit.verdict import Level, lower

_NONE = object()


def same_key(old: Manifest, new: Manifest) -> bool:
    """Whether redacted values of both can be compared."""
    names = [one.snapshot.get("redaction") for one in (old, new)]
    ids = [name.get("key_id") if isinstance(name, dict) else None for name in names]
    return bool(ids[0]) and ids[0] == ids[1]


def same_cluster(old: Manifest, new: Manifest) -> bool:
    """Whether both are about one cluster, or both about files, which have none."""
    return old.target.cluster_uid == new.target.cluster_uid


def weakened(old: Manifest, new: Manifest) -> dict[str, Level]:
    """The old level of each requirement that both judged, and that the new profile takes less seriously."""
    before = {one.id: one.level for one in old.catalogue}
    return {
        one.id: before[one.id]
        for one in new.catalogue
        if one.id in before and before[one.id] is not one.level and lower(before[one.id], one.level) is one.level
    }


def values(old: Manifest, new: Manifest) -> Iterator[tuple[str, str, str]]:
    """Profile values and levels of requirements that changed: name, old, new (JSON, or "not set")."""
    before = {one.name: one.value for one in old.profile.parameters}
    after = {one.name: one.value for one in new.profile.parameters}
    levels = {one.id: one.level for one in new.catalogue}
    both = [one for one in old.catalogue if one.id in levels]
    before |= {f"levels.{one.id}": one.level for one in both}
    after |= {f"levels.{one.id}": levels[one.id] for one in both}
    for name in sorted(before.keys() | after.keys()):
        was, is_ = (_json(values.get(name, _NONE)) for values in (before, after))
        if was != is_:
            yield name, was, is_


def _json(value: Any) -> str:
    return "not set" if value is _NONE else msgspec.json.encode(value, order="sorted").decode()


def requirements(old: Manifest, new: Manifest) -> Iterator[tuple[str, str]]:
    """Ids that only one of them judged, with "added" or "removed"."""
    before, after = ({one.id for one in side.catalogue} for side in (old, new))
    for name in sorted(before | after):
        if name not in after:
            yield name, "removed"
        elif name not in before:
            yield name, "added"


def waivers(old: Manifest, new: Manifest) -> Iterator[tuple[str, str]]:
    """Ids of waivers that held and hold no more, with their state now."""
    after = {one.id: one.state for one in new.waivers}
    for waiver in old.waivers:
        if waiver.state == "live" and after.get(waiver.id) != "live":
            yield waiver.id, after.get(waiver.id, "not given any more")


def limits(old: Manifest, new: Manifest) -> Iterator[str]:
    """What a comparison of the two cannot tell, in sentences."""
    if not same_cluster(old, new):
        yield "the packs are about two clusters, or one of them could not be named: nothing counts as fixed"
    elif not old.target.cluster_uid:
        yield "neither pack could name its cluster"
    if old.tool != new.tool:
        versions = " and ".join(Counter(one.tool.get("version", "unknown") for one in (old, new)))
        yield f"the packs were judged by two builds of preaudit ({versions}): a change may be one of the checks"
    else:
        checks = {one.id: one.sha256 for one in old.catalogue}
        for one in new.catalogue:
            if checks.get(one.id, one.sha256) != one.sha256:
                yield f"{one.id} was judged by two versions of its check: a change may be one of the check"
    if not same_key(old, new):
        yield "redacted values cannot be compared: the packs have different redaction keys"
    for word, side in (("old", old), ("new", new)):
        for reason in side.partial:
            yield f"the {word} pack is PARTIAL: {reason}"
        if side.run.interrupted:
            yield f"the {word} pack comes from an interrupted run"
