"""Running pods as places: their addresses, their owners, and the ports that their containers declare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

from preaudit.collect.endpoints.nodes import addresses_of
from preaudit.collect.endpoints.place import Place, never_dialled
from preaudit.subjects.estate import Estate
from preaudit.subjects.owners import stored_objects

_RUNNING = "Running"
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


@dataclass(frozen=True, slots=True)
class PodPlace:
    """One running pod.

    Attributes:
        name: the pod's name.
        namespace: its namespace.
        owner_kind: kind of its top controller.
        owner: name of that controller.
        addresses: as its status names them.
        node: the node that runs it.
        host: the node's address, as the pod's status names it, "" where it does not.
        on_host: it shares the node's network, so its address is the node's.
        spec: its (redacted) spec.
        labels: its labels.
    """

    name: str
    namespace: str
    owner_kind: str
    owner: str
    addresses: tuple[str, ...]
    node: str
    host: str
    on_host: bool
    spec: dict[str, Any]
    labels: dict[str, Any]

    @property
    def address(self) -> str:
        """The first address, "" where the status names none."""
        return self.addresses[0] if self.addresses else ""

    def containers(self) -> Iterator[dict[str, Any]]:
        """Its ordinary containers, and init containers that go on running beside them."""
        for key in ("containers", "initContainers"):
            listed = self.spec.get(key)
            for one in listed if isinstance(listed, list) else []:
                if isinstance(one, dict) and (key == "containers" or one.get("restartPolicy") == "Always"):
                    yield one


class RunningPods:
    """Every running pod of a snapshot that has an address.

    Args:
        estate: the snapshot.
    """

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    @cached_property
    def all(self) -> tuple[PodPlace, ...]:
        """Sorted by namespace and name."""
        return tuple(sorted(self._read(), key=lambda one: (one.namespace, one.name)))

    @cached_property
    def by_name(self) -> dict[tuple[str, str], PodPlace]:
        """Pods by namespace and name."""
        return {(one.namespace, one.name): one for one in self.all}

    def _read(self) -> Iterator[PodPlace]:
        nodes = {str((one.get("metadata") or {}).get("name", "")): addresses_of(one)
                 for one in self._estate.objects("nodes")}  # fmt: skip
        for stored in stored_objects(self._estate.snapshot, "pods"):
            if stored.phase != _RUNNING:
                continue
            spec, owner = stored.spec_value(), self._estate.owners.top(stored)
            status = stored.status_value()
            addresses, host = _pod_ips(status), status.get("hostIP")
            on_host = spec.get("hostNetwork") is True
            node = spec.get("nodeName")
            node = node if isinstance(node, str) else ""
            if on_host and nodes.get(node):
                # The node's own status names its addresses; a pod's need not be believed for those.
                addresses = tuple(one for one in addresses if one in nodes[node]) or tuple(nodes[node][:1])
            labels = stored.metadata.labels
            yield PodPlace(
                name=stored.metadata.name, namespace=stored.metadata.namespace, owner_kind=owner.ref.kind,
                owner=owner.ref.name, addresses=addresses, node=node, on_host=on_host, spec=spec,
                host=host if isinstance(host, str) and not never_dialled(host) else "",
                labels=labels if isinstance(labels, dict) else {},
            )  # fmt: skip


def container_places(pods: RunningPods, node_addresses: dict[str, str]) -> Iterator[Place]:
    """What containers declare: ports, probes over HTTPS, and ports of the node that lead to them.

    Args:
        pods: the running pods.
        node_addresses: the first InternalIP of each node.
    """
    for pod in pods.all:
        for container in pod.containers():
            name = str(container.get("name", ""))
            hints = _probe_hints(container)
            listed = container.get("ports")
            for entry in listed if isinstance(listed, list) else []:
                port = entry.get("containerPort") if isinstance(entry, dict) else None
                if not _is_port(port) or entry.get("protocol", "TCP") != "TCP":
                    continue
                label = entry.get("name") if isinstance(entry.get("name"), str) else ""
                said = f"containerPort {port} of container {name}"
                yield pod_place(pod, port, said, hint=hints.get(port) or hints.get(label) or _hint_of(label))
                host = entry.get("hostPort")
                if _is_port(host) and not pod.on_host:
                    address = node_addresses.get(pod.node, "") or pod.host
                    yield _host_place(pod, host, address, f"hostPort {host} of {said}")


def pod_place(pod: PodPlace, port: int, said: str, **more: Any) -> Place:
    """A port of a pod at the pod's own address."""
    refused = never_dialled(pod.address) if pod.address else "the pod's status names no address"
    return Place(
        owner_kind=pod.owner_kind, owner=pod.owner, namespace=pod.namespace, address=pod.address, port=port,
        declared=(said,), pod=pod.name, node=pod.node, refused=refused,
        exposure="node" if pod.on_host else "cluster", **more,
    )  # fmt: skip


def _host_place(pod: PodPlace, port: int, address: str, said: str) -> Place:
    refused = never_dialled(address) if address else "no address of the pod's node is known"
    return Place(
        owner_kind=pod.owner_kind, owner=pod.owner, namespace=pod.namespace, address=address, port=port,
        declared=(said,), node=pod.node, exposure="external", served=True, refused=refused,
    )  # fmt: skip


def _pod_ips(status: dict[str, Any]) -> tuple[str, ...]:
    listed = status.get("podIPs")
    found = [one.get("ip") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return tuple(one for one in found if isinstance(one, str) and not never_dialled(one))


def _is_port(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536


def _probe_hints(container: dict[str, Any]) -> dict[Any, str]:
    """What probes say is spoken at a port (its number or name)."""
    found: dict[Any, str] = {}
    for key in _PROBES:
        probe = container.get(key)
        request = probe.get("httpGet") if isinstance(probe, dict) else None
        if isinstance(request, dict) and isinstance(request.get("port"), (int, str)):
            found[request["port"]] = "https" if request.get("scheme") == "HTTPS" else "http"
    return found


_KNOWN_HINTS = ("https", "http", "grpc", "postgres", "mysql", "redis", "mongo", "kafka", "amqp", "smtp", "imap", "pop3",
                "ldaps", "ldap")  # fmt: skip


def _hint_of(label: str) -> str:
    """What a port's name says is spoken there."""
    return next((word for word in _KNOWN_HINTS if label.lower().startswith(word)), "")


def hint_of(entry: dict[str, Any]) -> str:
    """What a Service's or EndpointSlice's port says is spoken there: appProtocol, or its name."""
    protocol, label = entry.get("appProtocol"), entry.get("name")
    text = protocol if isinstance(protocol, str) else label if isinstance(label, str) else ""
    return _hint_of(text.rpartition("/")[2])


