"""The spool: where each process leaves the records of the items it judged, until the controller merges them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from preaudit.errors import UsageError
from preaudit.evidence.pack import reason
from preaudit.evidence.record import Record, encode

_HEAD = msgspec.json.Encoder()


class Spool:
    """One process's spool file: a header line for each item, then one line for each of its records.

    Raises:
        UsageError: the file cannot be written (a full disk); one sentence.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.spool"
        self._stream = self._path.open("xb", buffering=2**18)

    def write(self, item: str, records: Sequence[Record]) -> None:
        """Append one item; it is whole only when all of its records follow its header."""
        try:
            self._stream.write(_HEAD.encode([item, len(records)]) + b"\n")
            for record in records:
                self._stream.write(encode(record) + b"\n")
        except OSError as error:
            raise UsageError(f"{self._path.parent.parent} cannot be written: {reason(error)}") from None

    def close(self) -> None:
        """Bring everything to the file."""
        try:
            self._stream.close()
        except OSError as error:
            raise UsageError(f"{self._path.parent.parent} cannot be written: {reason(error)}") from None


class Merged:
    """What all spools of a run hold: where each item's records stand, so that they can be read in any order."""

    def __init__(self, folder: Path) -> None:
        self._places: dict[str, tuple[Path, int, int]] = {}
        for path in sorted(folder.glob("*.spool")):
            self._index(path)

    def _index(self, path: Path) -> None:
        with path.open("rb") as stream:
            while header := stream.readline():
                try:
                    item, count = msgspec.json.decode(header, type=tuple[str, int])
                except msgspec.DecodeError:
                    return  # the process died in the middle of a line
                start = stream.tell()
                if not all(stream.readline().endswith(b"\n") for _ in range(count)):
                    return
                self._places.setdefault(item, (path, start, count))

    @property
    def items(self) -> frozenset[str]:
        """Names of the items that were judged to the end."""
        return frozenset(self._places)

    def lines(self, item: str) -> Iterator[bytes]:
        """The encoded records of one item."""
        path, start, count = self._places[item]
        with path.open("rb") as stream:
            stream.seek(start)
            for _ in range(count):
                yield stream.readline().removesuffix(b"\n")
