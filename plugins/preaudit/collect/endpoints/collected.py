"""Endpoints as a source of a snapshot: its lines, and how far they were seen in each namespace."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from preaudit.collect.endpoints.look import Gates, Look, Vantage
from preaudit.collect.endpoints.looking import first_replicas, look_at, merged
from preaudit.collect.endpoints.place import Place
from preaudit.collect.tls.pace import Pace
from preaudit.collect.tls.trust import Anchor
from preaudit.endpoint import Endpoint, endpoint_line
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
    """

    per_second: float
    at_once: int
    endpoint_seconds: float
    run_seconds: float
    anchors: Mapping[str, bytes]
    groups: frozenset[str] = frozenset()

    def look(self, known: Mapping[str, bytes], vantage: Vantage, stop: threading.Event) -> Look:
        """Looking from a vantage, with these anchors and others that belong to places."""
        anchors = {name: Anchor(name, pem) for name, pem in {**known, **self.anchors}.items() if pem}
        system = _system_store()
        if system:
            anchors[SYSTEM_STORE] = Anchor(SYSTEM_STORE, system, private=False)
        pace = Pace(at_once=self.at_once, per_second=self.per_second, endpoint_seconds=self.endpoint_seconds)
        common = (*self.anchors, *([SYSTEM_STORE] if system else []))
        return Look(vantage=vantage, gates=Gates(pace), anchors=anchors, common=common, stop=stop)


def collect_endpoints(  # noqa: PLR0913 - each is said by name
    folder: Path,
    places: Sequence[Place],
    *,
    gaps: Mapping[str, str],
    namespaces: Iterable[str],
    look: Look,
    forward: Look | None = None,
    seconds: float,
    times: Callable[[], str],
    done: Callable[[], None] = lambda: None,
) -> tuple[list[SourceStatus], list[StoredFile]]:
    """Look at every place, and write what was seen.

    Args:
        folder: the snapshot's folder.
        places: where.
        gaps: why the search for places was not complete, by namespace; "*" for the cluster as a whole.
        namespaces: every namespace that is known, for the statuses.
        look: how.
        forward: how pods are looked at whose endpoints were not seen otherwise; None where that is not asked for.
        seconds: the longest that it may take.
        times: the present time, as it is recorded.
        done: told after each place.

    Returns:
        the statuses of the source, and the files written.
    """
    started = times()
    chosen, left = first_replicas(places)
    found = look_at(chosen, look, seconds=seconds, done=done)
    if forward is not None:
        hidden = [place for place, one in found if not one.understood and place.pod]
        again = look_at([replace(place, refused="") for place in hidden], forward, seconds=seconds)
        better = {place.where: one for place, one in again if one.understood}
        found = [(place, better.get(place.where, one) if place.pod else one) for place, one in found]
    seen = merged([one for _, one in found], left)
    statuses = _statuses(seen, gaps, namespaces, started, times())
    if not seen:
        return statuses, []
    writer = SourceWriter(folder, CONNECT)
    try:
        for one in seen:
            writer.write(endpoint_line(one))
    except BaseException:
        writer.close()
        (folder / file_name(CONNECT)).unlink()
        raise
    return statuses, [writer.close()]


def _statuses(
    seen: Sequence[Endpoint], gaps: Mapping[str, str], namespaces: Iterable[str], started: str, finished: str
) -> list[SourceStatus]:
    """How far endpoints were found: one status where the search was complete, else one a namespace."""

    def status(namespace: str, cause: str, count: int) -> SourceStatus:
        return SourceStatus(
            source=CONNECT, namespace=namespace, status=Status.ERROR if cause else Status.COLLECTED, cause=cause,
            call=_CALL, count=count, started=started, finished=finished,
        )  # fmt: skip

    if not gaps:
        return [status(EVERYWHERE, "", len(seen))]
    several = sorted({*namespaces, *gaps} - {EVERYWHERE})
    whole = gaps.get(EVERYWHERE) or f"not complete in {', '.join(sorted(gaps)[:5])}"
    counts = {one: sum(endpoint.namespace == one for endpoint in seen) for one in several}
    return [status(EVERYWHERE, whole, len(seen)), *(status(one, gaps.get(one, ""), counts[one]) for one in several)]


def _system_store() -> bytes:
    """The machine's own anchors, nothing where it has none."""
    path = ssl.get_default_verify_paths().cafile
    try:
        return Path(path).read_bytes() if path else b""
    except OSError:
        return b""
