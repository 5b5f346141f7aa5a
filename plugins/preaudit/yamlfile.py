"""YAML as data, with the line of every key: for files that people write and for manifests.

Only plain data comes out: mappings with text keys, lists, text, numbers, booleans and null. Dates stay text, and
so do sexagesimal numbers (``12:30``), as they do for the Kubernetes API. Duplicate keys, tags other than YAML's own
scalar ones, and aliases that would blow up are errors that name file and line.
"""

from __future__ import annotations

import copy
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

import yaml
from yaml._yaml import CParser

from preaudit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MAX_BYTES = 4 * 2**20
"""Longest user-written file."""
MAX_NODES = 2_000_000
"""Scalars, lists and mappings of one document, each alias counted as what it stands for."""
MAX_DEPTH = 100

_INT = re.compile(r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*\.[0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
)
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_PREFIX = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset(_PREFIX + name for name in ("str", "int", "float", "bool", "null"))
_NO_TAG = (None, "!")

KeyPath = tuple[str | int, ...]
_UNKNOWN_TAG = "unknown tag (a word after !); only plain data is read, quote a text that begins with !"
"""Neither tag nor alias is told: a password that was not quoted looks like one."""


class Document:
    """One YAML document.

    Attributes:
        name: the file's name, for messages.
        data: its content.
        first_line: the line on which it begins.
    """

    def __init__(self, name: str, data: Any, lines: dict[KeyPath, int], first_line: int) -> None:
        self.name = name
        self.data = data
        self.first_line = first_line
        self._lines = lines

    def line(self, *keys: str | int) -> int:
        """The line of a key or list element; of the nearest one above it that the file has, where it has none."""
        path: KeyPath = keys
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, self.first_line)

    def fault(self, sentence: str, *keys: str | int) -> UsageError:
        """An error that names file and line of a key: ``raise document.fault("...", "parameters", name)``."""
        return UsageError(f"{self.name}:{self.line(*keys)}: {sentence}")


def load(path: Path) -> Document:
    """Read a user-written YAML file with one document.

    Raises:
        UsageError: it cannot be read, is too long, is no YAML, or holds more than plain data.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise UsageError(f"{path}: the file is longer than {MAX_BYTES // 2**20} MB; that is no file written by hand")
    return load_text(decoded(raw, str(path)), str(path))


def load_text(text: str, name: str) -> Document:
    """Read one YAML document from a text; an empty text is a document that is None.

    Raises:
        UsageError: as `load`.
    """
    found = list(documents(text, name, with_lines=True))
    if len(found) > 1:
        raise UsageError(f"{name}:{found[1].first_line}: a second document begins here; one file holds one document")
    return found[0] if found else Document(name, None, {}, 1)


def decoded(raw: bytes, name: str) -> str:
    """The text of a file.

    Raises:
        UsageError: it is not UTF-8.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name}:{line}: the file is not UTF-8; save it as UTF-8") from None


def documents(text: str, name: str, *, with_lines: bool = False) -> Iterator[Document]:
    """Every document of a YAML stream, in order.

    Args:
        text: the stream.
        name: the file's name, for messages.
        with_lines: remember the line of every key; costs time.

    Raises:
        UsageError: the YAML is broken, or holds more than plain data.
    """
    try:
        yield from _Builder(text, name, with_lines=with_lines).documents()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line + 1, max(1, len(text.splitlines()))) if mark is not None else 1
        problem = error.problem or error.context or "it cannot be read"
        raise UsageError(f"{name}:{line}: broken YAML: {problem}{_hint(text)}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{name}:1: broken YAML: {' '.join(str(error).split())[:200]}") from None


def _hint(text: str) -> str:
    return "; it looks like a template, render it first (helm template)" if "{{" in text else ""


class _Builder:
    """Builds plain data from libyaml's events; without an object for every node it takes half the time."""

    def __init__(self, text: str, name: str, *, with_lines: bool) -> None:
        self._parser = CParser(text)
        self._text = text
        self._name = name
        self._lines: dict[KeyPath, int] | None = {} if with_lines else None
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open: set[str] = set()
        self._nodes = 0

    def documents(self) -> Iterator[Document]:
        get_event: Callable[[], Any] = self._parser.get_event
        while True:
            event = get_event()
            if type(event) is yaml.DocumentStartEvent:
                self._anchors.clear()
                self._nodes = 0
                if self._lines is not None:
                    self._lines = {}
                node = get_event()
                first_line = node.start_mark.line + 1
                data = self._node(node, (), 0)
                yield Document(self._name, data, self._lines or {}, first_line)
            elif type(event) is yaml.StreamEndEvent:
                return

    def _node(self, event: Any, path: KeyPath, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._fail(event, f"the document has more than {MAX_NODES} values, aliases counted in full")
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = value, 1
            return value
        if kind is yaml.AliasEvent:
            return self._alias(event)
        if depth >= MAX_DEPTH:
            self._fail(event, f"the document is nested more than {MAX_DEPTH} levels deep")
        mapping = kind is yaml.MappingStartEvent
        if event.tag not in _NO_TAG and event.tag != _PREFIX + ("map" if mapping else "seq"):
            self._fail(event, _UNKNOWN_TAG)
        before = self._nodes
        if event.anchor:
            self._open.add(event.anchor)
            self._anchors.pop(event.anchor, None)
        data = self._mapping(path, depth) if mapping else self._sequence(path, depth)
        if event.anchor:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = data, self._nodes - before + 1
        return data

    def _mapping(self, path: KeyPath, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        get_event: Callable[[], Any] = self._parser.get_event
        lines = self._lines
        while type(event := get_event()) is not yaml.MappingEndEvent:
            key = self._key(event)
            if key in data:
                self._fail(event, f"the key {key[:80]!r} stands here a second time")
            inner = path if lines is None else (*path, key)
            if lines is not None:
                lines[inner] = event.start_mark.line + 1
            value = self._node(get_event(), inner, depth + 1)
            if key == "<<" and type(event) is yaml.ScalarEvent and event.implicit[0]:
                merged += self._merge(event, value)
            else:
                data[key] = value
        for source in merged:
            data = {**source, **data}
        return data

    def _merge(self, event: Any, value: Any) -> list[dict[str, Any]]:
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            self._fail(event, "<< merges mappings only")
        return sources

    def _sequence(self, path: KeyPath, depth: int) -> list[Any]:
        data: list[Any] = []
        get_event: Callable[[], Any] = self._parser.get_event
        lines = self._lines
        while type(event := get_event()) is not yaml.SequenceEndEvent:
            inner = path if lines is None else (*path, len(data))
            if lines is not None:
                lines[inner] = event.start_mark.line + 1
            data.append(self._node(event, inner, depth + 1))
        return data

    def _key(self, event: Any) -> str:
        """A key as text: the API server reads ``1: x`` as ``"1": x`` too."""
        if type(event) is yaml.AliasEvent:
            value = self._alias(event)
        elif type(event) is yaml.ScalarEvent:
            plain_word = event.implicit[0] and event.value[:1] not in _NUMBER_STARTS and event.value not in _WORDS
            if event.implicit[1] or plain_word:
                return str(event.value)
            value = self._scalar(event)
        else:
            self._fail(event, "a key must be text" + _hint(self._text))
        if isinstance(value, dict | list):
            self._fail(event, "a key must be text")
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float) and type(event) is yaml.ScalarEvent:
            return str(event.value)  # a version such as 1.10 is not 1.1
        return "null" if value is None else str(value)

    def _scalar(self, event: Any) -> Any:
        if event.implicit[0]:
            return resolved(event.value)
        tag = event.tag
        if event.implicit[1] or tag in {"!", _PREFIX + "str"}:
            return event.value
        if tag not in _SCALAR_TAGS:
            self._fail(event, _UNKNOWN_TAG)
        value = resolved(event.value)
        if tag == _PREFIX + "float" and type(value) is int:
            return float(value)
        wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}[tag.removeprefix(_PREFIX)]
        if type(value) is not wanted:
            self._fail(event, f"{event.value[:80]!r} is no {tag.removeprefix(_PREFIX)}")
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor in self._open:
            self._fail(event, f"the alias *{event.anchor[:80]} stands inside what it names")
        if event.anchor not in self._anchors:
            self._fail(event, "an alias (a word after *) names nothing here; quote a text that begins with *")
        value, weight = self._anchors[event.anchor]
        self._nodes += weight
        if self._nodes > MAX_NODES:
            self._fail(event, f"the document has more than {MAX_NODES} values, aliases counted in full")
        return copy.deepcopy(value) if weight > 1 else value  # who changes one place must not change the other

    def _fail(self, event: Any, sentence: str) -> NoReturn:
        raise UsageError(f"{self._name}:{event.start_mark.line + 1}: {sentence}")


def resolved(text: str) -> Any:
    """The value of a plain (unquoted) scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INT.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        number = float(text.replace("_", ""))
        return number if math.isfinite(number) else text
    return text  # .nan and .inf stay text too: JSON has no such numbers, and no field of the API takes one


def _integer(text: str) -> Any:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if len(digits) > 80:
        return text
    try:
        if digits.startswith("0b"):
            return sign * int(digits, 0)
        if digits.startswith("0x"):
            return sign * int(digits, 0)
        if digits.startswith("0") and len(digits) > 1:
            return sign * int(digits.removeprefix("0o").removeprefix("0O") or "0", 8)
        return sign * int(digits)
    except ValueError:
        return text
