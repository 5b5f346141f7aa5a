"""What kubeadm adds to a bare control plane: the administrators' binding, kube-proxy, CoreDNS, its own records."""

from __future__ import annotations

import json
from typing import Any

from testbed import flags
from testbed.api import MERGE, Api
from testbed.layout import (
    COREDNS,
    DNS_SERVICE,
    DOMAIN,
    KUBERNETES,
    KUBERNETES_REGISTRY,
    NODES,
    POD_RANGE,
    SERVICE_RANGE,
    api_address,
    node_pods,
)

Object = dict[str, Any]
CORE, APPS, RBAC = "/api/v1", "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1"
SYSTEM = "namespaces/kube-system"
COREFILE = f"""\
.:53 {{
    errors
    health {{
       lameduck 5s
    }}
    ready
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }}
    prometheus :9153
    cache 30
    reload
    loadbalance
}}
"""


def binding(name: str, role: str, *subjects: Object) -> tuple[str, Object]:
    """Give a ClusterRoleBinding with its path."""
    body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": list(subjects),
    }
    return f"{RBAC}/clusterrolebindings/{name}", body


def _system(kind: str, name: str, group: str = "v1", **body: object) -> tuple[str, Object]:
    base = {"v1": CORE, "apps/v1": APPS}[group]
    metadata: Object = {"name": name, "namespace": "kube-system", "labels": body.pop("labels", {})}
    whole = {"apiVersion": group, "kind": kind, "metadata": metadata, **body}
    return f"{base}/{SYSTEM}/{kind.lower()}s/{name}", whole


def _account(name: str) -> Object:
    return {"kind": "ServiceAccount", "name": name, "namespace": "kube-system"}


def _group(name: str) -> Object:
    return {"kind": "Group", "name": name, "apiGroup": "rbac.authorization.k8s.io"}


def administrators(chosen: str = "good") -> list[tuple[str, Object]]:
    """Give the bindings without which the administrator and the API server as client of kubelets can do nothing.

    The bad set has neither the Node authorizer nor accounts of their own for the controllers, so nodes and the
    controller manager are administrators there; and it lets everybody view.
    """
    bound = [binding("kubeadm:cluster-admins", "cluster-admin", _group("kubeadm:cluster-admins"))]
    if chosen == "bad":
        bound.append(binding("all-nodes", "cluster-admin", _group("system:nodes")))
        user = {"kind": "User", "name": "system:kube-controller-manager", "apiGroup": "rbac.authorization.k8s.io"}
        bound.append(binding("all-controllers", "cluster-admin", user))
        bound.append(binding("everybody-views", "view", _group("system:unauthenticated")))
    return bound


def records(chosen: str) -> list[tuple[str, Object]]:
    """Give the ConfigMaps in which kubeadm keeps how it made the cluster."""
    cluster = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": "kubernetes",
        "kubernetesVersion": KUBERNETES,
        "certificatesDir": flags.PKI,
        "imageRepository": KUBERNETES_REGISTRY,
        "networking": {"dnsDomain": DOMAIN, "podSubnet": POD_RANGE, "serviceSubnet": SERVICE_RANGE},
    }
    kubelet = flags.kubelet(chosen, NODES[0], version2=False)
    return [
        _system("ConfigMap", "kubeadm-config", data={"ClusterConfiguration": json.dumps(cluster, indent=2)}),
        _system("ConfigMap", "kubelet-config", data={"kubelet": kubelet}),
    ]


def kube_proxy() -> list[tuple[str, Object]]:
    """Give kube-proxy as kubeadm runs it: a privileged DaemonSet in the nodes' network."""
    labels = {"k8s-app": "kube-proxy"}
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": "0.0.0.0",
        "clientConnection": {"kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf"},
        "clusterCIDR": POD_RANGE,
        # These are the machine's own settings, which a node here may not change.
        "conntrack": {"maxPerCore": 0, "tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"},
        "mode": "iptables",
    }
    token = "/var/run/secrets/kubernetes.io/serviceaccount"
    access = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "default",
                "cluster": {"certificate-authority": f"{token}/ca.crt", "server": f"https://{api_address()}"},
            }
        ],
        "contexts": [{"name": "default", "context": {"cluster": "default", "namespace": "default", "user": "default"}}],
        "current-context": "default",
        "users": [{"name": "default", "user": {"tokenFile": f"{token}/token"}}],
    }
    container = {
        "name": "kube-proxy",
        "image": f"{KUBERNETES_REGISTRY}/kube-proxy:{KUBERNETES}",
        "imagePullPolicy": "IfNotPresent",
        "command": ["kube-proxy", "--config=/var/lib/kube-proxy/config.conf", "--hostname-override=$(NODE_NAME)"],
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "securityContext": {"privileged": True},
        "volumeMounts": [
            {"name": "kube-proxy", "mountPath": "/var/lib/kube-proxy"},
            {"name": "xtables-lock", "mountPath": "/run/xtables.lock"},
            {"name": "lib-modules", "mountPath": "/lib/modules", "readOnly": True},
        ],
    }
    pod = {
        "containers": [container],
        "hostNetwork": True,
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-node-critical",
        "serviceAccountName": "kube-proxy",
        "tolerations": [{"operator": "Exists"}],
        "volumes": [
            {"name": "kube-proxy", "configMap": {"name": "kube-proxy"}},
            {"name": "xtables-lock", "hostPath": {"path": "/run/xtables.lock", "type": "FileOrCreate"}},
            {"name": "lib-modules", "hostPath": {"path": "/lib/modules"}},
        ],
    }
    data = {"config.conf": json.dumps(configuration, indent=2), "kubeconfig.conf": json.dumps(access, indent=2)}
    template = {"metadata": {"labels": labels}, "spec": pod}
    update = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}
    spec = {"selector": {"matchLabels": labels}, "template": template, "updateStrategy": update}
    return [
        _system("ServiceAccount", "kube-proxy"),
        binding("kubeadm:node-proxier", "system:node-proxier", _account("kube-proxy")),
        _system("ConfigMap", "kube-proxy", data=data, labels={"app": "kube-proxy"}),
        _system("DaemonSet", "kube-proxy", "apps/v1", spec=spec, labels=labels),
    ]


def dns() -> list[tuple[str, Object]]:
    """Give CoreDNS as kubeadm runs it, two replicas; without a resolver outside, because nothing outside is asked."""
    labels = {"k8s-app": "kube-dns"}
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:coredns"},
        "rules": rules,
    }
    ports = [("dns", 53, "UDP"), ("dns-tcp", 53, "TCP"), ("metrics", 9153, "TCP")]
    container = {
        "name": "coredns",
        "image": f"{KUBERNETES_REGISTRY}/coredns/coredns:{COREDNS}",
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [{"name": name, "containerPort": port, "protocol": protocol} for name, port, protocol in ports],
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080},
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "failureThreshold": 5,
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 2},
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    files = {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]}
    pod = {
        "containers": [container],
        "dnsPolicy": "Default",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
        ],
        "volumes": [{"name": "config-volume", "configMap": files}],
    }
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    service = {
        "clusterIP": DNS_SERVICE,
        "clusterIPs": [DNS_SERVICE],
        "selector": labels,
        "ports": [
            {"name": name, "port": port, "protocol": protocol, "targetPort": port} for name, port, protocol in ports
        ],
    }
    return [
        _system("ServiceAccount", "coredns"),
        (f"{RBAC}/clusterroles/system:coredns", role),
        binding("system:coredns", "system:coredns", _account("coredns")),
        _system("ConfigMap", "coredns", data={"Corefile": COREFILE}),
        _system("Deployment", "coredns", "apps/v1", spec=spec, labels=labels),
        _system("Service", "kube-dns", spec=service, labels={**labels, "kubernetes.io/name": "CoreDNS"}),
    ]


def install(api: Api, objects: list[tuple[str, Object]]) -> None:
    """Apply objects, given with their paths; the same again changes nothing."""
    for path, body in objects:
        api.apply(path, body, "kubeadm")


def introduce(api: Api, node: str) -> None:
    """Give a registered node the labels and the pod range that kubeadm and the node controller would give it."""
    pods = node_pods(node)
    labels = {"node-role.kubernetes.io/control-plane": ""} if node == NODES[0] else {}
    body = {"metadata": {"labels": labels}, "spec": {"podCIDR": pods, "podCIDRs": [pods]}}
    api.do("PATCH", f"/api/v1/nodes/{node}", body, MERGE)
