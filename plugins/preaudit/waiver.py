"""Waivers: a file of the auditor's or vendor's that accepts single violations until a date. One evaluator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from preaudit import yamlfile
from preaudit.errors import UsageError
from preaudit.evidence.manifest import WaiverUse
from preaudit.evidence.record import Record
from preaudit.subjects.ref import Subject
from preaudit.verdict import Verdict

_TEXT = ("id", "requirement", "owner", "approver", "reason", "compensating_control", "approved_on", "expires")
_KEYS = (*_TEXT, "subject", "observed")
_SUBJECT = ("apiVersion", "kind", "namespace", "name", "uid", "within", "host", "port", "digest")
_CLUSTER_KINDS = frozenset({
    "ClusterRole", "ClusterRoleBinding", "Namespace", "Node", "PersistentVolume", "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
})  # fmt: skip
_NO_PIN = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One accepted violation.

    Attributes:
        subject: keys of the subject that must all be equal; without ``within`` all of its containers are covered.
        approved_on: first day on which it holds (UTC).
        expires: last day on which it holds, to its end (UTC); at most a year after `approved_on`.
        observed: the value that was accepted; the waiver holds for no other. `_NO_PIN` where none is pinned.
    """

    id: str
    requirement: str
    subject: dict[str, Any]
    owner: str
    approver: str
    reason: str
    compensating_control: str
    approved_on: date
    expires: date
    observed: Any = field(default=_NO_PIN)

    def names(self, requirement: str, ref: Subject) -> bool:
        """Whether it is about this requirement and subject, whatever the date."""
        found = {
            "apiVersion": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name,
            "uid": ref.uid, "within": ref.within,
        }  # fmt: skip
        return self.requirement == requirement and all(found.get(key) == value for key, value in self.subject.items())

    def in_force(self, today: date) -> bool:
        """Whether the day lies between approval and expiry, both included."""
        return self.approved_on <= today <= self.expires


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
            elif not waiver.in_force(self.now.date()):
                expired = self.now.date() > waiver.expires
                when = f"expired at the end of {waiver.expires}" if expired else f"starts on {waiver.approved_on}"
                note = f"waiver {waiver.id} does not hold: it {when} (UTC)"
            elif waiver.observed is not _NO_PIN and waiver.observed != deciding:
                note = f"waiver {waiver.id} does not hold: another value was accepted than the one found now"
            else:
                return Found(waiver.id)
        return Found(None, note)

    def uses(self, records: Iterable[Record], known: Iterable[str]) -> tuple[WaiverUse, ...]:
        """What became of each waiver: live, expired, future, changed, stale, unused, or unknown."""
        by_requirement: dict[str, list[Record]] = {}
        for record in records:
            by_requirement.setdefault(record.requirement, []).append(record)
        ids = set(known)
        return tuple(self._use(waiver, by_requirement.get(waiver.requirement, []), ids) for waiver in self.entries)

    def _use(self, waiver: Waiver, records: list[Record], known: set[str]) -> WaiverUse:
        about = [one for one in records if one.subject and waiver.names(waiver.requirement, one.subject)]
        waived = [one for one in about if one.waiver == waiver.id]
        failing = [one for one in about if one.verdict is Verdict.FAIL]
        today = self.now.date()
        if waiver.requirement not in known:
            state = "unknown"
        elif today > waiver.expires:
            state = "expired"
        elif today < waiver.approved_on:
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
            approved_on=waiver.approved_on.isoformat(), expires=waiver.expires.isoformat(), state=state,
            days_left=(waiver.expires - today).days, subjects=len(waived),
        )  # fmt: skip


def load_waivers(path: Path, now: datetime) -> Waivers:
    """The waivers of a file.

    Raises:
        UsageError: one sentence with file and line.
    """
    document = yamlfile.load(path)
    data = document.data
    entries = data.get("waivers") if isinstance(data, dict) and data.keys() == {"waivers"} else None
    if not isinstance(entries, list):
        raise UsageError(f"{path}:1: a waiver file is a list under the one key 'waivers:'")
    waivers: list[Waiver] = []
    for index, entry in enumerate(entries):
        try:
            waiver = _waiver(entry, {one.id for one in waivers})
        except UsageError as error:
            raise UsageError(f"{path}:{document.line('waivers', index)}: {error}") from None
        waivers.append(waiver)
    return Waivers(tuple(waivers), now)


def _waiver(entry: Any, taken: set[str]) -> Waiver:
    if not isinstance(entry, dict):
        raise UsageError(f"a waiver is a mapping with {', '.join(_KEYS[:-1])}")
    for key in entry:
        if key not in _KEYS:
            raise UsageError(f"unknown key {key!r} in a waiver; known are {', '.join(_KEYS)}")
    for key in _TEXT:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise UsageError(f"the waiver needs {key}, as text")
    if entry["id"] in taken:
        raise UsageError(f"the id {entry['id']} is used twice; give each waiver its own")
    subject = entry.get("subject")
    if not isinstance(subject, dict) or not subject:
        raise UsageError("the waiver needs subject, a mapping like {kind: DaemonSet, namespace: shop, name: agent}")
    _check_subject(subject)
    approved, expires = _day(entry, "approved_on"), _day(entry, "expires")
    if not approved <= expires <= _a_year_after(approved):
        raise UsageError(f"expires is {expires}; it must lie between approved_on ({approved}) and a year after it")
    return Waiver(
        **{key: entry[key] for key in _TEXT if key not in ("approved_on", "expires")},
        subject=dict(subject), approved_on=approved, expires=expires, observed=entry.get("observed", _NO_PIN),
    )  # fmt: skip


def _check_subject(subject: dict[Any, Any]) -> None:
    for key, value in subject.items():
        if key not in _SUBJECT:
            raise UsageError(f"unknown key {key!r} in subject; known are {', '.join(_SUBJECT)}")
        if not isinstance(value, (str, int)) or isinstance(value, bool) or (isinstance(value, str) and not value):
            raise UsageError(f"subject.{key} must be text")
        if isinstance(value, str) and key != "within" and any(mark in value for mark in "*?"):
            raise UsageError(f"subject.{key} is {value!r}; a waiver names one subject exactly, wildcards are not taken")
    kind = subject.get("kind")
    wanted = {"Endpoint": ("host", "port"), "Image": ("digest",)}.get(
        str(kind), ("name",) if kind in _CLUSTER_KINDS else ("namespace", "name")
    )
    for key in ("kind", *wanted):
        if key not in subject:
            raise UsageError(f"subject needs {key}" + (f" for a {kind}" if kind else ""))


def _day(entry: dict[str, Any], key: str) -> date:
    try:
        return date.fromisoformat(entry[key])
    except ValueError:
        raise UsageError(f"{key} is {entry[key]!r}; write it like 2027-03-31") from None


def _a_year_after(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + 1, month=3, day=1)
