"""The frozen list of the API's field paths, so that a typo in a check is an error and not a pass."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import resources

import msgspec

from preaudit.errors import UsageError

PER_REPLICA = frozenset({"nodeName", "hostname", "subdomain"})
"""Fields of a pod's spec that differ between replicas of one workload; a check cannot read them."""
_KUBELET_PLAIN = """
    enableServer staticPodPath podLogsDir syncFrequency fileCheckFrequency httpCheckFrequency staticPodURL
    address port readOnlyPort tlsCertFile tlsPrivateKeyFile tlsCipherSuites tlsMinVersion rotateCertificates
    serverTLSBootstrap registryPullQPS registryBurst preloadedImagesVerificationAllowlist eventRecordQPS
    eventBurst enableDebuggingHandlers enableContentionProfiling healthzPort healthzBindAddress oomScoreAdj
    clusterDomain clusterDNS streamingConnectionIdleTimeout nodeStatusUpdateFrequency nodeStatusReportFrequency
    nodeLeaseDurationSeconds imageMinimumGCAge imageMaximumGCAge imageGCHighThresholdPercent
    imageGCLowThresholdPercent volumeStatsAggPeriod kubeletCgroups systemCgroups cgroupRoot cgroupsPerQOS
    cgroupDriver cpuManagerPolicy singleProcessOOMKill cpuManagerReconcilePeriod memoryManagerPolicy
    topologyManagerPolicy topologyManagerScope runtimeRequestTimeout hairpinMode maxPods podCIDR podPidsLimit
    resolvConf runOnce cpuCFSQuota cpuCFSQuotaPeriod nodeStatusMaxImages maxOpenFiles contentType kubeAPIQPS
    kubeAPIBurst serializeImagePulls maxParallelImagePulls evictionPressureTransitionPeriod
    evictionMaxPodGracePeriod mergeDefaultEvictionSettings podsPerCore enableControllerAttachDetach
    protectKernelDefaults makeIPTablesUtilChains iptablesMasqueradeBit iptablesDropBit failSwapOn
    containerLogMaxSize containerLogMaxFiles containerLogMaxWorkers containerLogMonitorInterval
    reservedSystemCPUs showHiddenMetricsForVersion systemReservedCgroup kubeReservedCgroup
    enforceNodeAllocatable allowedUnsafeSysctls volumePluginDir providerID kernelMemcgNotification
    enableSystemLogHandler enableSystemLogQuery shutdownGracePeriod shutdownGracePeriodCriticalPods
    enableProfilingHandler enableDebugFlagsHandler seccompDefault memoryThrottlingFactor registerNode
    localStorageCapacityIsolation containerRuntimeEndpoint imageServiceEndpoint failCgroupV1
"""
_KUBELET_FREE = (
    "staticPodURLHeader cpuManagerPolicyOptions topologyManagerPolicyOptions qosReserved evictionHard evictionSoft "
    "evictionSoftGracePeriod evictionMinimumReclaim featureGates systemReserved kubeReserved"
)
_KUBELET: dict[str, dict[str, str]] = {
    "KubeletConfiguration": {"config": "KubeletConfig"},
    "KubeletConfig": {
        **dict.fromkeys(_KUBELET_PLAIN.split(), ""),
        **dict.fromkeys(_KUBELET_FREE.split(), "{}"),
        "authentication": "KubeletAuthentication",
        "authorization": "KubeletAuthorization",
    },
    "KubeletAuthentication": {"x509": "KubeletX509", "webhook": "KubeletWebhook", "anonymous": "KubeletAnonymous"},
    "KubeletX509": {"clientCAFile": ""},
    "KubeletWebhook": {"enabled": "", "cacheTTL": ""},
    "KubeletAnonymous": {"enabled": ""},
    "KubeletAuthorization": {"mode": "", "webhook": "{}"},
}
"""Fields of kubelet.config.k8s.io/v1beta1, which no OpenAPI document lists: by hand, as of Kubernetes 1.35."""


_GATEWAY: dict[str, dict[str, str]] = {
    "Gateway": {"metadata": "ObjectMeta", "spec": "GatewaySpec", "status": "GatewayStatus"},
    "GatewaySpec": {
        "gatewayClassName": "", "listeners": "[]GatewayListener", "addresses": "[]GatewayAddress",
        "allowedListeners": "GatewayAllowed",
    },
    "GatewayListener": {
        "name": "", "hostname": "", "port": "", "protocol": "", "tls": "GatewayTls", "allowedRoutes": "GatewayAllowed",
    },
    "GatewayTls": {"mode": ""},
    "GatewayAllowed": {"namespaces": "GatewayNamespaces", "kinds": "[]GatewayKind"},
    "GatewayNamespaces": {"from": "", "selector": "LabelSelector"},
    "GatewayKind": {"group": "", "kind": ""},
    "GatewayAddress": {"type": "", "value": ""},
    "GatewayStatus": {"addresses": "[]GatewayAddress"},
    **{
        kind: {"metadata": "ObjectMeta", "spec": "GatewayRouteSpec", "status": "GatewayRouteStatus"}
        for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute")
    },
    "GatewayRouteSpec": {"parentRefs": "[]GatewayParentRef", "hostnames": "[]"},
    "GatewayParentRef": {"group": "", "kind": "", "namespace": "", "name": "", "sectionName": "", "port": ""},
    "GatewayRouteStatus": {"parents": "[]GatewayRouteParent"},
    "GatewayRouteParent": {
        "parentRef": "GatewayParentRef", "controllerName": "", "conditions": "[]GatewayCondition",
    },
    "GatewayCondition": {"type": "", "status": ""},
}
"""Fields of gateway.networking.k8s.io that are kept: by hand, as of Gateway API 1.4; its versions have the same."""


_CERT_MANAGER: dict[str, dict[str, str]] = {
    "Certificate": {"metadata": "ObjectMeta", "spec": "CertManagerSpec", "status": "CertManagerStatus"},
    "CertManagerSpec": {"secretName": "", "dnsNames": "[]", "duration": "", "renewBefore": "", "isCA": ""},
    "CertManagerStatus": {"notBefore": "", "notAfter": "", "renewalTime": "", "conditions": "[]CertManagerCondition"},
    "CertManagerCondition": {"type": "", "status": "", "reason": "", "lastTransitionTime": ""},
}
"""Fields of cert-manager.io/v1 that are kept: by hand, as of cert-manager 1.19."""


class UnknownPath(UsageError):  # noqa: N818 - it names what is wrong
    """A check reads a field that the Kubernetes API does not have."""


@cache
def types() -> dict[str, dict[str, str]]:
    """Fields by type: "" a plain value, "Type" an object, "[]Type" a list of objects, "{}" and "[]" free ones.

    Made from the OpenAPI documents of Kubernetes 1.29 to 1.37 (``python -m testbed.freeze.fields``).
    """
    raw = resources.files("preaudit.subjects").joinpath("fields.json").read_bytes()
    table: dict[str, dict[str, str]] = msgspec.json.decode(raw)
    for field in PER_REPLICA:
        table["PodSpec"].pop(field, None)
    table["Secret"] = {"metadata": "ObjectMeta", "type": ""}  # nothing else of a Secret is ever there
    table.update(_KUBELET)
    table.update(_GATEWAY)
    table.update(_CERT_MANAGER)
    return table


@cache
def check_path(schema: str, path: str) -> str:
    """The type at `path` below the type `schema`: "" for plain values, a type's name for objects and their lists.

    Raises:
        UnknownPath: there is no such field; the message names what is near.
    """
    table = types()
    kind = schema
    for step in path.split("."):
        if kind in {"{}", "[]"}:
            return ""
        fields = table.get(kind.removeprefix("[]"), {})
        if step not in fields:
            near = difflib.get_close_matches(step, fields, 1)
            hint = f", did you mean {near[0]}?" if near else ""
            raise UnknownPath(f"{kind.removeprefix('[]') or 'a plain value'} has no field {step!r} (in {path!r}){hint}")
        kind = fields[step]
    return kind.removeprefix("[]")
