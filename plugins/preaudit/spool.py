"""The spool: where each process leaves the records of the items it judged, until the controller merges them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec

from preaudit.errors import UsageError
from preaudit.evidence.pack import reason
from preaudit.evidence.record import Record, encode
from preaudit.gate import GateCount, GateRules
from preaudit.verdict import Verdict

_HEAD = msgspec.json.Encoder()


class _Header(msgspec.Struct, frozen=True, array_like=True):
    """One item: its name, number of records and of their bytes, and what they count for: nobody need decode them."""

    item: str
    records: int
    bytes: int
    verdicts: dict[Verdict, int]
    opens: dict[str, int]


_DECODE = msgspec.json.Decoder(_Header).decode


class Spool:
    """One process's spool file: a header line for each item, then one line for each of its records.

    Args:
        folder: where the spools of a run stand.
        name: of the process.
        rules: by which the records of each item are counted.

    Raises:
        UsageError: the file cannot be written (a full disk); one sentence.
    """

    def __init__(self, folder: Path, name: str, rules: GateRules) -> None:
        self._rules = rules
        self._path = folder / f"{name}.spool"
        self._stream = self._path.open("xb", buffering=2**18)

    def write(self, item: str, records: Sequence[Record]) -> None:
        """Append one item; it is whole only when all of its records follow its header."""
        count = GateCount(self._rules)
        count.add(records)
        lines = b"".join([encode(record) + b"\n" for record in records])
        header = _Header(item, len(records), len(lines), dict(count.verdicts), dict(count.open))
        try:
            self._stream.write(_HEAD.encode(header) + b"\n" + lines)
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
        self._places: dict[str, tuple[Path, int, _Header]] = {}
        for path in sorted(folder.glob("*.spool")):
            self._index(path)
        self.items = frozenset(self._places)
        """Names of the items that were judged to the end."""
        self._streams: dict[Path, IO[bytes]] = {}

    def _index(self, path: Path) -> None:
        size = path.stat().st_size
        with path.open("rb") as stream:
            while header := stream.readline():
                try:
                    found = _DECODE(header)
                except msgspec.DecodeError:
                    return  # the process died in the middle of a line
                start = stream.tell()
                if start + found.bytes > size:
                    return
                self._places.setdefault(found.item, (path, start, found))
                stream.seek(start + found.bytes)

    def count(self, item: str, count: GateCount) -> None:
        """Add one item's records to a count."""
        header = self._places[item][2]
        count.verdicts += Counter(header.verdicts)
        count.open += Counter(header.opens)

    def lines(self, item: str) -> tuple[int, bytes]:
        """Number of the records of one item, and all of them, encoded, each with its line break."""
        path, start, header = self._places[item]
        stream = self._streams.get(path)
        if stream is None:
            stream = self._streams[path] = path.open("rb")
        stream.seek(start)
        return header.records, stream.read(header.bytes)

    def close(self) -> None:
        """Close the spools; they are read no more."""
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()
