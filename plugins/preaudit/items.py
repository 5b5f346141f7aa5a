"""Light pytest items: one requirement in one namespace, without fixtures, judged and reported in one go."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from preaudit.evidence.record import Record
from preaudit.gate import GateRules
from preaudit.judge import Item
from preaudit.render.table import subject_table
from preaudit.requirement import Requirement
from preaudit.verdict import Verdict, worst

if TYPE_CHECKING:
    from preaudit.session import Session

CATEGORY = "preaudit_category"
"""Attribute of a report: what the terminal counts it as."""


class RequirementItem(pytest.Item):
    """One item; `judged` gives its records."""

    def __init__(self, *, item: Item, state: Session, line: int, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.judged_item = item
        self.state = state
        self._line = line

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Where the requirement is written, for pytest's own messages."""
        return self.nodeid.partition("::")[0], self._line, self.name

    def runtest(self) -> None:
        """Judge; used where another plugin runs the item by pytest's own protocol."""
        report = self.report()
        if report.outcome == "failed":
            raise pytest.fail.Exception(str(report.longrepr), pytrace=False)
        if report.outcome == "skipped":
            raise pytest.skip.Exception(report.longreprtext)

    def report(self) -> pytest.TestReport:
        """Judge the item, spool its records, and tell pytest what came out."""
        start = time.time()
        records = self.state.judge(self.judged_item)
        stop = time.time()
        outcome, when, longrepr, category = _told(self, records, self.state.gate)
        report = pytest.TestReport(
            nodeid=self.nodeid, location=self.location, keywords={self.name: 1}, outcome=outcome,  # type: ignore[arg-type]
            longrepr=longrepr, when=when, duration=stop - start, start=start, stop=stop,  # type: ignore[arg-type]
        )  # fmt: skip
        setattr(report, CATEGORY, category)
        if category == "xfailed":
            report.wasxfail = str(longrepr[2]) if isinstance(longrepr, tuple) else ""
        return report


def _told(item: RequirementItem, records: list[Record], gate: GateRules) -> tuple[str, str, Any, str]:
    """Outcome, phase, explanation and category of an item, by its worst record that counts."""
    for verdict, when, category in ((Verdict.FAIL, "call", "failed"), (Verdict.UNKNOWN, "setup", "error")):
        opening = [one for one in records if one.verdict is verdict and gate.closes(one)]
        if opening:
            return "failed", when, subject_table(opening), category
    where = (item.nodeid.partition("::")[0], item.reportinfo()[1] or 0)
    verdict = worst(one.verdict for one in records) if records else Verdict.NOT_APPLICABLE
    if verdict is Verdict.PASS:
        return "passed", "call", None, "passed"
    told = [one for one in records if one.verdict is verdict]
    reason = f"{verdict.value}: {told[0].reason}" if told else "files cannot answer it: left out"
    if verdict is Verdict.WAIVED:
        return "skipped", "call", (*where, f"waiver {told[0].waiver}: {told[0].reason}"), "xfailed"
    if verdict in {Verdict.FAIL, Verdict.UNKNOWN}:
        reason = f"{verdict.value} at level {told[0].level.value}: {told[0].reason}"
    return "skipped", "setup", (*where, reason), "skipped"


def make_item(parent: pytest.Collector, item: Item, state: Session, file_id: str) -> RequirementItem:
    """A pytest item below a collector, with an id that does not depend on where the suite is installed."""
    made: RequirementItem = RequirementItem.from_parent(
        parent, name=item.name, nodeid=f"{file_id}::{item.name}", item=item, state=state,
        line=item.requirement.check.__code__.co_firstlineno - 1,
    )  # fmt: skip
    return made


class SuiteCollector(pytest.Collector):
    """The items of one file of the built-in suites."""

    def __init__(self, *, requirements: list[Requirement], state: Session, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._requirements = requirements
        self._state = state

    def collect(self) -> Iterator[RequirementItem]:
        """One item for each requirement and namespace."""
        for requirement in self._requirements:
            for item in self._state.audit.items(requirement):
                yield make_item(self, item, self._state, self.nodeid)


class OwnCollector(pytest.Collector):
    """The items of one decorated function in a user's own test file."""

    def __init__(self, *, requirement: Requirement, state: Session, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._requirement = requirement
        self._state = state

    def collect(self) -> Iterator[RequirementItem]:
        """One item for each namespace; none where the run's selection leaves the requirement out."""
        if self._requirement.id in self._state.selected:
            file_id = self.parent.nodeid if self.parent is not None else self.nodeid
            for item in self._state.audit.items(self._requirement):
                yield make_item(self, item, self._state, file_id)


def builtin_items(session: pytest.Session, state: Session) -> Iterable[pytest.Item]:
    """The items of the built-in suites, file by file."""
    files: dict[str, list[Requirement]] = {}
    for one in state.audit.plan.selected:
        if one.id not in state.audit.plan.own:
            files.setdefault(one.file, []).append(one)
    for file, requirements in sorted(files.items()):
        collector: SuiteCollector = SuiteCollector.from_parent(
            session, name=f"suites/{file}", nodeid=f"suites/{file}", requirements=requirements, state=state
        )
        yield from session.genitems(collector)
