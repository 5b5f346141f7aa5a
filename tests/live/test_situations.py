"""Three ordinary situations in which less is seen than an administrator sees: each ends with something to go by."""

import hashlib
import json
import subprocess
import time
from collections import Counter
from contextlib import contextmanager

import pytest

from testbed import deploy, identities
from testbed.faults import Rule
from testbed.layout import NODES, STATE, api_address, node_pods
from testbed.proxy import FaultProxy
from tests.live.judged import TABLES

pytestmark = pytest.mark.live
KUBELETS = ("--kubelet-ca", STATE / "pki/ca.crt")
OPEN = ("fail", "unknown", "manual")
FEW_HELLOS = {"StatefulSet/ledger:3306#ledger.shop-data.svc"}
"""MariaDB counts hellos that break off, so it gets too few of them to settle everything."""


@pytest.fixture(scope="module", autouse=True)
def no_other_auditor(kubeconfig):
    """Who was given rights to audit by tests before is not there any more: whoever reads Secrets is a finding."""
    bindings = deploy.kubectl(["get", "clusterrolebindings", "-o", "name"]).split()
    others = [one for one in bindings if one.partition("/")[2].startswith("preaudit-")]
    if others:
        deploy.kubectl(["delete", *others])


def records(pack):
    with (pack / "records.jsonl").open() as lines:
        return [json.loads(line) for line in lines]


def manifest(pack):
    return json.loads((pack / "manifest.json").read_text())


def brief(found):
    """Who stands where with what: (requirement, namespace, subject's name, verdict)."""
    return sorted(
        (one["requirement"], one["namespace"], (one["subject"] or {"name": "-"})["name"], one["verdict"])
        for one in found
    )


@pytest.fixture
def least(preaudit, login):
    """Gives a user by name the rights that `preaudit preflight --rbac` prints for a choice of options."""
    applied = []

    def give(user, *options):
        config = login(user)
        asked = preaudit("preflight", *options, "--kubeconfig", config, "--rbac")
        assert f"name: {user}" in asked.stdout, asked.stderr
        deploy.kubectl(["apply", "-f", "-"], asked.stdout)
        applied.append(asked.stdout)
        return config

    yield give
    for text in applied:
        deploy.kubectl(["delete", "--ignore-not-found", "-f", "-"], text)


@pytest.fixture
def vendor(shop, least):
    """A user with rights in the product's three namespaces, and the options that an audit by it takes."""
    scope = [word for one in shop("good") for word in ("--namespace", one)]
    trusted = '["Group system:masters", "Group kubeadm:cluster-admins", "User vendor"]'
    choice = ("--profile", "bank", "--select", "pod_security,access,tls,exposure", "--read", "secrets-metadata")
    config = least("vendor", *choice, *scope)
    known = ("--set", f"access.trusted_subjects={trusted}", "--set", 'exposure.allowed_services=["shop/web"]')
    return scope, (*choice, *known, "--ca", identities.authority_file("good"), "--kubeconfig", config)


def test_rights_in_three_namespaces_give_their_verdicts(vendor, preaudit, tmp_path):
    scope, options = vendor
    done = preaudit("run", *options, *scope, "--out", tmp_path / "pack")
    found, told = records(tmp_path / "pack"), manifest(tmp_path / "pack")
    # A key that two namespaces share is told of once for all that was looked at.
    assert {one["namespace"] for one in found if one["requirement"] != "TLS-414"} == set(deploy.NAMESPACES["good"])
    areas = Counter((one["area"], one["verdict"]) for one in found)
    # What the table of the product has, less its three cluster-wide subjects, and with the auditor's own two bindings.
    table = [line.split("\t") for line in (TABLES / "good.tsv").read_text().splitlines()]
    wanted = Counter(row[4] for row in table if row[0].startswith("POD-") and row[1] != "cluster")
    assert {verdict: areas["pod_security", verdict] for verdict in wanted} == wanted
    # That the operator's token is of use is proved by a binding in another of the three.
    left = {one["subject"]["name"] for one in found if one["verdict"] in OPEN and one["level"] == "fail"}
    assert left <= FEW_HELLOS
    # The endpoints of the three namespaces are looked at from here as an administrator's are.
    seen = {one["subject"]["name"] for one in found if one["requirement"] == "TLS-103" and one["verdict"] == "pass"}
    assert seen == {row[2].partition("/")[2] for row in table if row[0] == "TLS-103" and row[4] == "pass"}
    assert done.returncode == (6 if left else 0), done.stdout + done.stderr
    outside = [one for one in told["left_out"] if one["reason"] == "cluster-wide subjects lie outside the declared namespaces"]
    names = {one["requirement"] for one in outside}
    assert {one["requirement"] for one in found if one["area"] == "access"} - {"RBAC-304"} <= names
    assert "requirements left out by design" in done.stdout


def test_the_same_rights_without_naming_the_namespaces_are_unknown_with_the_cause(vendor, preaudit, tmp_path):
    _, options = vendor
    done = preaudit("run", *options, "--out", tmp_path / "pack")
    found = records(tmp_path / "pack")
    # The API server's own endpoint is where the kubeconfig says, whatever may be listed.
    # So are the certificates of the kubeconfig itself.
    ours = ("kubernetes:6443", "Kubeconfig")
    hidden = [one for one in found if one["namespace"] != "default" and not any(word in str(one["subject"]) for word in ours)]
    assert {one["verdict"] for one in hidden} == {"unknown"}
    assert max(Counter(one["requirement"] for one in hidden).values()) == 1
    assert all(one["reason"].startswith("not seen: ") for one in hidden)
    assert all("forbidden" in one["reason"] for one in hidden if one["area"] in {"pod_security", "access"})
    seen = [one for one in found if one["area"] == "tls" and one["verdict"] == "pass" and one["subject"]["name"] != "seen"]
    assert {one["subject"]["name"] for one in seen} == {"Service/kubernetes:6443", "in-use"}
    assert done.returncode in {1, 6}
    assert "preaudit preflight --rbac" in done.stdout


def test_the_vendors_own_gate_opens_on_a_cluster_that_is_not_the_vendors(shop, least, preaudit, tmp_path):
    shop("good")
    choice = ("--profile", "baseline", "--set", "scope.platform_level=info", *KUBELETS)
    config = least("ci", *choice)
    anchors = ("--ca", identities.authority_file("good"))
    done = preaudit("run", *choice, *anchors, "--kubeconfig", config, "--out", tmp_path / "pack")
    found = records(tmp_path / "pack")
    few = [one for one in found if one["subject"] and one["subject"]["name"] in FEW_HELLOS and one["verdict"] == "unknown"]
    assert done.returncode == (6 if few else 0), done.stdout
    verdicts = Counter((one["scope"], one["verdict"]) for one in found if one["level"] == "fail" and one not in few)
    assert set(verdicts) == {("product", "pass"), ("product", "not-applicable")}
    assert verdicts["product", "pass"] > 400
    # What is open beside is the platform's, or asks for more than this profile does.
    open_ones = [one for one in found if one["verdict"] in OPEN and one not in few]
    assert {one["level"] for one in open_ones} <= {"info", "warn"}
    assert {one["level"] for one in open_ones if one["scope"] == "platform"} == {"info"}


@contextmanager
def no_way_to_pods():
    """As from a workplace outside the cluster: the API server answers, and what is sent to a pod gets lost."""
    rules = [["OUTPUT", "-d", node_pods(node), "-p", "tcp", "--syn", "-j", "DROP"] for node in NODES]
    for one in rules:
        subprocess.run(["iptables", "-I", *one], check=True, timeout=10)
    try:
        yield
    finally:
        for one in rules:
            subprocess.run(["iptables", "-D", *one], check=True, timeout=10)


def test_pods_out_of_reach_are_told_once_for_each_namespace_and_cause(shop, preaudit, kubeconfig, tmp_path):
    shop("good")
    began = time.monotonic()
    with no_way_to_pods():
        done = preaudit("run", "--profile", "bank", "--select", "tls,exposure", "--kubeconfig", kubeconfig, "--out", tmp_path / "pack")
    assert time.monotonic() - began < 120
    assert done.returncode in {1, 6}, done.stdout + done.stderr
    found = records(tmp_path / "pack")
    ours = [one for one in found if one["namespace"] in deploy.NAMESPACES["good"] and one["area"] in {"tls", "exposure"}]
    told = [one for one in ours if one["requirement"] == "TLS-001" and one["verdict"] == "unknown"]
    assert {one["namespace"] for one in told} == set(deploy.NAMESPACES["good"])
    causes = Counter((one["namespace"], one["reason"].rpartition("): ")[2]) for one in told)
    assert set(causes.values()) == {1}
    # Where nothing was seen, nothing else is said; the load balancer of the third is a node's address, and answers.
    stored = "TLS-7"  # certificates that objects hold, wherever endpoints are
    others = [one for one in ours if one["area"] == "tls" and not one["requirement"].startswith(stored) and one not in told]
    assert {one["namespace"] for one in others} == {"shop"}
    seen = {one["subject"]["name"] for one in others if one["subject"] and one["requirement"] != "TLS-001"}
    assert seen == {"Ingress/shop:443#admin.shop.example", "Ingress/shop:443#shop.example", "Service/web:443"}


HOSTED = """\
profile: hosted
title: A cluster whose control plane belongs to its provider
version: "1"
extends: bank
control_plane: manual
"""
NO_CONTROL_PLANE = [Rule("403", path="/api/v1/pods"), Rule("403", path="/api/v1/namespaces/kube-system/pods")]


def asked_of_a_person(found, done, cause):
    """The open records: one question for each requirement about the control plane, and nothing of it called fine."""
    asked = [one for one in found if one["verdict"] != "pass"]
    assert max(Counter(one["requirement"] for one in asked).values()) == 1
    assert all(one["subject"] is None and one["namespace"] == "cluster" for one in asked)
    assert all("ask for: " in one["reason"] and cause in one["reason"] for one in asked)
    # What the kubelets tell of themselves is seen all the same.
    assert {one["requirement"][:5] for one in found if one["verdict"] == "pass"} == {"AUD-5"}
    assert {one["requirement"][:5] for one in asked} == {"AUD-1", "AUD-2", "AUD-3", "AUD-4"}
    assert len(done.stdout.splitlines()) < 40, "sixty times the same cause is one paragraph"
    return {one["verdict"] for one in asked}


@pytest.mark.parametrize("profile", ["bank", "hosted"])
def test_pods_that_may_not_be_read_are_unknown_and_for_nobody_to_attest(preaudit, kubeconfig, tmp_path, profile):
    (tmp_path / "hosted.yaml").write_text(HOSTED)
    named = tmp_path / "hosted.yaml" if profile == "hosted" else profile
    choice = ("--profile", named, "--select", "audit", *KUBELETS, "--out", tmp_path / "pack")
    with FaultProxy(f"https://{api_address()}", NO_CONTROL_PLANE) as proxy:
        config = proxy.kubeconfig("kubernetes-admin", ("kubeadm:cluster-admins",))
        done = preaudit("run", *choice, "--kubeconfig", config)
    assert done.returncode == 6, done.stdout + done.stderr
    assert asked_of_a_person(records(tmp_path / "pack"), done, "not seen: pods") == {"unknown"}


def hosted(snapshot):
    """What a provider's cluster shows: every list complete, and no control plane in it."""
    collection = json.loads((snapshot / "collection.json").read_text())
    for name, keep in (
        ("pods.jsonl", lambda one: "kubernetes.io/config.mirror" not in one["metadata"].get("annotations", {})),
        ("nodes.jsonl", lambda one: one["metadata"]["labels"].pop("node-role.kubernetes.io/control-plane", "")  in {"", None}),
    ):  # fmt: skip
        lines = [json.loads(line) for line in (snapshot / name).read_bytes().splitlines()]
        kept = b"".join(json.dumps(one).encode() + b"\n" for one in lines if keep(one) or name == "nodes.jsonl")
        (snapshot / name).write_bytes(kept)
        stored = next(one for one in collection["files"] if one["name"] == name)
        stored |= {"bytes": len(kept), "lines": kept.count(b"\n"), "sha256": hashlib.sha256(kept).hexdigest()}
    (snapshot / "collection.json").write_text(json.dumps(collection))


@pytest.mark.parametrize(("profile", "verdict"), [("bank", "unknown"), ("hosted", "manual")])
def test_a_control_plane_that_is_not_shown_is_one_question_each(preaudit, kubeconfig, tmp_path, profile, verdict):
    (tmp_path / "hosted.yaml").write_text(HOSTED)
    named = tmp_path / "hosted.yaml" if profile == "hosted" else profile
    taken = preaudit("snapshot", "--profile", "bank", *KUBELETS, "--kubeconfig", kubeconfig, "--out", tmp_path / "seen")
    assert taken.returncode == 0, taken.stderr
    hosted(tmp_path / "seen")
    done = preaudit("run", "--profile", named, "--select", "audit", "--snapshot", tmp_path / "seen", "--out", tmp_path / "pack")
    assert done.returncode == 6, done.stdout + done.stderr
    assert asked_of_a_person(records(tmp_path / "pack"), done, "none is visible through the API") == {verdict}
