"""The bridge that joins the nodes, and the machine's routes to their pods."""

from __future__ import annotations

import subprocess
from pathlib import Path

from testbed.layout import (
    BRIDGE,
    BRIDGE_ADDRESS,
    BRIDGE_PREFIX,
    NODES,
    TestbedError,
    node_address,
    node_number,
    node_pods,
)


def ip(*words: str) -> str:
    """Run one `ip` command of iproute2."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=15, check=False)
    if done.returncode:
        raise TestbedError(f"`ip {' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout


def exists(device: str) -> bool:
    """Say whether the machine has this network device."""
    return Path("/sys/class/net", device).exists()


def device(node: str) -> str:
    """Give the name of the machine's end of a node's cable."""
    return f"preaudit0n{node_number(node)}"


def bridge_up() -> None:
    """Make the bridge unless it is there."""
    if not exists(BRIDGE):
        ip("link", "add", BRIDGE, "type", "bridge")
    ip("address", "replace", f"{BRIDGE_ADDRESS}/{BRIDGE_PREFIX}", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")


def connect(node: str, pid: int) -> None:
    """Join a node, given by its first process, to the bridge, and route its pods to it."""
    near = device(node)
    if exists(near):
        ip("link", "delete", near)
    ip("link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    ip("link", "set", near, "master", BRIDGE, "up")
    ip("route", "replace", node_pods(node), "via", node_address(node), "dev", BRIDGE)


def down() -> None:
    """Remove the bridge, the cables and, with them, the routes."""
    for name in (*(device(node) for node in NODES), BRIDGE):
        if exists(name):
            ip("link", "delete", name)
