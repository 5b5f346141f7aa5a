"""From a snapshot to questions, from the log to the source: what is asked, what controls belong to it, what becomes of faults."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

import preaudit
from preaudit.collect.endpoints.collected import Manner
from preaudit.collect.endpoints.find import find_places
from preaudit.collect.endpoints.look import Direct
from preaudit.collect.endpoints.place import Place
from preaudit.endpoint import Endpoint, Fact, Reached
from preaudit.example import write_snapshot
from preaudit.probe import probing as module
from preaudit.probe.parameters import Settings
from preaudit.probe.probing import Probing
from preaudit.probe.words import Begun, Ended, Knocked, Looked, Plan
from preaudit.reachability import Answered, Question, Reachability
from preaudit.snapshot import Snapshot, Status
from preaudit.source import IN_CLUSTER

SETTINGS = Settings(namespace="probes", image="registry/preaudit@sha256:aa", seconds=60, metadata=("169.254.169.254",), sidecars=("istio-proxy",))
MUCH = Manner(per_second=0, at_once=2, endpoint_seconds=5, run_seconds=10, anchors={})


def pod(name, namespace, address, *, node="a", ports=(8080,), sidecar="", **more):
    containers = [{"name": "c", "image": "i", "ports": [{"containerPort": one} for one in ports]}]
    containers += [{"name": sidecar, "image": "i", "ports": [{"containerPort": 15090}]}] if sidecar else []
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "uid": f"{namespace}/{name}"},
            "spec": {"containers": containers, "nodeName": node, **more}, "status": {"phase": "Running", "podIPs": [{"ip": address}]}}  # fmt: skip


def node(name, address):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
            "status": {"addresses": [{"type": "InternalIP", "address": address}], "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}}}  # fmt: skip


def deny(namespace, name="default-deny", *types):
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": namespace},
            "spec": {"podSelector": {}, "policyTypes": list(types or ("Ingress",))}}  # fmt: skip


def service(namespace, name, address, port):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"clusterIP": address, "ports": [{"port": port}]}}  # fmt: skip


WORLD = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "probes", "labels": {"kubernetes.io/metadata.name": "probes"}}},
    node("a", "10.1.0.1"), node("b", "10.1.0.2"), service("default", "kubernetes", "10.2.0.1", 443),
    service("kube-system", "kube-dns", "10.2.0.10", 53), deny("walled"), pod("web", "walled", "10.0.0.7"),
    pod("open", "free", "10.0.0.8"), pod("far", "free", "10.0.1.8", node="b"),
]  # fmt: skip


def log_of(answers, looks=()):
    """A log that gives each question its answer, and everything that is a control "open", unless it is named."""

    def made(job):
        plan = msgspec.json.decode(job["spec"]["template"]["spec"]["containers"][0]["args"][0], type=Plan)
        lines = [Begun(preaudit.__version__)]
        for part, knocks, usual in (("before", plan.controls, "open"), ("question", plan.questions, "silent"), ("after", plan.controls, "open")):
            lines += [Knocked(part, index, Answered(answers.get(one.address, usual))) for index, one in enumerate(knocks)]
        lines += [Looked(index, looks(one)) for index, one in enumerate(plan.spots)] if looks else []
        return b"".join(msgspec.json.encode(one) + b"\n" for one in [*lines, Ended(len(lines))])

    return made


@pytest.fixture
def probe(tmp_path, cluster, running, monkeypatch):
    """Runs the probe over a world; gives questions by name, the better endpoints, and the statuses."""
    cluster.log = log_of({})
    monkeypatch.setattr(module, "listens", lambda place, forward: Fact(True, "it answers"))
    monkeypatch.setattr(module, "Client", lambda access, namespace: replace(running.client, namespace=namespace))

    def run(objects=WORLD, *, settings=SETTINGS, sources=None, seen=(), scope=None, judged=True):
        folder = tmp_path / "snapshot"
        folder.mkdir()
        snapshot = write_snapshot(folder, json.loads(json.dumps(list(objects))), sources)
        collection = msgspec.structs.replace(snapshot.collection, scope_namespaces=scope,
                                             sources=tuple(one for one in snapshot.collection.sources if one.source != IN_CLUSTER))  # fmt: skip
        made = Probing(folder=folder, collection=collection, access=running.client.access, settings=settings, run_id="abc123",
                       judged=judged, times=lambda: datetime(2026, 11, 22, tzinfo=UTC).isoformat())  # fmt: skip
        look = MUCH.look({}, Direct(threading.Event()), threading.Event())
        found = find_places(Snapshot(folder, collection), "https://10.1.0.1:6443")
        better = made.run(found, list(seen), look, None)
        statuses, files = made.collected()
        lines = [msgspec.convert(msgspec.json.decode(line)["spec"], Reachability)
                 for one in files for line in (folder / one.name).read_bytes().splitlines()]  # fmt: skip
        return {one.name: one for one in lines}, better, statuses, made

    return run


def test_an_isolated_pod_is_asked_with_controls_on_its_own_node(probe, cluster):
    found, _, statuses, made = probe()
    web = found["Pod/web:8080"]
    assert (web.question, web.answered, web.isolated_by, web.origin) == (Question.POLICY, Answered.SILENT, ("default-deny",), "probes")
    assert web.control == Fact(True, "Pod free/open:8080 answers before and after")
    assert web.listener.value is True
    assert found["Address/169.254.169.254:80"].control == Fact(True, "Service default/kubernetes:443 answers before and after")
    assert [(one.namespace, one.status) for one in statuses] == [("*", Status.COLLECTED)]
    assert "10.0.1.8" not in str(cluster.bodies), "a pod on another node is no control"
    assert "gone" in made.notes[-1]


def test_controls_that_do_not_answer_prove_nothing(probe, cluster):
    cluster.log = log_of({"10.0.0.8": "silent", "10.1.0.1": "refused", "10.2.0.1": "silent", "10.2.0.10": "silent"})
    found, *_ = probe()
    assert found["Pod/web:8080"].control == Fact(False, "none of 2 controls on node a answered before and after")
    assert found["Address/169.254.169.254:80"].control.value is False


def test_the_kubelet_is_the_control_where_no_pod_is(probe):
    found, *_ = probe([one for one in WORLD if one["metadata"]["name"] != "open"])
    assert found["Pod/web:8080"].control.cause == "the kubelet of node a answers before and after"


def test_nothing_that_should_answer_is_known(probe):
    found, *_ = probe([one for one in WORLD if one["metadata"]["name"] not in {"open", "a", "kubernetes", "kube-dns"}])
    assert found["Pod/web:8080"].control == Fact(None, "nothing is known on node a that should answer")
    assert found["Address/169.254.169.254:80"].control.value is None


def test_pods_on_the_nodes_network_and_pods_that_perhaps_let_the_probe_in_are_not_asked(probe):
    allowed = {**deny("half"), "spec": {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]}}
    found, *_ = probe([*WORLD, pod("host", "walled", "10.1.0.1", hostNetwork=True), allowed, pod("x", "half", "10.0.0.9")])
    assert set(found) == {"Pod/web:8080", "Address/169.254.169.254:80"}


def test_a_sample_of_each_namespace(probe):
    found, *_ = probe([*WORLD, *(pod(f"w{number}", "walled", f"10.0.2.{number}") for number in range(1, 9))])
    assert sum(one.question is Question.POLICY for one in found.values()) == 3


def test_an_egress_policy_where_the_probe_runs_makes_silence_worthless(probe, cluster):
    cluster.log = log_of({"10.0.0.7": "silent"})
    found, *_ = probe([*WORLD, deny("probes", "closed", "Egress")])
    web = found["Pod/web:8080"]
    assert web.answered is Answered.UNKNOWN
    assert "the policy closed of namespace probes limits what the probe may send" in web.cause


def test_an_answer_is_one_whatever_holds_the_probe_back(probe, cluster):
    cluster.log = log_of({"10.0.0.7": "open"})
    found, *_ = probe([*WORLD, deny("probes", "closed", "Egress")])
    assert found["Pod/web:8080"].answered is Answered.OPEN


def test_policies_that_were_not_seen_are_a_gap_of_the_namespace(probe):
    found, _, statuses, _ = probe(sources={"networkpolicies.networking.k8s.io": "forbidden"})
    assert "Pod/web:8080" not in found
    gaps = {one.namespace: one for one in statuses}
    assert gaps["walled"].status is Status.ERROR
    assert "forbidden" in gaps["walled"].cause
    assert found["Address/169.254.169.254:80"].answered is Answered.UNKNOWN


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        (replace(SETTINGS, image=""), "name the image: --set in_cluster.image="),
        (replace(SETTINGS, namespace="nowhere"), "namespace nowhere does not exist: kubectl create namespace nowhere"),
        (replace(SETTINGS, seconds=0), "in_cluster.seconds is 0"),
    ],
)
def test_what_is_known_wrong_before_makes_nothing(probe, cluster, settings, cause):
    found, _, statuses, made = probe(settings=settings)
    assert cluster.seen == []
    assert made.notes == []
    assert {one.answered for one in found.values()} == {Answered.UNKNOWN}
    assert all(cause in one.cause for one in found.values())
    (status,) = statuses
    assert (status.status, status.namespace) == (Status.ERROR, "*")
    assert cause in status.cause


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"pod": {"phase": "Failed", "reason": "Evicted", "message": "memory"}}, "Evicted: memory"),
        ({"log": b"Hello from another image\n"}, "nothing that the probe prints: Hello from another image"),
        ({"log": lambda job: log_of({})(job)[:-20]}, "log is cut"),
        ({"log": b""}, "log is cut"),
        ({"refuse": {("POST", "jobs"): (403, "no right")}}, "forbidden: no right"),
    ],
)
def test_every_fault_is_the_cause_of_every_question(probe, cluster, change, cause):
    for name, value in change.items():
        setattr(cluster, name, value)
    found, _, (status,), _ = probe()
    assert len(found) == 2
    assert all(one.answered is Answered.UNKNOWN and cause in one.cause for one in found.values())
    assert status.status is Status.ERROR
    assert cause in status.cause


def test_a_cause_does_not_name_the_run(probe, cluster):
    cluster.refuse["GET", "log"] = (500, 'container "probe" in pod "preaudit-probe-abc123-x7k2p" is gone')
    found, _, (status,), _ = probe()
    assert 'in pod "preaudit-probe-…" is gone' in status.cause
    assert all("abc123" not in one.cause for one in found.values())


def test_a_namespace_outside_of_the_declared_scope_may_exist(probe, cluster):
    found, *_ = probe(settings=replace(SETTINGS, namespace="elsewhere"), scope=("free", "walled"))
    assert cluster.seen
    assert "does not exist" not in found["Pod/web:8080"].cause


def test_ports_behind_a_sidecar_are_looked_at_and_its_own_are_not(probe, cluster):
    def looks(spot):
        assert (spot.address, spot.port) == ("10.0.0.20", 8080)
        return Endpoint(owner_kind="Spot", owner="x", port=1, reached=Reached.OPEN, protocol="http", plaintext=Fact(True))

    cluster.log = log_of({}, looks)
    found, *_ = probe([*WORLD, pod("meshed", "free", "10.0.0.20", sidecar="istio-proxy")])
    asked = found["Pod/meshed:8080"]
    assert (asked.question, asked.sidecar, asked.answered, asked.plaintext, asked.tls.value) == (
        Question.SIDECAR, "istio-proxy", Answered.OPEN, Fact(True), False)  # fmt: skip


@pytest.mark.parametrize(("namespace", "isolated_by"), [("walled", ("default-deny",)), ("free", ())])
def test_a_policy_that_may_turn_the_probe_away_from_a_sidecar_is_told(probe, cluster, namespace, isolated_by):
    """Some plugins refuse instead of dropping, so that a refusal does not prove that nothing listens."""
    cluster.log = log_of({}, lambda spot: Endpoint(owner_kind="Spot", owner="x", port=1, reached=Reached.CLOSED))
    found, *_ = probe([*WORLD, pod("meshed", namespace, "10.0.0.20", sidecar="istio-proxy")])
    asked = found["Pod/meshed:8080"]
    assert (asked.question, asked.answered, asked.isolated_by) == (Question.SIDECAR, Answered.REFUSED, isolated_by)


def hidden(reached=Reached.UNREACHABLE, **more):
    place = Place(owner_kind="Deployment", owner="web", namespace="shop", address="10.9.9.9", port=8443, **more)
    return place, Endpoint(owner_kind="Deployment", owner="web", namespace="shop", port=8443, reached=reached, cause="no connection")


def test_the_probe_sees_what_nobody_reaches_but_never_says_whose_it_is(probe, cluster):
    liar = Endpoint(owner_kind="Node", owner="liar", namespace="kube-system", port=1, role="apiserver", exposure="external",
                    reached=Reached.OPEN, protocol="http", plaintext=Fact(True), credentials={"http admin": Fact(True)})  # fmt: skip
    cluster.log = log_of({}, lambda spot: liar)
    _, ((_, seen),), *_ = probe(seen=[hidden()])
    assert (seen.owner_kind, seen.owner, seen.namespace, seen.port, seen.role, seen.exposure) == ("Deployment", "web", "shop", 8443, "", "cluster")
    assert (seen.vantage, seen.reached, seen.protocol, seen.plaintext, seen.credentials) == ("in-cluster", Reached.OPEN, "http", Fact(True), {})


def test_what_the_probe_does_not_reach_either_stays_as_it_was(probe, cluster):
    cluster.log = log_of({}, lambda spot: Endpoint(owner_kind="Spot", owner="x", port=1, reached=Reached.UNREACHABLE, cause="x"))
    before = hidden()
    _, (after,), *_ = probe(seen=[before])
    assert after == before


@pytest.mark.parametrize("seen", [hidden(refused="a tenant planted it"), hidden(Reached.OPEN)])
def test_what_may_not_be_dialled_or_was_reached_is_not_asked_of_the_probe(probe, cluster, seen):
    probe(seen=[seen])
    assert "10.9.9.9" not in str(cluster.bodies)


def test_where_no_requirement_asks_it_only_looks(probe, cluster):
    cluster.log = log_of({}, lambda spot: Endpoint(owner_kind="Spot", owner="x", port=1, reached=Reached.OPEN, protocol="http"))
    found, ((_, seen),), *_ = probe(seen=[hidden()], judged=False)
    assert (found, seen.vantage) == ({}, "in-cluster")
    assert "10.0.0.7" not in str(cluster.bodies)


def test_nothing_is_made_where_there_is_nothing_to_ask(probe, cluster):
    probe(judged=False)
    assert cluster.seen == []
