"""The subject kinds: what a check's first parameter may be called, and what that implies."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from preaudit.snapshot import Snapshot
from preaudit.source import ENDPOINTS, IN_CLUSTER, PORTS, SOURCES
from preaudit.subjects import (
    component,
    component_endpoint,
    coverage,
    endpoint,
    hostports,
    kubelet,
    objects,
    rbac,
    reachability,
    sharing,
    stored_certificate,
    workload,
)
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.owners import WORKLOAD_SOURCES
from preaudit.subjects.ref import Subject


class Judged(Protocol):
    """What judging needs of a subject, whatever its kind."""

    log: ReadLog

    @property
    def ref(self) -> Subject:
        """The subject as a record names it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKind:
    """One kind of subject.

    Attributes:
        name: the parameter's name in a check.
        type: the class of the subject.
        population: all of them, in words.
        added: what sources that older versions did not know add to the population, in words; "" for nothing.
        enumerate: the subjects of one item, for a namespace or for "cluster".
        namespace_sources: sources that must be complete before a namespace's population is known; items stand for
            each namespace where there are any.
        cluster_sources: the same for cluster-wide subjects; one item named "cluster" where there are any.
        must_exist: every cluster has such subjects; an empty population means that they are hidden.
        ask: what to ask a provider for, where they are hidden.
        places: where items stand, for kinds whose population decides that; None where the sources do.
        missing: what of a place's population could not be looked at, each with why; for kinds with `places`.
        told_by: the requirement that tells what is missing once for all others of this kind, where a run judges it.
    """

    name: str
    type: type[Any]
    population: str
    enumerate: Callable[[Estate, str], Iterable[Judged]]
    added: str = ""
    namespace_sources: tuple[str, ...] = ()
    cluster_sources: tuple[str, ...] = ()
    must_exist: bool = False
    ask: str = ""
    places: Callable[[Estate], list[str]] | None = None
    missing: Callable[[Estate, str], list[tuple[str, str]]] | None = None
    told_by: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source that the kind reads."""
        return tuple(dict.fromkeys((*self.namespace_sources, *self.cluster_sources)))

    def sources_of(self, item_namespace: str, snapshot: Snapshot) -> tuple[str, ...]:
        """The sources of one item that its population in a snapshot is made of."""
        found = self.cluster_sources if item_namespace == CLUSTER else self.namespace_sources
        return tuple(one for one in found if not SOURCES[one].later or snapshot.tells_of(one))

    def population_in(self, snapshot: Snapshot) -> str:
        """The population in words, as far as a snapshot tells of it: an older one does not say what it never held."""
        told = all(snapshot.tells_of(one) for one in self.sources if SOURCES[one].later)
        return self.population + self.added if told else self.population


def _component(name: str, kind: type[component.Component], whose: str) -> SubjectKind:
    """The subject kind of one component of the control plane."""
    ask = f"{whose} command line on every node that runs it, with the files that it names"
    return SubjectKind(
        name=name,
        type=kind,
        population=f"every static pod that runs {kind.program}",
        enumerate=component.components(kind, ask),
        # Without the nodes nobody can tell whether each of them shows its component.
        cluster_sources=("pods", "nodes"),
        must_exist=True,
        ask=ask,
    )


def _asked_inside(name: str, kind: type[reachability.Asked], population: str) -> SubjectKind:
    """A subject kind that the probe pod asked about."""
    return SubjectKind(
        name=name, type=kind, population=population, enumerate=reachability.asked(kind),
        namespace_sources=(IN_CLUSTER,), cluster_sources=(IN_CLUSTER,), places=reachability.places(kind),
        missing=reachability.missing(kind),
    )  # fmt: skip


SUBJECTS: dict[str, SubjectKind] = {
    kind.name: kind
    for kind in (
        SubjectKind(
            name="container",
            type=workload.Container,
            population="every container (init, ordinary, ephemeral) of every workload",
            enumerate=workload.containers,
            namespace_sources=WORKLOAD_SOURCES,
        ),
        SubjectKind(
            name="pod",
            type=workload.Pod,
            population="every workload's pods, or its template where none runs",
            enumerate=workload.pods,
            namespace_sources=WORKLOAD_SOURCES,
        ),
        SubjectKind(
            name="workload",
            type=workload.Workload,
            population="every workload",
            enumerate=workload.workloads,
            namespace_sources=WORKLOAD_SOURCES,
        ),
        SubjectKind(
            name="namespace",
            type=objects.Namespace,
            population="every namespace",
            enumerate=objects.of_source("namespaces", objects.Namespace),
            namespace_sources=("namespaces",),
        ),
        SubjectKind(
            name="service_account",
            type=objects.ServiceAccount,
            population="every service account",
            enumerate=objects.of_source("serviceaccounts", objects.ServiceAccount),
            namespace_sources=("serviceaccounts",),
        ),
        SubjectKind(
            name="service",
            type=objects.Service,
            population="every Service",
            enumerate=objects.of_source("services", objects.Service),
            namespace_sources=("services",),
        ),
        SubjectKind(
            name="role",
            type=rbac.Role,
            population="every Role and ClusterRole",
            enumerate=rbac.roles,
            namespace_sources=(rbac.SOURCES["Role"],),
            cluster_sources=(rbac.SOURCES["ClusterRole"],),
        ),
        SubjectKind(
            name="binding",
            type=rbac.Binding,
            population="every RoleBinding and ClusterRoleBinding",
            enumerate=rbac.bindings,
            namespace_sources=rbac.NAMESPACE_SOURCES,
            cluster_sources=rbac.CLUSTER_SOURCES,
        ),
        SubjectKind(
            name="grant",
            type=rbac.Grant,
            population="every subject of every RoleBinding and ClusterRoleBinding",
            enumerate=rbac.grants,
            namespace_sources=rbac.NAMESPACE_SOURCES,
            cluster_sources=rbac.CLUSTER_SOURCES,
        ),
        _component("apiserver", component.ApiServer, "the API server's"),
        _component("controller_manager", component.ControllerManager, "the controller manager's"),
        _component("scheduler", component.Scheduler, "the scheduler's"),
        _component("etcd", component.Etcd, "etcd's"),
        SubjectKind(
            name="kubelet",
            type=kubelet.Kubelet,
            population="every node's kubelet",
            enumerate=kubelet.kubelets,
            cluster_sources=("nodes", kubelet.SOURCE),
            must_exist=True,
            ask="the kubelets' running configuration (/configz of every node)",
        ),
        SubjectKind(
            name="served_key",
            type=sharing.ServedKey,
            population="every private key that serves several namespaces or nodes, and all others together",
            enumerate=sharing.served_keys,
            cluster_sources=ENDPOINTS,
            places=sharing.key_places,
        ),
        SubjectKind(
            name="managed_certificate",
            type=objects.ManagedCertificate,
            population="every Certificate of cert-manager",
            enumerate=objects.of_source("certificates.cert-manager.io", objects.ManagedCertificate),
            namespace_sources=("certificates.cert-manager.io",),
        ),
        SubjectKind(
            name="stored_certificates",
            type=stored_certificate.StoredCertificates,
            population="every CA bundle of webhooks and aggregated APIs, and every certificate of a signing request",
            added=" or of the kubeconfig in use",
            enumerate=stored_certificate.stored_certificates,
            cluster_sources=stored_certificate.SOURCES,
        ),
        SubjectKind(
            name="endpoint",
            type=endpoint.Endpoint,
            population="every endpoint that answered and was understood",
            enumerate=endpoint.endpoints,
            namespace_sources=ENDPOINTS,
            cluster_sources=ENDPOINTS,
            places=endpoint.places,
            missing=coverage.missing,
            told_by=coverage.COVERAGE,
        ),
        SubjectKind(
            name="component_endpoint",
            type=component_endpoint.ComponentEndpoint,
            population="every endpoint of the API server, kubelets, etcd, the scheduler and the controller manager",
            enumerate=component_endpoint.component_endpoints,
            cluster_sources=ENDPOINTS,
            must_exist=True,
            ask="a look at these endpoints from where they are reached, or how the provider guards them",
            places=component_endpoint.cluster_alone,
            missing=component_endpoint.components_missing,
            told_by=coverage.COVERAGE,
        ),
        SubjectKind(
            name="closed_port",
            type=component_endpoint.ClosedPort,
            population="the read-only port of every node's kubelet",
            enumerate=component_endpoint.read_only_ports,
            cluster_sources=(*ENDPOINTS, "nodes"),
            must_exist=True,
            ask="whether anything answers on port 10255 of the nodes",
            places=component_endpoint.cluster_alone,
            missing=component_endpoint.ports_missing,
        ),
        SubjectKind(
            name="host_ports",
            type=hostports.HostPorts,
            population="every node, and the first replica of every workload",
            enumerate=hostports.host_ports,
            namespace_sources=(PORTS,),
            cluster_sources=(PORTS,),
            places=hostports.places,
            missing=hostports.missing,
        ),
        _asked_inside("isolated_pod", reachability.IsolatedPod, "a sample of the pods that network policies isolate"),
        _asked_inside("metadata_address", reachability.MetadataAddress, "the addresses of a cloud's metadata"),
        _asked_inside("sidecar_port", reachability.SidecarPort, "every declared port behind a sidecar that ends TLS"),
        SubjectKind(
            name="endpoint_coverage",
            type=coverage.EndpointCoverage,
            population="every endpoint that the cluster declares, or the user names",
            enumerate=coverage.coverage,
            namespace_sources=ENDPOINTS,
            cluster_sources=ENDPOINTS,
            places=coverage.coverage_places,
        ),
    )
}
"""Every subject kind by name; literal, so that nothing registers itself."""
