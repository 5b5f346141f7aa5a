"""A source's file that can be taken back to a mark: a list that expired half-way is read again from its start."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from preaudit.errors import UsageError
from preaudit.snapshot import SourceWriter, StoredFile

if TYPE_CHECKING:
    import hashlib
    from pathlib import Path


def prepare(folder: Path) -> None:
    """Make the snapshot's folder.

    Raises:
        UsageError: it holds a snapshot, or a part of one, already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "collection.json").exists() or any(folder.glob("*.jsonl")):
        raise UsageError(f"{folder} holds a snapshot already, which is never overwritten; name a new folder with --out")


def kept(folder: Path, stored: StoredFile) -> list[StoredFile]:
    """A source's file as the snapshot names it: none where nothing was written, and the file is then removed."""
    if stored.lines:
        return [stored]
    (folder / stored.name).unlink()
    return []


class Place(NamedTuple):
    """A position in a source's file."""

    offset: int
    lines: int
    sha256: hashlib._Hash


class RewindableWriter(SourceWriter):
    """Appends lines, and can forget those after a mark."""

    def write_lines(self, lines: list[bytes]) -> None:
        """Append encoded objects: as one piece, since a call for each costs more than the hashing."""
        if not lines:
            return
        piece = b"\n".join(lines) + b"\n"
        self._stream.write(piece)
        self._sha256.update(piece)
        self._bytes += len(piece)
        self.lines += len(lines)

    def mark(self) -> Place:
        """The present end of the file."""
        return Place(self._bytes, self.lines, self._sha256.copy())

    def rewind(self, place: Place) -> None:
        """Drop every line written after `place`."""
        self._stream.flush()
        self._stream.seek(place.offset)
        self._stream.truncate()
        self._bytes, self.lines, self._sha256 = place.offset, place.lines, place.sha256.copy()
