"""Services and Ingresses as places: the pods behind each port, node ports, load balancers, and server names."""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from preaudit.collect.endpoints.bundles import Bundles
from preaudit.collect.endpoints.place import Gap, Place, never_dialled
from preaudit.collect.endpoints.pods import RunningPods, hint_of, pod_place
from preaudit.errors import NotObservable
from preaudit.subjects.estate import Estate

SLICES = "endpointslices.discovery.k8s.io"
INGRESSES = "ingresses.networking.k8s.io"
MAX_NAMES = 200
"""Hosts of one Ingress, or of one Gateway's routes, that are looked at."""
_OF_SERVICE = "kubernetes.io/service-name"
Resolve = Callable[[str], str]
"""The one address of a name, looked up once; raises NotObservable where there is none."""


def resolved(name: str) -> str:
    """The first address of a name.

    Raises:
        NotObservable: it does not resolve.
    """
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotObservable(name, f"the name does not resolve: {getattr(error, 'strerror', '') or error}") from None
    return str(found[0][4][0])


def service_places(
    estate: Estate, pods: RunningPods, node_addresses: dict[str, str], resolve: Resolve, trusted: Bundles
) -> Iterator[Place | Gap]:
    """Every TCP port of every Service: at its pods, at a node, and at its load balancer.

    Args:
        estate: the snapshot.
        pods: the running pods.
        node_addresses: the first InternalIP of each node.
        resolve: looks a load balancer's host name up.
        trusted: the CA bundles of Services that the API server calls.
    """
    slices = _slices(estate)
    for service in estate.objects("services"):
        metadata, spec = service.get("metadata") or {}, service.get("spec")
        if not isinstance(spec, dict) or (metadata.get("namespace"), metadata.get("name")) == ("default", "kubernetes"):
            continue  # the API server's own Service is found by its kubeconfig and its static pods
        named = str(metadata.get("namespace", "")), str(metadata.get("name", ""))
        one = _Service(*named, spec, service.get("status"), tuple(trusted.get(named, ())))
        yield from one.behind(slices.get((one.namespace, one.name), []), pods)
        yield from one.in_front(node_addresses, resolve)


def _slices(estate: Estate) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """EndpointSlices by the Service that they say they belong to."""
    table: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in estate.objects(SLICES):
        metadata = one.get("metadata") or {}
        labels = metadata.get("labels")
        name = labels.get(_OF_SERVICE) if isinstance(labels, dict) else None
        if isinstance(name, str) and one.get("addressType") in {"IPv4", "IPv6"}:
            table[str(metadata.get("namespace", "")), name].append(one)
    return table


def names_of(name: str, namespace: str) -> tuple[str, ...]:
    """The names that the cluster's DNS gives a Service, that of other namespaces first."""
    short = f"{name}.{namespace}"
    return (f"{short}.svc", f"{short}.svc.cluster.local", short, name)


class _Service:
    """One Service, and where it leads."""

    def __init__(self, namespace: str, name: str, spec: dict[str, Any], status: Any, anchors: tuple[str, ...]) -> None:
        self.anchors = anchors
        self.namespace = namespace
        self.name = name
        self.spec = spec
        self.status = status if isinstance(status, dict) else {}
        self.names = names_of(name, namespace)

    def said(self, port: dict[str, Any]) -> str:
        return f"Service {self.namespace}/{self.name} port {port.get('name') or port.get('port')}"

    def ports(self) -> list[dict[str, Any]]:
        listed = self.spec.get("ports")
        return [one for one in listed if isinstance(one, dict) and one.get("protocol", "TCP") == "TCP"] \
            if isinstance(listed, list) else []  # fmt: skip

    def behind(self, slices: list[dict[str, Any]], pods: RunningPods) -> Iterator[Place]:
        """The pods behind each port, as EndpointSlices name them and the pods' own status confirms."""
        ports = {one.get("name") or "": one for one in self.ports()}
        for part in slices:
            listed = part.get("ports")
            for entry in listed if isinstance(listed, list) else []:
                port = ports.get(entry.get("name") or "") if isinstance(entry, dict) else None
                if port is None or not isinstance(entry.get("port"), int) or not 0 < entry["port"] < 65536:
                    continue
                endpoints = part.get("endpoints")
                for endpoint in endpoints if isinstance(endpoints, list) else []:
                    if isinstance(endpoint, dict):
                        yield self._pod(endpoint, entry, port, pods)

    def _pod(self, endpoint: dict[str, Any], entry: dict[str, Any], port: dict[str, Any], pods: RunningPods) -> Place:
        reference = endpoint.get("targetRef")
        named = reference.get("name") if isinstance(reference, dict) and reference.get("kind") == "Pod" else None
        pod = pods.by_name.get((self.namespace, str(named)))
        addresses = endpoint.get("addresses")
        address = addresses[0] if isinstance(addresses, list) and addresses else ""
        common: dict[str, Any] = {
            "served": True, "hint": hint_of(entry) or hint_of(port), "names": self.names, "anchors": self.anchors,
        }  # fmt: skip
        if pod is not None and address in pod.addresses:
            return replace(
                pod_place(pod, entry["port"], self.said(port), **common), address=address, server_name=self.names[0]
            )
        why = "the EndpointSlice names no pod" if pod is None else "the pod's own status does not have this address"
        return Place(
            owner_kind="Service", owner=self.name, namespace=self.namespace, address="", port=entry["port"],
            declared=(self.said(port),), **common,
            refused=f"{str(address)[:60]}: {why}, so anybody may have put it there",
        )  # fmt: skip

    def in_front(self, node_addresses: dict[str, str], resolve: Resolve) -> Iterator[Place | Gap]:
        """The ways in from outside: node ports, load balancers; external addresses and names are only listed."""
        common: dict[str, Any] = {
            "owner_kind": "Service", "owner": self.name, "namespace": self.namespace, "exposure": "external",
            "served": True,
        }  # fmt: skip
        for port in self.ports():
            more = {**common, "hint": hint_of(port)}
            node_port = port.get("nodePort")
            if isinstance(node_port, int) and 0 < node_port < 65536:
                node, address = min(node_addresses.items()) if node_addresses else ("", "")
                refused = never_dialled(address) if address else "no address of a node is known"
                yield Place(**more, address=address, port=node_port, node=node, refused=refused, more_names=True,
                            names=(address,) if address else (),
                            declared=(f"{self.said(port)} nodePort {node_port}",))  # fmt: skip
            number = port.get("port")
            if not isinstance(number, int) or not 0 < number < 65536:
                continue
            for balancer in _balancers(self.status, resolve, self.namespace):
                if isinstance(balancer, Gap):
                    yield balancer
                    continue
                yield Place(**more, address=balancer, port=number, refused=never_dialled(balancer), more_names=True,
                            names=(balancer,),
                            declared=(f"{self.said(port)} load balancer",))  # fmt: skip
            planted = self.spec.get("externalIPs")
            for one in planted if isinstance(planted, list) else []:
                why = f"{str(one)[:60]}: spec.externalIPs may be any address; name it with --target"
                yield Place(**{**more, "served": False}, address="", port=number, refused=why,
                            declared=(f"{self.said(port)} externalIPs",))  # fmt: skip


def _balancers(status: dict[str, Any], resolve: Resolve, namespace: str) -> Iterator[str | Gap]:
    """The addresses of a load balancer's status."""
    balancer = status.get("loadBalancer")
    listed = balancer.get("ingress") if isinstance(balancer, dict) else None
    for one in listed if isinstance(listed, list) else []:
        ip, name = (one.get("ip"), one.get("hostname")) if isinstance(one, dict) else (None, None)
        if isinstance(ip, str) and ip:
            yield ip
        elif isinstance(name, str) and name:
            try:
                yield resolve(name)
            except NotObservable as error:
                yield Gap(namespace, f"{error.what}: {error.why}")


def ingress_places(estate: Estate, resolve: Resolve) -> Iterator[Place | Gap]:
    """Every host of every Ingress, at the first address of its status: with TLS at 443, without at 80.

    What it leads to for every other host ("" below) is looked at without a name.
    """
    for ingress in estate.objects(INGRESSES):
        metadata, spec, status = ingress.get("metadata") or {}, ingress.get("spec"), ingress.get("status")
        if not isinstance(spec, dict):
            continue
        namespace, name = str(metadata.get("namespace", "")), str(metadata.get("name", ""))
        addresses = _balancers(status if isinstance(status, dict) else {}, resolve, namespace)
        good = [one for one in addresses if isinstance(one, str)]
        address = good[0] if good else ""
        why = never_dialled(address) if address else "the Ingress's status names no address that can be used"
        secured = {host for entry in mappings(spec.get("tls")) for host in _texts(entry.get("hosts")) or [""]}
        hosts = {str(entry.get("host") or "") for entry in mappings(spec.get("rules"))}
        hosts |= {host for host in secured if host} | ({""} if spec.get("defaultBackend") else set())
        if len(hosts) > MAX_NAMES:
            yield Gap(namespace, f"Ingress {name} has {len(hosts)} hosts, of which {MAX_NAMES} are looked at")
        for host in sorted(hosts)[:MAX_NAMES]:
            # A wildcard stands for any name below it: one that nobody has shows what the others get.
            shown = host.replace("*", "preaudit", 1)
            for port, hint in ((443, "https"), (80, "http")) if host in secured else ((80, "http"), (443, "https")):
                yield Place(
                    owner_kind="Ingress", owner=name, namespace=namespace, address=address, port=port,
                    server_name=shown, names=named(shown, address), more_names=not shown, exposure="external",
                    served=port == 80 or host in secured, hint=hint, refused=why,
                    declared=(f"Ingress {namespace}/{name} {f'host {host}' if host else 'any host'}",),
                )  # fmt: skip


def named(shown: str, address: str) -> tuple[str, ...]:
    """The names that clients use: the server name, or where there is none the address."""
    return tuple(one for one in (shown or address,) if one)


def mappings(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, nothing where it is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
