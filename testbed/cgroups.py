"""The control groups of a node's pods, under a root of the node's own in every hierarchy (cgroup v1 or v2)."""

from __future__ import annotations

import time
from pathlib import Path

from testbed.layout import CGROUP, TestbedError

MOUNT = Path("/sys/fs/cgroup")
LIMIT = 10.0


def unified() -> bool:
    """Say whether the machine has cgroup v2 alone."""
    return (MOUNT / "cgroup.controllers").exists()


def hierarchies() -> list[Path]:
    """Give the roots of the machine's hierarchies."""
    if unified():
        return [MOUNT]
    return sorted(entry for entry in MOUNT.iterdir() if (entry / "cgroup.procs").exists() and not entry.is_symlink())


def make(node: str) -> None:
    """Make a node's root group in every hierarchy, allowed the processors and memory that its parent has."""
    for root in hierarchies():
        group = root
        for name in (CGROUP, node):
            group = group / name
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (group / setting).exists() and not unified():
                    (group / setting).write_text((group.parent / setting).read_text())
        if unified():
            available = (root / "cgroup.controllers").read_text().split()
            for parent in (root, root / CGROUP):
                (parent / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in available))


def remove() -> None:
    """Remove all groups of the testbed, innermost first.

    Raises:
        TestbedError: A group is still in use after the limit.
    """
    deadline = time.monotonic() + LIMIT
    for root in hierarchies():
        top = root / CGROUP
        if not top.exists():
            continue
        groups = [top, *(entry for entry in top.rglob("*") if entry.is_dir())]
        for group in sorted(groups, key=lambda path: len(path.parts), reverse=True):
            while group.exists():
                try:
                    group.rmdir()
                except OSError as problem:
                    if time.monotonic() > deadline:
                        raise TestbedError(f"control group {group} is still in use: {problem}") from None
                    time.sleep(0.05)
