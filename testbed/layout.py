"""Where everything of the testbed is: versions, folders, addresses, names."""

from __future__ import annotations

import os
from pathlib import Path

KUBERNETES = "v1.35.4"
COREDNS = "v1.15.0"
CONTOUR = "v1.33.8"
NETPOL = "v0.7.0"
PAUSE = "3.10"
ETCD = "3.6.5"

SOURCE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("PREAUDIT_CACHE") or Path.home() / ".cache" / "preaudit")
STATE = Path("/var/lib/preaudit-testbed")
PLANE_STATE = Path("/var/lib/preaudit-testbed-plane")

# 198.18.0.0/15 is the benchmark range: it is routed nowhere, so it clashes with no real network.
BRIDGE = "preaudit0"
BRIDGE_ADDRESS = "198.18.255.1"
BRIDGE_PREFIX = 24
POD_RANGE = "198.18.0.0/16"
SERVICE_RANGE = "198.19.0.0/16"
KUBERNETES_SERVICE = "198.19.0.1"
DNS_SERVICE = "198.19.0.10"
DOMAIN = "cluster.local"

REGISTRY_PORT = 5000
REGISTRY = f"{BRIDGE_ADDRESS}:{REGISTRY_PORT}"
REGISTRY_NAME = "registry.testbed.example"
KUBERNETES_REGISTRY = "registry.k8s.io"

NODES = ("node1", "node2")
CGROUP = "preaudit-testbed"

PLANE_PORT = 16443
PLANE_ETCD_PORT = 12379


class TestbedError(Exception):
    """Something of the testbed did not work; the message says what, where and what to do."""

    __test__ = False


def node_number(node: str) -> int:
    """Give the number of a node, counted from 1."""
    return NODES.index(node) + 1


def node_address(node: str) -> str:
    """Give a node's address on the bridge."""
    return f"198.18.255.{10 + node_number(node)}"


def node_pods(node: str) -> str:
    """Give the range of a node's pods, in CIDR notation."""
    return f"198.18.{node_number(node)}.0/24"


def node_root(node: str) -> Path:
    """Give the folder, as the machine sees it, that holds what a node writes (its /etc and /var)."""
    return STATE / node


def api_address() -> str:
    """Give the address and port of the API server."""
    return f"{node_address(NODES[0])}:6443"
