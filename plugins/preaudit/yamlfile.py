"""YAML that a user writes (profiles, waivers): plain data, with the line of every key for error messages.

Nothing is evaluated, no alias is followed beyond a bound, no key may stand twice, and dates stay text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from preaudit.errors import UsageError

MAX_BYTES = 2 * 2**20
MAX_NODES = 100_000
_Key = str | int


class _Loader(yaml.CSafeLoader):
    """The safe loader without timestamps: 2026-11-22 stays the text that the user wrote."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file.

    Attributes:
        name: how messages call it, usually its path.
        raw: its bytes.
        data: plain mappings, lists and values.
    """

    name: str
    raw: bytes
    data: Any
    _lines: dict[tuple[_Key, ...], int]

    def line(self, *keys: _Key) -> int:
        """The line of a key path, 1 at least; of the nearest holder where the path itself is not there."""
        for end in range(len(keys), -1, -1):
            if keys[:end] in self._lines:
                return self._lines[keys[:end]]
        return 1


def load(path: Path) -> Document:
    """Read one YAML file.

    Raises:
        UsageError: it cannot be read, is too large, or is no YAML that we take; with file and line.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    return load_text(raw, str(path))


def load_text(raw: bytes, name: str) -> Document:
    """The document of these bytes; see `load`."""
    if len(raw) > MAX_BYTES:
        raise UsageError(f"{name}: larger than {MAX_BYTES // 2**20} MB; is it the right file?")
    try:
        loader = _Loader(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}:{raw[: error.start].count(10) + 1}: not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{name}:{_line_of(error)}: {_problem(error)}") from None
    try:
        node = loader.get_single_node()
        lines: dict[tuple[_Key, ...], int] = {}
        reader = _Reader(loader, name, lines)
        data = reader.plain(node, ()) if node is not None else None
    except yaml.YAMLError as error:
        raise UsageError(f"{name}:{_line_of(error)}: {_problem(error)}") from None
    except RecursionError:
        raise UsageError(f"{name}:1: nested too deeply to be read") from None
    finally:
        loader.dispose()
    return Document(name, raw, data, lines)


class _Reader:
    def __init__(self, loader: _Loader, name: str, lines: dict[tuple[_Key, ...], int]) -> None:
        self._loader = loader
        self._name = name
        self._lines = lines
        self._nodes = 0

    def plain(self, node: yaml.Node, keys: tuple[_Key, ...]) -> Any:
        line = node.start_mark.line + 1
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise UsageError(f"{self._name}:{line}: more than {MAX_NODES} values (aliases count each time)")
        self._lines.setdefault(keys, line)
        if isinstance(node, yaml.ScalarNode):
            if not node.tag.startswith("tag:yaml.org,2002:"):
                raise UsageError(f"{self._name}:{line}: the tag {node.tag} is not taken")
            return self._loader.construct_object(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*keys, index)) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode) or node.tag != "tag:yaml.org,2002:map":
            raise UsageError(f"{self._name}:{line}: the tag {node.tag} is not taken")
        table: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.plain(key_node, (*keys, "\0key"))
            here = key_node.start_mark.line + 1
            if isinstance(key, (dict, list)):
                raise UsageError(f"{self._name}:{here}: a key must be a word")
            if key in table:
                raise UsageError(f"{self._name}:{here}: the key {key!r} stands twice")
            self._lines[(*keys, key)] = here
            table[key] = self.plain(value_node, (*keys, key))
        return table


def _line_of(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return mark.line + 1 if mark is not None else 1


def _problem(error: yaml.YAMLError) -> str:
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return f"not YAML that can be read: {' '.join(str(said).split())}"
