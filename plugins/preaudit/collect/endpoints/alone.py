"""Endpoints without any cluster: those that the user names, as a snapshot of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import preaudit
from preaudit.collect.endpoints.collected import CONNECT, Manner, collect_endpoints
from preaudit.collect.endpoints.look import Direct
from preaudit.collect.endpoints.services import resolved
from preaudit.collect.endpoints.targets import Target, anchors_of, target_place
from preaudit.collect.wording import utc
from preaudit.collect.writer import prepare
from preaudit.snapshot import Collection, Identity, write_collection

if TYPE_CHECKING:
    from preaudit.collect.progress import Progress

_NOBODY = "no cluster was asked: only --target was given"


def collect_targets(
    folder: Path, targets: Sequence[Target], *, manner: Manner, now: datetime, progress: Progress
) -> Collection:
    """Look at named endpoints into a snapshot.

    Args:
        folder: the snapshot's folder.
        targets: the endpoints.
        manner: how they are looked at.
        now: start of the collection, UTC.
        progress: is told how far it is.
    """
    prepare(folder)
    begin = time.monotonic()

    def times() -> str:
        return utc(now + timedelta(seconds=time.monotonic() - begin))

    stop = threading.Event()
    progress.start(1)
    progress.source_started(CONNECT)
    try:
        statuses, files, _ = collect_endpoints(
            folder, [target_place(one, resolved) for one in targets], gaps={}, namespaces=(),
            look=manner.look(anchors_of(targets), Direct(stop), stop), seconds=manner.run_seconds, times=times,
            closer=manner.closer, done=lambda: progress.page(CONNECT, 1),
        )  # fmt: skip
        progress.source_done(CONNECT, sum(one.lines for one in files), statuses[0].status.value)
    finally:
        progress.close()
    collection = Collection(
        mode="targets", started=utc(now), finished=times(), tool_version=preaudit.__version__,
        identity=Identity(cause=_NOBODY), sources=tuple(statuses), files=tuple(files), namespaces_complete=True,
        notes=("No cluster was looked at, only the endpoints that --target names.",),
    )  # fmt: skip
    write_collection(folder, collection)
    return collection
