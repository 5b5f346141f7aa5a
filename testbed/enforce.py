"""A policy engine for the cluster, switched on and off: the network itself (a plain bridge) enforces no NetworkPolicy.

The engine is kube-network-policies, unchanged, in the DaemonSet that its makers publish. On each node a rule of the
firewall hands it the first packet of every connection, through a queue of the kernel's, and it lets that packet pass or
drops it. Its own rule needs the kernel's nft_queue; where a kernel has the queue and not that, iptables' older way into
the same queue stands in for the rule, and every verdict is still the engine's.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from testbed import oci, registry
from testbed.build import NETPOL_MODULE, module_file
from testbed.deploy import kubectl
from testbed.layers import files, program
from testbed.layout import KUBERNETES_REGISTRY, NETPOL, NODES, REGISTRY, TestbedError, node_pods
from testbed.node import enter
from testbed.oci import Entry, Image, Settings, image

NAME = "kube-network-policies"
"""Of its image, of its DaemonSet in kube-system, and of its table in nftables."""
QUEUE = "98"
CHAIN = "TESTBED-NETPOL"
START, COMMAND_LIMIT = 120.0, 30.0  # seconds
_ITS_IMAGE = re.compile(rf"image: \S+/{NAME}:\S+")


def engine() -> Image:
    """Give the engine's image, by the name under which its makers publish it."""
    layers = (program("netpol"), files("netpol", [Entry("/bin/netpol", link="/usr/local/bin/netpol")]))
    return image(f"networking/{NAME}", NETPOL, layers, Settings(command=("/bin/netpol",)))


def manifests(pinned: str) -> str:
    """Give the makers' own manifests, with this image, and failing open: a silence is then a verdict of the engine's.

    Raises:
        TestbedError: They are not as they were when this was written.
    """
    text = module_file("netpol", NETPOL_MODULE, "install.yaml")
    text, images = _ITS_IMAGE.subn(f"image: {pinned}", text)
    queue = f"- --nfqueue-id={QUEUE}\n"
    if images != 1 or text.count(queue) != 1:
        raise TestbedError(f"install.yaml of {NETPOL_MODULE} {NETPOL} has changed: look at testbed/enforce.py")
    head, _, rest = text.partition(queue)
    indent = head.rpartition("\n")[2]
    return f"{head}{queue}{indent}- --fail-open\n{rest}"


def on() -> None:
    """Bring the engine up on every node, and wait until it decides.

    Raises:
        TestbedError: It does not run, or does not read its queue, after the limit; with its log.
    """
    made = engine()
    oci.push(REGISTRY, registry.trust(), made)
    kubectl(["apply", "-f", "-"], manifests(f"{KUBERNETES_REGISTRY}/{made.name}@{made.digest}"))
    waiting = ["rollout", "status", "-n", "kube-system", f"daemonset/{NAME}", f"--timeout={START:.0f}s"]
    kubectl(waiting, limit=START + 10)
    deadline = time.monotonic() + START
    while idle := [name for name in NODES if not queued(name)]:
        if time.monotonic() > deadline:
            log = kubectl(["logs", "-n", "kube-system", f"daemonset/{NAME}", "--tail=20"])
            raise TestbedError(f"on {', '.join(idle)} the policy engine reads no queue after {START:.0f} s:\n{log}")
        time.sleep(0.2)
    for name in NODES:
        # The engine has written its table before it opens the queue, or has failed to.
        if not tables(name) and not diverted(name):
            _divert(name)


def off() -> None:
    """Take the engine away with everything of it on the nodes; one that is not there is no error."""
    for name in NODES:
        if diverted(name):
            for words in (["-D", "POSTROUTING", "-j", CHAIN], ["-F", CHAIN], ["-X", CHAIN]):
                _inside(name, "iptables", "-w", "-t", "mangle", *words)
    text = manifests("none")
    kubectl(["delete", "--ignore-not-found", "--cascade=foreground", "--timeout=60s", "-f", "-"], text, 90)
    for name in NODES:
        for table in tables(name):  # it removes its table on an interrupt alone, and pods are ended by another signal
            _inside(name, "nft", "delete", "table", *table.split())
    if left := traces():
        raise TestbedError(f"the policy engine has left: {'; '.join(left)}")


@contextmanager
def enforced() -> Iterator[None]:
    """Within it network policies are enforced."""
    try:
        on()
        yield
    finally:
        off()


def traces() -> list[str]:
    """Give everything of an engine that the nodes hold: queues that are read, its table, the rule in its stead."""
    found = []
    for name in NODES:
        found += [f"{name}: queue {QUEUE} is read"] if queued(name) else []
        found += [f"{name}: table {table}" for table in tables(name)]
        found += [f"{name}: chain {CHAIN} of iptables"] if diverted(name) else []
    return found


def queued(node: str) -> bool:
    """Say whether something on a node reads the queue."""
    lines = _inside(node, "cat", "/proc/net/netfilter/nfnetlink_queue").splitlines()
    return any(line.split()[0] == QUEUE for line in lines)


def tables(node: str) -> list[str]:
    """Give the engine's own tables on a node, as nft names them: family and name."""
    listed = _inside(node, "nft", "list", "tables").splitlines()
    return [line.removeprefix("table ") for line in listed if line.split()[-1] == NAME]


def diverted(node: str) -> bool:
    """Say whether iptables of a node holds the chain that stands in for the engine's rule."""
    return f"-N {CHAIN}" in _inside(node, "iptables", "-w", "-t", "mangle", "-S").splitlines()


def _divert(node: str) -> None:
    """Do by iptables what the engine's chain does by nftables: before source addresses change, past what root sends."""
    pods = node_pods(node)
    first = ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED", "-j", "RETURN"]
    kubelet = ["-m", "owner", "--uid-owner", "0", "-j", "RETURN"]
    queue = ["-j", "NFQUEUE", "--queue-num", QUEUE, "--queue-bypass"]  # where nobody reads it, all pass
    for words in (
        ["-N", CHAIN],
        *(["-A", CHAIN, *rule] for rule in (first, kubelet, ["-s", pods, *queue], ["-d", pods, *queue])),
        ["-A", "POSTROUTING", "-j", CHAIN],
    ):
        _inside(node, "iptables", "-w", "-t", "mangle", *words)


def _inside(node: str, *command: str) -> str:
    done = subprocess.run(
        enter(node, list(command)), capture_output=True, text=True, timeout=COMMAND_LIMIT, check=False
    )
    if done.returncode:
        raise TestbedError(f"on {node}, {' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout
