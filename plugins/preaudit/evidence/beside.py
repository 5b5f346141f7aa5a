"""A process of its own beside the run: one processor is idle while the other judges and writes.

What such a process does, the run can do itself, and does where no answer comes: nothing is lost with the process.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

WORTH_A_PROCESS = 4 * 2**20
"""Bytes of a snapshot above which the start of a process is paid back."""
_PATIENCE_SECONDS = 600.0


class Beside:
    """A process that hears and answers over a pipe.

    Args:
        work: a function of a module, which is imported there; it is given the arguments and its end of the pipe.
        arguments: what can be pickled.
    """

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_begin, args=(work, arguments, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def tell(self, what: Any) -> None:
        """Send something; where the process has ended, `answer` will show it."""
        try:
            self._ours.send(what)
        except OSError:
            return

    def answer(self) -> Any:
        """What the process sends next; None where it has ended, or says nothing for ten minutes."""
        try:
            return self._ours.recv() if self._ours.poll(_PATIENCE_SECONDS) else None
        except (OSError, EOFError):
            return None

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._ours.close()
        self._process.kill()
        self._process.join()


def _begin(work: Callable[..., None], arguments: tuple[Any, ...], told: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to answer; it ends this process
    try:
        work(*arguments, told)
    except (OSError, EOFError):
        return  # the run notices, does the work itself, and meets the same file
