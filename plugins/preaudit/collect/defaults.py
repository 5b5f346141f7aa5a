"""What the API server fills in to objects that are given in files, kind by kind."""

from __future__ import annotations

from typing import Any

from preaudit.collect.pod_defaults import default_pod, default_pod_spec, mappings

_RBAC = "rbac.authorization.k8s.io"


def apply_defaults(kind: str, document: dict[str, Any]) -> None:
    """Fill in the API server's defaults to an object of a known kind; in place."""
    spec = document.get("spec")
    if kind == "Pod" and isinstance(spec, dict):
        default_pod_spec(spec)
        default_pod(spec)
    elif kind in _WORKLOADS and isinstance(spec, dict):
        _WORKLOADS[kind](spec)
        if kind == "ReplicationController":
            _labels_of_template(document, spec)
    elif kind in _OTHERS:
        _OTHERS[kind](document)


def _template(spec: dict[str, Any]) -> None:
    template = spec.get("template")
    if isinstance(template, dict) and isinstance(template.get("spec"), dict):
        default_pod_spec(template["spec"])


def _deployment(spec: dict[str, Any]) -> None:
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if isinstance(strategy, dict):
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            if isinstance(rolling, dict):
                rolling.setdefault("maxUnavailable", "25%")
                rolling.setdefault("maxSurge", "25%")
    _template(spec)


def _stateful_set(spec: dict[str, Any]) -> None:
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if isinstance(strategy, dict):
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            if isinstance(rolling, dict):
                rolling.setdefault("partition", 0)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    if isinstance(retention, dict):
        retention.setdefault("whenDeleted", "Retain")
        retention.setdefault("whenScaled", "Retain")
    for claim in mappings(spec.get("volumeClaimTemplates")):
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        _claim(claim)
        claim.setdefault("status", {"phase": "Pending"})
    _template(spec)


def _daemon_set(spec: dict[str, Any]) -> None:
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    if isinstance(strategy, dict):
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            if isinstance(rolling, dict):
                rolling.setdefault("maxUnavailable", 1)
                rolling.setdefault("maxSurge", 0)
    _template(spec)


def _replicas(spec: dict[str, Any]) -> None:
    spec.setdefault("replicas", 1)
    _template(spec)


def _labels_of_template(document: dict[str, Any], spec: dict[str, Any]) -> None:
    """A controller without labels gets those of its pods."""
    template, metadata = spec.get("template"), document["metadata"]
    if isinstance(template, dict) and isinstance(template.get("metadata"), dict) and not metadata.get("labels"):
        labels = template["metadata"].get("labels")
        if isinstance(labels, dict) and labels:
            metadata["labels"] = dict(labels)


def _replication_controller(spec: dict[str, Any]) -> None:
    template = spec.get("template")
    if not spec.get("selector") and isinstance(template, dict) and isinstance(template.get("metadata"), dict):
        labels = template["metadata"].get("labels")
        if labels:
            spec["selector"] = dict(labels)
    _replicas(spec)


def _job(spec: dict[str, Any]) -> None:
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 2**31 - 1 if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    spec.setdefault("manualSelector", False)
    _template(spec)


def _cron_job(spec: dict[str, Any]) -> None:
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    job = spec.get("jobTemplate")
    if isinstance(job, dict) and isinstance(job.get("spec"), dict):
        _template(job["spec"])


def _namespace(document: dict[str, Any]) -> None:
    metadata = document["metadata"]
    labels = metadata.get("labels")
    if labels is None or isinstance(labels, dict):
        metadata["labels"] = {**(labels or {}), "kubernetes.io/metadata.name": metadata.get("name", "")}
    spec = document.setdefault("spec", {})
    if isinstance(spec, dict):
        spec.setdefault("finalizers", ["kubernetes"])


def _service(document: dict[str, Any]) -> None:
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return
    kind = spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind in {"NodePort", "LoadBalancer"}:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    for port in mappings(spec.get("ports")):
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in {None, 0, ""}:
            port["targetPort"] = port.get("port")


def _network_policy(document: dict[str, Any]) -> None:
    spec = document.get("spec")
    if not isinstance(spec, dict):
        return
    spec.setdefault("podSelector", {})
    for direction in ("ingress", "egress"):
        for rule in mappings(spec.get(direction)):
            for port in mappings(rule.get("ports")):
                port.setdefault("protocol", "TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _binding(document: dict[str, Any]) -> None:
    role = document.get("roleRef")
    if isinstance(role, dict) and not role.get("apiGroup"):
        role["apiGroup"] = _RBAC
    for subject in mappings(document.get("subjects")):
        if subject.get("kind") in {"User", "Group"} and not subject.get("apiGroup"):
            subject["apiGroup"] = _RBAC


def _webhooks(document: dict[str, Any]) -> None:
    for webhook in mappings(document.get("webhooks")):
        webhook.setdefault("failurePolicy", "Fail")
        webhook.setdefault("matchPolicy", "Equivalent")
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        webhook.setdefault("timeoutSeconds", 10)
        if document.get("kind") == "MutatingWebhookConfiguration":
            webhook.setdefault("reinvocationPolicy", "Never")
        for rule in mappings(webhook.get("rules")):
            rule.setdefault("scope", "*")
        client = webhook.get("clientConfig")
        if isinstance(client, dict) and isinstance(client.get("service"), dict):
            client["service"].setdefault("port", 443)


def _volume(document: dict[str, Any]) -> None:
    spec = document.get("spec")
    if isinstance(spec, dict):
        spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
        spec.setdefault("volumeMode", "Filesystem")
        if isinstance(spec.get("hostPath"), dict):
            spec["hostPath"].setdefault("type", "")


def _claim(document: dict[str, Any]) -> None:
    spec = document.get("spec")
    if isinstance(spec, dict):
        spec.setdefault("volumeMode", "Filesystem")


def _limit_range(document: dict[str, Any]) -> None:
    spec = document.get("spec")
    for limit in mappings(spec.get("limits")) if isinstance(spec, dict) else ():
        if limit.get("type") != "Container":
            continue
        for source, target in (("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")):
            if isinstance(limit.get(source), dict):
                filled = limit.setdefault(target, {})
                if isinstance(filled, dict):
                    for name, quantity in limit[source].items():
                        filled.setdefault(name, quantity)


_WORKLOADS = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "ReplicaSet": _replicas,
    "ReplicationController": _replication_controller,
    "Job": _job,
    "CronJob": _cron_job,
}
_OTHERS = {
    "Namespace": _namespace,
    "Service": _service,
    "NetworkPolicy": _network_policy,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "ValidatingWebhookConfiguration": _webhooks,
    "MutatingWebhookConfiguration": _webhooks,
    "PersistentVolume": _volume,
    "PersistentVolumeClaim": _claim,
    "LimitRange": _limit_range,
}
