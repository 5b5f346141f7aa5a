"""Fills a control plane without controllers with a cluster's worth of objects."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed import shapes
from testbed.api import MERGE, Api, ApiError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testbed.shapes import Object

THREADS = 8
SPECS = 0.06  # distinct specs a pod: about 600 in 10,000 pods
CONTROLLER, KUBELET = "kube-controller-manager", "kubelet"
APPS, CORE = "/apis/apps/v1", "/api/v1"


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload to be made.

    Attributes:
        namespace: Where.
        name: Its name.
        kind: Deployment, StatefulSet or DaemonSet.
        template: Its pod template.
        first: Number, in the whole cluster, of its first pod.
        replicas: How many pods it has.
    """

    namespace: str
    name: str
    kind: str
    template: Object
    first: int
    replicas: int


def plan(pods: int, namespaces: int) -> list[Workload]:
    """Give workloads with as many pods as asked, a few in each namespace; the same again for the same numbers."""
    number = max(1, round(pods * SPECS))
    places = shapes.namespaces(namespaces)
    made, first = [], 0
    for index in range(number):
        replicas = pods * (index + 1) // number - first
        role = shapes.ROLES[index % len(shapes.ROLES)]
        kind = ("Deployment", "Deployment", "Deployment", "StatefulSet", "DaemonSet")[index % 5]
        place = places[index % len(places)]
        made.append(Workload(place, f"{role}-{index}", kind, shapes.template(index, role), first, replicas))
        first += replicas
    return made


class Filler:
    """Writes with several threads, each with a connection of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._local = threading.local()
        self._now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._hosts = 1

    def fill(self, pods: int, namespaces: int, say: Callable[[str], None]) -> None:
        """Make everything. Raises ApiError with the first refusal; what was made before stays."""
        began = time.monotonic()
        workloads = plan(pods, namespaces)
        self._hosts = max(1, pods // 100)
        with ThreadPoolExecutor(THREADS) as pool:
            for work in (
                pool.map(self._namespace, shapes.namespaces(namespaces)),
                pool.map(self._host, range(self._hosts)),
            ):
                list(work)
            done = 0
            for made in pool.map(self._workload, workloads):
                if done // 1000 != (done + made) // 1000:
                    say(f"{done + made} pods after {time.monotonic() - began:.0f} s")
                done += made

    def _api(self) -> Api:
        if not hasattr(self._local, "api"):
            self._local.api = Api(self._kubeconfig)
        return self._local.api

    def _create(self, path: str, body: Object, manager: str) -> Object:
        """Create an object, or give the one that is there: a fill that was interrupted goes on."""
        try:
            return self._api().do("POST", f"{path}?fieldManager={manager}", body)
        except ApiError as refusal:
            if refusal.status != 409 or b"AlreadyExists" not in refusal.body:
                raise
            return self._api().get(f"{path}/{body['metadata']['name']}")

    def _namespace(self, name: str) -> None:
        labels = {"pod-security.kubernetes.io/warn": "baseline", "team": name.partition("-")[0]}
        self._create(f"{CORE}/namespaces", {"metadata": {"name": name, "labels": labels}}, "helm")
        for path, body in shapes.belongings(name):
            self._create(path, body, "helm")

    def _host(self, number: int) -> None:
        name = f"worker-{number:04d}"
        self._create(f"{CORE}/nodes", {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}}, KUBELET)
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": self._now}
        body = {"status": {"conditions": [ready], "capacity": {"cpu": "64", "memory": "256Gi", "pods": "250"}}}
        self._api().do("PATCH", f"{CORE}/nodes/{name}/status?fieldManager={KUBELET}", body, MERGE)

    def _workload(self, work: Workload) -> int:
        selector = {
            "matchLabels": {
                "app.kubernetes.io/instance": work.template["metadata"]["labels"]["app.kubernetes.io/instance"]
            }
        }
        spec: Object = {"selector": selector, "template": work.template}
        if work.kind != "DaemonSet":
            spec["replicas"] = work.replicas
        if work.kind == "StatefulSet":
            spec["serviceName"] = work.name
        annotations = {"meta.helm.sh/release-name": work.name, "meta.helm.sh/release-namespace": work.namespace}
        body = {"metadata": {"name": work.name, "annotations": annotations}, "spec": spec}
        base = f"{APPS}/namespaces/{work.namespace}"
        top = self._create(f"{base}/{work.kind.lower()}s", body, "helm")
        self._around(work, selector)
        owner, prefix = shapes.owner(work.kind, "apps/v1", work.name, top["metadata"]["uid"]), work.name
        extra: dict[str, str] = {"controller-revision-hash": f"{work.name}-{work.first:x}"}
        if work.kind == "Deployment":
            owner, prefix, extra = self._replica_sets(work, owner)
        for index in range(work.replicas):
            self._pod(work, index, owner, prefix, extra)
        counts = {"replicas": work.replicas, "readyReplicas": work.replicas, "observedGeneration": 1}
        if work.kind != "DaemonSet":
            path = f"{base}/{work.kind.lower()}s/{work.name}/status?fieldManager={CONTROLLER}"
            self._api().do("PATCH", path, {"status": counts}, MERGE)
        return work.replicas

    def _around(self, work: Workload, selector: Object) -> None:
        service = {"selector": selector["matchLabels"], "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
        if work.kind == "StatefulSet":
            service["clusterIP"] = "None"
        core = f"{CORE}/namespaces/{work.namespace}"
        self._create(f"{core}/services", {"metadata": {"name": work.name}, "spec": service}, "helm")
        budget = {"metadata": {"name": work.name}, "spec": {"selector": selector, "maxUnavailable": 1}}
        self._create(f"/apis/policy/v1/namespaces/{work.namespace}/poddisruptionbudgets", budget, "helm")

    def _replica_sets(self, work: Workload, owner: list[Object]) -> tuple[list[Object], str, dict[str, str]]:
        """Make the current ReplicaSet and the one before it, which has no pods."""
        base = f"{APPS}/namespaces/{work.namespace}/replicasets"
        current: Object = {}
        for revision, replicas in ((1, 0), (2, work.replicas)):
            mark = {"pod-template-hash": f"{work.first * 31 + revision:09x}"}
            template = json.loads(json.dumps(work.template))
            template["metadata"]["labels"] |= mark
            if revision == 1:
                template["spec"]["containers"][0]["image"] += "-before"
            metadata = {
                "name": f"{work.name}-{mark['pod-template-hash']}",
                "labels": template["metadata"]["labels"],
                "annotations": {"deployment.kubernetes.io/revision": str(revision)},
                "ownerReferences": owner,
            }
            spec = {"replicas": replicas, "selector": {"matchLabels": mark}, "template": template}
            current = self._create(base, {"metadata": metadata, "spec": spec}, CONTROLLER)
        name = current["metadata"]["name"]
        return shapes.owner("ReplicaSet", "apps/v1", name, current["metadata"]["uid"]), name, mark

    def _pod(self, work: Workload, index: int, owner: list[Object], prefix: str, extra: dict[str, str]) -> None:
        number = work.first + index
        template = work.template
        ending = str(index) if work.kind == "StatefulSet" else f"{number * 2654435761 % 0x10000000:07x}"
        metadata = {
            "name": f"{prefix}-{ending}",
            "labels": {**template["metadata"]["labels"], **extra},
            "annotations": template["metadata"]["annotations"],
            "ownerReferences": owner,
        }
        host = number % self._hosts
        spec = {**template["spec"], "nodeName": f"worker-{host:04d}"}
        path = f"{CORE}/namespaces/{work.namespace}/pods"
        self._create(path, {"metadata": metadata, "spec": spec}, CONTROLLER)
        address = f"198.18.{128 + number // 250 % 100}.{1 + number % 250}"
        body = shapes.status(address, f"198.18.254.{1 + host % 250}", spec["containers"], self._now)
        target = f"{path}/{metadata['name']}/status?fieldManager={KUBELET}"
        self._api().do("PATCH", target, {"status": body}, MERGE)
