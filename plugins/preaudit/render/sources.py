"""How far each source was seen: the reads of a run, put together by source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preaudit.snapshot import EVERYWHERE, SourceStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_NAMESPACES = 5


@dataclass(frozen=True, slots=True)
class SourceLook:
    """One source.

    Attributes:
        source: its name.
        count: objects kept.
        complete: every read of it ended as collected.
        told: for each status the places in words: ``("forbidden", "in payments")``; collected first.
    """

    source: str
    count: int
    complete: bool
    told: tuple[tuple[str, str], ...]


def source_looks(statuses: Iterable[SourceStatus]) -> list[SourceLook]:
    """One look a source, in the order of the statuses."""
    grouped: dict[str, list[SourceStatus]] = {}
    for status in statuses:
        grouped.setdefault(status.source, []).append(status)
    return [_look(source, found) for source, found in grouped.items()]


def _look(source: str, statuses: list[SourceStatus]) -> SourceLook:
    places: dict[str, list[str]] = {}
    for status in statuses:
        places.setdefault(status.status.value, []).append(status.object or status.namespace)
    return SourceLook(
        source=source,
        count=sum(status.count for status in statuses),
        complete=set(places) == {"collected"},
        told=tuple(
            (word, _told(places[word])) for word in sorted(places, key=lambda word: (word != "collected", word))
        ),
    )


def _told(places: list[str]) -> str:
    named = [place for place in places if place != EVERYWHERE]
    parts = ["cluster-wide"] if len(named) < len(places) else []
    if len(named) > _MOST_NAMESPACES:
        parts.append(f"in {', '.join(named[:_MOST_NAMESPACES])} and {len(named) - _MOST_NAMESPACES:,} more")
    elif named:
        parts.append(f"in {', '.join(named)}")
    return " and ".join(parts)
