"""Under any fault a verdict may get worse, never better: every requirement, every fault, every source that it reads.

Better means from fail or unknown to pass, waived or not-applicable; a verdict that vanishes counts as better, unless
an unknown of the same requirement covers its namespace (or the cluster).
"""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from preaudit.audit import Audit, make_plan
from preaudit.collect import listing, transport
from preaudit.collect.cluster import collect_cluster
from preaudit.collect.progress import Silent
from preaudit.errors import TargetError
from preaudit.example import NOW
from preaudit.options import Options
from preaudit.snapshot import Snapshot, file_name
from preaudit.source import SOURCES
from preaudit.verdict import PROVED, Verdict, worst
from testbed.faults import FAULTS, Rule
from testbed.proxy import FaultProxy
from tests.api_server import Server

pytestmark = pytest.mark.live
KUBELET_CA = "/var/lib/preaudit-testbed/pki/ca.crt"
OPEN = {Verdict.FAIL, Verdict.UNKNOWN}
SPACE = "preaudit-faults"
PAGED = ("410", "500", "cut", "changed-version", "endless", "null-items")
"""Faults that are also met on the second page only."""


@pytest.fixture
def impatient(monkeypatch):
    """The collector waits for milliseconds where it would wait for minutes, and reads small pages."""
    for name, value in (("CONNECT_SECONDS", 2.0), ("READ_SECONDS", 0.6), ("ATTEMPTS", 2),
                        ("BACKOFF_CAP_SECONDS", 0.02), ("RETRY_AFTER_CAP_SECONDS", 0.02)):  # fmt: skip
        monkeypatch.setattr(transport, name, value)
    monkeypatch.setattr(listing, "MAX_PAGES", 40)
    monkeypatch.setattr(listing, "LIMIT", 4)
    monkeypatch.setattr(listing.ListCall.query, "__defaults__", (4, ""))


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


def collect(folder, kubeconfig, sources):
    collect_cluster(
        folder, sources=sources, kubeconfig=str(kubeconfig), context=None, namespaces=None, read=["secrets-metadata"],
        redaction_key=b"the same in every run", kubelet_ca=KUBELET_CA, now=NOW, progress=Silent(),
    )  # fmt: skip


def spliced(folder, whole, part, source):
    """The whole snapshot, with one source as it was seen under a fault."""
    shutil.copytree(whole.folder, folder)
    name = file_name(source)
    (folder / name).unlink(missing_ok=True)
    files = [one for one in whole.collection.files if one.name != name]
    found = [one for one in part.collection.files if one.name == name]
    if found:
        shutil.copyfile(part.folder / name, folder / name)
    statuses = [one for one in whole.collection.sources if one.source != source]
    statuses += [one for one in part.collection.sources if one.source == source]
    merged = msgspec.structs.replace(whole.collection, files=(*files, *found), sources=tuple(statuses))
    if source == "namespaces":
        merged = msgspec.structs.replace(
            merged, namespaces=part.collection.namespaces, namespaces_complete=part.collection.namespaces_complete
        )
    (folder / "collection.json").write_bytes(msgspec.json.encode(merged))
    return Snapshot(folder)


def verdicts(plan, snapshot, reading=None):
    """Worst verdict by (requirement, namespace, kind, name, within), of requirements that read a source."""
    audit, found = Audit(plan, snapshot), defaultdict(list)
    for requirement in plan.selected:
        if reading is None or reading in requirement.sources or reading in ("namespaces", "nodes"):
            for item in audit.items(requirement):
                for record in audit.judge(item):
                    subject = record.subject
                    who = (subject.kind, subject.name, subject.within) if subject else None
                    found[requirement.id, item.namespace, who].append(record.verdict)
    return {key: worst(several) for key, several in found.items()}


def better(before, after):
    """Keys whose verdict got better under the fault."""
    covered = {(requirement, place) for (requirement, place, who), verdict in after.items()
               if who is None and verdict is Verdict.UNKNOWN}  # fmt: skip
    wrong = []
    for (requirement, place, who), verdict in before.items():
        now = after.get((requirement, place, who))
        if verdict not in OPEN or now in OPEN:
            continue
        if now in PROVED or now is Verdict.MANUAL or not {(requirement, place), (requirement, "cluster")} & covered:
            wrong.append((requirement, place, who, verdict.value, now.value if now else "vanished"))
    return wrong


def test_no_fault_makes_a_verdict_better(kubeconfig, tmp_path, impatient):
    plan = make_plan(Options(profile="bank"), [])
    server = Server(kubeconfig)
    settled(server)
    plant(server)
    sources = sorted(plan.sources - {"nodes/configz"})
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
                for number, rule in enumerate(cases):
                    part = tmp_path / f"part-{number}-{source.replace('/', '-')}"
                    part.mkdir()
                    proxy.set_rules([rule])
                    try:
                        collect(part, through, {source})
                    except TargetError:
                        proxy.set_rules([])
                        continue  # the run ends with exit 4 and no verdict at all
                    proxy.set_rules([])
                    after = verdicts(plan, spliced(tmp_path / "merged", snapshot, Snapshot(part), source), source)
                    shutil.rmtree(tmp_path / "merged")
                    shutil.rmtree(part)
                    combinations += sum(source in one.sources for one in plan.selected)
                    compared += len(before[source])
                    found = better(before[source], after)
                    if found:
                        # What another part of the cluster removed meanwhile is gone without any fault as well.
                        again = tmp_path / "again"
                        again.mkdir()
                        collect(again, through, {source})
                        now = verdicts(plan, spliced(tmp_path / "merged", snapshot, Snapshot(again), source), source)
                        shutil.rmtree(tmp_path / "merged")
                        shutil.rmtree(again)
                        found = [one for one in found if now.get(one[:3]) in OPEN]
                    wrong += [(source, rule.fault, rule.page, *one) for one in found]
    finally:
        server.delete(f"/api/v1/namespaces/{SPACE}")
    print(f"\n{combinations} combinations of requirement, fault and source; {compared} verdicts compared; {len(wrong)} better")
    assert not wrong, [str(one) for one in wrong[:20]]
    assert combinations > 5000
    assert Path(KUBELET_CA).is_file()
