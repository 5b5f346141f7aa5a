"""Which ports of a host were seen to be open: an observation without judgement, as the snapshot stores it.

One line of ``endpoints-ports.jsonl`` is ``{"apiVersion", "kind": "HostPorts", "metadata": {"name", "namespace"},
"spec": HostPorts}``.
"""

from __future__ import annotations

import msgspec

from preaudit.endpoint import Fact


class HostPorts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The TCP ports of one host: a node, or the first replica of a workload.

    Attributes:
        owner_kind: Deployment, Pod, Node …
        owner: its name.
        namespace: its namespace, "" for nodes.
        addresses: the addresses that were scanned.
        pod: the pod that was scanned, "" for a node.
        open: ports that took a connection, sorted.
        declared: ports that something in the cluster declares there, sorted.
        complete: whether every port was seen to be open or closed.
    """

    owner_kind: str
    owner: str
    namespace: str = ""
    addresses: tuple[str, ...] = ()
    pod: str = ""
    open: tuple[int, ...] = ()
    declared: tuple[int, ...] = ()
    complete: Fact = Fact()

    @property
    def name(self) -> str:
        """The host's name, which survives restarts: ``Deployment/web``."""
        return f"{self.owner_kind}/{self.owner}"


def hostports_line(seen: HostPorts) -> bytes:
    """The snapshot's line for one host (no line break in it)."""
    metadata = {"name": seen.name, **({"namespace": seen.namespace} if seen.namespace else {})}
    line = {"apiVersion": "preaudit/v1", "kind": "HostPorts", "metadata": metadata, "spec": seen}
    return msgspec.json.encode(line, order="deterministic")
