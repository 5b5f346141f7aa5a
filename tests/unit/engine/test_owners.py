"""What an owner reference may hide, and what stands in a workload's place where it cannot be read."""

import pytest

from preaudit.verdict import Verdict

KAFKA = "apiVersion: kafka.strimzi.io/v1, kind: Kafka, name: events, uid: k-1, controller: true"
SET = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: kafka, namespace: shop, uid: s-1, generation: 2, ownerReferences: [{{{0}}}]}}
spec:
  replicas: {1}
  template: {{spec: {{containers: [{{name: c, image: "i:1", securityContext: {{privileged: {2}}}}}]}}}}
status: {{replicas: {1}, observedGeneration: 2, updatedReplicas: 0, currentRevision: a, updateRevision: {3}}}
"""
POD = """
---
apiVersion: v1
kind: Pod
metadata:
  {name: kafka-0, namespace: shop, uid: p-1,
   ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: kafka, uid: s-1, controller: true}]}
spec: {containers: [{name: c, image: "i:1"}]}
status: {phase: Running}
"""


def told(records):
    return sorted((one.verdict.value, one.subject.kind, one.source) for one in records)


def test_a_template_below_a_kind_that_is_not_collected_is_judged(judged):
    assert told(judged("POD-101", SET.format(KAFKA, 0, "true", "b"))) == [("fail", "StatefulSet", "template")]


def test_a_roll_out_that_stands_still_below_such_a_kind_is_judged_beside_what_runs(judged):
    records = judged("POD-101", SET.format(KAFKA, 1, "true", "b") + POD)
    assert told(records) == [("fail", "StatefulSet", "template"), ("pass", "Kafka", "pods")]
    assert [one.subject.unverified for one in records] == [one.source == "pods" for one in records]
    assert [one.note for one in records if one.source == "template"] == [
        "no running pod has this template yet; its pods are told as those of Kafka events, the owner that it names"
    ]


def test_a_template_that_runs_below_such_a_kind_is_not_judged_twice(judged):
    assert told(judged("POD-101", SET.format(KAFKA, 1, "false", "a") + POD)) == [("pass", "Kafka", "pods")]


def test_a_workload_below_such_a_kind_is_one(judged):
    records = judged("POD-313", SET.format(KAFKA, 3, "false", "a") + POD)
    assert [(one.verdict, one.subject.kind, one.subject.unverified) for one in records] == [
        (Verdict.FAIL, "StatefulSet", False)
    ]


DEPLOYMENT = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: operator, namespace: shop, uid: d-1}
spec: {replicas: 0, template: {spec: {containers: [{name: c, image: "i:1"}]}}}
"""


def test_a_collected_owner_hides_only_what_it_makes_itself(judged):
    below = "apiVersion: apps/v1, kind: Deployment, name: operator, uid: d-1, controller: true"
    found = judged("POD-101", SET.format(below, 0, "true", "b") + DEPLOYMENT)
    assert told(found) == [("fail", "StatefulSet", "template"), ("pass", "Deployment", "template")]


def test_an_old_replica_set_is_no_subject(judged):
    old = SET.format("apiVersion: apps/v1, kind: Deployment, name: operator, uid: d-1, controller: true", 0, "true", "b")
    found = judged("POD-101", old.replace("kind: StatefulSet", "kind: ReplicaSet") + DEPLOYMENT)
    assert told(found) == [("pass", "Deployment", "template")]


def test_replica_sets_in_a_circle_are_judged(judged):
    one = SET.format("apiVersion: apps/v1, kind: ReplicaSet, name: two, uid: s-2, controller: true", 0, "true", "b")
    two = SET.format("apiVersion: apps/v1, kind: ReplicaSet, name: kafka, uid: s-1, controller: true", 0, "true", "b")
    two = two.replace("name: kafka, namespace: shop, uid: s-1", "name: two, namespace: shop, uid: s-2")
    found = judged("POD-101", f"{one}---{two}".replace("kind: StatefulSet", "kind: ReplicaSet"))
    assert told(found) == [("fail", "ReplicaSet", "template")] * 2


@pytest.mark.parametrize(("kind", "spec"), [
    ("Pod", "null"), ("Pod", "[]"), ("Deployment", "{replicas: 1}"), ("Deployment", "{template: [1]}"),
    ("Deployment", "{template: {spec: []}}"), ("Deployment", "null"), ("CronJob", "{jobTemplate: {spec: {}}}"),
])  # fmt: skip
def test_a_pod_spec_that_cannot_be_read_is_unknown_and_hides_nothing_else(judged, kind, spec):
    odd = f"\n---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: odd, namespace: shop}}\nspec: {spec}\n"
    records = judged("POD-101,POD-102,POD-107,POD-110,POD-309", DEPLOYMENT + odd)
    found = {(one.requirement, one.subject.name): one.verdict for one in records}
    assert len(found) == len(records) == 10
    assert {one for (_, name), one in found.items() if name == "odd"} == {Verdict.UNKNOWN}
    assert {one for (_, name), one in found.items() if name == "operator"} == {Verdict.PASS}


@pytest.mark.parametrize("lists", ["initContainers: {}", "initContainers: [7]", "ephemeralContainers: 3"])
def test_a_container_list_that_cannot_be_read_is_one_unknown(judged, privileged, lists):
    odd = f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: a-odd, namespace: shop}}
spec: {{{lists}, containers: [{{name: c, image: "i:1"}}]}}
"""
    found = sorted((one.verdict.value, one.subject.name) for one in judged("POD-101", privileged + odd))
    assert found == [("fail", "bad"), ("pass", "a-odd"), ("unknown", "a-odd")]
