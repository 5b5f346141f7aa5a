"""The leak scan beside the run: a process of its own looks at each file of a pack as soon as it is whole.

The scan costs as much as everything else that is done with the pack together. What that process did not see for
whatever reason is scanned again by the run itself: no file gets by unseen.
"""

from __future__ import annotations

from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path

from preaudit.evidence.beside import Beside
from preaudit.evidence.leaks import LeakFound, Leaks, Search, require_clean


class LeakWatch:
    """A scan of one pack that goes on while the pack is written.

    Args:
        folder: where the pack is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = Beside(_watch, folder)
        self._told: list[str] = []

    def whole(self, names: Iterable[str]) -> None:
        """These files are complete; those of the snapshot must come before all others.

        Args:
            names: paths within the pack.
        """
        for name in names:
            self._told.append(name)
            self._process.tell(name)

    def require_clean(self) -> Leaks:
        """What the scan found, once it has seen every file that the folder holds now.

        Raises:
            LeakFound: something looks like a credential; the sentence names file, line and rule, never the value.
        """
        there = {one.relative_to(self._folder).as_posix() for one in self._folder.rglob("*") if one.is_file()}
        leaks = self._result() if there == set(self._told) and len(there) == len(self._told) else None
        self.close()
        if leaks is None:
            return require_clean(self._folder)
        if leaks.fatal:
            raise LeakFound(leaks.sentence)
        return leaks

    def _result(self) -> Leaks | None:
        self._process.tell(None)
        found = self._process.answer()
        return found if isinstance(found, Leaks) else None

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.close()


def _watch(folder: Path, told: Connection) -> None:
    """The process: files by name, then what was found in all of them."""
    search = Search()
    while (name := told.recv()) is not None:
        search.file(folder / name, name)
    told.send(search.found)
