"""Redacted values in stored JSON: what of them can be compared across two redaction keys."""

from __future__ import annotations

from typing import Any

from preaudit.snapshot import REDACTED


def without_tokens(value: Any) -> Any:
    """A stored value whose redacted parts keep length, emptiness and kind, and lose what only their key explains."""
    if isinstance(value, list):
        return [without_tokens(one) for one in value]
    if isinstance(value, dict):
        facts = value.get(REDACTED)
        if isinstance(facts, dict):
            return {REDACTED: {key: part for key, part in facts.items() if key != "token"}}
        return {key: without_tokens(part) for key, part in value.items()}
    return value
