"""What a person sees while a cluster is read: a bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import threading
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Progress(Protocol):
    """Is told what the collector does; called from several threads."""

    def start(self, total: int) -> None:
        """The collection begins; `total` is the number of sources."""

    def source_started(self, source: str) -> None:
        """The first request of a source is about to be sent."""

    def page(self, source: str, objects: int) -> None:
        """One page with so many objects was read."""

    def source_done(self, source: str, objects: int, status: str) -> None:
        """A source is finished; `objects` in all, `status` is the worst of its reads."""

    def close(self) -> None:
        """The collection is over, well or not."""


class Silent:
    """Says nothing."""

    def start(self, total: int) -> None:
        """Nothing is shown."""

    def source_started(self, source: str) -> None:
        """Nothing is shown."""

    def page(self, source: str, objects: int) -> None:
        """Nothing is shown."""

    def source_done(self, source: str, objects: int, status: str) -> None:
        """Nothing is shown."""

    def close(self) -> None:
        """Nothing is shown."""


class PlainLines:
    """One line a source, for logs of CI jobs.

    Args:
        stream: usually stderr.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._total = 0
        self._done = 0

    def start(self, total: int) -> None:
        """Remember how many lines will come."""
        self._total = total

    def source_started(self, source: str) -> None:
        """Nothing is shown."""

    def page(self, source: str, objects: int) -> None:
        """Nothing is shown."""

    def source_done(self, source: str, objects: int, status: str) -> None:
        """One line: which, how many, how far."""
        with self._lock:
            self._done += 1
            self._stream.write(f"collect {self._done}/{self._total} {source}: {objects} {status}\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing is left to do."""


class Bar:
    """A progress bar on a terminal.

    Args:
        stream: the terminal, usually stderr.
    """

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        from rich.progress import Progress as Rich  # noqa: PLC0415

        self._rich: RichProgress = Rich(
            TextColumn("collect"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[objects]} objects {task.fields[source]}", markup=False),
            TimeElapsedColumn(),
            console=Console(file=stream),
            transient=True,
        )
        self._task: TaskID | None = None
        self._objects = 0
        self._lock = threading.Lock()

    def start(self, total: int) -> None:
        """Show the bar."""
        self._task = self._rich.add_task("", total=total, objects=0, source="")
        self._rich.start()

    def source_started(self, source: str) -> None:
        """Name the source."""
        self._update(source, 0, 0)

    def page(self, source: str, objects: int) -> None:
        """Count the objects."""
        self._update(source, objects, 0)

    def source_done(self, source: str, objects: int, status: str) -> None:  # noqa: ARG002 - counted page by page
        """Move the bar on."""
        self._update(source, 0, 1)

    def close(self) -> None:
        """Take the bar away."""
        self._rich.stop()

    def _update(self, source: str, objects: int, done: int) -> None:
        with self._lock:
            self._objects += objects
            if self._task is not None:
                self._rich.update(self._task, advance=done, objects=self._objects, source=source)


def progress_for(stream: IO[str], *, quiet: bool = False) -> Progress:
    """The progress that suits a stream: a bar on a terminal, plain lines elsewhere, nothing when quiet."""
    if quiet:
        return Silent()
    return Bar(stream) if stream.isatty() else PlainLines(stream)
