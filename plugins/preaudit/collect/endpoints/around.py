"""Looking around in a cluster: ports are scanned where that is asked for, then every endpoint is looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from preaudit.collect.endpoints.collected import (
    CONNECT,
    Collected,
    Manner,
    collect_endpoints,
    statuses_of,
    stored,
)
from preaudit.collect.endpoints.find import Found
from preaudit.collect.endpoints.look import Direct, Look, Vantage
from preaudit.collect.endpoints.place import Place
from preaudit.collect.endpoints.ports import Host, contradicted, hosts_of, scanned, undeclared_places
from preaudit.collect.endpoints.scan import missing
from preaudit.hostports import HostPorts, hostports_line
from preaudit.probe.probing import Probing
from preaudit.snapshot import EVERYWHERE, Collection, Snapshot, SourceStatus, Status, StoredFile
from preaudit.source import IN_CLUSTER, PORTS
from preaudit.subjects.estate import Estate

_CALL = "nmap -sT of all TCP ports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is looked at, and how.

    Attributes:
        folder: the snapshot's folder.
        collection: what was collected so far.
        found: where the cluster declares endpoints.
        targets: places that the user names.
        manner: how endpoints are looked at.
        known: trust anchors by name.
        forward: a vantage for pods that do not answer otherwise; None where that is not asked for.
        probe: a pod of ours; None where that is not asked for.
        stop: set when the run is to end.
        times: the present time, as it is recorded.
    """

    folder: Path
    collection: Collection
    found: Found
    targets: Sequence[Place]
    manner: Manner
    known: Mapping[str, bytes]
    forward: Vantage | None
    probe: Probing | None
    stop: threading.Event
    times: Callable[[], str]

    def endpoints(self, hosts: Sequence[Host], seen: Sequence[HostPorts], done: Callable[[], None]) -> Collected:
        """Every endpoint, those at undeclared open ports too."""
        places = [*self.found.places, *undeclared_places(hosts, seen), *self.targets]
        look, forward = self._looks()
        probe, found = self.probe, self.found
        return collect_endpoints(
            self.folder, places, gaps=found.gaps, namespaces=self.collection.namespaces, look=look, forward=forward,
            inside=(lambda seen: probe.run(found, seen, look, forward)) if probe is not None else None,
            closer=self.manner.closer, seconds=self.manner.run_seconds, times=self.times, done=done,
        )  # fmt: skip

    def _looks(self) -> tuple[Look, Look | None]:
        """From here, and through a port-forward where that is asked for."""
        look = self.manner.look(self.known, Direct(self.stop), self.stop)
        return look, self.manner.look(self.known, self.forward, self.stop) if self.forward is not None else None

    def hosts(self) -> list[Host]:
        """The hosts whose ports are scanned."""
        return hosts_of(Estate(Snapshot(self.folder, self.collection)), self.found.places)

    def look(
        self, wanted: frozenset[str], started: Callable[[str], None], done: Callable[[str, int, str], None],
        page: Callable[[], None],
    ) -> tuple[list[SourceStatus], list[StoredFile]]:  # fmt: skip
        """Statuses and files of the sources that are wanted.

        Args:
            wanted: of `preaudit.source.DIALLED`.
            started: told which source begins.
            done: told which ends, with how many lines and how.
            page: told after each endpoint.
        """
        statuses: list[SourceStatus] = []
        files: list[StoredFile] = []
        hosts: list[Host] = []
        ports: list[HostPorts] = []
        begun, lacking = self.times(), missing() if PORTS in wanted else ""
        if PORTS in wanted:
            started(PORTS)
            if not lacking:
                hosts = self.hosts()
                ports = scanned(hosts, self.manner.ports, self.stop)
        if CONNECT in wanted:
            started(CONNECT)
            looked = self.endpoints(hosts, ports, page)
            statuses, files = [*statuses, *looked.statuses], [*files, *looked.files]
            ports = contradicted(ports, looked.found)
            done(CONNECT, sum(one.lines for one in looked.files), looked.statuses[0].status.value)
        if IN_CLUSTER in wanted:
            told, written = self._inside(looked=CONNECT in wanted)
            statuses, files = [*statuses, *told], [*files, *written]
            done(IN_CLUSTER, sum(one.lines for one in written), told[0].status.value)
        if PORTS in wanted:
            told, written = self._ports(ports, lacking, begun)
            statuses, files = [*statuses, *told], [*files, *written]
            done(PORTS, sum(one.lines for one in written), told[0].status.value)
        return statuses, files

    def _inside(self, *, looked: bool) -> tuple[list[SourceStatus], list[StoredFile]]:
        """What the probe was asked; it has run already where endpoints were looked at."""
        if self.probe is None:
            cause = "not asked for: --active in-cluster"
            return [SourceStatus(source=IN_CLUSTER, status=Status.ERROR, cause=cause)], []
        if not looked:
            self.probe.run(self.found, (), *self._looks())
        return self.probe.collected()

    def _ports(
        self, ports: Sequence[HostPorts], lacking: str, begun: str
    ) -> tuple[list[SourceStatus], list[StoredFile]]:
        if lacking:
            status = SourceStatus(source=PORTS, namespace=EVERYWHERE, status=Status.ERROR, cause=lacking, call=_CALL,
                                  started=begun, finished=self.times())  # fmt: skip
            return [status], []
        spans = begun, self.times()
        told = statuses_of(
            PORTS, _CALL, [one.namespace for one in ports], self.found.gaps, self.collection.namespaces, spans
        )
        return told, stored(self.folder, PORTS, map(hostports_line, ports))
