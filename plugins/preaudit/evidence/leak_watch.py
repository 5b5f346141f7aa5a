"""The leak scan beside the run: a process of its own looks at each file of a pack as soon as it is whole.

The scan costs as much as everything else that is done with the pack together, and one processor is idle meanwhile. What
that process did not see for whatever reason is scanned again by the run itself: no file gets by unseen.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable
from multiprocessing.connection import Connection
from pathlib import Path

from preaudit.evidence.leaks import LeakFound, Leaks, Search, require_clean

WORTH_A_PROCESS = 8 * 2**20
"""Bytes of a snapshot above which the start of a process is paid back."""
_PATIENCE_SECONDS = 600.0


class LeakWatch:
    """A scan of one pack that goes on while the pack is written.

    Args:
        folder: where the pack is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_watch, args=(folder, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._told: list[str] = []

    def whole(self, names: Iterable[str]) -> None:
        """These files are complete; those of the snapshot must come before all others.

        Args:
            names: paths within the pack.
        """
        for name in names:
            self._told.append(name)
            try:
                self._ours.send(name)
            except OSError:
                return  # it has ended; `require_clean` will scan everything itself

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
        try:
            self._ours.send(None)
            found = self._ours.recv() if self._ours.poll(_PATIENCE_SECONDS) else None
        except (OSError, EOFError):
            return None
        return found if isinstance(found, Leaks) else None

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._ours.close()
        self._process.kill()
        self._process.join()


def _watch(folder: Path, told: Connection) -> None:
    """The process: files by name, then what was found in all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to answer; it ends this process
    search = Search()
    try:
        while (name := told.recv()) is not None:
            search.file(folder / name, name)
        told.send(search.found)
    except (OSError, EOFError):
        return  # the run notices, scans everything itself, and meets the same file
