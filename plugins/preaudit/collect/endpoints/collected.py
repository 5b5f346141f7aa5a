"""Endpoints as a source of a snapshot: its lines, and how far they were seen in each namespace."""

from __future__ import annotations

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from preaudit.collect.endpoints.closer import Closer
from preaudit.collect.endpoints.look import Gates, Look, Vantage
from preaudit.collect.endpoints.looking import first_replicas, look_at, merged
from preaudit.collect.endpoints.place import Place
from preaudit.collect.endpoints.scan import PortPace
from preaudit.collect.tls.pace import Pace
from preaudit.collect.tls.trust import Anchor
from preaudit.endpoint import Endpoint, endpoint_line
from preaudit.probe.parameters import Settings
from preaudit.snapshot import EVERYWHERE, SourceStatus, SourceWriter, Status, StoredFile, file_name

CONNECT = "endpoints/connect"
SYSTEM_STORE = "the system's store"
_CALL = "TLS and HTTP hellos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How politely, how long, and with which anchors endpoints are looked at.

    Attributes:
        per_second: connections begun in a second to one host.
        at_once: connections open at the same time to one host.
        endpoint_seconds: the longest that one endpoint may take.
        run_seconds: the longest that all of them may take.
        anchors: sets of trust anchors of the user's own, by name (PEM).
        groups: active groups that the profile or the command line includes.
        closer: what is done beyond looking, as these groups have it.
        ports: how politely ports are scanned.
        probe: where and how a pod of ours runs, for the group in-cluster; None where that is not asked for.
    """

    per_second: float
    at_once: int
    endpoint_seconds: float
    run_seconds: float
    anchors: Mapping[str, bytes]
    groups: frozenset[str] = frozenset()
    closer: Closer = field(default_factory=Closer)
    ports: PortPace = field(default_factory=PortPace)
    probe: Settings | None = None

    def look(self, known: Mapping[str, bytes], vantage: Vantage, stop: threading.Event) -> Look:
        """Looking from a vantage, with these anchors and others that belong to places."""
        anchors = {name: Anchor(name, pem) for name, pem in {**known, **self.anchors}.items() if pem}
        system = _system_store()
        if system:
            anchors[SYSTEM_STORE] = Anchor(SYSTEM_STORE, system, private=False)
        pace = Pace(at_once=self.at_once, per_second=self.per_second, endpoint_seconds=self.endpoint_seconds)
        common = (*self.anchors, *([SYSTEM_STORE] if system else []))
        return Look(vantage=vantage, gates=Gates(pace), anchors=anchors, common=common, stop=stop)


class Collected(NamedTuple):
    """A source of endpoints, collected.

    Attributes:
        statuses: how far it was seen.
        files: what was written.
        found: what was seen at each place.
    """

    statuses: list[SourceStatus]
    files: list[StoredFile]
    found: list[tuple[Place, Endpoint]]


def collect_endpoints(  # noqa: PLR0913 - each is said by name
    folder: Path,
    places: Sequence[Place],
    *,
    gaps: Mapping[str, str],
    namespaces: Iterable[str],
    look: Look,
    forward: Look | None = None,
    inside: Callable[[list[tuple[Place, Endpoint]]], list[tuple[Place, Endpoint]]] | None = None,
    closer: Closer | None = None,
    seconds: float,
    times: Callable[[], str],
    done: Callable[[], None] = lambda: None,
) -> Collected:
    """Look at every place, and write what was seen.

    Args:
        folder: the snapshot's folder.
        places: where.
        gaps: why the search for places was not complete, by namespace; "*" for the cluster as a whole.
        namespaces: every namespace that is known, for the statuses.
        look: how.
        forward: how pods are looked at whose endpoints were not seen otherwise; None where that is not asked for.
        inside: adds what a pod of ours saw where nobody could see from here; None where that is not asked for.
        closer: what is done beyond looking; None where nothing is.
        seconds: the longest that it may take.
        times: the present time, as it is recorded.
        done: told after each place.

    Returns:
        the statuses of the source, the files written, and what was seen at each place.
    """
    started, ends = times(), time.monotonic() + seconds
    chosen, left = first_replicas(places)
    found = look_at(chosen, look, seconds=seconds, done=done)
    if forward is not None:
        hidden = [place for place, one in found if not one.understood and place.pod]
        again = look_at([replace(place, refused="") for place in hidden], forward, seconds=ends - time.monotonic())
        better = {place.where: one for place, one in again if one.understood}
        found = [(place, better.get(place.where, one) if place.pod else one) for place, one in found]
    if inside is not None:
        found = inside(found)
    if closer is not None:
        found = closer.add(found, look)
    seen = merged([one for _, one in found], left)
    statuses = statuses_of(CONNECT, _CALL, [one.namespace for one in seen], gaps, namespaces, (started, times()))
    return Collected(statuses, stored(folder, CONNECT, map(endpoint_line, seen)), found)


def stored(folder: Path, source: str, lines: Iterable[bytes]) -> list[StoredFile]:
    """Write a source's lines; no file where there are none."""
    found = list(lines)
    if not found:
        return []
    writer = SourceWriter(folder, source)
    try:
        for one in found:
            writer.write(one)
    except BaseException:
        writer.close()
        (folder / file_name(source)).unlink()
        raise
    return [writer.close()]


def statuses_of(  # noqa: PLR0913, PLR0917 - each is one thing of a status
    source: str, call: str, places: Sequence[str], gaps: Mapping[str, str], namespaces: Iterable[str],
    times: tuple[str, str],
) -> list[SourceStatus]:  # fmt: skip
    """How far something was found: one status where the search was complete, else one a namespace.

    Args:
        source: what was looked for.
        call: how.
        places: the namespace of each that was found.
        gaps: why the search was not complete, by namespace; "*" for the cluster as a whole.
        namespaces: every namespace that is known.
        times: when it started and ended.
    """

    def status(namespace: str, cause: str, count: int) -> SourceStatus:
        return SourceStatus(
            source=source, namespace=namespace, status=Status.ERROR if cause else Status.COLLECTED, cause=cause,
            call=call, count=count, started=times[0], finished=times[1],
        )  # fmt: skip

    if not gaps:
        return [status(EVERYWHERE, "", len(places))]
    several = sorted({*namespaces, *gaps} - {EVERYWHERE})
    whole = gaps.get(EVERYWHERE) or f"not complete in {', '.join(sorted(gaps)[:5])}"
    counts = Counter(places)
    return [status(EVERYWHERE, whole, len(places)), *(status(one, gaps.get(one, ""), counts[one]) for one in several)]


def _system_store() -> bytes:
    """The machine's own anchors, nothing where it has none."""
    path = ssl.get_default_verify_paths().cafile
    try:
        return Path(path).read_bytes() if path else b""
    except OSError:
        return b""
