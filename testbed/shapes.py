"""Objects of a cluster of any size, as real ones look: pure functions of a seed."""

from __future__ import annotations

import hashlib
import random
from typing import Any

Object = dict[str, Any]
PRODUCTS = ("shop", "ledger", "claims", "billing", "search", "risk", "portal", "mail", "stock", "audit")
ROLES = ("api", "web", "worker", "gateway", "cache", "scheduler", "import", "export", "reports", "auth")
REGISTRY = "registry.testbed.example"
# Share of the specs that have a fault, so that a check has both to find.
PRIVILEGED, HOST_PATH, HOST_NETWORK, NO_LIMITS, ROOT, LATEST = 0.02, 0.03, 0.02, 0.2, 0.25, 0.1


def namespaces(number: int) -> list[str]:
    """Give names of namespaces."""
    return [f"{PRODUCTS[index % len(PRODUCTS)]}-{index:04d}" for index in range(number)]


def container(chance: random.Random, name: str) -> Object:
    """Give one container with what containers have: probes, variables, limits, mounts."""
    tag = (
        "latest"
        if chance.random() < LATEST
        else f"{chance.randint(1, 9)}.{chance.randint(0, 30)}.{chance.randint(0, 9)}"
    )
    port = chance.randint(8000, 9900)
    security: Object = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if chance.random() < ROOT:
        security = {}
    elif chance.random() < 0.7:
        security["readOnlyRootFilesystem"] = True
    if chance.random() < PRIVILEGED:
        security = {"privileged": True}
    names = (
        "LOG_LEVEL",
        "REGION",
        "CACHE_SIZE",
        "UPSTREAM",
        "TIMEOUT",
        "QUEUE",
        "FEATURES",
        "JAVA_OPTS",
        "TZ",
        "BROKERS",
    )
    variables: list[Object] = [
        {"name": key, "value": f"{key.lower()}-{chance.getrandbits(64):016x}"} for key in chance.sample(names, 3)
    ]
    variables.append({"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})
    variables.append({"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "credentials", "key": "password"}}})
    get = {"path": "/healthz", "port": port}
    made: Object = {
        "name": name,
        "image": f"{REGISTRY}/{name}:{tag}",
        "args": [f"--listen=:{port}", f"--threads={chance.randint(1, 64)}"],
        "env": variables,
        "ports": [{"name": "http", "containerPort": port}],
        "livenessProbe": {"httpGet": get, "initialDelaySeconds": 10, "periodSeconds": 20},
        "readinessProbe": {"httpGet": {**get, "path": "/ready"}, "periodSeconds": 10},
        "securityContext": security,
        "volumeMounts": [
            {"name": "configuration", "mountPath": "/etc/service", "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},
        ],
    }
    if chance.random() >= NO_LIMITS:
        memory = chance.choice((128, 256, 512, 1024))
        made["resources"] = {
            "requests": {"cpu": f"{chance.choice((50, 100, 250))}m", "memory": f"{memory}Mi"},
            "limits": {"memory": f"{2 * memory}Mi"},
        }
    return made


def template(seed: int, role: str) -> Object:
    """Give a pod template; the same seed gives the same, another seed another."""
    chance = random.Random(seed)
    names = [role, *chance.sample(("proxy", "metrics", "log-shipper"), chance.choice((0, 0, 0, 0, 1, 1, 2)))]
    labels = {
        "app.kubernetes.io/name": role,
        "app.kubernetes.io/instance": f"{role}-{seed}",
        "app.kubernetes.io/version": f"{chance.randint(1, 9)}.{chance.randint(0, 20)}",
        "app.kubernetes.io/managed-by": "Helm",
    }
    annotations = {
        "checksum/configuration": f"{chance.getrandbits(256):064x}",
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(chance.randint(8000, 9900)),
    }
    volumes: list[Object] = [
        {"name": "configuration", "configMap": {"name": "configuration-0"}},
        {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
    ]
    if chance.random() < HOST_PATH:
        volumes.append({"name": "host", "hostPath": {"path": "/var/log"}})
    spec: Object = {
        "containers": [container(chance, name) for name in names],
        "serviceAccountName": "service",
        "volumes": volumes,
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "labelSelector": {"matchLabels": {"app.kubernetes.io/instance": f"{role}-{seed}"}},
                            "topologyKey": "kubernetes.io/hostname",
                        },
                    }
                ]
            }
        },
    }
    if chance.random() >= ROOT:
        spec["securityContext"] = {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    if chance.random() < HOST_NETWORK:
        spec["hostNetwork"] = True
        for one in spec["containers"]:
            one["ports"][0]["hostPort"] = one["ports"][0]["containerPort"]
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}


def owner(kind: str, group: str, name: str, uid: str) -> list[Object]:
    """Give the reference of an object to the controller that owns it."""
    reference = {"apiVersion": group, "kind": kind, "name": name, "uid": uid}
    return [{**reference, "controller": True, "blockOwnerDeletion": True}]


def status(address: str, host: str, containers: list[Object], started: str) -> Object:
    """Give the status of a running pod."""
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": "Running",
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": started,
        "conditions": [{"type": kind, "status": "True", "lastTransitionTime": started} for kind in conditions],
        "containerStatuses": [
            {
                "name": one["name"],
                "image": one["image"],
                "imageID": f"{one['image'].rpartition(':')[0]}@sha256:{_digest(one['image'])}",
                "containerID": f"containerd://{_digest(address + one['name'])}",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": started}},
            }
            for one in containers
        ],
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def belongings(namespace: str) -> list[tuple[str, Object]]:
    """Give what a namespace holds beside workloads, as (path of the collection, object), in order of creation."""
    core, rbac = f"/api/v1/namespaces/{namespace}", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    made: list[tuple[str, Object]] = [
        (f"{core}/serviceaccounts", {"metadata": {"name": name}}) for name in ("default", "service", "deployer")
    ]
    rules = [{"apiGroups": [""], "resources": ["configmaps", "pods"], "verbs": ["get", "list", "watch"]}]
    made.append((f"{rbac}/roles", {"metadata": {"name": "service"}, "rules": rules}))
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "service"}
    subject = {"kind": "ServiceAccount", "name": "service", "namespace": namespace}
    bound = {"metadata": {"name": "service"}, "roleRef": reference, "subjects": [subject]}
    made.append((f"{rbac}/rolebindings", bound))
    for index in range(4):
        text = f"# settings of {namespace}\n" + "".join(
            f"option.{line}: value-{line * 7919 % 997}\n" for line in range(40)
        )
        name = f"configuration-{index}"
        made.append((f"{core}/configmaps", {"metadata": {"name": name}, "data": {"service.yaml": text}}))
        secret = "credentials" if not index else f"tls-{index}"
        made.append((f"{core}/secrets", {"metadata": {"name": secret}, "stringData": {"password": f"made-up-{index}"}}))
    policies = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    made.append((policies, {"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}))
    inside = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}
    made.append((policies, {"metadata": {"name": "inside"}, "spec": inside}))
    return made
