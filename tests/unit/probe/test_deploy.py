"""What deploy/ holds is what the program asks for."""

from __future__ import annotations

from pathlib import Path

import yaml

from preaudit.collect.least_rbac import least_rbac, probe_rbac
from preaudit.probe.parameters import NAMESPACE
from preaudit.snapshot import Identity
from preaudit.source import PROBE_RIGHTS

DEPLOY = Path(__file__).parents[3] / "deploy"
WHO = Identity(user="system:serviceaccount:preaudit:preaudit")


def test_the_rights_are_those_that_preflight_prints():
    text = (DEPLOY / "rbac-in-cluster.yaml").read_text()
    assert text == probe_rbac("preaudit", WHO)
    assert least_rbac(["pods"], None, WHO, ["in-cluster"], "preaudit").endswith("---\n" + text)


def test_without_the_group_no_such_rights_are_asked_for():
    assert "jobs" not in least_rbac(["pods"], None, WHO, ["port-forward"], "preaudit")


def test_the_rights_hold_in_one_namespace_and_nothing_is_more_than_it_must_be():
    role, binding = yaml.safe_load_all((DEPLOY / "rbac-in-cluster.yaml").read_text())
    assert (role["kind"], binding["kind"], role["metadata"]["namespace"]) == ("Role", "RoleBinding", "preaudit")
    verbs = {(group, resource): set(verbs) for group, resource, verbs in PROBE_RIGHTS}
    assert verbs == {("batch", "jobs"): {"create", "delete", "get", "list"}, ("", "pods"): {"list"}, ("", "pods/log"): {"get"}}


def test_the_namespace_is_the_profiles_own():
    (made,) = yaml.safe_load_all((DEPLOY / "namespace.yaml").read_text())
    profile = yaml.safe_load((DEPLOY.parent / "profiles" / "baseline.yaml").read_text())
    assert made["metadata"]["name"] == profile["parameters"][NAMESPACE.name]["value"] == "preaudit"
    assert made["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
