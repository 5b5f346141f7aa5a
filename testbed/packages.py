"""Debian packages that the testbed needs, installed when they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from testbed.layout import TestbedError

LIMIT = 600
# Package -> a file by which we see that it is there.
NEEDED = {
    "containerd": "/usr/bin/containerd",
    "runc": "/usr/sbin/runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "mmdebstrap": "/usr/bin/mmdebstrap",
    "iptables": "/usr/sbin/iptables",
    "nftables": "/usr/sbin/nft",
    "conntrack": "/usr/sbin/conntrack",
    "iproute2": "/usr/sbin/ip",
    "ethtool": "/usr/sbin/ethtool",
    "socat": "/usr/bin/socat",
    "docker-registry": "/usr/bin/docker-registry",
    "busybox-static": "/bin/busybox",
    "openssl": "/usr/bin/openssl",
    "util-linux": "/usr/bin/nsenter",
}


def missing() -> list[str]:
    """Give the needed packages that are not installed."""
    return [package for package, file in NEEDED.items() if not Path(file).exists()]


def install() -> None:
    """Install what is missing; does nothing, and needs no network, when nothing is.

    Raises:
        TestbedError: Not root, not Debian, or apt-get failed.
    """
    if os.geteuid() != 0:
        raise TestbedError("the testbed makes network namespaces and nodes: run it as root")
    wanted = missing()
    if not wanted:
        return
    if not shutil.which("apt-get"):
        raise TestbedError(f"this is no Debian: install the counterparts of {', '.join(wanted)} by hand")
    print(f"installing {', '.join(wanted)} ...", flush=True)
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *wanted]):
        done = subprocess.run(
            ["apt-get", "--quiet", *arguments],
            # Services of the packages must not start by themselves: the testbed starts its own.
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        if done.returncode:
            tail = (done.stdout + done.stderr)[-1500:]
            raise TestbedError(f"apt-get {arguments[0]} failed; are the package sources reachable?\n{tail}")
    if left := missing():
        raise TestbedError(f"apt-get ended well, yet {', '.join(left)} are missing: look at `apt-cache policy`")
