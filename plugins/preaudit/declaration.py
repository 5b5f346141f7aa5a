"""What people declare in files, waivers and attestations: exact subjects, days from and to, one evaluator of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from preaudit import yamlfile
from preaudit.errors import UsageError
from preaudit.subjects.ref import Subject

_SUBJECT = ("apiVersion", "kind", "namespace", "name", "uid", "within", "host", "port", "digest")
_CLUSTER_KINDS = frozenset({
    "APIService", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding", "Kubeconfig", "Namespace", "Node",
    "PersistentVolume", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
})  # fmt: skip
_Declared = TypeVar("_Declared")


@dataclass(frozen=True, slots=True)
class Period:
    """Days (UTC) on which a declaration holds, both included; at most a year."""

    first: date
    last: date

    def __post_init__(self) -> None:
        """Nothing is accepted for longer than a year."""
        if not self.first <= self.last <= _a_year_after(self.first):
            raise UsageError(f"expires is {self.last}; it must lie between {self.first} and a year after it")

    def holds(self, today: date) -> bool:
        """Whether it holds on this day, to its end."""
        return self.first <= today <= self.last

    def excuse(self, today: date) -> str:
        """Why it does not hold on this day."""
        when = f"expired at the end of {self.last}" if today > self.last else f"starts on {self.first}"
        return f"it {when} (UTC)"

    def days_left(self, today: date) -> int:
        """Whole days until the end of the last day, negative when expired."""
        return (self.last - today).days


def names(subject: Mapping[str, Any], ref: Subject) -> bool:
    """Whether all keys that a declaration gives are equal in a subject."""
    found = {
        "apiVersion": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name,
        "uid": ref.uid, "within": ref.within, "host": ref.host or None, "port": ref.port or None,
    }  # fmt: skip
    return all(found.get(key) == value for key, value in subject.items())


def load(path: Path, key: str, read: Callable[[dict[str, Any]], _Declared]) -> tuple[_Declared, ...]:
    """The declarations of a file that is a list under one key; each has an ``id`` of its own.

    Args:
        path: the file.
        key: "waivers" or "attestations".
        read: makes one of its mapping; what it refuses is told with file and line.

    Raises:
        UsageError: one sentence with file and line.
    """
    document = yamlfile.load(path)
    data = document.data
    entries = data.get(key) if isinstance(data, dict) and data.keys() == {key} else None
    kind = key.removesuffix("s")
    if not isinstance(entries, list):
        raise UsageError(f"{path}:1: a{'n' if kind[0] == 'a' else ''} {kind} file is a list under the one key '{key}:'")
    found: list[_Declared] = []
    taken: set[str] = set()
    for index, entry in enumerate(entries):
        try:
            found.append(_new(entry, kind, taken, read))
        except UsageError as error:
            raise UsageError(f"{path}:{document.line(key, index)}: {error}") from None
    return tuple(found)


def _new(entry: Any, kind: str, taken: set[str], read: Callable[[dict[str, Any]], _Declared]) -> _Declared:
    if not isinstance(entry, dict):
        raise UsageError(f"each {kind} is a mapping")
    declared = read(entry)
    if entry["id"] in taken:
        raise UsageError(f"the id {entry['id']} is used twice; give each {kind} its own")
    taken.add(entry["id"])
    return declared


def check_keys(entry: Mapping[str, Any], kind: str, texts: Sequence[str], others: Sequence[str]) -> None:
    """Refuse unknown keys, and texts that are missing or empty.

    Raises:
        UsageError: one sentence, without the place.
    """
    for key in entry:
        if key not in (*texts, *others):
            raise UsageError(f"unknown key {key!r} in the {kind}; known are {', '.join((*texts, *others))}")
    for key in texts:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise UsageError(f"the {kind} needs {key}, as text")


def subject_of(entry: Mapping[str, Any], kind: str, example: str) -> dict[str, Any]:
    """The exact subject of a declaration.

    Raises:
        UsageError: it names none, or not exactly one.
    """
    subject = entry.get("subject")
    if not isinstance(subject, dict) or not subject:
        raise UsageError(f"the {kind} needs subject, a mapping like {example}")
    for key, value in subject.items():
        if key not in _SUBJECT:
            raise UsageError(f"unknown key {key!r} in subject; known are {', '.join(_SUBJECT)}")
        if not isinstance(value, (str, int)) or isinstance(value, bool) or (isinstance(value, str) and not value):
            raise UsageError(f"subject.{key} must be text")
        if isinstance(value, str) and key != "within" and any(mark in value for mark in "*?"):
            raise UsageError(f"subject.{key} is {value!r}; a {kind} names one subject exactly, wildcards are not taken")
    named = str(subject.get("kind"))
    wanted = {"Endpoint": ("host", "port"), "Image": ("digest",), "Cluster": ("uid",)}.get(
        named, ("name",) if named in _CLUSTER_KINDS else ("namespace", "name")
    )
    for key in ("kind", *wanted):
        if key not in subject:
            raise UsageError(f"subject needs {key}" + (f" for a {named}" if "kind" in subject else ""))
    return dict(subject)


def day(entry: Mapping[str, Any], key: str) -> date:
    """A day of a declaration.

    Raises:
        UsageError: it is none.
    """
    try:
        return date.fromisoformat(entry[key])
    except ValueError:
        raise UsageError(f"{key} is {entry[key]!r}; write it like 2027-03-31") from None


def _a_year_after(start: date) -> date:
    try:
        return start.replace(year=start.year + 1)
    except ValueError:  # the 29th of February
        return start.replace(year=start.year + 1, month=3, day=1)
