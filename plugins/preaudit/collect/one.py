"""Single objects, read again as the collector reads them: listed by name, redacted, brought to a snapshot's form."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from preaudit.collect.discovery import Served, discover
from preaudit.collect.identity import first_contact
from preaudit.collect.kubeconfig import load_access
from preaudit.collect.listing import ListCall, ListReader
from preaudit.collect.objects import Lines
from preaudit.collect.redact import Redactor
from preaudit.collect.transport import Api, Budget
from preaudit.collect.writer import RewindableWriter
from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE, Status, Target
from preaudit.source import SOURCES

_SECONDS = 60.0


class OneByOne:
    """Reads objects of a live cluster by name.

    Attributes:
        target: the cluster, as it tells of itself.
    """

    def __init__(self, api: Api, target: Target, key: bytes) -> None:
        self._api = api
        self._redactor = Redactor(key)
        self._served: dict[str, Served] = {}
        self.target = target

    def line(self, source: str, namespace: str, name: str) -> bytes:
        """The snapshot's line of one object; b"" where a complete answer does not hold it.

        Args:
            source: name of its source.
            namespace: its namespace, "" for cluster-wide objects.
            name: its name.

        Raises:
            NotObservable: the list that would hold it cannot be read.
        """
        found = SOURCES[source]
        if source not in self._served:
            self._served |= discover(self._api, [found], Budget(seconds=_SECONDS))
        served = self._served[source]
        if served.status is not None:
            raise NotObservable(source, f"{served.status.value}: {served.cause}")
        # By name, as a list: the right to list is the one that an audit has.
        call = ListCall(found, served.version, namespace or EVERYWHERE, f"metadata.name={name}")
        with tempfile.TemporaryDirectory(prefix="preaudit-again-") as folder, ThreadPoolExecutor(1) as ahead:
            writer = RewindableWriter(Path(folder), source)
            reader = ListReader(self._api, Lines(found, self._redactor), writer, ahead, lambda _: None)
            end = reader.read(call, Budget(seconds=_SECONDS))
            stored = writer.close()
            if end.status is not Status.COLLECTED:
                raise NotObservable(f"{source} in {namespace or 'the cluster'}", f"{end.status.value}: {end.cause}")
            return (Path(folder) / stored.name).read_bytes().removesuffix(b"\n") if stored.lines == 1 else b""


@contextmanager
def one_by_one(
    kubeconfig: str | None, context: str | None, key: bytes | None, now: datetime
) -> Iterator[OneByOne]:
    """A reader of single objects.

    Raises:
        TargetError: the cluster cannot be reached, or refuses the credentials.
    """
    api = Api(load_access(kubeconfig, context))
    try:
        target, _ = first_contact(api, now)
        yield OneByOne(api, target, key or secrets.token_bytes(32))
    finally:
        api.stop()
        api.access.pool.clear()
