"""The shop, judged as a bank would: every verdict is in a table that somebody has read, and nothing leaks."""

import base64
import json
import re

import pytest

from testbed import deploy
from tests.live.judged import JUDGE, TABLES, Run, differences, listed

pytestmark = pytest.mark.live
VARIANTS = ("good", "bad")
ENDPOINTS = ("TLS-", "NET-")
CANARY = re.compile(r"canary-[a-z]+-[0-9a-f]{12}")


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_verdict_is_that_of_the_table(judged, variant):
    changed = differences(judged(variant).rows, TABLES / f"{variant}.tsv")
    assert not changed, "\n".join(changed)


def requirements_of(run):
    return {record["requirement"] for record in run.records}


def test_no_requirement_fails_in_the_good_product(judged):
    run = judged("good")
    wrong = [record for record in run.records if record["namespace"] in deploy.NAMESPACES["good"] and record["verdict"] == "fail"]
    assert {record["requirement"] for record in wrong} == listed("good-cannot-pass.txt")
    assert {record["level"] for record in wrong} == {"info"}
    passed = {row.split("\t")[0] for row in run.rows if row.endswith("\tpass")}
    assert requirements_of(run) - passed == listed("good-has-none.txt")


def test_every_requirement_fails_in_the_bad_product(judged, preaudit, tmp_path):
    run = judged("bad")
    failed = {row.split("\t")[0] for row in run.rows if row.endswith("\tfail")}
    # Today's API servers admit an unmasked /proc in a user namespace only, which the standard allows since 1.35.
    assert requirements_of(run) - failed == {"POD-109"} | listed("bad-cannot-fail.txt")
    older = tmp_path / "older"
    preaudit("run", *JUDGE, "--snapshot", run.pack, "--set", 'pod_security.version="1.34"', "--out", older)
    rows = Run("bad", older, "", ()).rows
    assert "POD-109\tbad-shop-system\tDeployment/unmasked\tcontainers[agent]\tfail" in rows


def test_the_api_server_admits_no_unmasked_proc_otherwise():
    documents = deploy.manifests("bad").split("---\n")
    (unmasked,) = [one.replace("namespace: bad-shop-system", "") for one in documents if "procMount" in one]
    dry = ["create", "--dry-run=server", "-n", "default", "-f", "-"]
    assert "unmasked" in deploy.kubectl(dry, unmasked)
    with pytest.raises(deploy.TestbedError, match="`hostUsers` must be false to use `Unmasked`"):
        deploy.kubectl(dry, unmasked.replace("hostUsers: false", "hostUsers: true"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("more", [(), ("-n", "2")], ids=["one-process", "two-processes"])
def test_a_pack_is_judged_again_to_the_same_bytes(judged, preaudit, tmp_path, variant, more):
    first, again = judged(variant).pack, tmp_path / "again"
    done = preaudit("run", *JUDGE, "--snapshot", first, "--out", again, *more)
    assert done.returncode in (0, 1, 6), done.stdout + done.stderr
    assert (again / "records.jsonl").read_bytes() == (first / "records.jsonl").read_bytes()


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_planted_value_is_in_the_pack_or_on_the_screen(judged, variant):
    run = judged(variant)
    planted = set(CANARY.findall(deploy.manifests(variant)))
    assert len(planted) >= 8
    kinds = "secrets,configmaps,deployments,statefulsets,pods"
    live = "".join(deploy.kubectl(["get", kinds, "-o", "json", "-n", one]) for one in deploy.NAMESPACES[variant])
    for value in sorted(planted):
        encoded = base64.b64encode(value.encode())
        assert value in live, f"{value} is planted where an audit could find it"
        assert value not in run.said
        for path in run.pack.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert value.encode() not in content, path
                assert encoded not in content, path


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_audit_log_shows_reading_only(judged, variant):
    done = judged(variant).requests
    assert len(done) > 15
    for event in done:
        target = event.get("objectRef", {})
        reads = event["verb"] in ("get", "list")
        asks_about_itself = event["verb"] == "create" and target.get("resource", "").startswith("selfsubject")
        assert reads or asks_about_itself, (event["verb"], event["requestURI"])
        assert target.get("subresource") is None, event["requestURI"]
        # The cluster's identity is asked for by itself first, and taken from the list of namespaces where that is refused.
        refused = event["responseStatus"]["code"] >= 400 and event["user"].get("username") == "auditor"
        assert not refused or event["requestURI"] == "/api/v1/namespaces/kube-system", event["requestURI"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_least_rights_leave_nothing_unknown(judged, variant):
    run = judged(variant)
    open_ones = [record for record in run.records if record["verdict"] in ("unknown", "manual")]
    assert [record for record in open_ones if not record["requirement"].startswith(ENDPOINTS)] == []
    assert [record for record in open_ones if "forbidden" in record["reason"]] == []
    assert json.loads((run.pack / "manifest.json").read_text())["target"]["cluster_uid"]
