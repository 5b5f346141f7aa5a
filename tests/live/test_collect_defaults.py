"""What is filled in to manifests is what the API server fills in: compared with its own dry run, kind by kind."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

import pytest
import yaml

from preaudit.collect.kubeconfig import load_access
from preaudit.collect.manifests import collect_manifests
from preaudit.snapshot import Snapshot
from preaudit.source import SOURCES

pytestmark = pytest.mark.live

POD_SPEC = """
volumes:
- {{name: none}}
- {{name: secret, secret: {{secretName: x}}}}
- {{name: config, configMap: {{name: x}}}}
- {{name: path, hostPath: {{path: /tmp}}}}
- {{name: down, downwardAPI: {{items: [{{path: n, fieldRef: {{fieldPath: metadata.name}}}}]}}}}
- name: projected
  projected:
    sources:
    - serviceAccountToken: {{path: token}}
    - downwardAPI: {{items: [{{path: c, resourceFieldRef: {{containerName: a, resource: limits.cpu}}}}]}}
- {{name: claim, ephemeral: {{volumeClaimTemplate: {{spec: {{accessModes: [ReadWriteOnce],
    resources: {{requests: {{storage: 1Gi}}}}}}}}}}}}
initContainers:
- {{name: i, image: "r.example/i:latest"}}
containers:
- name: a
  image: r.example:5000/a
  ports: [{{containerPort: 80}}, {{containerPort: 53, protocol: UDP, name: dns}}]
  resources: {{limits: {{cpu: 100m, memory: 64Mi}}, requests: {{cpu: 50m}}}}
  livenessProbe: {{httpGet: {{port: 80}}}}
  readinessProbe: {{tcpSocket: {{port: 80}}, periodSeconds: 5}}
  startupProbe: {{grpc: {{port: 81}}}}
  lifecycle: {{preStop: {{httpGet: {{port: 80}}}}}}
  env:
  - {{name: A, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
  - {{name: B, valueFrom: {{resourceFieldRef: {{resource: limits.cpu}}}}}}
- {{name: b, image: "r.example/b:1.0", livenessProbe: {{exec: {{command: ["true"]}}}}}}
- {{name: c, image: "r.example/c@sha256:{digest}"}}
- {{name: d, image: "r.example/d:latest@sha256:{digest}", imagePullPolicy: Never}}
- {{name: e, image: "r.example/e:latest@sha256:{digest}"}}
"""


def pod_spec(**more):
    return {**yaml.safe_load(POD_SPEC.format(digest="0" * 64)), **more}


def workload(kind, group="apps/v1", **spec):
    labels = {"app": "x"}
    template = {"metadata": {"labels": labels}, "spec": pod_spec()}
    return {
        "apiVersion": group,
        "kind": kind,
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


JOB = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x:1"}]}}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
HOOK = {
    "name": "a.example.com",
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "clientConfig": {"service": {"name": "s", "namespace": "default"}},
    "rules": [
        {"apiGroups": ["example.com"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["widgets"]}
    ],
}
ADMISSION = "admissionregistration.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io/v1"
SUBJECTS = [
    {"kind": "User", "name": "u"},
    {"kind": "Group", "name": "g"},
    {"kind": "ServiceAccount", "name": "s", "namespace": "default"},
]

OBJECTS = {
    "pod": {"apiVersion": "v1", "kind": "Pod", "spec": pod_spec()},
    "pod on the host's network": {"apiVersion": "v1", "kind": "Pod", "spec": pod_spec(hostNetwork=True)},
    "pod with an account": {"apiVersion": "v1", "kind": "Pod", "spec": pod_spec(serviceAccountName="default")},
    "deployment": workload("Deployment"),
    "deployment that recreates": workload("Deployment", strategy={"type": "Recreate"}),
    "deployment with half a strategy": workload("Deployment", strategy={"rollingUpdate": {"maxSurge": 1}}),
    "replica set": workload("ReplicaSet"),
    "daemon set": workload("DaemonSet"),
    "daemon set on delete": workload("DaemonSet", updateStrategy={"type": "OnDelete"}),
    "stateful set": workload(
        "StatefulSet", serviceName="x", volumeClaimTemplates=[{"metadata": {"name": "v"}, "spec": CLAIM}]
    ),
    "replication controller": {
        "apiVersion": "v1", "kind": "ReplicationController",
        "spec": {"template": {"metadata": {"labels": {"app": "x"}}, "spec": pod_spec()}},
    },
    "job": {"apiVersion": "batch/v1", "kind": "Job", "spec": JOB},
    "job with parallelism": {"apiVersion": "batch/v1", "kind": "Job", "spec": {**JOB, "parallelism": 3}},
    "cron job": {
        "apiVersion": "batch/v1", "kind": "CronJob", "spec": {"schedule": "* * * * *", "jobTemplate": {"spec": JOB}},
    },
    "service": {"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}},
    "node port": {"apiVersion": "v1", "kind": "Service", "spec": {"type": "NodePort", "ports": [{"port": 80}]}},
    "load balancer": {"apiVersion": "v1", "kind": "Service", "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}},
    "external name": {"apiVersion": "v1", "kind": "Service", "spec": {"type": "ExternalName", "externalName": "x.y"}},
    "policy of nothing": {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {}}},
    "policy of egress": {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "spec": {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]},
    },
    "policy with empty egress": {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {}, "egress": []},
    },
    "role binding": {
        "apiVersion": RBAC, "kind": "RoleBinding", "roleRef": {"kind": "Role", "name": "x"}, "subjects": SUBJECTS,
    },
    "cluster role binding": {
        "apiVersion": RBAC, "kind": "ClusterRoleBinding", "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": SUBJECTS,
    },
    "validating webhook": {"apiVersion": ADMISSION, "kind": "ValidatingWebhookConfiguration", "webhooks": [HOOK]},
    "mutating webhook": {"apiVersion": ADMISSION, "kind": "MutatingWebhookConfiguration", "webhooks": [HOOK]},
    "volume": {
        "apiVersion": "v1", "kind": "PersistentVolume",
        "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/tmp"}},
    },
    "claim": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": CLAIM},
    "limit range": {
        "apiVersion": "v1", "kind": "LimitRange",
        "spec": {"limits": [
            {"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}, "default": {"memory": "1Gi"}},
            {"type": "Pod", "max": {"cpu": "4"}}]},
    },
    "namespace": {"apiVersion": "v1", "kind": "Namespace"},
    "budget": {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}},
    },
    "account": {"apiVersion": "v1", "kind": "ServiceAccount"},
    "quota": {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": "1"}}},
    "role": {
        "apiVersion": RBAC, "kind": "Role", "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    },
}  # fmt: skip

BY_ADMISSION = {
    "Pod": ("priority", "preemptionPolicy", "tolerations"),
    "Service": ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"),
    "Job": ("selector",),
}
"""What admission plugins and allocators of this very cluster add to ``spec``; no file can know it."""


def from_server(answer):
    spec = answer.get("spec", {})
    for name in BY_ADMISSION.get(answer["kind"], ()):
        spec.pop(name, None)
    if answer["kind"] == "Pod":
        token = {volume["name"] for volume in spec["volumes"] if volume["name"].startswith("kube-api-access-")}
        spec["volumes"] = [volume for volume in spec["volumes"] if volume["name"] not in token]
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            mounts = [mount for mount in container.get("volumeMounts", ()) if mount["name"] not in token]
            container.pop("volumeMounts", None)
            if mounts:
                container["volumeMounts"] = mounts
    if answer["kind"] == "Job":
        spec["template"].pop("metadata", None)
    for port in spec.get("ports", ()) if answer["kind"] == "Service" else ():
        port.pop("nodePort", None)
    return without_nulls(answer)


def without_nulls(node):
    """The node without nulls, empty lists and empty template metadata, which say nothing."""
    if isinstance(node, dict):
        return {
            key: without_nulls(value)
            for key, value in node.items()
            if value is not None
            and value != []
            and not (key == "metadata" and value in ({}, {"creationTimestamp": None}))
        }
    return [without_nulls(value) for value in node] if isinstance(node, list) else node


@pytest.mark.parametrize("case", OBJECTS)
def test_defaults_are_those_of_the_server(case, kubeconfig, tmp_path):
    access = load_access(kubeconfig, None)
    name = "defaults-" + uuid.uuid4().hex[:8]
    given = {**OBJECTS[case], "metadata": {"name": name}}
    source = next(
        entry for entry in SOURCES.values() if (entry.kind, entry.api_version) == (given["kind"], given["apiVersion"])
    )
    root = f"/apis/{source.api_version}" if source.group else "/api/v1"
    where = "/namespaces/default" if source.namespaced else ""
    answer = access.pool.urlopen(
        "POST", f"{access.api_url}{root}{where}/{source.resource}?dryRun=All", body=json.dumps(given), retries=False,
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status == 201, answer.data[:500]
    path = tmp_path / "given.json"
    path.write_text(json.dumps(given))
    collect_manifests(tmp_path / "out", paths=[str(path)], redaction_key=None, now=datetime.now(UTC))
    (ours,) = Snapshot(tmp_path / "out").objects(source.name)
    theirs = from_server(json.loads(answer.data))
    ours = without_nulls(ours)
    for top in {keep.partition(".")[0] for keep in source.keep} - {"status"}:
        assert list(differences(ours.get(top), theirs.get(top), top)) == []
    if source.kind != "Job":  # the server labels a Job with its own UID
        assert ours["metadata"].get("labels") == theirs["metadata"].get("labels")
    assert ours["metadata"].get("namespace") == theirs["metadata"].get("namespace")


def differences(ours, theirs, path):
    """Where two values differ: path, ours, the server's."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            yield from differences(ours.get(key), theirs.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif ours != theirs:
        yield path, ours, theirs
