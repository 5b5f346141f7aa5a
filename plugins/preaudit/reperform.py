"""Judging a pack's stored snapshot again with its stored inputs, and comparing every record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import msgspec

from preaudit.audit import Audit, Plan
from preaudit.errors import UsageError
from preaudit.evidence.manifest import Manifest
from preaudit.evidence.pack import RECORDS
from preaudit.evidence.record import Record, decode, encode
from preaudit.inputs import stored_plan
from preaudit.installed import tool
from preaudit.judge import Item
from preaudit.render.text import record_name
from preaudit.snapshot import Snapshot

_MAX_LINE = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Reperformed:
    """What came of it.

    Attributes:
        compared: records that were judged again and are the same, byte for byte.
        differing: one sentence for each record that is not, bounded in number by what the pack holds.
        left_out: one sentence for each part of the pack that was not judged again, with the reason.
    """

    compared: int
    differing: tuple[str, ...]
    left_out: tuple[str, ...]


class _Place(msgspec.Struct):
    requirement: str
    namespace: str


@dataclass(slots=True)
class _Comparison:
    same: int = 0
    differing: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def compare(self, name: str, stored: Sequence[bytes], again: Sequence[bytes]) -> None:
        if len(stored) == len(again) and all(map(bytes.__eq__, stored, again)):
            self.same += len(stored)
            return
        missing, added = Counter(stored) - Counter(again), Counter(again) - Counter(stored)
        self.same += sum((Counter(stored) & Counter(again)).values())
        if not missing and not added:
            self.differing.append(f"{name}: the records stand in another order")
        for kind, lines in (("the pack says", missing), ("judged again", added)):
            self.differing += [f"{name}: {kind}: {_told(line)}" for line in lines.elements()]


def reperform(folder: Path, manifest: Manifest, own: Sequence[Path]) -> Reperformed:
    """Judge again and compare.

    Args:
        folder: the pack; its files are those that the manifest names.
        manifest: its manifest.
        own: suites of a user's own that the run was given, by path; never taken from the pack.

    Raises:
        UsageError: what is stored cannot be judged at all.
    """
    if manifest.tool != tool():
        return Reperformed(0, (), (_other_tool(manifest),))
    try:
        plan = stored_plan(folder, manifest, own)
        audit = Audit(plan, Snapshot(folder / "snapshot"))
    except UsageError as error:
        return Reperformed(0, (), (f"nothing was judged again: {error}",))
    found = _Comparison()
    items = _items(plan, audit, manifest, found)
    seen = set()
    for (requirement, namespace), lines in _stored(folder / RECORDS):
        name = f"{requirement}[{namespace}]"
        seen.add(name)
        item = items.get(requirement, {}).get(namespace)
        if requirement not in items:
            found.left_out[f"{requirement}: {_absent(requirement, manifest, plan.own)}"] += len(lines)
        elif _lost(lines):
            found.left_out[f"{requirement}: the run had not reached it"] += len(lines)
        elif item is None:
            found.differing.append(f"{name}: the snapshot holds no such place")
        else:
            found.compare(name, lines, [encode(record) for record in audit.judge(item)])
    deselected = {one.get("item", "") for one in manifest.deselected}
    for item in (one for places in items.values() for one in places.values()):
        if item.name not in seen and item.name not in deselected:
            found.compare(item.name, [], [encode(record) for record in audit.judge(item)])
    found.differing += _rules_differ(manifest, plan.profile.described)
    left = (f"{number} records of {what}" for what, number in sorted(found.left_out.items()))
    return Reperformed(found.same, tuple(found.differing), tuple(left))


def _items(plan: Plan, audit: Audit, manifest: Manifest, found: _Comparison) -> dict[str, dict[str, Item]]:
    """The items of every requirement that is here as it was there, by requirement and namespace."""
    entries = {one.id: one for one in manifest.catalogue}
    items: dict[str, dict[str, Item]] = {}
    for one in plan.selected:
        if one.id not in entries:
            found.differing.append(f"{one.id}: the stored profile asks for it, the manifest's catalogue does not")
        elif entries[one.id].sha256 == one.sha256:
            items[one.id] = {item.namespace: item for item in audit.items(one)}
    return items


def _rules_differ(manifest: Manifest, profile: msgspec.Struct) -> list[str]:
    """The profile's values that the manifest tells must be those that its stored files give."""
    told = {one.name: one.value for one in manifest.profile.parameters}
    given = {one.name: one.value for one in profile.parameters}  # type: ignore[attr-defined]
    return [
        f"the manifest tells {name} = {told.get(name)!r}, the stored profile gives {given.get(name)!r}"
        for name in sorted(told.keys() | given.keys())
        if msgspec.json.encode(told.get(name)) != msgspec.json.encode(given.get(name))
    ]


def _stored(path: Path) -> Iterator[tuple[tuple[str, str], list[bytes]]]:
    """The lines of a pack by requirement and namespace, in their order."""
    decoder = msgspec.json.Decoder(_Place)

    def place(line: bytes) -> tuple[str, str]:
        found = decoder.decode(line)
        return found.requirement, found.namespace

    def lines() -> Iterator[bytes]:
        with path.open("rb") as stream:
            while line := stream.readline(_MAX_LINE):
                yield line.removesuffix(b"\n")

    try:
        for key, group in groupby(lines(), place):
            yield key, list(group)
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def _lost(lines: Sequence[bytes]) -> bool:
    """Whether the one record of an item says that the run never judged it."""
    if len(lines) != 1 or b'"not judged: ' not in lines[0]:
        return False
    record = decode(lines[0])
    return record.subject is None and record.verdict == "unknown" and record.reason.startswith("not judged: ")


def _absent(requirement: str, manifest: Manifest, own: frozenset[str]) -> str:
    entry = next((one for one in manifest.catalogue if one.id == requirement), None)
    if entry is None:
        return "the manifest's catalogue does not name it"
    if requirement in own:
        return f"its suite {entry.file} is another one than the one that judged (its sha256 differs)"
    return f"its suite {entry.file} was not given; add its path, as you got it, not from the pack"


def _other_tool(manifest: Manifest) -> str:
    told, here = (
        f"preaudit {one.get('version')} with files {one.get('files_sha256', 'of unknown hash')[:16]}"
        for one in (manifest.tool, tool())
    )
    return f"all {manifest.totals.records} records: {told} judged, this is {here}; install that one to judge again"


def _told(line: bytes) -> str:
    try:
        record: Record = decode(line)
    except (msgspec.MsgspecError, RecursionError):
        return "a line that is no record"
    where = f"{record_name(record)} {record.subject.within}".strip() if record.subject else record.namespace
    return f"{record.verdict.value} for {where}: {record.reason[:200]}"
