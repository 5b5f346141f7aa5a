"""The leak scan of a finished pack: the last look, with rules of its own, at every byte that is to be handed over.

A pack says the same things over and over. So each chunk of a file is split where JSON or markup separates one thing
from the next, and only pieces that were not seen before are looked at. What is escaped (JSON, HTML, XML) or encoded
(base64) is looked at in plain form too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from preaudit import leak_rules
from preaudit.errors import PreauditError
from preaudit.leak_rules import IN_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 4 * 2**20
OVERLAP = 128 * 2**10
"""Bytes of a chunk that are looked at again with the next one, so that nothing hides on the border."""
MAX_TOLD = 100
_MAX_REMEMBERED = 32 * 2**20
_MAX_PIECE = 4096
_SEPARATORS = {".html": b'"', ".xml": b'"', ".jsonl": b',"', ".csv": b'","'}
"""Where one thing ends; in markup and CSV a quotation mark within a text is escaped."""
_BETWEEN = b"\n\x01\n"
"""Stands between pieces; no pattern matches across it."""
_HASH = re.compile(rb'":"[0-9a-f\-]{32,64}"')
"""Hashes, tokens and UIDs of ours, most of what differs between records; none of the rules is about a bare number."""
_NAMED = re.compile(
    rb'(?:^|["{,\s])(?:name|namespace|serviceAccountName|serviceAccount|nodeName)"\s?:\s?"([^"]{1,1024})'
)
_ENDPOINT = re.compile(rb"(?:(?<![A-Za-z])[A-Z][A-Za-z]{1,60}|:/)/[a-z0-9.\-]{1,253}:[0-9]{1,5}(?![0-9A-Za-z_.\-])")
"""A name of ours for an endpoint, or its URL: a workload may be called reset-password, and 8443 is then no password."""
_MOST_ENDPOINT = 330
_AFTER_PORT = re.compile(rb"/.*|[^0-9A-Za-z]*", re.DOTALL)
"""A path, or what stands between words."""
_SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class Leak:
    """Where something looks like a credential; never what it is.

    Attributes:
        file: path within the pack.
        line: number of the line, from 1.
        rule: what it looks like.
        name: the object's name, where that is what looks so; "" otherwise.
    """

    file: str
    line: int
    rule: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Leaks:
    """What the scan of a pack found.

    Attributes:
        fatal: hits outside of names, at most `MAX_TOLD`.
        named: objects whose names look like credentials, each once, at most `MAX_TOLD`.
        scanned: bytes that were read.
    """

    fatal: tuple[Leak, ...]
    named: tuple[Leak, ...]
    scanned: int

    @property
    def sentence(self) -> str:
        """What a fatal hit means and what to do, in one sentence; "" where there is none."""
        if not self.fatal:
            return ""
        first = self.fatal[0]
        more = f" (and {len(self.fatal) - 1} more places)" if len(self.fatal) > 1 else ""
        return (
            f"the pack was not written: {first.file}, line {first.line}, holds what looks like a credential"
            f" ({first.rule}){more}; take it out of what was audited or given, or report a gap of the redaction"
        )


class LeakFound(PreauditError):  # noqa: N818 - it names what was found
    """A credential would have got into a pack; the text is a sentence for the user."""


def require_clean(folder: Path) -> Leaks:
    """Scan a finished pack; what is left to tell is the names that look like credentials.

    Raises:
        LeakFound: something else does; the sentence names file, line and rule, never the value.
    """
    leaks = scan(folder)
    if leaks.fatal:
        raise LeakFound(leaks.sentence)
    return leaks


def scan(folder: Path) -> Leaks:
    """Look for credentials in every file below a folder, the snapshot first, as it tells what is a name.

    Raises:
        OSError: a file cannot be read.
    """
    search = Search()
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    files.sort(key=lambda path: (path.relative_to(folder).parts[0] != _SNAPSHOT, path))
    for path in files:
        search.file(path, path.relative_to(folder).as_posix())
    return search.found


class Search:
    """The state of one scan; the snapshot's files come first, as they tell what is a name."""

    def __init__(self) -> None:
        self.fatal: list[Leak] = []
        self.named: dict[bytes, Leak] = {}
        self.scanned = 0
        self._seen: set[bytes] = set()
        self._remembered = 0

    @property
    def found(self) -> Leaks:
        """What was found so far."""
        return Leaks(tuple(self.fatal), tuple(self.named.values()), self.scanned)

    def file(self, path: Path, shown: str) -> None:
        """Look through one file; hits go to `fatal` and `named`."""
        separator = _SEPARATORS.get(path.suffix, b"\n")
        self._forget()
        lines = 0
        tail = b""
        with path.open("rb", buffering=0) as stream:
            while chunk := stream.read(CHUNK):
                self.scanned += len(chunk)
                text = tail + chunk
                for rule, hit, piece in self._hits(text, separator):
                    self._note(shown, lines + _line(text, hit, piece), rule, hit, piece)
                tail = text[-OVERLAP:]
                lines += text.count(b"\n", 0, len(text) - len(tail))

    def _note(self, shown: str, line: int, rule: str, hit: bytes, piece: bytes) -> None:
        if hit in self.named:
            return
        if shown.startswith(_SNAPSHOT + "/") and (name := _name_around(piece, hit)):
            if len(self.named) < MAX_TOLD:
                self.named[hit] = Leak(shown, line, rule, name)
            return
        found = Leak(shown, line, rule)
        if found not in self.fatal and len(self.fatal) < MAX_TOLD:
            self.fatal.append(found)

    def _hits(self, text: bytes, separator: bytes) -> Iterator[tuple[str, bytes, bytes]]:
        """Rule, what was hit and the piece that holds it."""
        pieces = text.replace(b"<", b'"') if separator == b'"' else text
        fresh = set(pieces.split(separator)) - self._seen
        if not fresh:
            return
        self._remember(fresh)
        yield from _plain_hits(_HASH.sub(b"", _BETWEEN.join(fresh)))
        for piece in fresh:
            for plain in leak_rules.unescaped(piece):
                for rule, hit, _ in _plain_hits(plain):
                    yield rule, hit, piece

    def _remember(self, fresh: set[bytes]) -> None:
        short = {piece for piece in fresh if len(piece) <= _MAX_PIECE}
        self._seen |= short
        self._remembered += sum(map(len, short)) + 64 * len(short)
        if self._remembered > _MAX_REMEMBERED:
            self._forget()

    def _forget(self) -> None:
        self._seen = set()
        self._remembered = 0


def _plain_hits(text: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    for rule, start, end in leak_rules.hits(text):
        if rule != IN_TEXT or not _is_endpoint(text, start, end):
            yield rule, text[start:end], _piece(text, start, end)


def _is_endpoint(text: bytes, start: int, end: int) -> bool:
    """A hit is the end of an endpoint's name with its port, and nothing is behind it that could be a password."""
    return any(
        found.start() < start < found.end() and _AFTER_PORT.fullmatch(text, found.end(), end)
        for found in _ENDPOINT.finditer(text, max(0, start - _MOST_ENDPOINT), end)
    )


def _piece(text: bytes, start: int, end: int) -> bytes:
    """The piece that a hit stands in, cut to what tells where it is."""
    low = text.rfind(_BETWEEN, max(0, start - _MAX_PIECE), start)
    high = text.find(_BETWEEN, end, end + _MAX_PIECE)
    return text[low + len(_BETWEEN) if low >= 0 else max(0, start - _MAX_PIECE) : high if high >= 0 else end]


def _name_around(piece: bytes, hit: bytes) -> str:
    """The object's name that holds the hit, "" where none does."""
    for match in _NAMED.finditer(piece):
        if hit in match[1]:
            return match[1].decode("utf-8", "replace")
    return ""


def _line(text: bytes, hit: bytes, piece: bytes) -> int:
    """The line within a chunk, from 1."""
    start = text.find(hit)
    if start < 0:
        start = max(0, text.find(piece))
    return text.count(b"\n", 0, start) + 1
