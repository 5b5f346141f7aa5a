"""Label selectors, as the API server evaluates them."""

from collections.abc import Mapping
from typing import Any

from preaudit import NotObservable


def matches(selector: Any, labels: Mapping[str, Any]) -> bool:
    """Whether a label selector selects these labels; an empty one selects everything, none at all nothing.

    Raises:
        NotObservable: an operator is not known, so nobody can say what is selected.
    """
    if not isinstance(selector, dict):
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(one, labels) for one in selector.get("matchExpressions") or [])


def _holds(expression: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
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
    raise NotObservable("spec.selector", f"unknown operator {operator!r}")
