"""Routes of the Gateway API: who accepted them, which listeners take them, and for which hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from preaudit.collect.endpoints.services import mappings
from preaudit.source import SOURCES
from preaudit.subjects.estate import Estate

GROUP = "gateway.networking.k8s.io"
_HTTP = frozenset({"HTTP", "HTTPS"})
_PROTOCOLS = {f"httproutes.{GROUP}": _HTTP, f"grpcroutes.{GROUP}": _HTTP, f"tlsroutes.{GROUP}": frozenset({"TLS"})}
ROUTES = tuple(_PROTOCOLS)
"""Sources of routes that name hosts."""
_HOST = re.compile(r"(\*\.)?[a-z0-9_][a-z0-9_.-]{0,250}")


class Parent(NamedTuple):
    """What a parentRef names; "" for what it leaves open."""

    group: str
    kind: str
    namespace: str
    name: str
    section: str = ""
    port: str = ""


class Route(NamedTuple):
    """A route, and one parent that accepted it.

    Attributes:
        source: where it was read; that tells its kind.
        namespace: its own.
        said: its kind, namespace and name.
        hosts: its host names; None for one that is no name.
        parent: what accepted it.
    """

    source: str
    namespace: str
    said: str
    hosts: tuple[str | None, ...]
    parent: Parent


def accepted_routes(estate: Estate) -> Iterator[Route]:
    """Every route, once for each parentRef of which its status says that it was accepted."""
    for source in ROUTES:
        for one in estate.objects(source):
            namespace = str(at(one, "metadata", "namespace") or "")
            said = f"{SOURCES[source].kind} {namespace}/{at(one, 'metadata', 'name')}"
            accepted = {
                parent_of(told.get("parentRef"), namespace)
                for told in mappings(at(one, "status", "parents"))
                if any(_is_yes(condition) for condition in mappings(told.get("conditions")))
            }
            wanted = {parent_of(reference, namespace) for reference in mappings(at(one, "spec", "parentRefs"))}
            hosts = _hosts(at(one, "spec", "hostnames"))
            yield from (Route(source, namespace, said, hosts, parent) for parent in sorted(wanted & accepted))


def parent_of(reference: Any, namespace: str) -> Parent:
    """A parentRef with its defaults filled in; `namespace` is the route's own."""
    given: dict[str, Any] = {
        "group": GROUP, "kind": "Gateway", "namespace": namespace, "name": "", "sectionName": "", "port": "",
    }  # fmt: skip
    said = {key: value for key in given if (value := at(reference, key)) is not None}
    return Parent(*map(str, (given | said).values()))


def takes(listener: dict[str, Any], namespace: str, route: Route) -> bool:
    """Whether a listener of a Gateway in a namespace takes a route that this Gateway accepted.

    Of a selector of namespaces nobody needs to ask: the route was accepted.
    """
    protocol, kinds = str(listener.get("protocol")), mappings(at(listener, "allowedRoutes", "kinds"))
    return (
        route.parent.section in {"", str(listener.get("name"))}
        and route.parent.port in {"", str(listener.get("port"))}
        # An implementer's own protocol has a prefix (example.com/https), and who knows what it takes.
        and ("/" in protocol or protocol in _PROTOCOLS[route.source])
        and (route.namespace == namespace or not takes_own_alone(listener))
        and (not kinds or any(one.get("kind") == SOURCES[route.source].kind for one in kinds))
    )


def takes_own_alone(listener: dict[str, Any]) -> bool:
    """Whether a listener takes routes of its own namespace alone."""
    return bool(at(listener, "allowedRoutes", "namespaces", "from") == "Same")


def common_host(first: str, second: str) -> str | None:
    """The narrower of two hosts that have a name in common, else None; "" is any host, ``*.`` any labels before."""
    for narrow, wide in ((first, second), (second, first)):
        if wide in {"", narrow} or (wide.startswith("*.") and narrow.endswith(wide[1:])):
            return narrow
    return None


def host_of(value: Any) -> str | None:
    """A host name in lower case, "" for none given; None for what is no name."""
    host = value.lower() if isinstance(value, str) else None
    return host if host is not None and (not host or _HOST.fullmatch(host)) else None


def at(value: Any, *steps: str) -> Any:
    """What stands at a path of an object, None where nothing does."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _hosts(listed: Any) -> tuple[str | None, ...]:
    if isinstance(listed, list):
        return tuple(map(host_of, listed))
    return () if listed is None else (None,)


def _is_yes(condition: dict[str, Any]) -> bool:
    return (condition.get("type"), condition.get("status")) == ("Accepted", "True")
