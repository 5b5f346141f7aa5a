"""A run: collect, let pytest judge, then write the pack. One object for the whole life of pytest's controller."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import preaudit
from preaudit.audit import Audit, Plan
from preaudit.catalogue import entries
from preaudit.errors import UsageError
from preaudit.evidence import manifest as manifests
from preaudit.evidence.pack import MANIFEST, RECORDS, PackFolder, Records, files_below, reason, write_records
from preaudit.evidence.record import Record, encode
from preaudit.gate import GateCount, meaning
from preaudit.judge import Item, unreached
from preaudit.observe import observe
from preaudit.render.renderings import RENDERINGS, Told
from preaudit.render.summary import Summary, summarise
from preaudit.snapshot import Snapshot
from preaudit.spool import Merged
from preaudit.suites import data_folder
from preaudit.uuid7 import uuid7
from preaudit.verdict import Exit, Verdict


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
        out = plan.options.out or f"preaudit-{started:%Y%m%dT%H%M%SZ}"
        self.pack = PackFolder(Path(out).absolute())
        self.spool = Path(tempfile.mkdtemp(prefix="preaudit-spool-", dir=self.pack.path.parent))
        self.audit: Audit | None = None
        self.manifest: manifests.Manifest | None = None
        self.summary: Summary | None = None

    @property
    def snapshot_folder(self) -> Path:
        """Where the pack keeps its snapshot."""
        return self.pack.path / "snapshot"

    def collect(self) -> Audit:
        """Observe the target, then open what was seen.

        Raises:
            UsageError: the target cannot be used; nothing is left behind.
        """
        try:
            observe(self.plan, self.snapshot_folder, self._started)
            self.audit = Audit(self.plan, Snapshot(self.snapshot_folder))
        except OSError as error:
            raise UsageError(f"{self.pack.out} cannot be written: {reason(error)}") from None
        return self.audit

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
        finally:
            shutil.rmtree(self.spool, ignore_errors=True)

    def _finish(
        self, audit: Audit, collected: set[str], deselected: Mapping[str, str], early: str, interrupted: bool  # noqa: FBT001
    ) -> Exit:
        merged = Merged(self.spool)
        items = [
            item
            for one in self.plan.selected
            for item in audit.items(one)
            if item.name in collected or item.name in merged.items
        ]
        cause = early or "the process that was to judge it ended early"
        lost = [item.name for item in items if item.name not in merged.items]
        count = GateCount(self.plan.gate)
        path = self.pack.path / RECORDS
        total = write_records(path, self._lines(audit, items, merged, cause, count))
        code = Exit.INTERRUPTED if interrupted else count.exit
        partial = [*self.plan.partial, *_partial(deselected, lost, cause)]
        self._write_inputs()
        # Decoded once, for everything that is told of them; the snapshot's objects make room for them.
        audit.estate.forget()
        records = list(Records(path, total))
        told = self._manifest(audit, items, lost, deselected, partial, count, code, records, interrupted)
        self.summary = summarise(records, told)
        self._render(told, records, self.summary)
        told = manifests.with_files(told, files_below(self.pack.path))
        self.pack.write(MANIFEST, manifests.encode(told))
        self.manifest = told
        self.pack.finish()
        return code

    def _lines(
        self, audit: Audit, items: Sequence[Item], merged: Merged, cause: str, count: GateCount
    ) -> Iterable[bytes]:
        for item in sorted(items, key=lambda one: (one.requirement.id, one.namespace)):
            if item.name in merged.items:
                merged.count(item.name, count)
                yield from merged.lines(item.name)
            else:
                record = unreached(item, cause, audit.rules)
                count.add([record])
                yield encode(record)
        merged.close()

    def _manifest(  # noqa: PLR0913, PLR0917 - each is a field of the manifest
        self, audit: Audit, items: Sequence[Item], lost: Sequence[str], deselected: Mapping[str, str],
        partial: Sequence[str], count: GateCount, code: Exit, records: Sequence[Record], interrupted: bool,  # noqa: FBT001
    ) -> manifests.Manifest:  # fmt: skip
        collection = audit.snapshot.collection
        finished = datetime.now(UTC)
        options = self.plan.options
        return manifests.Manifest(
            tool={"name": "preaudit", "version": preaudit.__version__},
            profile=self.plan.profile.described,
            now=f"{audit.now:%Y-%m-%dT%H:%M:%SZ}",
            target=collection.target,
            identity=collection.identity,
            snapshot={
                "mode": collection.mode, "started": collection.started, "finished": collection.finished,
                "sha256": _sha256(self.snapshot_folder / "collection.json"), "notes": list(collection.notes),
                "namespaces": list(collection.scope_namespaces) if collection.scope_namespaces is not None else None,
                "age_seconds": int((audit.now - audit.snapshot.started).total_seconds()),
                "redaction": collection.redaction,
            },
            sources=collection.sources,
            partial=tuple(partial),
            left_out=tuple(self._left_out(audit)),
            deselected=tuple({"item": name, "reason": why} for name, why in sorted(deselected.items())),
            catalogue=entries(self.plan.selected, self.plan.profile),
            totals=manifests.Totals(
                items_collected=len(items) + len(deselected), items_executed=len(items) - len(lost),
                items_deselected=len(deselected), items_lost=len(lost), records=len(records),
                verdicts={one.value: count.verdicts[one] for one in Verdict},
                attested=sum(one.attestation is not None for one in records),
            ),
            waivers=audit.waivers.uses(records, self.plan.catalogue.table) if audit.waivers.entries else (),
            attestations=audit.attestations.uses(records, self.plan.catalogue.table),
            gate=manifests.Gate(
                exit_code=code.value, meaning=meaning(code), allow=tuple(sorted(self.plan.gate.allow)),
                gate_severity=options.gate_severity or "", manual_allowed=self.plan.gate.manual_allowed,
            ),
            run=manifests.Run(
                id=uuid7(self._started), started=_time(self._started), finished=_time(finished),
                local_offset=f"{finished.astimezone():%z}", operator=_operator(), command=self._command,
                python=platform.python_version(), platform=platform.platform(), interrupted=interrupted,
            ),
            demo=self._demo,
        )  # fmt: skip

    def _left_out(self, audit: Audit) -> Iterable[dict[str, str]]:
        for one in self.plan.inactive:
            yield {"requirement": one.id, "reason": f"needs the active group {one.active}, which is not included"}
        scoped = audit.snapshot.collection.scope_namespaces is not None
        for one in self.plan.selected:
            if scoped and one.subject.cluster_sources:
                yield {"requirement": one.id, "reason": "cluster-wide subjects lie outside the declared namespaces"}
            elif audit.estate.given and not one.subject.namespace_sources:
                yield {"requirement": one.id, "reason": "files cannot answer it"}

    def _write_inputs(self) -> None:
        for layer in self.plan.profile.layers:
            self.pack.write(f"inputs/profile-{layer.name}.yaml", layer.raw)
        self.pack.write("inputs/effective-profile.json", manifests.pretty(self.plan.profile.described))
        hashes = {one.file: one.sha256 for one in self.plan.catalogue.requirements}
        self.pack.write("inputs/suites.json", manifests.pretty(hashes))
        choice = {"select": self.plan.options.select, "exclude": self.plan.options.exclude, "at": self.plan.options.at,
                  "namespaces": self.plan.options.namespace, "set": self.plan.options.set,
                  "active": self.plan.options.active}  # fmt: skip
        self.pack.write("inputs/selection.json", manifests.pretty(choice))
        if self.plan.options.waivers:
            self.pack.write("inputs/waivers.yaml", Path(self.plan.options.waivers).read_bytes())
        if self.plan.options.attestations:
            self.pack.write("inputs/attestations.yaml", Path(self.plan.options.attestations).read_bytes())

    def _render(self, told: manifests.Manifest, records: Sequence[Record], summary: Summary) -> None:
        material = Told(
            records=records, manifest=told, summary=summary, records_sha256=_sha256(self.pack.path / RECORDS),
            reports=data_folder("reports"), attachments=self.plan.options.junit_attachments,
        )  # fmt: skip
        for name, render in RENDERINGS.items():
            with self.pack.create(name) as stream:
                render(material, stream)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self.pack.discard()
        shutil.rmtree(self.spool, ignore_errors=True)


def _partial(deselected: Mapping[str, str], lost: Sequence[str], cause: str) -> list[str]:
    said = []
    if deselected:
        said.append(f"{len(deselected)} items were deselected: {', '.join(sorted(set(deselected.values())))}")
    if lost:
        said.append(f"{len(lost)} items were not judged: {cause}")
    return said


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


