"""The probe pod on a real cluster: what it finds where nothing enforces policies, and where something does; what it writes."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from testbed import deploy, enforce, node, probe_image
from testbed.layout import NODES, STATE
from tests.live.judged import AUDIT_LOG, requests_since

pytestmark = pytest.mark.live
HOME, WALLED, FREE, MESHED, PICKY, OPEN = NAMESPACES = (
    "probe-home", "probe-walled", "probe-free", "probe-meshed", "probe-picky", "probe-open")  # fmt: skip
NOWHERE = "198.18.77.7"
"""An address of the testbed's own range that nobody has."""
PRIVATE = """\
static_resources:
  listeners:
    - address: {socket_address: {address: 0.0.0.0, port_value: 9443}}
      filter_chains:
        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              require_client_certificate: true
              common_tls_context:
                tls_certificates: [{certificate_chain: {filename: /tls/tls.crt}, private_key: {filename: /tls/tls.key}}]
                validation_context: {trusted_ca: {filename: /tls/tls.crt}}
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: in
                route_config:
                  virtual_hosts:
                    - {name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
"""


def deployment(namespace, name, containers, volumes=()):
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
                "nodeSelector": {"kubernetes.io/hostname": "node2"}, "terminationGracePeriodSeconds": 1,
                "containers": containers, "volumes": [{"name": "tmp", "emptyDir": {}}, *volumes]}}}}  # fmt: skip


def policy(namespace, *guests):
    """Lets pods of some namespaces in, and nobody else."""
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": one}}} for one in guests]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "guests", "namespace": namespace},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": peers}] if peers else []}}  # fmt: skip


def objects(images, pair):
    def image(name):
        return next(pinned for known, pinned in images.items() if f"/{name}:" in known)

    labels = {HOME: {"pod-security.kubernetes.io/enforce": "restricted"}}
    made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": one, "labels": labels.get(one, {})}} for one in NAMESPACES]
    nginx = {"name": "app", "image": image("nginx"), "ports": [{"containerPort": 8080}],
             "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}  # fmt: skip
    idle = {"image": image("busybox"), "command": ["sleep", "86400"]}
    private = {"name": "private", "secret": {"secretName": "private"}}
    envoy = {"name": "istio-proxy", "image": image("envoy"), "args": ["-c", "/tls/envoy.yaml"],
             "volumeMounts": [{"name": "private", "mountPath": "/tls", "readOnly": True}]}  # fmt: skip
    made += [
        policy(WALLED), policy(PICKY, FREE), policy(OPEN, HOME),
        *(deployment(one, "web", [nginx]) for one in (WALLED, PICKY, OPEN)),
        deployment(FREE, "web", [nginx, {"name": "caller", **idle}]),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "metadata", "namespace": FREE},
         "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "private", "namespace": MESHED},
         "stringData": {"tls.crt": pair[0], "tls.key": pair[1], "envoy.yaml": PRIVATE}},
        deployment(MESHED, "strict", [{"name": "app", **idle, "ports": [{"containerPort": 9443}]}, envoy], [private]),
        deployment(MESHED, "bypassed", [nginx, {"name": "istio-proxy", **idle}]),
    ]  # fmt: skip
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": made})


@pytest.fixture(scope="module")
def image(kubeconfig):
    if not (STATE / "images.json").exists():
        pytest.skip("the probe runs on this machine's testbed only, and that is down")
    return probe_image.pushed()


@pytest.fixture(scope="module")
def walls(image, tmp_path_factory):
    """Namespaces with and without policies, and with sidecars; they are deleted again."""
    folder = tmp_path_factory.mktemp("pair")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=strict",
                    "-keyout", folder / "key", "-out", folder / "crt"], check=True, capture_output=True, timeout=30)  # fmt: skip
    text = objects(json.loads((STATE / "images.json").read_text()), ((folder / "crt").read_text(), (folder / "key").read_text()))
    deploy.kubectl(["apply", "-f", "-"], text)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: deploy.kubectl(["rollout", "status", "-n", one[0], f"deployment/{one[1]}", "--timeout=90s"], limit=100),
                          [*((one, "web") for one in (WALLED, FREE, PICKY, OPEN)), (MESHED, "strict"), (MESHED, "bypassed")]))  # fmt: skip
        yield
    finally:
        deploy.kubectl(["delete", "--ignore-not-found", "--timeout=120s", "-f", "-"], text, 150)


@pytest.fixture(scope="module")
def prober(preaudit, login, walls):
    """A user with what `preaudit preflight --rbac` prints for these groups, and nothing else."""
    config = login("prober")
    asked = preaudit("preflight", *ASKED, "--kubeconfig", config, "--rbac")
    assert "name: prober" in asked.stdout, asked.stderr
    deploy.kubectl(["apply", "-f", "-"], asked.stdout)
    yield config
    deploy.kubectl(["delete", "--ignore-not-found", "-f", "-"], asked.stdout)


ASKED = ("--profile", "baseline", "--select", "NET-506,NET-507,NET-508,NET-509", "--active", "in-cluster,port-forward",
         "--set", f"in_cluster.namespace={HOME}")  # fmt: skip


class Probed:
    """One run: its verdicts by requirement, namespace and subject, its notes, and what it asked of the API server."""

    def __init__(self, pack, said, requests):
        self.said, self.requests = said, requests
        lines = [json.loads(line) for line in (pack / "records.jsonl").read_text().splitlines()]
        self.records = {(one["requirement"], one["namespace"], (one["subject"] or {"name": ""})["name"]): one for one in lines}
        self.notes = json.loads((pack / "snapshot" / "collection.json").read_text())["notes"]

    def verdict(self, *which):
        return self.records[which]["verdict"], self.records[which]["reason"]


@pytest.fixture(scope="module")
def probed(preaudit, prober, image, tmp_path_factory):
    def run(*more, metadata=(NOWHERE,), image=image):
        before, pack = AUDIT_LOG.stat().st_size, tmp_path_factory.mktemp("probe") / secrets.token_hex(4)
        words = ("--set", f"in_cluster.image={image}", "--set", f"in_cluster.metadata_addresses={json.dumps(list(metadata))}")
        done = preaudit("run", *ASKED, *words, *more, "--kubeconfig", prober, "--out", pack)
        assert done.returncode in {1, 6, 0}, done.stdout + done.stderr
        return Probed(pack, done.stdout, requests_since(before, "prober"))

    return run


def address(kind, namespace, name, path):
    return deploy.kubectl(["get", kind, "-n", namespace, *name, "-o", f"jsonpath={path}"])


@pytest.fixture(scope="module")
def unenforced(probed, walls, shop):
    shop("good")
    door = address("service", FREE, ["metadata"], "{.spec.clusterIP}")
    return door, probed(metadata=(NOWHERE, door))


def test_policies_that_nothing_enforces_are_found(unenforced):
    _, run = unenforced
    for namespace in (WALLED, PICKY):
        assert run.verdict("NET-506", namespace, "Deployment/web:8080") == ("fail", "it answers a pod that no policy lets in")


def test_who_is_let_in_by_a_policy_or_by_none_is_not_asked(unenforced, enforced):
    for run in (unenforced[1], enforced.run):
        assert {namespace for requirement, namespace, _ in run.records if requirement == "NET-506"} & set(NAMESPACES) == {WALLED, PICKY}


def test_metadata_that_answers_is_found_and_silence_passes(unenforced):
    door, run = unenforced
    assert run.verdict("NET-507", "cluster", f"Address/{door}:80")[0] == "fail"
    assert run.verdict("NET-507", "cluster", f"Address/{NOWHERE}:80")[0] == "pass"


def test_plaintext_beside_a_sidecar_is_found_and_mutual_tls_passes(unenforced):
    _, run = unenforced
    assert run.verdict("NET-508", MESHED, "Deployment/bypassed:8080")[0] == "fail"
    assert run.verdict("NET-509", MESHED, "Deployment/bypassed:8080")[0] == "fail"
    assert run.verdict("NET-508", MESHED, "Deployment/strict:9443")[0] == "pass"
    assert run.verdict("NET-509", MESHED, "Deployment/strict:9443")[0] == "pass"


def test_one_job_is_made_and_deleted_and_nothing_else_is_written(unenforced):
    _, run = unenforced
    about_us = ("/apis/authorization.k8s.io/v1/self", "/apis/authentication.k8s.io/v1/self")
    written = [one for one in run.requests if one["verb"] not in {"get", "list"} and not one["requestURI"].startswith(about_us)
               and one["objectRef"].get("subresource") != "portforward"]  # fmt: skip
    assert [(one["verb"], one["objectRef"]["resource"], one["objectRef"]["namespace"]) for one in written] == [("create", "jobs", HOME), ("delete", "jobs", HOME)]
    logs = [one for one in run.requests if one.get("objectRef", {}).get("subresource") == "log"]
    assert [one["objectRef"]["namespace"] for one in logs] == [HOME]
    assert not [one for one in run.requests if one.get("objectRef", {}).get("resource") == "secrets"]
    assert "it and its pod are gone" in run.notes[-1]
    assert address("jobs,pods", HOME, [], "{.items}") == "[]"


@dataclass(frozen=True)
class Enforced:
    """What was seen while a real engine enforced the policies, and what it left."""

    held: list[str]
    run: Probed
    without_port_forward: Probed
    outside: dict
    inside: dict
    callers: dict[str, bool]
    left: list[str]


@pytest.fixture(scope="module")
def looked(preaudit, prober, image, tmp_path_factory):
    """What is seen of a server that only the probe's namespace may ask, from where a group looks."""
    words = ("--select", "TLS-001", "--set", f"in_cluster.image={image}", "--namespace", OPEN, "--namespace", HOME)

    def look(group):
        pack = tmp_path_factory.mktemp("looked") / group
        done = preaudit("run", *ASKED, *words, "--active", group, "--kubeconfig", prober, "--out", pack)
        assert done.returncode in {0, 1, 6}, done.stdout + done.stderr
        lines = (pack / "snapshot" / "endpoints-connect.jsonl").read_text().splitlines()
        return next(one for one in (json.loads(line)["spec"] for line in lines) if one["port"] == 8080)

    return look


def is_answered(namespace):
    """Whether a pod without policies, which is not the probe, gets an answer from a server."""
    target = address("pods", namespace, ["-l", "app=web"], "{.items[0].status.podIP}")
    line = f"printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' | timeout 3 nc {target} 8080 || true"
    return deploy.kubectl(["exec", "-n", FREE, "deployment/web", "-c", "caller", "--", "sh", "-c", line]).startswith("HTTP/1.1 200")


@pytest.fixture(scope="module")
def enforced(unenforced, probed, looked):
    """After the runs without one: policies of the same namespaces enforced by kube-network-policies on every node."""
    with enforce.enforced():
        held, run, without = enforce.traces(), probed(), probed("--active", "in-cluster")
        outside, inside = looked("connect"), looked("in-cluster")
        callers = {one: is_answered(one) for one in (WALLED, PICKY, OPEN)}
    return Enforced(held, run, without, outside, inside, callers, enforce.traces())


@pytest.mark.parametrize("namespace", [WALLED, PICKY])
def test_a_policy_that_is_enforced_passes(enforced, namespace):
    run = enforced.run
    verdict, reason = run.verdict("NET-506", namespace, "Deployment/web:8080")
    assert (verdict, reason) == ("pass", 'answer is "silent", as expected: no answer, while controls on the same node and the same port through a port-forward answer')
    observed = {one["path"]: one["value"] for one in run.records["NET-506", namespace, "Deployment/web:8080"]["observed"]}
    assert observed["the same port through a port-forward"] == "it answers as http"
    assert "answers before and after" in observed["a control that should answer"]


def test_the_good_products_policies_fail_or_pass_with_the_engine_alone(unenforced, enforced):
    def of_product(run):
        return {(namespace, name): one["verdict"] for (requirement, namespace, name), one in run.records.items()
                if requirement == "NET-506" and namespace in deploy.NAMESPACES["good"]}  # fmt: skip

    without, within = of_product(unenforced[1]), of_product(enforced.run)
    assert {namespace for namespace, _ in without} == set(deploy.NAMESPACES["good"])
    assert set(without.values()) == {"fail"}
    assert within == dict.fromkeys(without, "pass")


def test_the_engine_lets_in_whom_the_policies_let_in(enforced):
    """What is silent to the probe is silent because of who asks: it is no server that is down, and no wall around it."""
    assert enforced.callers == {WALLED: False, PICKY: True, OPEN: False}


def test_silence_without_a_port_forward_is_not_enforcement(enforced):
    verdict, reason = enforced.without_port_forward.verdict("NET-506", WALLED, "Deployment/web:8080")
    assert verdict == "unknown"
    assert "--active port-forward" in reason


def test_what_nobody_reaches_from_outside_is_looked_at_from_inside(enforced):
    assert enforced.outside["reached"] == "unreachable"
    inside = enforced.inside
    assert (inside["vantage"], inside["reached"], inside["protocol"], inside["owner"]) == ("in-cluster", "open", "http", "web")


def test_the_engine_was_on_every_node_and_leaves_nothing(enforced):
    assert [one for one in enforced.held if "is read" in one] == [f"{name}: queue {enforce.QUEUE} is read" for name in NODES]
    assert enforced.left == []
    assert deploy.kubectl(["get", "daemonset,serviceaccount", "-n", "kube-system", "--ignore-not-found", enforce.NAME]) == ""


def test_what_an_engine_that_was_killed_leaves_is_taken_away(enforced):
    subprocess.run(node.enter("node2", ["nft", "add", "table", "inet", enforce.NAME]), check=True, capture_output=True, timeout=30)
    assert enforce.traces() == [f"node2: table inet {enforce.NAME}"]
    enforce.off()
    assert enforce.traces() == []


def test_an_image_that_is_not_there_is_unknown_and_cleared_away(probed, image):
    run = probed("--set", "in_cluster.seconds=60", image=image.partition("@")[0] + ":no-such")
    for one in run.records.values():
        assert one["verdict"] == "unknown", one
        assert "the pod waits" in one["reason"], one["reason"]
    assert "it and its pod are gone" in run.notes[-1]
    assert address("jobs,pods", HOME, [], "{.items}") == "[]"


def test_a_quota_that_leaves_no_room_is_unknown(probed):
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": HOME}, "spec": {"hard": {"pods": "0"}}}
    deploy.kubectl(["apply", "-f", "-"], json.dumps(quota))
    try:
        run = probed()
    finally:
        deploy.kubectl(["delete", "-f", "-"], json.dumps(quota))
    assert {one["verdict"] for one in run.records.values()} == {"unknown"}
    assert all("a quota or an admission rule may refuse it" in one["reason"] for one in run.records.values())
    assert address("jobs,pods", HOME, [], "{.items}") == "[]"


def test_ctrl_c_leaves_nothing(prober, image, tmp_path):
    program = Path(sys.executable).with_name("preaudit")
    words = ["run", *ASKED, "--set", f"in_cluster.image={image}", "--kubeconfig", str(prober), "--out", str(tmp_path / "pack")]
    with subprocess.Popen([program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        ends = time.monotonic() + 60
        while address("jobs", HOME, [], "{.items}") == "[]":
            assert time.monotonic() < ends, "no Job came about"
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 2, said
    assert address("jobs,pods", HOME, [], "{.items}") == "[]"
