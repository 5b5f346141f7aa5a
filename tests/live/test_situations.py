"""Three ordinary situations in which less is seen than an administrator sees: each ends with something to go by."""

import json
from collections import Counter

import pytest

from testbed import deploy
from testbed.faults import Rule
from testbed.layout import STATE, api_address
from testbed.proxy import FaultProxy

pytestmark = pytest.mark.live
KUBELETS = ("--kubelet-ca", STATE / "pki/ca.crt")
OPEN = ("fail", "unknown", "manual")


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
    choice = ("--profile", "bank", "--select", "pod_security,access", "--read", "secrets-metadata")
    config = least("vendor", *choice, *scope)
    return scope, (*choice, "--set", f"access.trusted_subjects={trusted}", "--kubeconfig", config)


def test_rights_in_three_namespaces_give_their_verdicts(vendor, preaudit, tmp_path):
    scope, options = vendor
    done = preaudit("run", *options, *scope, "--out", tmp_path / "pack")
    found, told = records(tmp_path / "pack"), manifest(tmp_path / "pack")
    assert {one["namespace"] for one in found} == set(deploy.NAMESPACES["good"])
    areas = Counter((one["area"], one["verdict"]) for one in found)
    # What the table of the product has, less its three cluster-wide subjects, and with the auditor's own two bindings.
    assert areas["pod_security", "pass"] == 490
    assert areas["pod_security", "not-applicable"] == 1
    # That the operator's token is of use is proved by a binding in another of the three.
    assert not [one for one in found if one["verdict"] in OPEN]
    assert done.returncode == 0, done.stdout + done.stderr
    left = {one["requirement"] for one in told["left_out"]}
    assert {"cluster-wide subjects lie outside the declared namespaces"} == {one["reason"] for one in told["left_out"]}
    assert left == {one["requirement"] for one in found if one["area"] == "access"} - {"RBAC-304"}
    assert "21 requirements left out by design" in done.stdout


def test_the_same_rights_without_naming_the_namespaces_are_unknown_with_the_cause(vendor, preaudit, tmp_path):
    _, options = vendor
    done = preaudit("run", *options, "--out", tmp_path / "pack")
    found = records(tmp_path / "pack")
    assert done.returncode == 6
    assert {one["verdict"] for one in found} == {"unknown"}
    assert max(Counter(one["requirement"] for one in found).values()) == 1
    assert all(one["reason"].startswith("not seen: ") and "forbidden" in one["reason"] for one in found)
    assert "preaudit preflight --rbac" in done.stdout


def test_the_vendors_own_gate_opens_on_a_cluster_that_is_not_the_vendors(shop, least, preaudit, tmp_path):
    shop("good")
    choice = ("--profile", "baseline", "--set", "scope.platform_level=info", *KUBELETS)
    config = least("ci", *choice)
    done = preaudit("run", *choice, "--kubeconfig", config, "--out", tmp_path / "pack")
    assert done.returncode == 0, done.stdout
    verdicts = Counter((one["scope"], one["verdict"]) for one in records(tmp_path / "pack") if one["level"] == "fail")
    assert set(verdicts) == {("product", "pass"), ("product", "not-applicable")}
    assert verdicts["product", "pass"] > 400
    open_ones = [one for one in records(tmp_path / "pack") if one["verdict"] in OPEN]
    assert {(one["scope"], one["level"], one["verdict"]) for one in open_ones} == {("platform", "info", "fail")}


HOSTED = """\
profile: hosted
title: A cluster whose control plane belongs to its provider
version: "1"
extends: bank
control_plane: manual
"""
NO_CONTROL_PLANE = [Rule("403", path="/api/v1/pods"), Rule("403", path="/api/v1/namespaces/kube-system/pods")]


@pytest.mark.parametrize(("profile", "verdict"), [("bank", "unknown"), ("hosted", "manual")])
def test_a_control_plane_that_is_not_shown_is_one_question_each(preaudit, kubeconfig, tmp_path, profile, verdict):
    (tmp_path / "hosted.yaml").write_text(HOSTED)
    named = tmp_path / "hosted.yaml" if profile == "hosted" else profile
    choice = ("--profile", named, "--select", "audit", *KUBELETS, "--out", tmp_path / "pack")
    with FaultProxy(f"https://{api_address()}", NO_CONTROL_PLANE) as proxy:
        config = proxy.kubeconfig("kubernetes-admin", ("kubeadm:cluster-admins",))
        done = preaudit("run", *choice, "--kubeconfig", config)
    found = records(tmp_path / "pack")
    assert done.returncode == 6, done.stdout + done.stderr
    asked = [one for one in found if one["verdict"] != "pass"]
    assert {one["verdict"] for one in asked} == {verdict}
    assert max(Counter(one["requirement"] for one in asked).values()) == 1
    assert all(one["subject"] is None and one["namespace"] == "cluster" for one in asked)
    assert all("; ask for: " in one["reason"] and "not seen: pods" in one["reason"] for one in asked)
    # What the kubelets tell of themselves is seen all the same, and nothing of the rest is called fine.
    assert {one["requirement"][:5] for one in found if one["verdict"] == "pass"} == {"AUD-5"}
    assert {one["requirement"][:5] for one in asked} == {"AUD-1", "AUD-2", "AUD-3", "AUD-4"}
    assert len(done.stdout.splitlines()) < 40, "sixty times the same cause is one paragraph"
