"""The shop, judged as a bank would: every verdict is in a table that somebody has read, and nothing leaks."""

import base64
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed import deploy
from testbed.layout import STATE

pytestmark = pytest.mark.live
VARIANTS = ("good", "bad")
TABLES = Path(deploy.__file__).parent / "verdicts"
AUDIT_LOG = STATE / "node1/var/log/kubernetes/audit/audit.log"
AREAS = ("--profile", "bank", "--select", "pod_security,access")
# Who may list Secrets is a finding of its own; this auditor is known to the customer, who says so.
KNOWN = '["Group system:masters", "Group kubeadm:cluster-admins", "User auditor"]'
JUDGE = (*AREAS, "--set", f"access.trusted_subjects={KNOWN}")
READ = ("--read", "secrets-metadata", "--kubelet-ca", STATE / "pki/ca.crt")
CANARY = re.compile(r"canary-[a-z]+-[0-9a-f]{12}")


@dataclass(frozen=True)
class Run:
    """One audit of a variant.

    Attributes:
        pack: its folder.
        said: standard output and standard error.
        requests: events of the API server's audit log for the auditor, from its beginning to its end.
    """

    variant: str
    pack: Path
    said: str
    requests: tuple[dict, ...]

    @property
    def records(self):
        with (self.pack / "records.jsonl").open() as lines:
            return [json.loads(line) for line in lines]

    @property
    def rows(self):
        """The table of the product: requirement, namespace, subject, part, verdict."""
        mine = deploy.NAMESPACES[self.variant]
        found = []
        for record in self.records:
            subject = record["subject"] or {"kind": "", "name": ""}
            ours = subject["name"].startswith(f"{mine[0]}-") and record["namespace"] == "cluster"
            if ours or record["namespace"] in mine:
                name = f"{subject['kind']}/{subject['name']}".strip("/") or "-"
                part = subject.get("within") or "-"
                found.append("\t".join((record["requirement"], record["namespace"], name, part, record["verdict"])))
        return sorted(found)


@pytest.fixture(scope="module")
def auditor(preaudit, login, shop):
    """A user with what `preaudit preflight --rbac` prints for it, and nothing else."""
    config = login("auditor")
    asked = preaudit("preflight", *AREAS, *READ, "--kubeconfig", config, "--rbac")
    assert "name: auditor" in asked.stdout, asked.stderr
    deploy.kubectl(["apply", "-f", "-"], asked.stdout)
    yield config
    deploy.kubectl(["delete", "--ignore-not-found", "-f", "-"], asked.stdout)


@pytest.fixture(scope="module")
def judged(auditor, shop, preaudit, tmp_path_factory):
    """Gives the run on a variant, made once."""
    known = {}

    def once(variant):
        if variant not in known:
            shop(variant)
            before = AUDIT_LOG.stat().st_size
            pack = tmp_path_factory.mktemp(variant) / "pack"
            done = preaudit("run", *JUDGE, *READ, "--kubeconfig", auditor, "--out", pack)
            assert done.returncode in (0, 1), done.stdout + done.stderr
            known[variant] = Run(variant, pack, done.stdout + done.stderr, requests_since(before, "auditor"))
        return known[variant]

    return once


def requests_since(offset, user):
    with AUDIT_LOG.open("rb") as log:
        log.seek(0, os.SEEK_END)
        assert log.tell() >= offset, "the audit log was rotated meanwhile: run the test again"
        log.seek(offset)
        events = [json.loads(line) for line in log.read().splitlines()]
    return tuple(one for one in events if one["user"]["username"] == user and one["stage"] == "ResponseComplete")


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_verdict_is_that_of_the_table(judged, variant):
    rows, table = judged(variant).rows, TABLES / f"{variant}.tsv"
    if os.environ.get("PREAUDIT_WRITE_VERDICTS"):
        table.write_text("\n".join(("requirement\tnamespace\tsubject\tpart\tverdict", *rows)) + "\n")
        pytest.fail(f"{table} was written anew: read the difference line by line before it is committed")
    known = table.read_text().splitlines()[1:]
    changed = [f"- {row}" for row in sorted(set(known) - set(rows))] + [
        f"+ {row}" for row in sorted(set(rows) - set(known))
    ]
    assert not changed, "\n".join(changed)
    assert rows == known


def requirements_of(run):
    return {record["requirement"] for record in run.records}


def test_no_requirement_fails_in_the_good_product(judged):
    run = judged("good")
    assert {row.split("\t")[-1] for row in run.rows} == {"pass", "not-applicable"}
    passed = {row.split("\t")[0] for row in run.rows if row.endswith("\tpass")}
    assert passed == requirements_of(run)


def test_every_requirement_fails_in_the_bad_product(judged, preaudit, tmp_path):
    run = judged("bad")
    failed = {row.split("\t")[0] for row in run.rows if row.endswith("\tfail")}
    # Today's API servers admit an unmasked /proc in a user namespace only, which the standard allows since 1.35.
    assert requirements_of(run) - failed == {"POD-109"}
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
    assert done.returncode in (0, 1), done.stdout + done.stderr
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
        refused = event["responseStatus"]["code"] >= 400
        assert not refused or event["requestURI"] == "/api/v1/namespaces/kube-system", event["requestURI"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_least_rights_leave_nothing_unknown(judged, variant):
    run = judged(variant)
    assert [record for record in run.records if record["verdict"] in ("unknown", "manual")] == []
    assert json.loads((run.pack / "manifest.json").read_text())["target"]["cluster_uid"]
