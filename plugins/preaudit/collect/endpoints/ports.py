"""Hosts whose ports are scanned, what is declared there, and the places at which undeclared ports are looked at."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from preaudit.collect.endpoints.many import each
from preaudit.collect.endpoints.nodes import addresses_of
from preaudit.collect.endpoints.place import Place, never_dialled
from preaudit.collect.endpoints.pods import PodPlace, RunningPods, pod_place
from preaudit.collect.endpoints.scan import PortPace, Scanned, scan
from preaudit.endpoint import Endpoint, Fact, Reached
from preaudit.hostports import HostPorts
from preaudit.subjects.estate import Estate

AT_ONCE = 4
"""Hosts that are scanned at the same time."""
SAID = "open port that nothing declares"
_UNDECLARED = "usual port of "
Scan = Callable[[str], Scanned]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host to scan.

    Attributes:
        seen: who it is, and what is declared there.
        address: what is scanned, "" where there is none.
        refused: why it is not, "" where it may be.
        pods: all running pods of the workload; empty for a node.
    """

    seen: HostPorts
    address: str
    refused: str
    pods: tuple[PodPlace, ...] = ()


def hosts_of(estate: Estate, places: Sequence[Place]) -> list[Host]:
    """The first replica of every workload, and every node where the run is not limited to namespaces.

    Args:
        estate: the snapshot.
        places: where endpoints are declared to be.
    """
    declared: dict[str, set[int]] = defaultdict(set)
    for place in places:
        if not all(said.startswith(_UNDECLARED) for said in place.declared):
            declared[place.address].add(place.port)
    found = list(_workloads(RunningPods(estate), declared))
    if estate.snapshot.collection.scope_namespaces is None:
        found += _nodes(estate, declared)
    return found


def _workloads(pods: RunningPods, declared: dict[str, set[int]]) -> Iterator[Host]:
    groups: dict[tuple[str, str, str], list[PodPlace]] = defaultdict(list)
    for pod in pods.all:
        if not pod.on_host:  # its ports are those of the node
            groups[pod.namespace, pod.owner_kind, pod.owner].append(pod)
    for (namespace, kind, owner), several in sorted(groups.items()):
        first = several[0]
        refused = never_dialled(first.address) if first.address else "the pod's status names no address"
        ports = set().union(*(declared[address] for pod in several for address in pod.addresses))
        seen = HostPorts(
            owner_kind=kind, owner=owner, namespace=namespace, pod=first.name, declared=tuple(sorted(ports)),
            addresses=(first.address,) if first.address else (),
        )  # fmt: skip
        yield Host(seen=seen, address=first.address, refused=refused, pods=tuple(several))


def _nodes(estate: Estate, declared: dict[str, set[int]]) -> Iterator[Host]:
    everywhere = _node_ports(estate)
    for node in estate.objects("nodes"):
        name, addresses = str((node.get("metadata") or {}).get("name", "")), addresses_of(node)
        if not name:
            continue
        refused = never_dialled(addresses[0]) if addresses else "the node names no InternalIP"
        ports = everywhere.union(*(declared[one] for one in addresses))
        seen = HostPorts(owner_kind="Node", owner=name, addresses=tuple(addresses[:1]), declared=tuple(sorted(ports)))
        yield Host(seen=seen, address=addresses[0] if addresses else "", refused=refused)


def _node_ports(estate: Estate) -> set[int]:
    """Ports of every node that Services declare."""
    found: set[int] = set()
    for service in estate.objects("services"):
        spec = service.get("spec")
        if not isinstance(spec, dict):
            continue
        listed = spec.get("ports")
        entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        numbers: list[Any] = [spec.get("healthCheckNodePort"), *(one.get("nodePort") for one in entries)]
        found |= {one for one in numbers if isinstance(one, int) and not isinstance(one, bool) and one}
    return found


def scanned(hosts: Sequence[Host], pace: PortPace, stop: threading.Event, look: Scan | None = None) -> list[HostPorts]:
    """Every host with its open ports.

    Args:
        hosts: what to scan.
        pace: how politely, and for how long.
        stop: set when the run is to end.
        look: scans one address; nmap where it is left out.
    """
    ends = time.monotonic() + pace.run_seconds
    asks = look or (lambda address: scan(address, pace, stop))

    def one(host: Host) -> HostPorts:
        if host.refused:
            return msgspec.structs.replace(host.seen, complete=Fact(None, host.refused))
        if time.monotonic() >= ends or stop.is_set():
            return msgspec.structs.replace(host.seen, complete=Fact(None, "the time for scanning ports was used up"))
        told = asks(host.address)
        return msgspec.structs.replace(host.seen, open=told.open, complete=told.complete)

    return each(one, hosts, at_once=AT_ONCE, name="ports", stop=stop)


def undeclared_places(hosts: Sequence[Host], seen: Sequence[HostPorts]) -> Iterator[Place]:
    """Places for open ports that nothing declares: at each replica of a workload, for it is likely open there too."""
    for host, told in zip(hosts, seen, strict=True):
        for port in sorted(set(told.open) - set(told.declared)):
            if host.pods:
                yield from (pod_place(pod, port, SAID) for pod in host.pods)
            else:
                yield Place(
                    owner_kind="Node", owner=told.owner, address=host.address, port=port, node=told.owner,
                    names=(told.owner, host.address), exposure="node", declared=(SAID,), refused=host.refused,
                )  # fmt: skip


def contradicted(seen: Sequence[HostPorts], looked: Iterable[tuple[Place, Endpoint]]) -> list[HostPorts]:
    """The same, not complete where a port answered a look and the scan did not see it."""
    answered: dict[str, set[int]] = defaultdict(set)
    for place, endpoint in looked:
        if endpoint.reached is Reached.OPEN and endpoint.vantage == "direct":
            answered[place.address].add(place.port)
    found = []
    for one in seen:
        lost = sorted(set().union(*(answered[address] for address in one.addresses)) - set(one.open))
        if lost and one.complete.value:
            cause = f"port {lost[0]} answers, and the scan did not see it"
            found.append(msgspec.structs.replace(one, complete=Fact(None, cause)))
        else:
            found.append(one)
    return found
