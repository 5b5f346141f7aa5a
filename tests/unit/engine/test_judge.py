"""What was not seen, what was found, and what a check may do wrong."""

import pytest

from preaudit import NotObservable, requirement
from preaudit.audit import Audit, make_plan
from preaudit.options import Options
from preaudit.snapshot import Snapshot
from preaudit.verdict import Verdict

TEMPLATE = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop, uid: d-1, generation: 1}}
spec: {{replicas: 1, template: {{spec: {{containers: [{{name: c, image: "i:1", securityContext: {{privileged: {0}}}}}]}}}}}}
status: {{observedGeneration: 1, updatedReplicas: 1, replicas: 1}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  {{name: web-1, namespace: shop, uid: r-1,
    ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: web, uid: d-1, controller: true}}]}}
spec: {{replicas: 1, template: {{spec: {{containers: [{{name: c, image: "i:1"}}]}}}}}}
---
apiVersion: v1
kind: Pod
metadata:
  {{name: web-1-a, namespace: shop,
    ownerReferences: [{{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: {2}, controller: true}}]}}
spec: {{nodeName: n1, containers: [{{name: c, image: "i:1", securityContext: {{privileged: {1}}}}}]}}
status: {{phase: Running}}
"""


def told(records):
    return [(one.verdict.value, one.subject.kind if one.subject else None, one.source) for one in records]


def test_what_runs_counts_and_its_owner_is_the_top_controller(judged):
    records = judged("POD-101", TEMPLATE.format("false", "true", "r-1"))
    assert told(records) == [("fail", "Deployment", "pods")]
    assert records[0].pods == 1
    assert "differ from the template" in records[0].note
    assert records[0].observed[0].path == "spec.template.spec.containers[0].securityContext.privileged"


def test_a_forged_owner_hides_no_pod(judged):
    records = judged("POD-101", TEMPLATE.format("false", "true", "forged"))
    assert ("fail", "Pod", "pods") in told(records)


@pytest.mark.parametrize("status", ["forbidden", "truncated", "error"])
@pytest.mark.parametrize("source", ["pods", "replicasets.apps", "deployments.apps"])
def test_a_template_proves_nothing_where_pods_were_not_seen(judged, source, status):
    records = judged("POD-101", TEMPLATE.format("false", "false", "r-1").replace("kind: Pod\n", "kind: Pod\n"),
                     sources={source: status})
    assert ("unknown", None, "") in told(records)
    assert not any(one.verdict is Verdict.PASS and one.source == "template" for one in records)


def test_a_violation_outranks_what_was_not_seen(judged, privileged):
    assert {one.verdict for one in judged("POD-101", privileged, sources={"jobs.batch": "forbidden"})} == {
        Verdict.FAIL, Verdict.UNKNOWN,
    }


def test_nothing_seen_at_all_is_unknown(judged):
    hidden = dict.fromkeys(("pods", "deployments.apps", "namespaces"), "forbidden")
    records = judged("POD-101", sources=hidden)
    assert [(one.verdict, one.namespace) for one in records] == [(Verdict.UNKNOWN, "cluster")]
    assert "forbidden" in records[0].reason


def test_an_empty_cluster_is_not_applicable_with_the_proof(judged):
    records = judged("POD-101")
    assert [one.verdict for one in records] == [Verdict.NOT_APPLICABLE]
    assert "complete list" in records[0].reason


def test_finished_pods_are_no_subjects(judged, privileged):
    assert [one.verdict for one in judged("POD-101", privileged + "status: {phase: Succeeded}\n")] == [
        Verdict.NOT_APPLICABLE
    ]


def test_replicas_that_differ_only_by_what_scheduling_adds_are_one_record(judged):
    pod = """
    ---
    apiVersion: v1
    kind: Pod
    metadata:
      name: agent-{0}
      namespace: shop
      ownerReferences: [{{apiVersion: apps/v1, kind: DaemonSet, name: agent, uid: u-1, controller: true}}]
    spec:
      nodeName: n{0}
      hostname: h{0}
      affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution:
        {{nodeSelectorTerms: [{{matchFields: [{{key: metadata.name, operator: In, values: [n{0}]}}]}}]}}}}}}
      volumes: [{{name: kube-api-access-abcd{0}, projected: {{}}}}]
      containers: [{{name: c, image: "i:1", volumeMounts: [{{name: kube-api-access-abcd{0}, mountPath: /x}}]}}]
    """
    owner = """
    apiVersion: apps/v1
    kind: DaemonSet
    metadata: {name: agent, namespace: shop, uid: u-1, generation: 1}
    spec: {template: {spec: {containers: [{name: c, image: "i:1"}]}}}
    status: {observedGeneration: 1, updatedNumberScheduled: 2}
    """
    records = judged("POD-101", owner + pod.format(1) + pod.format(2))
    assert [(one.pods, one.subject.kind) for one in records] == [(2, "DaemonSet")]


CHECKS = {
    "raises": "raise ValueError('oh')",
    "skips": "pytest.skip('later')",
    "fails by pytest": "pytest.fail('no')",
    "returns": "return True",
    "reads nothing": "pass",
    "asserts without reading": "assert False",
    "ends the program": "raise SystemExit(0)",
    "has a typo": "assert not container.read('securityContext.priviledged')",
    "reads a redacted value": "[one.read('value') for one in container.each('env')]",
}


@pytest.mark.parametrize("body", CHECKS.values(), ids=CHECKS)
def test_whatever_a_check_does_wrong_is_unknown(snapshot, written, body):
    own = written(
        f"""
        import pytest
        from preaudit import requirement

        @requirement("OWN-1", severity="low", expected="peace")
        def test_own(container):
            \"\"\"Containers are at peace.

            Because.

            Fix: make peace.
            \"\"\"
            {body}
        """,
        "test_own.py",
    )
    folder = snapshot("""
    apiVersion: v1
    kind: Pod
    metadata: {name: p, namespace: shop}
    spec: {containers: [{name: c, image: "i:1", env: [{name: A, value: b}]}]}
    """)
    plan = make_plan(Options(profile="bank", select="OWN-1"), [own])
    audit = Audit(plan, Snapshot(folder))
    records = [one for item in audit.items(plan.selected[0]) for one in audit.judge(item)]
    assert [one.verdict for one in records] == [Verdict.UNKNOWN]


def test_a_stale_snapshot_proves_nothing(judged, good, privileged):
    records = judged("POD-101", good + "---" + privileged, at="2027-06-01T00:00:00Z", snapshot="x")
    assert sorted(one.verdict for one in records) == [Verdict.FAIL, Verdict.UNKNOWN]
    assert any("stale" in one.reason for one in records)


def test_an_exempt_namespace_is_judged_at_level_info(judged, privileged):
    record = judged("POD-101", privileged, set=["pod_security.exempt={namespaces: [shop]}"])[0]
    assert (record.verdict, record.level.value, record.note) == (Verdict.FAIL, "info", "exempt")


def test_platform_findings_take_the_platform_level(judged, privileged):
    text = privileged.replace("namespace: shop", "namespace: kube-public")
    assert [one.level.value for one in judged("POD-101", text, profile="baseline") if one.subject] == ["info"]


def test_a_declaration_is_checked_when_it_is_made():
    with pytest.raises(Exception, match="no requirement id"):
        requirement("bad id", severity="low", expected="x")(lambda container: None)
    with pytest.raises(Exception, match="unknown severity"):
        requirement("OWN-1", severity="bad", expected="x")(lambda container: None)
    assert str(NotObservable("pods", "forbidden")) == "pods: forbidden"
