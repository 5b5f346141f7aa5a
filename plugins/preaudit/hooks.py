"""Pytest's hooks of one audit: observe before collecting, judge light items, write the pack at the end."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from preaudit.audit import without_effect
from preaudit.errors import PreauditError
from preaudit.evidence.pack import Records
from preaudit.items import CATEGORY, OwnCollector, RequirementItem, builtin_items
from preaudit.render.terminal import render_terminal
from preaudit.requirement import declared
from preaudit.run import Run
from preaudit.session import Session
from preaudit.text import cut, inert
from preaudit.verdict import Exit

_SHOWN = {
    "passed": ("passed", ".", "PASSED"),
    "failed": ("failed", "F", "FAILED"),
    "error": ("error", "E", "UNKNOWN"),
    "xfailed": ("xfailed", "w", "WAIVED"),
    "skipped": ("skipped", "s", "SKIPPED"),
}


class AuditHooks:
    """Registered with pytest for the length of one audit.

    Args:
        state: what the hooks share.
        quiet: pytest keeps silent about items, the summary tells everything (``preaudit run``).
    """

    def __init__(self, state: Session, *, quiet: bool) -> None:
        self.state = state
        self.quiet = quiet
        self._refused = ""
        self._collecting = gc.isenabled()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Observe the target once, in the controller, before anything is collected or any worker starts."""
        # Decoded objects make no cycles, and looking for them costs more than decoding them.
        gc.disable()
        state, worker = self.state, getattr(session.config, "workerinput", None)
        try:
            if worker is not None:
                state.work(worker["preaudit"], str(worker["workerid"]))
                return
            if told := without_effect(state.plan.options):
                sys.stderr.write(f"note: {told}\n")
            command = [Path(sys.argv[0]).name, *sys.argv[1:]]
            state.run = Run(state.plan, command, datetime.now(UTC), demo=state.demo)
            state.control(state.run)
        except PreauditError as error:
            self._abandon()
            raise pytest.UsageError(str(error)) from None
        except KeyboardInterrupt:
            self._abandon()
            raise
        finally:
            if self._collecting and not self.quiet:
                gc.freeze()
                gc.enable()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist where the snapshot is."""
        node.workerinput["preaudit"] = self.state.to_send()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the built-in suites' items before those of given paths, whatever pytest's own settings are."""
        items[:0] = builtin_items(session, self.state)

    def pytest_pycollect_makeitem(self, collector: pytest.Module, name: str, obj: object) -> Any:
        """A decorated function of a user's own file becomes a collector of light items."""
        declaration = declared(obj)
        if declaration is None:
            return None
        requirement = self.state.plan.catalogue.table.get(declaration.id)
        if requirement is None or requirement.id not in self.state.plan.own:
            return []
        return OwnCollector.from_parent(collector, name=name, requirement=requirement, state=self.state)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Remember what -k, -m or --deselect left out: nothing leaves the denominator."""
        for item in items:
            if isinstance(item, RequirementItem):
                self.state.deselected[item.judged_item.name] = "deselected on pytest's command line"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what is to be judged."""
        self.state.collected |= {one.judged_item.name for one in session.items if isinstance(one, RequirementItem)}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """The same, told by a worker."""
        names = (nodeid.rpartition("::")[2] for nodeid in ids)
        self.state.collected |= {name for name in names if name.partition("[")[0] in self.state.selected}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker tells what it deselected; one that died tells nothing, and its items become unknown."""
        self.state.deselected.update(getattr(node, "workeroutput", {}).get("preaudit_deselected", {}))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Judge a light item: one report, no fixtures, no phases."""
        if not isinstance(item, RequirementItem):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        try:
            report = item.report()
        except PreauditError as error:  # the disk is full: no verdict can be kept any more
            self._refused = str(error)
            item.session.shouldstop = self._refused
            return True
        item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """How the terminal counts an item; ``preaudit run`` tells of items itself, so pytest keeps silent there."""
        category = getattr(report, CATEGORY, None)
        if category is None:
            return None
        return ("preaudit", "", "") if self.quiet else _SHOWN[category]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count failures of tests that are no requirements: pytest's own exit code tells them."""
        if report.failed and not hasattr(report, CATEGORY):
            self.state.foreign_failures += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected is a failure that no verdict tells."""
        if report.failed:
            self.state.foreign_failures += 1

    def pytest_keyboard_interrupt(self) -> None:
        """Ctrl-C: the pack is written with what was judged, and says so."""
        self.state.stopped = "the run was interrupted (Ctrl-C)"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the pack, and end with the audit's exit code unless something that is no verdict failed."""
        gc.disable()
        try:
            self._finish(session, exitstatus)
        finally:
            # pytest collects several times at its end, which is long where much is alive.
            gc.freeze()
            if self._collecting:
                gc.enable()

    def _finish(self, session: pytest.Session, exitstatus: int) -> None:
        state, config = self.state, session.config
        if self.quiet and "hypothesis" not in sys.modules:
            # Its plugin would import all of it, for more than a second, to tell that no test of its kind ran.
            config.pluginmanager.unregister(name="hypothesispytest")
        try:
            state.close_spool()
        except PreauditError as error:
            self._refused = str(error)
        output = getattr(config, "workeroutput", None)
        if output is not None:
            output["preaudit_deselected"] = state.deselected
            return
        if state.run is None:
            return
        if self._refused:
            self._abandon()
            session.exitstatus = Exit.USAGE.value
            return
        if config.option.collectonly or exitstatus in {Exit.INTERNAL, Exit.USAGE}:
            self._abandon()
            return
        interrupted = bool(state.stopped) or exitstatus == pytest.ExitCode.INTERRUPTED
        early = state.stopped or str(session.shouldfail or session.shouldstop or "")
        try:
            code = state.run.finish(state.collected, state.deselected, early=early, interrupted=interrupted)
        except PreauditError as error:
            self._refused = str(error)
            self._abandon()
            session.exitstatus = error.exit_code
            return
        if not state.foreign_failures:
            session.exitstatus = code.value

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What people see at the end of a run."""
        writer = terminalreporter._tw  # noqa: SLF001 - its width and colour are pytest's to know
        if self._refused:
            terminalreporter.write_line(f"ERROR: {self._refused}", red=True)
            return
        run = self.state.run
        if run is None or run.manifest is None:
            return
        records = Records(run.pack.out / "records.jsonl", run.manifest.totals.records)
        width = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 120
        terminalreporter.ensure_newline()
        shown = _relative(run.pack.out)
        if run.credential_names:
            terminalreporter.write_line(_named(run.credential_names), yellow=True)
        text = render_terminal(
            records, run.manifest, width=width, colour=writer.hasmarkup, pack=shown, summary=run.summary
        )
        terminalreporter._tw.line(text)  # noqa: SLF001 - write() would interpret nothing, and line() keeps our colours

    def _abandon(self) -> None:
        self.state.close_spool()
        if self.state.run is not None:
            self.state.run.abandon()
            self.state.run = None


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(inert(cut(name, 60)) for name in names[:3])
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"names that look like credentials, and stand in the pack as they are: {shown}{rest}"


def _relative(path: Path) -> str:
    """The path as the user would write it from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
