"""The Pod Security Standards against Kubernetes itself: its own policy library, and the admission of a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from preaudit.audit import Audit, make_plan
from preaudit.example import write_snapshot
from preaudit.options import Options
from preaudit.snapshot import Snapshot
from preaudit.verdict import Verdict
from tests.api_server import Server
from tests.generated_pods import Generator

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]
PODS = int(os.environ.get("PREAUDIT_FUZZ_PODS", "10000"))
SEED = int(os.environ.get("PREAUDIT_FUZZ_SEED", "20261122"))
NEWEST = 37
OVERRIDDEN = {
    "capabilities_restricted": "capabilities_baseline", "seccompProfile_restricted": "seccompProfile_baseline",
    "restrictedVolumes": "hostPathVolumes", "procMount_restricted": "procMount",
}  # fmt: skip
BEGINS = {
    "capabilities_restricted": 22, "seccompProfile_restricted": 19, "restrictedVolumes": 0, "procMount_restricted": 35,
}  # fmt: skip


def failing(pods, version, folder):
    """Check ids that each pod fails by our suites, by pod name; unknown ones fail the test."""
    folder.mkdir()
    write_snapshot(folder, pods)
    options = Options(profile="bank", set=[f'pod_security.version="1.{version}"'], select="POD-1*,POD-2*")
    plan = make_plan(options, [])
    audit = Audit(plan, Snapshot(folder))
    found = {pod["metadata"]["name"]: set() for pod in pods}
    judged = 0
    for requirement in plan.selected:
        check = next(one.partition("/")[2] for one in requirement.controls if one.startswith("pss:"))
        for item in audit.items(requirement):
            for record in audit.judge(item):
                judged += record.subject is not None
                assert record.verdict is not Verdict.UNKNOWN, record.reason
                if record.verdict is Verdict.FAIL:
                    found[record.subject.name].add(check)
    return found, judged


def test_the_policy_library_agrees(tmp_path):
    """Every check, every version from 1.0 to 1.37: zero disagreements."""
    build = [sys.executable, "-m", "testbed", "build", "judge"]
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=True, timeout=1200)
    judge = built.stdout.split()[-1]
    generator = Generator(SEED)
    pods = [generator.pod(f"p{n}", "shop") for n in range(PODS)]
    asked = "\n".join(json.dumps({"metadata": one["metadata"], "spec": one["spec"]}) for one in pods) + "\n"
    told = subprocess.run([judge], input=asked, capture_output=True, text=True, check=True, timeout=600)
    answers = [json.loads(line) for line in told.stdout.splitlines()]
    assert len(answers) == PODS
    assert len(answers[0]) == 19
    chunk, disagreements, judged, refused = -(-PODS // (NEWEST + 1)), [], 0, 0
    for version in range(NEWEST + 1):
        part = slice(version * chunk, (version + 1) * chunk)
        ours, count = failing(pods[part], version, tmp_path / str(version))
        judged += count
        for pod, answer in zip(pods[part], answers[part], strict=True):
            theirs = {check for check, versions in answer.items() if versions[version] == "0"}
            refused += len(theirs)
            mine = ours[pod["metadata"]["name"]]
            if theirs != mine:
                disagreements.append((version, sorted(theirs ^ mine), pod))
    print(f"\n{PODS} pods, {judged} judgements, {refused} refusals, {len(disagreements)} disagreements, seed {SEED}")
    assert not disagreements, json.dumps(disagreements[:3], indent=1)


@pytest.fixture
def server(kubeconfig):
    return Server(kubeconfig)


def test_the_admission_of_the_api_server_agrees(server, tmp_path):
    """At least 3,000 pods that are valid, at both levels and several versions, by dry run."""
    wanted, compared, refused, disagreements = 3000, 0, 0, []
    generator = Generator(SEED + 1, valid=True)
    spaces = [(level, version) for level in ("baseline", "restricted") for version in (19, 24, 27, 31, 34, 35)]
    share = -(-wanted * 5 // 4 // len(spaces))
    try:
        for level, version in spaces:
            namespace = f"psa-{level}-{version}"
            labels = {f"pod-security.kubernetes.io/enforce{end}": value for end, value in
                      (("", level), ("-version", f"v1.{version}"))}  # fmt: skip
            server.post("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": labels}})
            account = {"metadata": {"name": "default", "namespace": namespace}}
            server.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
            pods = [generator.pod(f"p{n}", namespace) for n in range(share)]
            ours, _ = failing(pods, version, tmp_path / namespace)
            path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(lambda pod, path=path: server.post(path, pod), pods))
            for pod, (status, answer) in zip(pods, answers, strict=True):
                denied = status == 403 and "violates PodSecurity" in answer.get("message", "")
                if status != 201 and not denied:
                    continue  # refused by validation: nobody asked the admission
                compared += 1
                refused += denied
                mine = ours[pod["metadata"]["name"]]
                if denied != bool(_at_level(mine, level, version)):
                    disagreements.append((level, version, answer.get("message"), sorted(mine), pod))
    finally:
        for level, version in spaces:
            server.delete(f"/api/v1/namespaces/psa-{level}-{version}")
    print(f"\n{compared} pods compared, {refused} refused, {len(disagreements)} disagreements")
    assert not disagreements, json.dumps(disagreements[:3], indent=1)
    assert compared >= wanted


def _at_level(checks, level, version):
    """The failing checks that a level holds at a version, without those that a restricted one takes the place of."""
    restricted = {"restrictedVolumes", "runAsNonRoot", "allowPrivilegeEscalation", "seccompProfile_restricted",
                  "capabilities_restricted", "runAsUser", "procMount_restricted"}  # fmt: skip
    if level == "baseline":
        return checks - restricted
    return checks - {under for over, under in OVERRIDDEN.items() if BEGINS[over] <= version}
