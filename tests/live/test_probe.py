"""The probe pod on a real cluster: what it finds where nothing enforces policies, and where something does; what it writes."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testbed import deploy, node, probe_image
from testbed.layout import BRIDGE_ADDRESS, STATE
from tests.live.judged import AUDIT_LOG, requests_since

pytestmark = pytest.mark.live
HOME, WALLED, FREE, MESHED = NAMESPACES = ("probe-home", "probe-walled", "probe-free", "probe-meshed")
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
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "default-deny", "namespace": WALLED},
         "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}},
        deployment(WALLED, "web", [nginx]),
        deployment(FREE, "web", [nginx]),
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
                          [(WALLED, "web"), (FREE, "web"), (MESHED, "strict"), (MESHED, "bypassed")]))  # fmt: skip
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
def unenforced(probed, walls):
    door = address("service", FREE, ["metadata"], "{.spec.clusterIP}")
    return door, probed(metadata=(NOWHERE, door))


def test_policies_that_nothing_enforces_are_found(unenforced):
    _, run = unenforced
    assert run.verdict("NET-506", WALLED, "Deployment/web:8080") == ("fail", "it answers a pod that no policy lets in")
    assert not [one for one in run.records if one[0] == "NET-506" and one[1] == FREE]


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


def drop(verb, *rule):
    command = node.enter("node2", ["iptables", "-w", "-t", "raw", verb, "PREROUTING", *rule, "-p", "tcp", "-j", "DROP"])
    subprocess.run(command, check=True, capture_output=True, timeout=30)


@pytest.fixture(scope="module")
def wall(walls):
    """Stands in for a network plugin that enforces policies: the node drops what anybody sends to the isolated pod.

    A real engine needs netfilter's queue in nftables, which kernels of build machines lack.
    """
    target = address("pods", WALLED, ["-l", "app=web"], "{.items[0].status.podIP}")
    drop("-I", "-d", f"{target}/32")
    yield target
    drop("-D", "-d", f"{target}/32")


def test_a_policy_that_is_enforced_passes(wall, probed):
    run = probed()
    verdict, reason = run.verdict("NET-506", WALLED, "Deployment/web:8080")
    assert (verdict, reason) == ("pass", 'answer is "silent", as expected: no answer, while controls on the same node and the same port through a port-forward answer')
    observed = {one["path"]: one["value"] for one in run.records["NET-506", WALLED, "Deployment/web:8080"]["observed"]}
    assert observed["the same port through a port-forward"] == "it answers as http"
    assert "answers before and after" in observed["a control that should answer"]


def test_silence_without_a_port_forward_is_not_enforcement(wall, probed):
    verdict, reason = probed("--active", "in-cluster").verdict("NET-506", WALLED, "Deployment/web:8080")
    assert verdict == "unknown"
    assert "--active port-forward" in reason


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


def test_what_nobody_reaches_from_outside_is_looked_at_from_inside(preaudit, prober, image, tmp_path):
    words = ("--select", "TLS-001", "--set", f"in_cluster.image={image}", "--namespace", FREE, "--namespace", HOME)
    rule = ("-d", address("pods", FREE, ["-l", "app=web"], "{.items[0].status.podIP}"), "-s", BRIDGE_ADDRESS)
    drop("-I", *rule)
    try:
        found = {}
        for group in ("connect", "in-cluster"):
            pack = tmp_path / group
            done = preaudit("run", *ASKED, *words, "--active", group, "--kubeconfig", prober, "--out", pack)
            assert done.returncode in {0, 1, 6}, done.stdout + done.stderr
            lines = (pack / "snapshot" / "endpoints-connect.jsonl").read_text().splitlines()
            found[group] = next(one for one in (json.loads(line)["spec"] for line in lines) if one["port"] == 8080)
    finally:
        drop("-D", *rule)
    assert found["connect"]["reached"] == "unreachable"
    inside = found["in-cluster"]
    assert (inside["vantage"], inside["reached"], inside["protocol"], inside["owner"]) == ("in-cluster", "open", "http", "web")


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
