"""What can be read from a cluster: one line for each kind, the only place where a kind's names stand.

A *source* is named as the API server's RBAC names it: ``pods``, ``deployments.apps``. Requirements declare the
sources that they read; the collector lists them; the snapshot holds a status for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from preaudit.errors import UsageError


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of object that can be read.

    Attributes:
        name: ``resource`` or ``resource.group``, as ``kubectl api-resources -o name`` prints it.
        versions: API versions that are understood, best first.
        kind: the object kind of one item.
        namespaced: whether its objects live in namespaces.
        builtin: served by every Kubernetes; a built-in source is never "absent".
        keep: dotted paths of the object that a snapshot keeps; everything else is dropped on receipt.
        opt_in: the ``--read`` word without which it is not read at all, or "".
        needs: sources that tell where to look for this one; they are read too.
        later: older versions did not know it; a snapshot without it says nothing about its objects, and lacks nothing.
    """

    name: str
    versions: tuple[str, ...]
    kind: str
    namespaced: bool = True
    builtin: bool = True
    keep: tuple[str, ...] = ("spec",)
    opt_in: str = ""
    needs: tuple[str, ...] = ()
    later: bool = False

    @property
    def resource(self) -> str:
        """The plural resource name without its group."""
        return self.name.partition(".")[0]

    @property
    def group(self) -> str:
        """The API group, "" for the core group."""
        return self.name.partition(".")[2]

    @property
    def api_version(self) -> str:
        """``group/version`` of the preferred version, as in an object's ``apiVersion``."""
        return f"{self.group}/{self.versions[0]}" if self.group else self.versions[0]


METADATA_KEPT = (
    "name", "namespace", "uid", "labels", "annotations", "ownerReferences", "creationTimestamp", "deletionTimestamp",
    "generation", "resourceVersion",
)  # fmt: skip
"""Fields of ``metadata`` that a snapshot keeps for every kind (annotations are screened by the redaction)."""

_GATEWAY = "gateway.networking.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_RULES = ("rules", "aggregationRule")
_BINDING = ("roleRef", "subjects")
_WEBHOOKS = ("webhooks",)
_ROUTE = ("spec.parentRefs", "spec.hostnames", "status.parents")
_PLACES = (
    "namespaces", "nodes", "pods", "services", "endpointslices.discovery.k8s.io", "ingresses.networking.k8s.io",
    *(f"{name}.{_GATEWAY}" for name in ("gateways", "httproutes", "grpcroutes", "tlsroutes")),
    "replicationcontrollers", "replicasets.apps", "deployments.apps", "statefulsets.apps", "daemonsets.apps",
    "jobs.batch", "cronjobs.batch",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io", "apiservices.apiregistration.k8s.io",
)  # fmt: skip
"""What tells where endpoints are, and whose they are."""
KUBECONFIG = "kubeconfig/certificates"
"""The certificates by which the run itself reached the API server; they stand on the machine that it runs on."""

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source("namespaces", ("v1",), "Namespace", namespaced=False, keep=("spec", "status.phase")),
        Source("nodes", ("v1",), "Node", namespaced=False,
               keep=("spec", "status.nodeInfo", "status.addresses", "status.conditions", "status.daemonEndpoints")),
        Source("pods", ("v1",), "Pod",
               keep=("spec", "status.phase", "status.startTime", "status.reason", "status.podIPs",
                     "status.hostIP")),
        Source("replicationcontrollers", ("v1",), "ReplicationController", keep=("spec", "status.replicas")),
        Source("deployments.apps", ("v1",), "Deployment", keep=("spec", "status")),
        Source("replicasets.apps", ("v1",), "ReplicaSet", keep=("spec", "status.replicas")),
        Source("statefulsets.apps", ("v1",), "StatefulSet", keep=("spec", "status")),
        Source("daemonsets.apps", ("v1",), "DaemonSet", keep=("spec", "status")),
        Source("jobs.batch", ("v1",), "Job", keep=("spec", "status")),
        Source("cronjobs.batch", ("v1",), "CronJob", keep=("spec", "status")),
        Source("serviceaccounts", ("v1",), "ServiceAccount",
               keep=("automountServiceAccountToken", "secrets", "imagePullSecrets")),
        Source("services", ("v1",), "Service", keep=("spec", "status")),
        Source("configmaps", ("v1",), "ConfigMap", keep=("data", "binaryData", "immutable")),
        Source("secrets", ("v1",), "Secret", keep=("type",), opt_in="secrets-metadata"),
        Source("limitranges", ("v1",), "LimitRange"),
        Source("resourcequotas", ("v1",), "ResourceQuota", keep=("spec", "status")),
        Source("persistentvolumes", ("v1",), "PersistentVolume", namespaced=False),
        Source("persistentvolumeclaims", ("v1",), "PersistentVolumeClaim"),
        Source("networkpolicies.networking.k8s.io", ("v1",), "NetworkPolicy"),
        Source("poddisruptionbudgets.policy", ("v1",), "PodDisruptionBudget", keep=("spec", "status")),
        Source(f"roles.{_RBAC}", ("v1",), "Role", keep=_RULES),
        Source(f"clusterroles.{_RBAC}", ("v1",), "ClusterRole", namespaced=False, keep=_RULES),
        Source(f"rolebindings.{_RBAC}", ("v1",), "RoleBinding", keep=_BINDING),
        Source(f"clusterrolebindings.{_RBAC}", ("v1",), "ClusterRoleBinding", namespaced=False, keep=_BINDING),
        Source("validatingwebhookconfigurations.admissionregistration.k8s.io", ("v1",),
               "ValidatingWebhookConfiguration", namespaced=False, keep=_WEBHOOKS),
        Source("mutatingwebhookconfigurations.admissionregistration.k8s.io", ("v1",),
               "MutatingWebhookConfiguration", namespaced=False, keep=_WEBHOOKS),
        Source("endpointslices.discovery.k8s.io", ("v1",), "EndpointSlice", keep=("addressType", "endpoints", "ports")),
        Source("ingresses.networking.k8s.io", ("v1",), "Ingress", keep=("spec", "status")),
        Source(f"gateways.{_GATEWAY}", ("v1", "v1beta1"), "Gateway", builtin=False, keep=("spec", "status")),
        Source(f"httproutes.{_GATEWAY}", ("v1", "v1beta1"), "HTTPRoute", builtin=False, keep=_ROUTE),
        Source(f"grpcroutes.{_GATEWAY}", ("v1", "v1alpha2"), "GRPCRoute", builtin=False, keep=_ROUTE),
        Source(f"tlsroutes.{_GATEWAY}", ("v1", "v1alpha3", "v1alpha2"), "TLSRoute", builtin=False, keep=_ROUTE),
        Source("certificates.cert-manager.io", ("v1",), "Certificate", builtin=False, keep=("spec", "status")),
        Source("apiservices.apiregistration.k8s.io", ("v1",), "APIService", namespaced=False),
        Source("certificatesigningrequests.certificates.k8s.io", ("v1",), "CertificateSigningRequest",
               namespaced=False, keep=("spec", "status")),
        Source("endpoints/connect", ("v1",), "Endpoint", needs=_PLACES),
        Source("endpoints/ports", ("v1",), "HostPorts", needs=_PLACES),
        Source("endpoints/in-cluster", ("v1",), "Reachability", needs=(*_PLACES, "networkpolicies.networking.k8s.io")),
        Source("nodes/configz", ("v1",), "KubeletConfiguration", namespaced=False, keep=("config",), needs=("nodes",)),
        Source(KUBECONFIG, ("v1",), "Kubeconfig", namespaced=False, later=True),
    )
}  # fmt: skip
"""Every source by name; literal, so that nothing registers itself."""
PROBED = frozenset(name for name in SOURCES if "/" in name)
"""Sources that no list of the API server answers: kubelets, endpoints, and the kubeconfig on our own side."""
ENDPOINTS = ("endpoints/connect",)
"""Sources of endpoints, one for each way to look at them."""
PORTS = "endpoints/ports"
IN_CLUSTER = "endpoints/in-cluster"
DIALLED = (*ENDPOINTS, PORTS, IN_CLUSTER)
"""Sources that are looked at by connecting to what the others name."""
WITHOUT_RIGHTS = frozenset({*DIALLED, KUBECONFIG})
"""Sources that no right of the API server's gives."""


GROUP_RIGHTS: dict[str, tuple[Source, ...]] = {
    "port-forward": (Source("pods/portforward", ("v1",), "Pod"),),
}
"""What an active group asks of the API server beside reading, by group."""

PROBE_RIGHTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("batch", "jobs", ("create", "delete", "get", "list")),
    ("", "pods", ("list",)),
    ("", "pods/log", ("get",)),
)
"""What the active group in-cluster needs in the probe's namespace alone: API group, resource, verbs."""


def with_needs(names: Iterable[str]) -> frozenset[str]:
    """Some sources together with those that tell where to look for them."""
    wanted = frozenset(names)
    return wanted | {need for name in wanted for need in source_named(name).needs}


def source_named(name: str) -> Source:
    """The source of that name.

    Raises:
        UsageError: there is none; the message names what is near.
    """
    found = SOURCES.get(name)
    if found is None:
        near = [known for known in SOURCES if known.partition(".")[0] == name.partition(".")[0]]
        hint = f", did you mean {near[0]}?" if near else f"; known are: {', '.join(SOURCES)}"
        raise UsageError(f"unknown source {name!r}{hint}")
    return found
