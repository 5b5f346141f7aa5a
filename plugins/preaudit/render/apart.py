"""Renderings that a process of its own makes beside the run, of what the pack already holds.

They are pure functions of that, so it does not matter who makes them; what did not come about is the run's to make.
"""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from preaudit.evidence import manifest as manifests
from preaudit.evidence.beside import Beside
from preaudit.evidence.pack import RECORDS, Records, create
from preaudit.render.renderings import RENDERINGS, told_of
from preaudit.snapshot import Snapshot

APART = ("report.html", "controls.html")
"""Half of the work of all renderings."""


class Apart:
    """A process that waits until the records are written, then renders.

    Args:
        folder: where the pack is written.
    """

    def __init__(self, folder: Path) -> None:
        self._process = Beside(_render, folder)
        self._folder = folder

    def begin(self, manifest: manifests.Manifest, records_sha256: str) -> None:
        """The records are whole, and this will be told of them."""
        self._process.tell((manifests.encode(manifest), records_sha256))

    def made(self) -> Iterator[str]:
        """Each file that came about, as it is whole; what is there of others is removed."""
        left = list(APART)
        while left and self._process.answer() == left[0]:
            yield left.pop(0)
        self._process.close()
        for name in left:
            (self._folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.close()


def _render(folder: Path, told: Connection) -> None:
    """The process: a manifest and the hash of the records, then the name of each file that is made."""
    encoded, records_sha256 = told.recv()
    manifest = manifests.decode(encoded)
    records = list(Records(folder / RECORDS, manifest.totals.records))
    material = told_of(records, manifest, records_sha256, snapshot=Snapshot(folder / "snapshot"))
    for name in APART:
        with create(folder / name) as stream:
            RENDERINGS[name](material, stream)
        told.send(name)
