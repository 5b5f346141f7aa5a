"""Finding endpoints: the union of what the cluster declares, each place once, and where the search had gaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import urlsplit

from preaudit.collect.endpoints.bundles import bundles
from preaudit.collect.endpoints.gateways import GATEWAYS, gateway_places
from preaudit.collect.endpoints.nodes import CLUSTER_CA, node_places
from preaudit.collect.endpoints.place import SECURED, Gap, Place, never_dialled, united
from preaudit.collect.endpoints.plane import plane_places
from preaudit.collect.endpoints.pods import RunningPods, container_places
from preaudit.collect.endpoints.routes import ROUTES
from preaudit.collect.endpoints.services import (
    INGRESSES,
    SLICES,
    Resolve,
    ingress_places,
    names_of,
    resolved,
    service_places,
)
from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE, Snapshot
from preaudit.subjects.estate import Estate

NAMESPACED = ("pods", "services", SLICES, INGRESSES, GATEWAYS, *ROUTES)
"""Sources that say where the endpoints of a namespace are."""
_SHARING = frozenset({"Ingress", "Gateway"})
"""Owners of hosts that share one address and port."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the search gave.

    Attributes:
        places: each address, port and server name once.
        gaps: why the search was not complete, by namespace; "*" for the nodes and the cluster as a whole.
        anchors: trust anchors (PEM) that the cluster itself names, by the name that places use.
    """

    places: tuple[Place, ...]
    gaps: dict[str, str]
    anchors: dict[str, bytes]


def find_places(snapshot: Snapshot, api_url: str, resolve: Resolve = resolved) -> Found:
    """Every place at which the cluster declares an endpoint.

    Args:
        snapshot: the objects of the cluster.
        api_url: the API server's URL, as the kubeconfig has it.
        resolve: looks a name up; asked once for each name.
    """
    estate, once = Estate(snapshot), lru_cache(maxsize=None)(resolve)
    gaps = dict(_gaps(snapshot, estate))
    pods = RunningPods(estate)
    nodes = {one.node: one.address for one in node_places(estate) if not one.refused}
    # Who may not read nodes still learns from the pods where they run.
    nodes = {**{one.node: one.host for one in pods.all if one.node and one.host}, **nodes}
    scoped = snapshot.collection.scope_namespaces is not None
    trusted = bundles(estate)
    places: list[Place] = []
    found: list[Iterable[Place | Gap]] = [
        service_places(estate, pods, nodes, once, trusted), ingress_places(estate, once), gateway_places(estate, once),
        container_places(pods, nodes),
    ]  # fmt: skip
    if not scoped:
        found = [_api(api_url, once), node_places(estate), plane_places(estate), *found]
    for several in found:
        for one in several:
            if isinstance(one, Place):
                places.append(one)
            else:
                gaps.setdefault(one.namespace, f"the search for endpoints was not complete: {one.cause}")
    anchors = {name: pem for several in trusted.values() for name, pem in several.items()}
    return Found(tuple(_once(places)), gaps, anchors)


def _api(url: str, resolve: Resolve) -> Iterator[Place | Gap]:
    """The API server, as the user reaches it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    try:
        address = resolve(host)
    except NotObservable as error:
        yield Gap("default", f"{error.what}: {error.why}")
        return
    named = any(mark.isalpha() for mark in host) and ":" not in host
    yield Place(
        owner_kind="Service", owner="kubernetes", namespace="default", address=address, port=port,
        server_name=host if named else "", names=(host,), role="apiserver", exposure="node", served=True, hint="https",
        anchors=(CLUSTER_CA,), declared=(f"kubeconfig server {parts.scheme}://{parts.netloc}",),
        refused=never_dialled(address, named=True),
    )  # fmt: skip


def _gaps(snapshot: Snapshot, estate: Estate) -> Iterator[tuple[str, str]]:
    """Sources that were not seen completely, so that endpoints may be missing."""
    scoped = snapshot.collection.scope_namespaces is not None
    for namespace in estate.namespaces:
        unseen = [f"{source}: {told}" for source, told in estate.gaps(NAMESPACED, namespace)]
        if unseen:
            yield namespace, "the search for endpoints was not complete: " + "; ".join(unseen)
    unseen = [f"{source}: {told}" for source, told in estate.gaps(("nodes", *NAMESPACED), EVERYWHERE)]
    if not scoped and unseen:
        yield EVERYWHERE, "the search for endpoints was not complete: " + "; ".join(unseen)


def _once(places: Sequence[Place]) -> list[Place]:
    """Each place once: declarations that lead to one address, port and server name are united.

    A port that was declared without a server name is the same as the one that a Service names. Where hosts share it,
    who names none of them may meet another server, so that it is a place of its own beside them; and by what names
    others come is no name of the hosts'.
    """
    by_where: dict[tuple[str, int, str], Place] = {}
    named: dict[tuple[str, int], tuple[str, int, str]] = {}
    hosts: dict[tuple[str, int], list[str]] = defaultdict(list)
    kept: list[Place] = []

    def add(place: Place, where: tuple[str, int, str]) -> None:
        known = by_where.get(where)
        by_where[where] = place if known is None else united(*_ordered(known, place))

    for place in sorted(places, key=lambda one: (not one.server_name, not one.served)):
        socket = place.address, place.port
        if not place.address:
            kept.append(place)
        elif place.server_name:
            named.setdefault(socket, place.where)
            hosts[socket] += place.names
            add(place, place.where)
        elif socket not in named:
            add(place, place.where)
        elif (host := by_where[named[socket]]).owner_kind not in _SHARING:
            add(place, host.where)
        else:
            secured, serves_any = host.hint in SECURED, place.owner_kind in _SHARING
            if secured or serves_any:
                beside = host.server_name if secured else ""
                add(replace(place, names=_any_name(place, hosts), beside=beside), place.where)
            if not serves_any:
                add(replace(place, names=(), more_names=False), host.where)
    return [*by_where.values(), *kept]


def _any_name(place: Place, hosts: Mapping[tuple[str, int], Sequence[str]]) -> tuple[str, ...]:
    """The names of who comes by address: its hosts have looks of their own, so any certificate of a server will do."""
    own = names_of(place.owner, place.namespace) if place.owner_kind == "Service" else ()
    return tuple(dict.fromkeys((*place.names, *hosts[place.address, place.port], *own)))


def _ordered(first: Place, second: Place) -> tuple[Place, Place]:
    """The one whose owner stands first: a role's own, then a workload before a Service."""
    def rank(one: Place) -> tuple[bool, bool]:
        return not one.role, one.owner_kind == "Service"

    return (first, second) if rank(first) <= rank(second) else (second, first)
