"""What a pack tells beside its records, told again: its manifest, its inputs, its README and its renderings.

A verdict that can be derived again is worth little where the page that people read says another one. All of it follows
from the snapshot, the inputs and the records, so all of it is made again and compared byte for byte; only what the run
says of itself (`preaudit.evidence.manifest.Run`) rests on its word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from preaudit.account import Judged, account
from preaudit.audit import Audit, Plan
from preaudit.demo import is_recorded
from preaudit.evidence import manifest as manifests
from preaudit.evidence.pack import MANIFEST, RECORDS, Records
from preaudit.evidence.places import unequal_places
from preaudit.evidence.readme import readme
from preaudit.evidence.record import Record
from preaudit.gate import GateCount
from preaudit.inputs import SELECTION, SUITES, written_inputs
from preaudit.snapshot import parse_time
from preaudit.verdict import Verdict

COLLECTION = "snapshot/collection.json"
_NOT_JUDGED = "not judged: "
_MOST_SHOWN = 80
_WORTH_A_PROCESS = 10_000
"""Records from which on a second process, which takes half a second to start, makes the check faster."""


@dataclass(slots=True)
class Tally:
    """What was judged again, as far as the manifest counts it.

    Attributes:
        count: of all records.
        declared_about: requirements that a waiver names.
        known: every item that the plan gives over the snapshot.
        deselected: of them, those that the user left out.
        lost: items that the run never reached.
        cause: why not.
        kept: the records that a waiver or an attestation may be about.
    """

    count: GateCount
    declared_about: frozenset[str]
    known: frozenset[str]
    deselected: frozenset[str]
    lost: list[str] = field(default_factory=list)
    cause: str = ""
    kept: list[Record] = field(default_factory=list)

    @property
    def items(self) -> frozenset[str]:
        """The items that were to be judged."""
        return self.known - self.deselected

    def add(self, records: Sequence[Record]) -> None:
        """Count the records of one item."""
        self.count.add(records)
        self.kept += [one for one in records if one.attestation is not None or one.requirement in self.declared_about]

    def add_stored(self, item: str, records: Sequence[Record]) -> None:
        """Count the records of an item that cannot be judged again, as they are stored."""
        self.add(records)
        if lost(records):
            self.lost.append(item)
            self.cause = records[0].reason.removeprefix(_NOT_JUDGED)


def lost(records: Sequence[Record]) -> bool:
    """Whether the one record of an item says that the run never judged it."""
    if len(records) != 1 or records[0].subject is not None:
        return False
    return records[0].verdict is Verdict.UNKNOWN and records[0].reason.startswith(_NOT_JUDGED)


def manifest_differs(
    folder: Path, manifest: manifests.Manifest, audit: Audit, tally: Tally, unknown: Sequence[str]
) -> Iterator[str]:
    """What manifest.json tells otherwise than it follows from snapshot, inputs and verdicts.

    Args:
        folder: the pack.
        manifest: its manifest.
        audit: of what is stored.
        tally: of the verdicts.
        unknown: suites that the run had and that are not here; what depends on them is taken as it is told.
    """
    count = manifest.totals
    judged = Judged(
        items=count.items_collected - count.items_deselected if unknown else len(tally.items), lost=tally.lost,
        cause=tally.cause, deselected={one.get("item", ""): one.get("reason", "") for one in manifest.deselected},
        records=tally.kept, count=tally.count, interrupted=manifest.run.interrupted,
    )  # fmt: skip
    hashed = _sha256((folder / COLLECTION).read_bytes())
    again = account(audit, judged, manifest.run, collection_sha256=hashed, demo=manifest.demo)
    if unknown:
        again = _as_told(again, manifest, audit.plan)
    raw = (folder / MANIFEST).read_bytes()
    made = manifests.encode(manifests.with_files(again, manifest.files))
    if made != raw:
        yield from _named(msgspec.json.decode(raw), msgspec.json.decode(made))
    if manifest.demo and not is_recorded(hashed):
        yield "manifest.json tells of the demo's cluster, the snapshot is another one"


def _as_told(again: manifests.Manifest, told: manifests.Manifest, plan: Plan) -> manifests.Manifest:
    """What was derived, with that of it left as it is told which suites that are not here have a part in."""
    here = plan.catalogue.names

    def merged(derived: Iterable[Any], stored: Iterable[Any]) -> tuple[Any, ...]:
        mine = {one.id: one for one in derived}
        return tuple(mine.get(one.id, one) if _requirement(one) in here else one for one in stored)

    return msgspec.structs.replace(
        again, catalogue=merged(again.catalogue, told.catalogue), waivers=merged(again.waivers, told.waivers),
        attestations=merged(again.attestations, told.attestations), partial=told.partial, left_out=told.left_out,
    )  # fmt: skip


def _requirement(one: Any) -> str:
    return str(getattr(one, "requirement", one.id))


def _named(told: dict[str, Any], made: dict[str, Any]) -> Iterator[str]:
    found = False
    for place in unequal_places(told, made):
        found = True
        yield f"manifest.json tells {place} = {_at(told, place)}; derived again it is {_at(made, place)}"
    if not found:
        yield "manifest.json has keys that no run writes"


def _at(value: Any, place: str) -> str:
    for part in place.replace("[", ".[").split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.startswith("["):
            value = value[int(part[1:-1])]
    text = msgspec.json.encode(value).decode(errors="replace")
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def claims_differ(manifest: manifests.Manifest) -> Iterator[str]:
    """What the run says of itself that does not fit together; a clock that was set may do that, so it proves little."""
    run = manifest.run
    try:
        started, finished = parse_time(run.started), parse_time(run.finished)
        taken = parse_time(str(manifest.snapshot.get("started")))
        born = int(run.id.replace("-", "")[:12], 16) // 1000
    except ValueError:
        yield "the run's times: its id, start or end cannot be read"
        return
    if not taken <= started <= finished:
        yield "the run's times: it says to have begun before its snapshot was taken, or to have ended before it began"
    if born != int(started.timestamp()):
        yield "the run's id: it is of another second than the run's start"


def files_differ(manifest: manifests.Manifest, plan: Plan, unknown: Sequence[str]) -> Iterator[str]:
    """Inputs and README that are not those that a run writes, and files that none writes."""
    stored = {one.name: one.sha256 for one in manifest.files}
    made: dict[str, bytes] = {"README.txt": readme(), **written_inputs(plan)}
    if unknown:
        del made[SUITES], made[SELECTION]
    yield from _compared(stored, {name: _sha256(content) for name, content in made.items()})
    known = made.keys() | {RECORDS, SUITES, SELECTION} | set(_renderings())
    for name in sorted(stored.keys() - known):
        if not name.startswith("snapshot/"):
            yield f"{name}: no run writes such a file"


@contextmanager
def renderings(folder: Path, manifest: manifests.Manifest) -> Iterator[Callable[[], list[str]]]:
    """Make the renderings again, beside what the block does where there is much to do; the call gives what differs."""
    if manifest.totals.records < _WORTH_A_PROCESS:
        yield lambda: renderings_differ(folder)
        return
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        future = pool.submit(renderings_differ, folder)
        yield future.result


def renderings_differ(folder: Path) -> list[str]:
    """Renderings that are not those of the stored records and manifest.

    Args:
        folder: a pack whose files are those that its manifest names.
    """
    from preaudit.render.renderings import told_of  # noqa: PLC0415 - brings the templates
    from preaudit.snapshot import Snapshot  # noqa: PLC0415 - with them

    try:
        manifest = manifests.decode((folder / MANIFEST).read_bytes())
        stored = {one.name: one.sha256 for one in manifest.files}
        told = told_of(
            list(Records(folder / RECORDS, manifest.totals.records)), manifest, stored.get(RECORDS, ""),
            snapshot=Snapshot(folder / "snapshot"),
        )  # fmt: skip
        made = {name: _hash_of(told, render) for name, render in _renderings().items()}
    except Exception as error:  # noqa: BLE001 - a stranger's pack may hold anything; that it cannot be rendered is told
        return [f"the renderings cannot be made again: {type(error).__name__}: {error}"]
    return list(_compared(stored, made))


def _hash_of(told: Any, render: Callable[[Any, IO[bytes]], None]) -> str:
    stream = _Hashing()
    render(told, cast("IO[bytes]", stream))
    return stream.digest.hexdigest()


class _Hashing:
    """A stream that keeps only the hash of what is written to it."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Take the next bytes."""
        self.digest.update(content)
        return len(content)


def _compared(stored: Mapping[str, str], made: Mapping[str, str]) -> Iterator[str]:
    for name, digest in made.items():
        if name not in stored:
            yield f"{name}: the pack does not hold it, though every run writes it"
        elif stored[name] != digest:
            yield f"{name}: made again from what the pack holds, it is another file"


def _renderings() -> Mapping[str, Any]:
    from preaudit.render.renderings import RENDERINGS  # noqa: PLC0415 - brings the templates

    return RENDERINGS


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
