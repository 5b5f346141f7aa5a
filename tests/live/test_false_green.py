"""Under any fault of the API server a verdict may get worse, never better: every requirement, fault and source."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from preaudit.audit import make_plan
from preaudit.errors import TargetError
from preaudit.options import Options
from preaudit.snapshot import Snapshot
from preaudit.source import SOURCES
from testbed.faults import FAULTS, Rule
from testbed.proxy import FaultProxy
from tests.api_server import Server
from tests.false_green import KUBELET_CA, OPEN, better, collect, spliced, verdicts

pytestmark = pytest.mark.live
SPACE = "preaudit-faults"
PAGED = ("410", "500", "cut", "changed-version", "endless", "null-items")
"""Faults that are also met on the second page only."""


def settled(server):
    """Wait until no namespace of another test is being removed any more."""
    for _ in range(60):
        listed = server.pool.request("GET", server.url + "/api/v1/namespaces").json()["items"]
        if all(one["status"]["phase"] == "Active" for one in listed):
            return
        time.sleep(1)
    pytest.fail("namespaces are still being removed after a minute")


def plant(server):
    """A namespace in which requirements of each kind of workload fail, so that there is something to turn green."""
    server.post("/api/v1/namespaces", {"metadata": {"name": SPACE}})
    bad = {"containers": [{"name": "c", "image": "x:latest", "securityContext": {"privileged": True},
                           "env": [{"name": "PASSWORD", "value": "correct-horse"}]}],
           "hostNetwork": True, "volumes": [{"name": "h", "hostPath": {"path": "/"}}]}  # fmt: skip
    template = {"metadata": {"labels": {"a": "b"}}, "spec": bad}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    apps = f"/apis/apps/v1/namespaces/{SPACE}"
    planted = [server.post(f"{apps}/{kind}", {"metadata": {"name": "bad"}, "spec": spec | extra})
               for kind, extra in (("deployments", {}), ("replicasets", {}), ("statefulsets", {"serviceName": "s"}))]  # fmt: skip
    job = {"template": {"spec": bad | {"restartPolicy": "Never"}}}
    batch = f"/apis/batch/v1/namespaces/{SPACE}"
    cron = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": job}}
    planted.append(server.post(f"{batch}/cronjobs", {"metadata": {"name": "bad"}, "spec": cron}))
    planted.append(server.post(f"{batch}/jobs", {"metadata": {"name": "bad"}, "spec": job | {"suspend": True}}))
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{SPACE}"
    star = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    planted.append(server.post(f"{rbac}/roles", {"metadata": {"name": "bad"}, "rules": [star]}))
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "bad"}
    who = [{"kind": "ServiceAccount", "name": "default", "namespace": SPACE}]
    planted.append(server.post(f"{rbac}/rolebindings", {"metadata": {"name": "bad"}, "roleRef": ref, "subjects": who}))
    assert all(status in {201, 409} for status, _ in planted), planted


def unexplained(tmp_path, plan, snapshot, through, source):
    """What is open without any fault now: what other parts of the cluster removed meanwhile is not among it."""
    again = tmp_path / "again"
    again.mkdir()
    collect(again, through, {source})
    now = verdicts(plan, spliced(tmp_path / "merged", snapshot, Snapshot(again), source), source)
    shutil.rmtree(tmp_path / "merged")
    shutil.rmtree(again)
    return {key for key, verdict in now.items() if verdict in OPEN}


def remains(part):
    """What verdicts can depend on of a source that was seen under a fault: all but times and words of causes."""
    told = part.collection
    statuses = sorted((one.source, one.namespace, one.object, one.status) for one in told.sources)
    files = sorted((one.name, one.sha256) for one in told.files)
    return tuple(statuses), tuple(files), told.namespaces, told.namespaces_complete


def test_no_fault_makes_a_verdict_better(kubeconfig, tmp_path, impatient):
    plan = make_plan(Options(profile="bank"), [])
    server = Server(kubeconfig)
    settled(server)
    plant(server)
    # Faults of kubelets and of endpoints have tests of their own; kinds that this cluster has not are not listed.
    sources = sorted(name for name in plan.sources if "/" not in name and SOURCES[name].builtin)
    combinations = compared = 0
    wrong = []
    try:
        with FaultProxy(server.url) as proxy:
            through = proxy.kubeconfig()
            whole = tmp_path / "whole"
            whole.mkdir()
            collect(whole, through, plan.sources)
            snapshot = Snapshot(whole)
            before = {source: verdicts(plan, snapshot, source) for source in sources}
            assert sum(one in OPEN for one in verdicts(plan, snapshot).values()) > 100
            for source in sources:
                path = f"*/{SOURCES[source].resource}"
                cases = [Rule(fault, path=path, verb="GET", seconds=1.0) for fault in FAULTS]
                cases += [Rule(fault, path=path, verb="GET", page=2, seconds=1.0) for fault in PAGED]
                known = {}
                for number, rule in enumerate(cases):
                    part = tmp_path / f"part-{number}-{source.replace('/', '-')}"
                    part.mkdir()
                    proxy.set_rules([rule])
                    try:
                        with impatient():
                            collect(part, through, {source})
                    except TargetError:
                        proxy.set_rules([])
                        continue  # the run ends with exit 4 and no verdict at all
                    proxy.set_rules([])
                    # Many faults leave the same behind; what was judged once need not be again.
                    left = remains(Snapshot(part))
                    if left not in known:
                        known[left] = verdicts(plan, spliced(tmp_path / "merged", snapshot, Snapshot(part), source), source)
                        shutil.rmtree(tmp_path / "merged")
                    after = known[left]
                    shutil.rmtree(part)
                    combinations += sum(source in one.sources for one in plan.selected)
                    compared += len(before[source])
                    found = better(before[source], after)
                    if found:
                        still = unexplained(tmp_path, plan, snapshot, through, source)
                        found = [one for one in found if one[:3] in still]
                    wrong += [(source, rule.fault, rule.page, *one) for one in found]
    finally:
        server.delete(f"/api/v1/namespaces/{SPACE}")
    print(f"\n{combinations} combinations of requirement, fault and source; {compared} verdicts compared; {len(wrong)} better")
    assert not wrong, [str(one) for one in wrong[:20]]
    assert combinations > 5000
    assert Path(KUBELET_CA).is_file()
