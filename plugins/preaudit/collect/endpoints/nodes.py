"""Endpoints of the nodes themselves: kubelets, and what a node's proxy serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from preaudit.collect.endpoints.place import Place, never_dialled
from preaudit.subjects.estate import Estate

CLUSTER_CA = "the cluster's CA"
KUBELET_CA = "the kubelets' CA"
KUBELET_PORT = 10250
_SIDE_PORTS = ((10255, "kubelet-read-only"), (10256, "proxy-health"), (10249, "proxy-metrics"))
"""Ports at which a node may answer without being asked who comes; nothing declares them."""


def addresses_of(node: dict[str, Any]) -> list[str]:
    """The node's InternalIPs, as its status names them."""
    return _addresses(node, "InternalIP")


def node_places(estate: Estate) -> Iterator[Place]:
    """The kubelet of every node, and the side ports that may be open there."""
    for node in estate.objects("nodes"):
        name = str((node.get("metadata") or {}).get("name", ""))
        addresses = addresses_of(node)
        if not name:
            continue
        called = (name, *_addresses(node, "Hostname"), *_addresses(node, "InternalDNS"), *addresses)
        names = tuple(dict.fromkeys(called))
        address = addresses[0] if addresses else ""
        refused = never_dialled(address) if address else "the node names no InternalIP"
        common: dict[str, Any] = {"owner_kind": "Node", "owner": name, "address": address, "names": names, "node": name,
                  "exposure": "node", "refused": refused}  # fmt: skip
        yield Place(
            **common, port=_kubelet_port(node), role="kubelet", served=True, hint="https",
            anchors=(KUBELET_CA, CLUSTER_CA), declared=(f"Node {name} status.daemonEndpoints",),
        )  # fmt: skip
        for port, role in _SIDE_PORTS:
            yield Place(**common, port=port, role=role, declared=(f"usual port of {role}",))


def _addresses(node: dict[str, Any], kind: str) -> list[str]:
    status = node.get("status")
    listed = status.get("addresses") if isinstance(status, dict) else None
    return [
        one["address"] for one in listed if isinstance(one, dict) and one.get("type") == kind
        and isinstance(one.get("address"), str) and one["address"] and len(one["address"]) <= 253
    ] if isinstance(listed, list) else []  # fmt: skip


def _kubelet_port(node: dict[str, Any]) -> int:
    status = node.get("status")
    endpoints = status.get("daemonEndpoints") if isinstance(status, dict) else None
    endpoint = endpoints.get("kubeletEndpoint") if isinstance(endpoints, dict) else None
    port = endpoint.get("Port") if isinstance(endpoint, dict) else None
    return port if isinstance(port, int) and 0 < port < 65536 else KUBELET_PORT
