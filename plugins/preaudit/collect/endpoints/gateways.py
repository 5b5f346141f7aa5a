"""Gateways as places: each listener under its own host, and under those that only routes name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import nsmallest
from typing import Any, NamedTuple

from preaudit.collect.endpoints.place import SECURED, Gap, Place, never_dialled
from preaudit.collect.endpoints.routes import (
    GROUP,
    ROUTES,
    Parent,
    Route,
    accepted_routes,
    at,
    common_host,
    host_of,
    takes,
    takes_own_alone,
)
from preaudit.collect.endpoints.services import MAX_NAMES, Resolve, mappings, named
from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE
from preaudit.subjects.estate import Estate

GATEWAYS = f"gateways.{GROUP}"


class _Listener(NamedTuple):
    """A listener, its host ("" for any), and the place that it is under that one."""

    spec: dict[str, Any]
    host: str
    place: Place


def gateway_places(estate: Estate, resolve: Resolve) -> Iterator[Place | Gap]:
    """Every listener of every Gateway and every host of its routes, at the first address of its status."""
    routes: dict[Parent, list[Route]] = defaultdict(list)
    for route in accepted_routes(estate):
        routes[route.parent._replace(section="", port="")].append(route)
    for gateway in estate.objects(GATEWAYS):
        if isinstance(gateway.get("spec"), dict):
            namespace, name = (str(at(gateway, "metadata", key) or "") for key in ("namespace", "name"))
            own = Parent(GROUP, "Gateway", namespace, name)
            yield from _of_gateway(gateway, own, routes.pop(own, []), estate, resolve)
    for parent, several in routes.items():
        why, by = _unseen(parent, estate), f"{parent.kind} {parent.namespace}/{parent.name}"
        yield from (Gap(one.namespace, f"{one.said} is served by {by}, {why}") for one in several if why)


def _unseen(parent: Parent, estate: Estate) -> str:
    """Why nothing is known of what routes say that they are served by; "" where there is nothing to know."""
    if parent[:2] == (GROUP, "Gateway"):
        return "; ".join(f"which was not seen: {told}" for _, told in estate.gaps((GATEWAYS,), parent.namespace))
    # By a Service a mesh leads its own pods; nothing listens there beside what the Service has.
    return "" if parent[:2] == ("", "Service") else "whose listeners are not read"


def _of_gateway(
    gateway: dict[str, Any], own: Parent, routes: Sequence[Route], estate: Estate, resolve: Resolve
) -> Iterator[Place | Gap]:
    said, namespace, address = f"Gateway {own.namespace}/{own.name}", own.namespace, ""
    for one in mappings(at(gateway, "status", "addresses"))[:1]:
        value = str(one.get("value", ""))
        try:
            address = resolve(value) if one.get("type") == "Hostname" else value
        except NotObservable as error:
            yield Gap(namespace, f"{error.what}: {error.why}")
    listeners: list[_Listener] = []
    for one in mappings(gateway["spec"].get("listeners")):
        port, protocol, told = one.get("port"), str(one.get("protocol", "")), f"{said} listener {one.get('name', '')}"
        if not isinstance(port, int) or not 0 < port < 65536 or protocol == "UDP":
            continue
        host = host_of(one.get("hostname") or "")
        if host is None:
            yield Gap(namespace, f"{told}: its host name cannot be read")
        shown = _shown(host or "")
        place = Place(
            owner_kind="Gateway", owner=own.name, namespace=namespace, address=address, port=port, server_name=shown,
            names=named(shown, address), more_names=not shown, served=True, exposure="external",
            hint=protocol.rpartition("/")[2].lower(), declared=(told,),
            refused=never_dialled(address) if address else "the Gateway's status names no address that can be used",
        )  # fmt: skip
        listeners.append(_Listener(one, host or "", place))
    yield from _faces(said, listeners, routes)
    if (at(gateway, "spec", "allowedListeners", "namespaces", "from") or "None") != "None":
        yield Gap(namespace, f"{said} may have listeners of ListenerSets, which are not read")
    if not all(takes_own_alone(one.spec) for one in listeners):
        for source, why in estate.gaps(ROUTES, EVERYWHERE):
            yield Gap(namespace, f"{said} takes routes of other namespaces, and not all were seen: {source}: {why}")


def _faces(said: str, listeners: Sequence[_Listener], routes: Sequence[Route]) -> Iterator[Place | Gap]:
    """A Gateway's listeners under their own hosts, and under those that routes add.

    Of a whole domain a listener may serve no name but those of routes.
    """
    yield from _misfits(said, listeners, routes)
    own = {(one.place.port, one.place.server_name) for one in listeners}
    led = ((one.place.port, host) for one, host, _ in _led(listeners, routes))
    hosts, whole = set(), set()
    for port, host in led:  # anybody may write routes, so that only hosts are kept of what may be much more
        if (port, host) in own:
            whole.add((port, host))
        else:
            hosts.add(host)
    if len(hosts) > MAX_NAMES:
        why = f"{said} has {len(hosts)} hosts of routes, of which {MAX_NAMES} are looked at"
        yield Gap(listeners[0].place.namespace, why)
    chosen = frozenset(nsmallest(MAX_NAMES, hosts))
    found: dict[tuple[int, str], tuple[Place, dict[str, None]]] = {}
    for one, host, told in _led(listeners, routes):
        if host in chosen and (one.place.port, host) not in own:
            # However many routes have a host, it is one place.
            found.setdefault((one.place.port, host), (one.place, {}))[1][told] = None
    for one in listeners:
        aside = one.host.startswith("*.") and (one.place.port, one.place.server_name) not in whole
        several = [host for port, host in found if port == one.place.port]
        yield replace(one.place, beside=min(several, default="") if aside and one.place.hint in SECURED else "")
    for (_, host), (place, declared) in found.items():
        yield replace(place, server_name=host, names=(host,), more_names=False, declared=tuple(declared))


def _led(listeners: Sequence[_Listener], routes: Sequence[Route]) -> Iterator[tuple[_Listener, str, str]]:
    """Where routes lead: to which listener, under which name, and what says so."""
    for route in routes:
        for one in listeners:
            for host in route.hosts or ("",) if takes(one.spec, one.place.namespace, route) else ():
                both = None if host is None else common_host(one.host, host)
                if both is not None:
                    yield one, _shown(both), f"{route.said} host {host}"


def _misfits(said: str, listeners: Sequence[_Listener], routes: Sequence[Route]) -> Iterator[Gap]:
    """Routes of which not all is known, though the Gateway accepted them."""
    for route in routes:
        if None in route.hosts:
            yield Gap(route.parent.namespace, f"{route.said} at {said}: a host name cannot be read")
        if not any(_led(listeners, [route])):
            yield Gap(route.parent.namespace, f"{said} accepted {route.said}, and no listener is known to take it")


def _shown(host: str) -> str:
    """The name that a host is looked at under: of a wildcard, one that nobody has."""
    return host.replace("*", "preaudit", 1)
