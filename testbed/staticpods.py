"""The control plane as static pods, laid out as kubeadm does."""

from __future__ import annotations

import json
from typing import Any

from testbed import flags
from testbed.layout import ETCD, KUBERNETES, KUBERNETES_REGISTRY, NODES, node_address

Object = dict[str, Any]
HERE = node_address(NODES[0])
AUTHORITIES = {
    "ca-certs": "/etc/ssl/certs",
    "etc-ca-certificates": "/etc/ca-certificates",
    "usr-local-share-ca-certificates": "/usr/local/share/ca-certificates",
    "usr-share-ca-certificates": "/usr/share/ca-certificates",
}


def command(program: str, values: dict[str, str]) -> list[str]:
    """Give a command line, its flags sorted."""
    return [program, *(f"--{name}={value}" for name, value in sorted(values.items()))]


def probe(port: int, path: str, *, scheme: str = "HTTPS", host: str = "127.0.0.1", failures: int = 8) -> Object:
    """Give a probe by HTTP."""
    get = {"host": host, "path": path, "port": port, "scheme": scheme}
    return {"httpGet": get, "failureThreshold": failures, "periodSeconds": 10, "timeoutSeconds": 15}


def static_pod(  # noqa: PLR0917 - as many as a request or a pod has
    name: str, image: str, line: list[str], probes: dict[str, Object], mounts: list[Object], annotations: Object
) -> Object:
    """Give a pod of the control plane.

    Args:
        name: The component: kube-apiserver, etcd ...
        image: Its image.
        line: Its command line.
        probes: livenessProbe, readinessProbe, startupProbe.
        mounts: Objects with name, path, kind (of the hostPath) and readOnly.
        annotations: Annotations beside the common ones.
    """
    cpu = {"kube-apiserver": "250m", "kube-controller-manager": "200m"}.get(name, "100m")
    requests = {"cpu": cpu} | ({"memory": "100Mi"} if name == "etcd" else {})
    container = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": line,
        "resources": {"requests": requests},
        "volumeMounts": [
            {"name": one["name"], "mountPath": one["path"]} | ({"readOnly": True} if one["readOnly"] else {})
            for one in mounts
        ],
        **probes,
    }
    volumes = [{"name": one["name"], "hostPath": {"path": one["path"], "type": one["kind"]}} for one in mounts]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "kube-system",
            "labels": {"component": name, "tier": "control-plane"},
            "annotations": annotations,
        },
        "spec": {
            "hostNetwork": True,
            "priority": 2000001000,
            "priorityClassName": "system-node-critical",
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": volumes,
        },
    }


def _mount(name: str, path: str, kind: str = "DirectoryOrCreate", *, read_only: bool = True) -> Object:
    return {"name": name, "path": path, "kind": kind, "readOnly": read_only}


def apiserver(chosen: str) -> Object:
    """Give the API server's pod for a set of flags."""
    mounts = [_mount(name, path) for name, path in AUTHORITIES.items()]
    mounts.append(_mount("k8s-certs", flags.PKI))
    probes = {
        "livenessProbe": probe(6443, "/livez", host=HERE),
        "readinessProbe": probe(6443, "/readyz", host=HERE, failures=3) | {"periodSeconds": 1},
        "startupProbe": probe(6443, "/livez", host=HERE, failures=24),
    }
    if chosen == "good":
        mounts += [_mount("extra", flags.EXTRA), _mount("audit", flags.LOGS, read_only=False)]
    if chosen != "bad":
        # Who closes anonymous access closes it to the kubelet's probes by HTTP as well: they would be told 401.
        for one in probes.values():
            del one["httpGet"]
            one["tcpSocket"] = {"host": HERE, "port": 6443}
    line = command("kube-apiserver", flags.apiserver(chosen))
    annotations = {"kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint": f"{HERE}:6443"}
    image = f"{KUBERNETES_REGISTRY}/kube-apiserver:{KUBERNETES}"
    return static_pod("kube-apiserver", image, line, probes, mounts, annotations)


def etcd(chosen: str) -> Object:
    """Give etcd's pod for a set of flags."""
    mounts = [
        _mount("etcd-data", "/var/lib/etcd", read_only=False),
        _mount("etcd-certs", f"{flags.PKI}/etcd"),
    ]
    probes = {
        "livenessProbe": probe(2381, "/livez", scheme="HTTP"),
        "readinessProbe": probe(2381, "/readyz", scheme="HTTP", failures=3) | {"periodSeconds": 1},
        "startupProbe": probe(2381, "/readyz", scheme="HTTP", failures=24),
    }
    annotations = {"kubeadm.kubernetes.io/etcd.advertise-client-urls": f"https://{HERE}:2379"}
    image = f"{KUBERNETES_REGISTRY}/etcd:{ETCD}-0"
    return static_pod("etcd", image, command("etcd", flags.etcd(chosen)), probes, mounts, annotations)


def controller_manager(chosen: str) -> Object:
    """Give the controller manager's pod for a set of flags."""
    name = "kube-controller-manager"
    mounts = [_mount(volume, path) for volume, path in AUTHORITIES.items()]
    mounts.append(_mount("flexvolume-dir", "/usr/libexec/kubernetes/kubelet-plugins/volume/exec", read_only=False))
    mounts.append(_mount("k8s-certs", flags.PKI))
    mounts.append(_mount("kubeconfig", "/etc/kubernetes/controller-manager.conf", "FileOrCreate"))
    probes = {
        "livenessProbe": probe(10257, "/healthz"),
        "startupProbe": probe(10257, "/healthz", failures=24),
    }
    line = command(name, flags.controller_manager(chosen))
    return static_pod(name, f"{KUBERNETES_REGISTRY}/{name}:{KUBERNETES}", line, probes, mounts, {})


def scheduler(chosen: str) -> Object:
    """Give the scheduler's pod for a set of flags."""
    name = "kube-scheduler"
    mounts = [_mount("kubeconfig", "/etc/kubernetes/scheduler.conf", "FileOrCreate")]
    probes = {
        "livenessProbe": probe(10259, "/livez"),
        "readinessProbe": probe(10259, "/readyz", failures=3) | {"periodSeconds": 1},
        "startupProbe": probe(10259, "/livez", failures=24),
    }
    line = command(name, flags.scheduler(chosen))
    return static_pod(name, f"{KUBERNETES_REGISTRY}/{name}:{KUBERNETES}", line, probes, mounts, {})


def files(chosen: str) -> dict[str, str]:
    """Give the manifests of a set of flags: file name -> content (JSON, which is YAML)."""
    pods = (apiserver(chosen), controller_manager(chosen), etcd(chosen), scheduler(chosen))
    return {f"{pod['metadata']['name']}.yaml": json.dumps(pod, indent=2) + "\n" for pod in pods}
