"""Label selectors, as the API server evaluates them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from preaudit.errors import Unreadable
from preaudit.snapshot import REDACTED


def selects(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether a label selector selects these labels; an empty one selects everything, none at all nothing.

    Raises:
        NotObservable: it is no selector, or an operator is not known, so nobody can say what is selected.
    """
    if selector is None:
        return False
    equal, sets = _part(selector, "matchLabels", dict), _part(selector, "matchExpressions", list)
    if any(labels.get(key) != value for key, value in equal.items()):
        return False
    return all(_holds(one, labels) for one in sets)


def _part(selector: Any, name: str, kind: type[Any]) -> Any:
    if not isinstance(selector, dict) or REDACTED in selector:
        raise Unreadable("selector", "it cannot be read")
    found = selector.get(name)
    if found is None:
        return kind()
    if not isinstance(found, kind) or REDACTED in found:
        raise Unreadable("selector", f"{name} cannot be read")
    return found


def _holds(expression: Any, labels: Mapping[str, Any]) -> bool:
    if not isinstance(expression, dict):
        raise Unreadable("selector", "an expression of it cannot be read")
    key, operator = str(expression.get("key")), expression.get("operator")
    values = expression.get("values") or []
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    raise Unreadable("selector", f"unknown operator {operator!r}")
