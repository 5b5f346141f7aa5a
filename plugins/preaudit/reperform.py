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
from preaudit.evidence.counting import MAX_LINE
from preaudit.evidence.manifest import CatalogueEntry, Manifest
from preaudit.evidence.pack import RECORDS
from preaudit.evidence.record import Record, decode, encode
from preaudit.gate import GateCount
from preaudit.inputs import SUITES, stored_plan
from preaudit.installed import tool
from preaudit.judge import Item
from preaudit.render.text import record_name
from preaudit.retold import Tally, claims_differ, files_differ, lost, manifest_differs, renderings
from preaudit.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Reperformed:
    """What came of it.

    Attributes:
        compared: records that were judged again and are the same, byte for byte.
        differing: one sentence for each record that is not, and for all else that the pack tells and that does not
            follow from what it stores; bounded in number by what the pack holds.
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

    def foreign(self, requirement: str, records: int, manifest: Manifest, own: frozenset[str]) -> None:
        """Records of a requirement that is not here as it was there."""
        entry = next((one for one in manifest.catalogue if one.id == requirement), None)
        if entry is None:
            self.differing.append(f"{requirement}: it has records, and the manifest's catalogue does not hold it")
        else:
            self.left_out[f"{requirement}: {_absent(requirement, entry, own)}"] += records

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
    with renderings(folder, manifest) as rendered:
        tally = _judge_again(folder, manifest, audit, found)
        unknown = _unknown_suites(folder, plan, manifest)
        if not unknown:
            found.differing += _no_items(manifest, tally)
        found.differing += manifest_differs(folder, manifest, audit, tally, unknown)
        found.differing += files_differ(manifest, plan, unknown)
        audit.estate.forget()
        found.differing += rendered()
    left = [f"{number} records of {what}" for what, number in sorted(found.left_out.items())]
    left += [f"what depends on the suite {name}, which was not given, is taken as it is told" for name in unknown]
    return Reperformed(found.same, tuple(found.differing), (*left, *claims_differ(manifest)))


def _judge_again(folder: Path, manifest: Manifest, audit: Audit, found: _Comparison) -> Tally:
    """Compare every record of the pack, and every one that it should have; what they count is kept."""
    plan = audit.plan
    items = _items(plan, audit, manifest, found)
    names = {item.name: item for places in items.values() for item in places.values()}
    deselected = {one.get("item", "") for one in manifest.deselected}
    named = (plan.catalogue.names.get(one.requirement) for one in audit.waivers.entries)
    waived = frozenset(name for name in named if name is not None)
    tally = Tally(GateCount(plan.gate), waived, frozenset(names), frozenset(deselected))
    seen = set()
    for (requirement, namespace), lines in _stored(folder / RECORDS):
        name = f"{requirement}[{namespace}]"
        seen.add(name)
        if name in deselected:
            found.differing.append(f"{name}: it is told as deselected, and has records")
        stored = _decoded(lines)
        if stored is None:
            found.differing.append(f"{name}: it has lines that are no records")
        elif requirement not in items:
            found.foreign(requirement, len(lines), manifest, plan.own)
            tally.add_stored(name, stored)
        elif lost(stored):
            found.left_out[f"{requirement}: the run had not reached it"] += len(lines)
            tally.add_stored(name, stored)
        elif name not in names:
            found.differing.append(f"{name}: the snapshot holds no such place")
            tally.add_stored(name, stored)
        else:
            again = audit.judge(names[name])
            found.compare(name, lines, [encode(record) for record in again])
            tally.add(again)
    for name in sorted(tally.items - seen):
        found.compare(name, [], [encode(record) for record in audit.judge(names[name])])
    return tally


def _no_items(manifest: Manifest, tally: Tally) -> Iterator[str]:
    """What is told as deselected and never was an item."""
    for one in manifest.deselected:
        if one.get("item", "") not in tally.known:
            yield f"{one.get('item', '')}: it is told as deselected, and there is no such item"


def _unknown_suites(folder: Path, plan: Plan, manifest: Manifest) -> tuple[str, ...]:
    """Files of suites that the run had and that are not here as they were there; built-in ones always are."""
    here = {one.file: one.sha256 for one in plan.catalogue.requirements}
    builtin = {one.file for one in plan.catalogue.requirements if one.id not in plan.own}
    try:
        told = msgspec.json.decode((folder / SUITES).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError, RecursionError):
        told = {}
    had = {**told, **{one.file: one.sha256 for one in manifest.catalogue}}
    return tuple(sorted(name for name, digest in had.items() if name not in builtin and here.get(name) != digest))


def _items(plan: Plan, audit: Audit, manifest: Manifest, found: _Comparison) -> dict[str, dict[str, Item]]:
    """The items of every requirement that is here as it was there, by requirement and namespace."""
    entries = {one.id: one for one in manifest.catalogue}
    items: dict[str, dict[str, Item]] = {}
    for one in plan.selected:
        if one.id not in entries:
            found.differing.append(f"{one.id}: the stored profile asks for it, the manifest's catalogue does not")
        elif entries[one.id].sha256 == one.sha256 or one.id not in plan.own:
            # A built-in suite of this very build is the one that judged, whatever the manifest calls it.
            items[one.id] = {item.namespace: item for item in audit.items(one)}
    return items


def _stored(path: Path) -> Iterator[tuple[tuple[str, str], list[bytes]]]:
    """The lines of a pack by requirement and namespace, in their order."""
    decoder = msgspec.json.Decoder(_Place)

    def place(line: bytes) -> tuple[str, str]:
        found = decoder.decode(line)
        return found.requirement, found.namespace

    def lines() -> Iterator[bytes]:
        with path.open("rb") as stream:
            while line := stream.readline(MAX_LINE):
                yield line.removesuffix(b"\n")

    try:
        for key, group in groupby(lines(), place):
            yield key, list(group)
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def _decoded(lines: Sequence[bytes]) -> list[Record] | None:
    """The records of lines; None where one is none."""
    try:
        return [decode(line) for line in lines]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _absent(requirement: str, entry: CatalogueEntry, own: frozenset[str]) -> str:
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
