"""Where two JSON values differ, as paths that a person can look up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def unequal_places(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Paths like ``spec.containers[0].image``, "" for the whole; lists of two lengths differ as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from unequal_places(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from unequal_places(one, other, f"{path}[{number}]")
    elif old != new:
        yield path
