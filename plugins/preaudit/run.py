"""A run: collect, let pytest judge, then write the pack. One object for the whole life of pytest's controller."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from preaudit.account import Judged, account
from preaudit.audit import Audit, Plan
from preaudit.demo import is_recorded
from preaudit.errors import UsageError
from preaudit.evidence import manifest as manifests
from preaudit.evidence.beside import WORTH_A_PROCESS
from preaudit.evidence.leak_watch import LeakWatch
from preaudit.evidence.leaks import Leaks, require_clean
from preaudit.evidence.pack import INCOMPLETE, MANIFEST, RECORDS, PackFolder, Records, files_below, reason, write_pieces
from preaudit.evidence.readme import readme
from preaudit.evidence.record import Record, encode
from preaudit.evidence.strict import MAX_JSON
from preaudit.gate import GateCount
from preaudit.inputs import write_inputs
from preaudit.installed import plugins
from preaudit.judge import Item, unreached
from preaudit.observe import observe
from preaudit.plainfile import TooMuch, read_plain
from preaudit.render.apart import APART, Apart
from preaudit.render.renderings import RENDERINGS, Told, told_of
from preaudit.render.summary import Summary, summarise
from preaudit.snapshot import Snapshot
from preaudit.spool import Merged
from preaudit.uuid7 import uuid7
from preaudit.verdict import Exit

if TYPE_CHECKING:
    from preaudit.evidence.keys import PackSigner


class Run:
    """A run from its plan to its pack.

    Args:
        plan: what to judge.
        command: the command line, as the manifest tells it.
        started: when the run began.
        demo: the snapshot is the one that ships with preaudit.
    """

    def __init__(self, plan: Plan, command: Sequence[str], started: datetime, *, demo: bool = False) -> None:
        self.plan = plan
        self._command = tuple(command)
        self._started = started
        self._demo = demo
        self._previous = _manifest_sha256(plan.options.previous)
        self._signer = _signer(plan)
        out = plan.options.out or f"preaudit-{started:%Y%m%dT%H%M%SZ}"
        self.pack = PackFolder(Path(out).absolute())
        self.archive = self.pack.out.with_name(f"{self.pack.out.name}.tar.zst") if plan.options.archive else None
        if self.archive is not None and os.path.lexists(self.archive):
            self.pack.discard()
            raise UsageError(f"{self.archive} exists already; an archive is never overwritten, give another --out")
        self.credential_names: tuple[str, ...] = ()
        """Objects whose names look like credentials; names are shown as they are."""
        self._watch: LeakWatch | None = None
        self._apart: Apart | None = None
        self.audit: Audit | None = None
        self.manifest: manifests.Manifest | None = None
        self.summary: Summary | None = None

    @property
    def snapshot_folder(self) -> Path:
        """Where the pack keeps its snapshot."""
        return self.pack.path / "snapshot"

    @property
    def spool(self) -> Path:
        """Where each process leaves the records of the items that it judged."""
        return self.pack.spool

    def collect(self) -> Audit:
        """Observe the target, then open what was seen.

        Raises:
            UsageError: the target cannot be used; nothing is left behind.
        """
        try:
            observe(self.plan, self.snapshot_folder, self._started)
            self.audit = Audit(self.plan, Snapshot(self.snapshot_folder))
            self._share_the_work()
            _ = self.audit.estate.namespaces  # a snapshot that cannot be read ends the run here, in one sentence
        except OSError as error:
            raise UsageError(f"{self.pack.out} cannot be written: {reason(error)}") from None
        return self.audit

    def _share_the_work(self) -> None:
        """Let a large pack be scanned, and a part of it be rendered, by processes of their own."""
        stored = sorted(path for path in self.snapshot_folder.iterdir())
        if sum(path.stat().st_size for path in stored) >= WORTH_A_PROCESS:
            self._watch, self._apart = LeakWatch(self.pack.path), Apart(self.pack.path)
            self._watch.whole(f"{self.snapshot_folder.name}/{path.name}" for path in stored)

    def _whole(self, *names: str) -> None:
        """These files of the pack are complete."""
        if self._watch is not None:
            self._watch.whole(names)

    def finish(self, collected: Iterable[str], deselected: Mapping[str, str], *, early: str, interrupted: bool) -> Exit:
        """Merge the spools and write the pack; the exit code of the run.

        Args:
            collected: names of the items that pytest collected and kept.
            deselected: items that the user left out, with the reason.
            early: why the run ended early (``-x``, Ctrl-C), "" where it did not.
            interrupted: it was interrupted, so its exit code says so.
        """
        if self.audit is None:
            return Exit.INTERRUPTED
        try:
            return self._finish(self.audit, set(collected), deselected, early, interrupted)
        except OSError as error:
            raise UsageError(f"{self.pack.out} cannot be written: {reason(error)}") from None

    def _finish(
        self, audit: Audit, collected: set[str], deselected: Mapping[str, str], early: str, interrupted: bool  # noqa: FBT001
    ) -> Exit:
        merged = Merged(self.spool)
        items = [
            item
            for one in self.plan.selected
            for item in audit.items(one)
            if item.name not in deselected or item.name in merged.items
        ]
        # Whatever was planned and neither judged nor left out on purpose is unknown, also where pytest never met it.
        unmet = any(item.name not in collected and item.name not in merged.items for item in items)
        cause = early or ("pytest did not collect it" if unmet else "the process that was to judge it ended early")
        count = GateCount(self.plan.gate)
        path = self.pack.path / RECORDS
        total = write_pieces(path, self._pieces(audit, items, merged, cause, count))
        self._whole(RECORDS)
        self.pack.drop_spool()
        write_inputs(self.plan, self.pack)
        self.pack.write("README.txt", readme())
        inputs = [path for path in sorted((self.pack.path / "inputs").rglob("*")) if path.is_file()]
        self._whole("README.txt", *(path.relative_to(self.pack.path).as_posix() for path in inputs))
        # Decoded once, for everything that is told of them; the snapshot's objects make room for them.
        audit.estate.forget()
        judged = Judged(
            items=len(items), lost=[item.name for item in items if item.name not in merged.items], cause=cause,
            deselected=deselected, records=list(Records(path, total)), count=count, interrupted=interrupted,
        )  # fmt: skip
        collection = _sha256(self.snapshot_folder / "collection.json")
        # Only what was stored before can be the recording; a live run need not unpack that to know.
        demo = self._demo or (self.plan.options.snapshot is not None and is_recorded(collection))
        facts = self._facts(interrupted=interrupted)
        told = account(audit, judged, facts, collection_sha256=collection, demo=demo)
        self.summary = summarise(judged.records, told)
        self._render(audit, told, judged.records, self.summary)
        told = manifests.with_files(told, files_below(self.pack.path))
        self.pack.write(MANIFEST, manifests.encode(told))
        leaks = self._require_clean()
        self.credential_names = tuple(one.name for one in leaks.named)
        self.pack.whole()
        if self._signer is not None:
            from preaudit.evidence.seal import sign_pack  # noqa: PLC0415 - few runs sign

            sign_pack(self.pack.path, self._signer)
        self.pack.finish()
        self.manifest = told
        if self.archive is not None:
            from preaudit.evidence.archive import write_archive  # noqa: PLC0415 - few runs want it

            write_archive(self.pack.out, self.archive)
        return judged.exit

    def _require_clean(self) -> Leaks:
        watch, self._watch = self._watch, None
        if watch is None:
            return require_clean(self.pack.path)
        watch.whole((MANIFEST, INCOMPLETE))
        return watch.require_clean()

    def _pieces(
        self, audit: Audit, items: Sequence[Item], merged: Merged, cause: str, count: GateCount
    ) -> Iterable[tuple[int, bytes]]:
        for item in sorted(items, key=lambda one: (one.requirement.id, one.namespace)):
            if item.name in merged.items:
                merged.count(item.name, count)
                yield merged.lines(item.name)
            else:
                record = unreached(item, cause, audit.rules)
                count.add([record])
                yield 1, encode(record) + b"\n"
        merged.close()

    def _facts(self, *, interrupted: bool) -> manifests.Run:
        finished = datetime.now(UTC)
        return manifests.Run(
            id=uuid7(self._started), started=_time(self._started), finished=_time(finished),
            local_offset=f"{finished.astimezone():%z}", operator=_operator(), command=self._command,
            python=platform.python_version(), platform=platform.platform(), plugins=plugins(),
            interrupted=interrupted, previous=self._previous, nonce=self.plan.options.nonce or "",
            pseudonyms=self.plan.options.pseudonyms, attachments=self.plan.options.junit_attachments or "",
        )  # fmt: skip

    def _render(
        self, audit: Audit, told: manifests.Manifest, records: Sequence[Record], summary: Summary
    ) -> None:
        hashed = _sha256(self.pack.path / RECORDS)
        if self._apart is not None:
            self._apart.begin(told, hashed)
        material = told_of(records, told, hashed, snapshot=audit.snapshot, summary=summary)
        mine = [name for name in RENDERINGS if self._apart is None or name not in APART]
        self._make(mine, material)
        if self._apart is not None:
            made = set()
            for name in self._apart.made():
                made.add(name)
                self._whole(name)
            self._make([name for name in APART if name not in made], material)

    def _make(self, names: Iterable[str], material: Told) -> None:
        for name in names:
            with self.pack.create(name) as stream:
                RENDERINGS[name](material, stream)
            self._whole(name)

    def abandon(self) -> None:
        """Leave nothing behind."""
        for process in (self._watch, self._apart):
            if process is not None:
                process.close()
        self.pack.discard()


def _signer(plan: Plan) -> PackSigner | None:
    """The signer of ``--sign-key``, checked before anything is looked at."""
    key, cert = plan.options.sign_key, plan.options.sign_cert
    if key is None:
        if cert is not None:
            raise UsageError("--sign-cert goes with --sign-key: a certificate alone signs nothing")
        return None
    from preaudit.evidence.keys import load_signer  # noqa: PLC0415 - few runs sign, and it brings cryptography

    return load_signer(key, Path(cert) if cert else None)


def _manifest_sha256(pack: str | None) -> str:
    """The hash of the manifest of the pack before this one, "" where none is named."""
    if pack is None:
        return ""
    try:
        return hashlib.sha256(read_plain(Path(pack) / MANIFEST, MAX_JSON)).hexdigest()
    except OSError as error:
        raise UsageError(f"--previous {pack}: no pack that can be read ({MANIFEST}: {error.strerror})") from None
    except TooMuch as error:
        raise UsageError(f"--previous {pack}: {error}, which no manifest is") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


