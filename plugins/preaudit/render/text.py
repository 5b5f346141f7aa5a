"""Records in words: subjects, reasons and observed values on one line; not yet `inert`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from preaudit.snapshot import REDACTED

if TYPE_CHECKING:
    from preaudit.evidence.record import Record, Subject



def value_text(value: Any) -> str:
    """An observed value on one line: JSON, redacted values named as such; not yet `inert`."""
    if isinstance(value, dict) and isinstance(facts := value.get(REDACTED), dict):
        length = facts.get("length")
        return "(redacted)" if length is None else f"(redacted, length {length})"
    return msgspec.json.encode(value).decode()


def subject_name(subject: Subject) -> str:
    """``shop/DaemonSet/agent``, ``ClusterRole/admin``; not yet `inert`."""
    namespace, kind, name = subject.namespace, subject.kind, subject.name
    if namespace and kind and name:  # nearly all
        return f"{namespace}/{kind}/{name}"
    return "/".join(part for part in (namespace, kind, name) if part)


def record_name(record: Record) -> str:
    """The record's subject, or its namespace where there is none; not yet `inert`."""
    return subject_name(record.subject) if record.subject else record.namespace


def short_reason(record: Record) -> str:
    """The reason without the part of the subject that stands beside it anyway; not yet `inert`."""
    within = record.subject.within if record.subject else ""
    if within and record.reason.startswith(f"{within}."):
        return record.reason[len(within) + 1 :]
    return record.reason
