"""What answers from inside the cluster, and what should not: observations as the snapshot stores them.

One line of ``endpoints-in-cluster.jsonl`` is ``{"apiVersion", "kind": "Reachability", "metadata": {"name",
"namespace"}, "spec": Reachability}``.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from preaudit.endpoint import Fact


class Answered(StrEnum):
    """What came back from an address and a port."""

    OPEN = "open"
    """A TCP connection came about."""
    REFUSED = "refused"
    """A reset or an ICMP message: nothing listens, or a filter says no."""
    SILENT = "silent"
    """Nothing at all, at every try."""
    NO_ROUTE = "no-route"
    """The network says that there is no way there."""
    UNKNOWN = "unknown"
    """It was not asked, or the answer did not reach us."""


class Question(StrEnum):
    """What was to be learned."""

    POLICY = "policy"
    """Whether a pod answers that network policies isolate from the probe."""
    METADATA = "metadata"
    """Whether the cloud's metadata address answers a pod."""
    SIDECAR = "sidecar"
    """What a port of a pod with a TLS sidecar says to its neighbours."""


class Reachability(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question, asked by a pod of ours.

    Attributes:
        question: which.
        owner_kind: Deployment, Pod … of the pod that was asked; "Address" for an address that is no pod's.
        owner: its name, or the address.
        namespace: its namespace, "" for an address that is no pod's.
        port: TCP port.
        address: what was dialled.
        pod: the pod that has it, "" for none.
        origin: namespace of the pod that asked.
        answered: what came back.
        cause: why that is not known.
        control: something that should answer did, before and after; the cause names it, or says what is lacking.
        listener: the same port of the same pod answers through a port-forward, which no policy hinders.
        isolated_by: names of the network policies that isolate the pod, none of which lets the probe in; of
            a port behind a sidecar: of those that may say no to the probe.
        sidecar: name of the container that ends TLS, "" for none.
        plaintext: it speaks its protocol without TLS to anybody who asks.
        tls: it speaks TLS.
        client_certificate: it sends a CertificateRequest.
    """

    question: Question
    owner_kind: str
    owner: str
    namespace: str = ""
    port: int
    address: str = ""
    pod: str = ""
    origin: str = ""
    answered: Answered = Answered.UNKNOWN
    cause: str = ""
    control: Fact = Fact()
    listener: Fact = Fact()
    isolated_by: tuple[str, ...] = ()
    sidecar: str = ""
    plaintext: Fact = Fact()
    tls: Fact = Fact()
    client_certificate: Fact = Fact()

    @property
    def name(self) -> str:
        """The name of what was asked, which survives restarts: ``Deployment/web:8443``."""
        return f"{self.owner_kind}/{self.owner}:{self.port}"


def reachability_line(seen: Reachability) -> bytes:
    """The snapshot's line for one question (no line break in it)."""
    metadata = {"name": seen.name, **({"namespace": seen.namespace} if seen.namespace else {})}
    line = {"apiVersion": "preaudit/v1", "kind": "Reachability", "metadata": metadata, "spec": seen}
    return msgspec.json.encode(line, order="deterministic")
