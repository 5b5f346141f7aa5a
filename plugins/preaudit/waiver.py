"""Waivers: a file of the auditor's or vendor's that accepts single violations until a date. One evaluator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from preaudit import declaration
from preaudit.evidence.manifest import WaiverUse
from preaudit.evidence.record import Record
from preaudit.subjects.ref import Subject
from preaudit.verdict import Verdict

_TEXT = ("id", "requirement", "owner", "approver", "reason", "compensating_control", "approved_on", "expires")
_NO_PIN = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One accepted violation.

    Attributes:
        subject: keys of the subject that must all be equal; without ``within`` all of its containers are covered.
        period: from the day of approval to the end of the last day.
        observed: the value that was accepted; the waiver holds for no other. `_NO_PIN` where none is pinned.
    """

    id: str
    requirement: str
    subject: dict[str, Any]
    owner: str
    approver: str
    reason: str
    compensating_control: str
    period: declaration.Period
    observed: Any = field(default=_NO_PIN)

    def names(self, requirement: str, ref: Subject) -> bool:
        """Whether it is about this requirement and subject, whatever the date."""
        return self.requirement == requirement and declaration.names(self.subject, ref)


@dataclass(frozen=True, slots=True)
class Found:
    """The waiver that holds for a violation, and what is to be said about one that does not."""

    holds: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Waivers:
    """The waivers of a run, evaluated on one recorded day."""

    entries: tuple[Waiver, ...]
    now: datetime

    def waiver_for(self, requirement: str, ref: Subject, deciding: Any) -> Found:
        """The waiver for one violation.

        Args:
            requirement: id of the violated requirement.
            ref: the subject.
            deciding: the value that decided, as the record shows it.
        """
        note = ""
        for waiver in self.entries:
            if not waiver.names(requirement, ref):
                continue
            if ref.unverified:
                note = f"waiver {waiver.id} does not hold: the owner is only what the pod claims"
            elif not waiver.period.holds(self.now.date()):
                note = f"waiver {waiver.id} does not hold: {waiver.period.excuse(self.now.date())}"
            elif waiver.observed is not _NO_PIN and waiver.observed != deciding:
                note = f"waiver {waiver.id} does not hold: another value was accepted than the one found now"
            else:
                return Found(waiver.id)
        return Found(None, note)

    def uses(self, records: Iterable[Record], names: Mapping[str, str]) -> tuple[WaiverUse, ...]:
        """What became of each waiver: live, expired, future, changed, stale, unused, or unknown."""
        by_requirement: dict[str, list[Record]] = {}
        for record in records:
            by_requirement.setdefault(record.requirement, []).append(record)
        return tuple(
            self._use(waiver, by_requirement.get(names.get(waiver.requirement, ""), []), waiver.requirement in names)
            for waiver in self.entries
        )

    def _use(self, waiver: Waiver, records: list[Record], known: bool) -> WaiverUse:  # noqa: FBT001
        about = [one for one in records if one.subject and waiver.names(waiver.requirement, one.subject)]
        waived = [one for one in about if one.waiver == waiver.id]
        failing = [one for one in about if one.verdict is Verdict.FAIL]
        today = self.now.date()
        if not known:
            state = "unknown"
        elif today > waiver.period.last:
            state = "expired"
        elif today < waiver.period.first:
            state = "future"
        elif waived:
            state = "live"
        elif failing:
            state = "changed"
        elif about and all(one.verdict is Verdict.PASS for one in about):
            state = "stale"
        else:
            state = "unused"
        return WaiverUse(
            id=waiver.id, requirement=waiver.requirement, subject=waiver.subject, owner=waiver.owner,
            approver=waiver.approver, reason=waiver.reason, compensating_control=waiver.compensating_control,
            approved_on=waiver.period.first.isoformat(), expires=waiver.period.last.isoformat(), state=state,
            days_left=waiver.period.days_left(today), subjects=len(waived),
        )  # fmt: skip


def load_waivers(path: Path, now: datetime) -> Waivers:
    """The waivers of a file.

    Raises:
        UsageError: one sentence with file and line.
    """
    return Waivers(declaration.load(path, "waivers", _waiver), now)


def _waiver(entry: dict[str, Any]) -> Waiver:
    declaration.check_keys(entry, "waiver", _TEXT, ("subject", "observed"))
    example = "{kind: DaemonSet, namespace: shop, name: agent}"
    return Waiver(
        **{key: entry[key] for key in _TEXT if key not in ("approved_on", "expires")},
        subject=declaration.subject_of(entry, "waiver", example),
        period=declaration.Period(declaration.day(entry, "approved_on"), declaration.day(entry, "expires")),
        observed=entry.get("observed", _NO_PIN),
    )
