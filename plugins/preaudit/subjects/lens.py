"""A lens reads one part of an object for a check, and logs every path and value that it looked at."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from preaudit.errors import Unreadable
from preaudit.snapshot import REDACTED
from preaudit.subjects.fields import check_path


class ReadLog:
    """What one judgement read: (full path, path as shown, value), in order."""

    __slots__ = ("entries", "given")

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, Any]] = []
        self.given = False
        """Whether something was looked up among objects that came from files, where absence proves nothing."""


@lru_cache(maxsize=4096)
def _steps(schema: str, path: str) -> tuple[str, ...]:
    check_path(schema, path)
    return tuple(path.split("."))


class Lens:
    """One part of an object.

    Args:
        value: the part itself, a mapping.
        schema: the API type of the part ("Container"), whose field paths may be read.
        path: full path of the part within its object ("spec.template.spec.containers[0]").
        shown: the path as a reader sees it ("containers[agent]").
        log: where reads are logged.
        judged: it is a subject of its own: where it cannot be read, reading it raises, and not making the lens.
    """

    __slots__ = ("_path", "_schema", "_shown", "_value", "log")

    def __init__(  # noqa: PLR0913 - what a lens is
        self, value: Any, schema: str, path: str, shown: str, log: ReadLog, *, judged: bool = False
    ) -> None:
        if not isinstance(value, dict) and not judged:
            raise Unreadable(path or "object", "is not a mapping")
        self._value: Any = value
        self._schema = schema
        self._path = path
        self._shown = shown
        self.log = log

    def read(self, path: str, default: Any = None) -> Any:
        """The value at `path` within this part, or `default` where it is not set; logged.

        Raises:
            NotObservable: the value was redacted, or a step of the path is no mapping.
            UnknownPath: the API has no such field.
        """
        value = self._find(path)
        if value is None:
            return default
        if type(value) is dict and REDACTED in value:
            raise Unreadable(self._path + "." + path, "the value was redacted, it cannot be judged")
        return value

    def mark(self, path: str) -> dict[str, Any] | None:
        """What the collector noted beside a redacted value (token, length, empty, hits, entropy); None if unset.

        Raises:
            NotObservable: there is a value, but it was not redacted, so nothing was noted.
        """
        value = self._find(path)
        if value is None:
            return None
        if type(value) is dict and REDACTED in value:
            noted = value[REDACTED]
            return noted if isinstance(noted, dict) else {}
        raise Unreadable(self._path + "." + path, "the collector left no note beside this value")

    def each(self, path: str) -> list[Lens]:
        """A lens for each mapping of the list at `path`; none where it is not set. Logged as one read.

        Raises:
            NotObservable: it is no list of mappings.
        """
        schema = check_path(self._schema, path)
        items = self._find(path, log=False)
        self.log.entries.append((self._full(path), self._label(path), None if items is None else _count(items)))
        if items is None:
            return []
        if not isinstance(items, list):
            raise Unreadable(self._full(path), "is not a list")
        full, shown = self._full(path), self._label(path)
        return [
            Lens(item, schema, f"{full}[{index}]", f"{shown}[{_name(item, index)}]", self.log)
            for index, item in enumerate(items)
        ]

    def within(self, path: str) -> Lens | None:
        """A lens on the mapping at `path`, None where it is not set; not logged, its own reads are."""
        value = self._find(path, log=False)
        if value is None:
            return None
        return Lens(value, check_path(self._schema, path), self._full(path), self._label(path), self.log)

    def key(self, path: str, key: str, default: Any = None) -> Any:
        """The value of `key` in the mapping at `path` (labels, annotations: keys with dots in them); logged."""
        table = self._find(path, log=False)
        if table is not None and not isinstance(table, dict):
            raise Unreadable(self._full(path), "is not a mapping")
        value = None if table is None else table.get(key)
        self.log.entries.append((f"{self._full(path)}[{key}]", f"{self._label(path)}[{key}]", value))
        if type(value) is dict and REDACTED in value:
            raise Unreadable(f"{self._full(path)}[{key}]", "the value was redacted, it cannot be judged")
        return default if value is None else value

    def note(self, what: str, value: Any) -> None:
        """Log a fact that a verdict rests on and that stands outside the object: a profile's value, a count."""
        self.log.entries.append((what, what, value))

    def _find(self, path: str, *, log: bool = True) -> Any:
        value: Any = self._value
        for step in _steps(self._schema, path):
            if type(value) is not dict:
                missing = "missing" if value is None else "not a mapping"
                raise Unreadable(self._full(path), f"{step} cannot be read: what holds it is {missing}")
            if REDACTED in value:
                raise Unreadable(self._full(path), "the value was redacted, it cannot be judged")
            value = value.get(step)
            if value is None:
                break
        if log:
            # Paths are put together here and not by `_full` and `_label`: no line of a run is passed more often.
            full = f"{self._path}.{path}" if self._path else path
            label = f"{self._shown}.{path}" if self._shown else path
            self.log.entries.append((full, label, value))
        return value

    def _full(self, path: str) -> str:
        return f"{self._path}.{path}" if self._path else path

    def _label(self, path: str) -> str:
        return f"{self._shown}.{path}" if self._shown else path


def _count(items: Any) -> Any:
    return f"{len(items)} items" if isinstance(items, list) else items


def _name(item: Any, index: int) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else str(index)
