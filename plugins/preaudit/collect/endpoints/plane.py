"""Endpoints of the control plane: what its static pods' command lines say they listen at."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from preaudit.collect.endpoints.nodes import CLUSTER_CA
from preaudit.collect.endpoints.place import Gap, Place, never_dialled
from preaudit.errors import NotObservable
from preaudit.subjects.component import SYSTEM, ApiServer, Component, ControllerManager, Etcd, Scheduler, components
from preaudit.subjects.estate import CLUSTER, Estate

ETCD_CA = "etcd's CA"
LOOPBACK = "it listens on the loopback of its node only, which is reached by --active port-forward"


@dataclass(frozen=True, slots=True)
class _Secure:
    """A component that serves HTTPS at one port."""

    kind: type[Component]
    role: str
    port: int
    address: str
    """Where it listens when nothing is said."""


_SECURE = (
    _Secure(ApiServer, "apiserver", 6443, "0.0.0.0"),  # noqa: S104 - the program's own default
    _Secure(ControllerManager, "controller-manager", 10257, "0.0.0.0"),  # noqa: S104 - the same
    _Secure(Scheduler, "scheduler", 10259, "0.0.0.0"),  # noqa: S104 - the same
)
_CALLED = {"apiserver": ("kubernetes.default.svc", "kubernetes.default", "kubernetes", "localhost", "127.0.0.1")}
"""Under which names a component is reached beside its address; those that only their node calls: its loopback."""
_ETCD_URLS = (
    ("listen-client-urls", "etcd-client", "http://localhost:2379"),
    ("listen-peer-urls", "etcd-peer", "http://localhost:2380"),
    ("listen-metrics-urls", "etcd-metrics", ""),
)


def plane_places(estate: Estate) -> Iterator[Place | Gap]:
    """Where each component of the control plane says that it listens; what hides it where a command line does."""
    hosts = {_name(pod): _host(pod) for pod in estate.objects("pods", SYSTEM)}
    for secure in _SECURE:
        for one in components(secure.kind, "")(estate, CLUSTER):
            try:
                yield from _secure(one, secure, hosts.get(one.ref.name, ""))
            except NotObservable as hidden:
                yield Gap(SYSTEM, f"{hidden.what}: {hidden.why}")
    for one in components(Etcd, "")(estate, CLUSTER):
        try:
            yield from _etcd(one, hosts.get(one.ref.name, ""))
        except NotObservable as hidden:
            yield Gap(SYSTEM, f"{hidden.what}: {hidden.why}")


def _secure(one: Component, secure: _Secure, host: str) -> Iterator[Place]:
    port = one.number("secure-port", default=secure.port)
    if port == 0:
        return
    bound = one.flag("bind-address", secure.address) or secure.address
    yield _place(one, secure.role, host, bound, port, f"--secure-port {port}", (CLUSTER_CA,), "https")


def _etcd(one: Component, host: str) -> Iterator[Place]:
    for flag, role, usual in _ETCD_URLS:
        urls = one.listed(flag) or ([usual] if usual else [])
        for url in urls:
            try:
                parts = urlsplit(url)
                bound, port = parts.hostname or "", parts.port or 0
            except ValueError:
                raise NotObservable(f"{one.ref.name}: --{flag}", f"{url[:80]!r} is no URL") from None
            if 0 < port < 65536:
                yield _place(one, role, host, bound, port, f"--{flag} {parts.scheme}://{parts.netloc}",
                             (ETCD_CA,), "https" if parts.scheme == "https" else "http")  # fmt: skip


def _place(  # noqa: PLR0913, PLR0917 - what a flag says, in one go
    one: Component, role: str, host: str, bound: str, port: int, said: str, anchors: tuple[str, ...], hint: str
) -> Place:
    wildcard = bound in {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    address = host if wildcard or bound == "localhost" else bound
    refused = ""
    if bound == "localhost" or _is_loopback(bound):
        address, refused = host, LOOPBACK
    elif not address:
        refused = "the pod's status names no address"
    else:
        # A static pod's flags come from a file on the node, yet an address that is not the node's is not believed.
        refused = never_dialled(address) or ("" if address == host else f"{address} is not the address of its node")
    return Place(
        owner_kind="Pod", owner=one.ref.name, namespace=SYSTEM, address=address, port=port, role=role, served=True,
        exposure="node", hint=hint, anchors=anchors, pod=one.ref.name, refused=refused,
        names=tuple(name for name in (host, *_CALLED.get(role, ("localhost", "127.0.0.1"))) if name),
        declared=(f"Pod {SYSTEM}/{one.ref.name} {said}",),
    )  # fmt: skip


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _name(pod: dict[str, Any]) -> str:
    return str((pod.get("metadata") or {}).get("name", ""))


def _host(pod: dict[str, Any]) -> str:
    """The first address that the pod's status names."""
    status = pod.get("status")
    listed = status.get("podIPs") if isinstance(status, dict) else None
    found = [one.get("ip") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return found[0] if found and isinstance(found[0], str) else ""
