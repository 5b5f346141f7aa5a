"""Whom a subject of a binding means: a user, a group or a service account."""

from __future__ import annotations

import re
from typing import Any

_KINDS = frozenset({"ServiceAccount", "Group", "User"})
_ACCOUNT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
"""The user name of a service account: a binding to that user is a binding to the account."""


def named(subject: Any, own: str) -> tuple[str, str, str] | None:
    """Kind, namespace and name of a binding's subject as they are written; None where nobody can tell whom it means.

    A service account without a namespace is one of the RoleBinding's own.
    """
    kind, name = (subject.get("kind"), subject.get("name")) if isinstance(subject, dict) else ("", "")
    if not isinstance(kind, str) or kind not in _KINDS or not isinstance(name, str) or not name:
        return None
    namespace = subject.get("namespace") or own if kind == "ServiceAccount" else ""
    return (kind, namespace, name) if isinstance(namespace, str) else None


def meant(written: tuple[str, str, str]) -> tuple[str, str, str]:
    """The same, with a service account under its own name where the binding has its user name."""
    kind, namespace, name = written
    account = _ACCOUNT.fullmatch(name) if kind == "User" else None
    return ("ServiceAccount", account[1], account[2]) if account else (kind, namespace, name)


def identity(who: tuple[str, str, str]) -> str:
    """The same as one text: ``ServiceAccount shop/api``, ``Group system:masters``, ``User jane``."""
    kind, namespace, name = who
    return f"{kind} {namespace + '/' if namespace else ''}{name}"
