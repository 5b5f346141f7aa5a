"""The printed roles are the least ones, and bound to whom the server confirmed."""

from __future__ import annotations

import pytest
import yaml

from preaudit.collect.least_rbac import least_rbac
from preaudit.errors import UsageError
from preaudit.snapshot import Identity
from preaudit.source import SOURCES, with_needs

USER = Identity(user="eve: {x}\n- injected", groups=("system:authenticated",))


def loaded(sources, namespaces, identity=USER):
    text = least_rbac(sources, namespaces, identity)
    return text, list(yaml.safe_load_all(text))


def test_cluster_roles_list_what_is_read_and_nothing_else():
    text, documents = loaded(["pods", "deployments.apps", "nodes/configz", "nodes"], None)
    role, binding = documents
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["nodes/configz"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["namespaces", "nodes", "pods"], "verbs": ["list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]},
    ]
    assert (role["kind"], binding["kind"]) == ("ClusterRole", "ClusterRoleBinding")
    assert binding["subjects"] == [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "eve: {x}\n- injected"}
    ]
    assert "secrets" not in text


def test_what_is_dialled_and_our_own_kubeconfig_ask_the_api_server_for_no_right():
    dialled = ["endpoints/connect", "endpoints/ports", "kubeconfig/certificates"]
    assert least_rbac(["pods", *dialled], None, USER, {"connect", "scan", "credentials"}) == least_rbac(["pods"], None, USER)


def test_who_looks_at_endpoints_reads_gateways_and_their_routes():
    _, (role, _) = loaded(with_needs(["endpoints/connect"]), None)
    (rule,) = [one for one in role["rules"] if one["apiGroups"] == ["gateway.networking.k8s.io"]]
    assert rule["resources"] == ["gateways", "grpcroutes", "httproutes", "tlsroutes"]
    assert rule["verbs"] == ["list"]


def test_roles_in_namespaces():
    _, documents = loaded(["pods", "nodes"], ["b", "a"])
    assert [(entry["kind"], entry["metadata"]["namespace"]) for entry in documents] == [
        ("Role", "a"), ("RoleBinding", "a"), ("Role", "b"), ("RoleBinding", "b"),
        ("Role", "kube-system"), ("RoleBinding", "kube-system")]  # fmt: skip
    assert documents[4]["rules"] == [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"], "resourceNames": ["kube-system"]}
    ]
    assert documents[0]["rules"] == [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"], "resourceNames": ["a"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]


def test_secrets_have_a_role_of_their_own():
    text, documents = loaded(["pods", "secrets"], None)
    names = [entry["metadata"]["name"] for entry in documents]
    assert names == ["preaudit-reader"] * 2 + ["preaudit-secrets-metadata"] * 2
    assert documents[2]["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]
    assert "also lets its holder read their values" in text


def test_everything_never_has_the_proxy_or_a_writing_verb():
    for namespaces in (None, ["a"]):
        text, documents = loaded(list(SOURCES), namespaces)
        assert "proxy" not in text
        verbs = {verb for entry in documents for rule in entry.get("rules", ()) for verb in rule["verbs"]}
        assert verbs <= {"get", "list"}


def test_service_accounts_are_bound_as_such():
    _, documents = loaded(["pods"], None, Identity(user="system:serviceaccount:audit:reader"))
    assert documents[1]["subjects"] == [{"kind": "ServiceAccount", "namespace": "audit", "name": "reader"}]


def test_nobody_cannot_be_bound():
    with pytest.raises(UsageError, match="who we are"):
        least_rbac(["pods"], None, Identity(cause="the server did not say who we are: forbidden"))
