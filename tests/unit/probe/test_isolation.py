"""What policies say of a pod and the probe: a pod is asked only where no policy can possibly let the probe in."""

from __future__ import annotations

import pytest

from preaudit.collect.endpoints.pods import PodPlace
from preaudit.example import write_snapshot
from preaudit.probe.isolation import Isolation, Origin, selects
from preaudit.subjects.estate import Estate

ORIGIN = Origin("preaudit", {"app.kubernetes.io/name": "preaudit-probe", "controller-uid": 0}, {"kubernetes.io/metadata.name": "preaudit"})
POD = PodPlace(name="p", namespace="shop", owner_kind="Deployment", owner="web", addresses=("10.0.0.1",), node="n",
               on_host=False, host="", spec={}, labels={"app": "web", "secret": {"$redacted": {}}})  # fmt: skip


def policies(tmp_path, *specs, namespace="shop"):
    objects = [{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": f"p{number}", "namespace": namespace}, "spec": one}
               for number, one in enumerate(specs)]  # fmt: skip
    return Isolation(Estate(write_snapshot(tmp_path, objects)))


DENY = {"podSelector": {}, "policyTypes": ["Ingress"]}


def allowing(*rules, selector=None):
    return {"podSelector": selector or {}, "ingress": list(rules)}


@pytest.mark.parametrize(
    ("selector", "answer"),
    [
        ({}, True),
        (None, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "api"}}, False),
        ({"matchLabels": {"app": "web", "tier": "x"}}, False),
        ({"matchLabels": {"secret": "x"}}, None),
        ({"matchLabels": {"secret": "x", "app": "api"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Near"}]}, None),
        ({"matchExpressions": "all"}, None),
        ("all", None),
    ],
)
def test_selectors_in_three_values(selector, answer):
    assert selects(selector, POD.labels) is answer


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"from": []},
        {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
        {"from": [{"namespaceSelector": {}}]},
        {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "preaudit"}}}]},
        {"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "preaudit-probe"}}}]},
        {"from": [{"namespaceSelector": {}, "podSelector": {"matchExpressions": [{"key": "controller-uid", "operator": "Exists"}]}}]},
        {"from": [{"namespaceSelector": {"matchExpressions": [{"key": "x", "operator": "?"}]}}]},
        {"ports": [{"port": 8080}]},
        {"ports": [{"port": 8000, "endPort": 9000}]},
        {"ports": [{"port": "web"}]},
        {"ports": [{}]},
        {"from": [None]},
    ],
)
def test_what_may_let_the_probe_in_is_not_asked(tmp_path, rule):
    found = policies(tmp_path, DENY, allowing(rule))
    assert found.isolating(POD) == ["p0", "p1"]
    assert found.may_enter(POD, 8080, ORIGIN)


@pytest.mark.parametrize(
    "rule",
    [
        {"from": [{"podSelector": {}}]},
        {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]},
        {"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}]},
        {"ports": [{"port": 9090}]},
        {"ports": [{"port": 8080, "protocol": "UDP"}]},
        {"ports": [{"port": 8000, "endPort": 8079}]},
    ],
)
def test_what_surely_keeps_it_out(tmp_path, rule):
    assert not policies(tmp_path, DENY, allowing(rule)).may_enter(POD, 8080, ORIGIN)


def test_rules_of_policies_for_other_pods_or_directions_do_not_count(tmp_path):
    others = allowing({}, selector={"matchLabels": {"app": "api"}})
    out = {"podSelector": {}, "policyTypes": ["Egress"], "ingress": [{}]}
    found = policies(tmp_path, DENY, others, out)
    assert found.isolating(POD) == ["p0"]
    assert not found.may_enter(POD, 8080, ORIGIN)


def test_a_policy_that_perhaps_selects_neither_isolates_nor_leaves_untouched(tmp_path):
    found = policies(tmp_path, {"podSelector": {"matchLabels": {"secret": "x"}}})
    assert found.isolating(POD) == []
    assert found.perhaps_isolating(POD)


def test_an_unknown_namespace_may_be_let_in(tmp_path):
    rule = {"from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]}
    assert policies(tmp_path, DENY, allowing(rule)).may_enter(POD, 8080, Origin("preaudit", {}, None))


@pytest.mark.parametrize(
    ("spec", "held"),
    [
        ({"podSelector": {}, "policyTypes": ["Egress"]}, ["p0"]),
        ({"podSelector": {}, "egress": [{}]}, ["p0"]),
        ({"podSelector": {"matchExpressions": [{"key": "controller-uid", "operator": "In", "values": ["x"]}]}, "policyTypes": ["Egress"]}, ["p0"]),
        ({"podSelector": {}, "policyTypes": ["Ingress"]}, []),
        ({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Egress"]}, []),
    ],
)
def test_what_may_hold_the_probe_back(tmp_path, spec, held):
    assert policies(tmp_path, spec, namespace="preaudit").holding_back(ORIGIN) == held
