"""A place to look at: an address and a port, with everything that says whose it is and why it is believed."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

SECURED = frozenset({"https", "tls"})
"""Hints of what speaks TLS."""
_METADATA = frozenset({"169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200"})
"""Addresses at which clouds tell their machines secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere that an endpoint is declared to be.

    Attributes:
        owner_kind: as in `preaudit.endpoint.Endpoint`, like all that is not named here.
        address: IP address to dial, "" where none is known.
        hint: protocol that a declaration names ("https", "http", "postgresql"), "" for none.
        anchors: names of the sets of trust anchors that apply besides those of the user and the system.
        pod: the pod that answers there, "" where it is none.
        node: the node, "" where it is not known.
        refused: why it is not dialled, "" where it may be.
        beside: a server name that is looked at there as well, where this is the look of who names none, or one that
            nobody has; else "".
    """

    owner_kind: str
    owner: str
    namespace: str = ""
    address: str
    port: int
    server_name: str = ""
    names: tuple[str, ...] = ()
    more_names: bool = False
    role: str = ""
    exposure: str = "cluster"
    declared: tuple[str, ...] = ()
    served: bool = False
    starttls: str = ""
    hint: str = ""
    anchors: tuple[str, ...] = ()
    pod: str = ""
    node: str = ""
    refused: str = ""
    beside: str = ""

    def __post_init__(self) -> None:
        """A port is a port, and an address is one unless it is refused."""
        if not 0 < self.port < 65536:
            raise ValueError(f"{self.port} is no TCP port")
        if not self.refused:
            ipaddress.ip_address(self.address)

    @property
    def where(self) -> tuple[str, int, str]:
        """What is dialled: address, port, server name."""
        return self.address, self.port, self.server_name

    @property
    def endpoint(self) -> tuple[str, str, str, int, str]:
        """Which endpoint it belongs to: replicas share this."""
        return self.owner_kind, self.owner, self.namespace, self.port, self.server_name


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that may hide endpoints: where ("*" for the cluster as a whole), and a sentence."""

    namespace: str
    cause: str


_EXPOSURES = ("external", "node", "cluster")


def united(first: Place, second: Place) -> Place:
    """One place that two declarations speak of: all that both say, the wider exposure of the two.

    The first one's owner stands; a role and a server name are never lost.
    """
    return replace(
        first,
        names=tuple(dict.fromkeys((*first.names, *second.names))),
        more_names=first.more_names or second.more_names,
        role=first.role or second.role,
        exposure=min(first.exposure, second.exposure, key=_EXPOSURES.index),
        declared=tuple(dict.fromkeys((*first.declared, *second.declared))),
        served=first.served or second.served,
        starttls=first.starttls or second.starttls,
        hint=first.hint or second.hint,
        anchors=tuple(dict.fromkeys((*first.anchors, *second.anchors))),
        pod=first.pod or second.pod,
        node=first.node or second.node,
        refused=first.refused and second.refused,
        beside=first.beside or second.beside,
    )


def never_dialled(address: str, *, named: bool = False) -> str:
    """Why an address is not dialled; "" where it may be.

    Args:
        address: an IP address.
        named: the user named it himself, so that his own machine is allowed.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return f"{address[:60]!r} is no IP address"
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    if str(ip) in _METADATA or ip.is_link_local:
        return f"{ip} is a link-local or metadata address"
    if ip.is_loopback:  # Python calls ::1 reserved as well
        return "" if named else f"{ip} is this machine's own loopback, not the cluster's"
    if ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        return f"{ip} is no address of one machine"
    return ""
