"""The audit's state in one pytest process: the controller owns the run, a worker of xdist only judges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from preaudit.audit import Audit, make_plan
from preaudit.errors import UsageError
from preaudit.evidence.record import Record
from preaudit.gate import GateRules
from preaudit.judge import Item
from preaudit.options import Options
from preaudit.run import Run
from preaudit.snapshot import Snapshot
from preaudit.spool import Spool


class Session:
    """What pytest's hooks share.

    Args:
        options: as given.
        own_paths: files and folders of a user's own, given as arguments.
        demo: the snapshot is the one that ships with preaudit.
    """

    def __init__(self, options: Options, own_paths: Sequence[Path], *, demo: bool = False) -> None:
        self.options = options
        self.demo = demo
        self.plan = make_plan(options, own_paths)
        self.selected = frozenset(one.id for one in self.plan.selected)
        self.gate: GateRules = self.plan.gate
        self.run: Run | None = None
        self.collected: set[str] = set()
        self.deselected: dict[str, str] = {}
        self.foreign_failures = 0
        """Failures of tests that are no requirements: pytest's own exit tells them."""
        self.stopped = ""
        """Why the run ended early."""
        self._audit: Audit | None = None
        self._spool: Spool | None = None

    @property
    def audit(self) -> Audit:
        """The plan over the snapshot; there once the target was observed."""
        if self._audit is None:
            raise UsageError("nothing was collected, so nothing can be judged")
        return self._audit

    def control(self, run: Run) -> None:
        """Become the controller: collect, then judge here unless workers do."""
        self.run = run
        self._audit = run.collect()
        self._spool = Spool(run.spool, "main", self.gate)

    def work(self, sent: dict[str, Any], name: str) -> None:
        """Become a worker of xdist: open the snapshot that the controller collected."""
        snapshot = Snapshot(Path(sent["snapshot"]))
        self._audit = Audit(self.plan, snapshot)
        self._spool = Spool(Path(sent["spool"]), name, self.gate)

    def to_send(self) -> dict[str, Any]:
        """What a worker needs beside pytest's own options."""
        if self.run is None:
            raise UsageError("only the controller sends")
        return {
            "snapshot": str(self.run.snapshot_folder), "spool": str(self.run.spool),
            "options": msgspec.json.encode(self.options).decode(),
        }  # fmt: skip

    def judge(self, item: Item) -> list[Record]:
        """Judge one item and spool its records."""
        records = self.audit.judge(item)
        if self._spool is not None:
            self._spool.write(item.name, records)
        return records

    def close_spool(self) -> None:
        """Bring this process's records to the disk."""
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()
