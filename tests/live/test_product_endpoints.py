"""Endpoints of a real cluster: all that is declared is found, the least rights are enough, and nothing else is done."""

import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from testbed import deploy, identities
from tests.live.judged import (
    AUDIT_LOG,
    JUDGE,
    READ,
    TABLES,
    Run,
    anchors,
    differences,
    records,
    requests_since,
    row,
)

pytestmark = pytest.mark.live
VARIANTS = ("good", "bad")
FORWARD = ("--active", "connect,port-forward")
LOOPBACK_ONLY = {"controller-manager", "scheduler", "etcd-metrics"}


def asked(kind, namespace):
    return json.loads(deploy.kubectl(["get", kind, "-n", namespace, "-o", "json"]))["items"]


def declared(namespaces):
    """(Address, TCP port) of everything that pods, Services and Ingresses say, read without any code of the product's."""
    found = set()
    for namespace in namespaces:
        for pod in asked("pods", namespace):
            if pod["status"]["phase"] != "Running":
                continue
            for container in pod["spec"]["containers"]:
                for port in container.get("ports", []):
                    found.add((pod["status"]["podIP"], port["containerPort"]))
                    if "hostPort" in port and not pod["spec"].get("hostNetwork"):
                        found.add((pod["status"]["hostIP"], port["hostPort"]))
        for part in asked("endpointslices", namespace):
            for port in part["ports"] or []:
                found |= {(address, port["port"]) for one in part["endpoints"] for address in one["addresses"]}
        for service in asked("services", namespace):
            doors = [one["ip"] for one in service["status"]["loadBalancer"].get("ingress", [])]
            for port in service["spec"]["ports"]:
                found |= {(door, port["port"]) for door in doors}
                if "nodePort" in port:
                    found.add(("198.18.255.11", port["nodePort"]))
        for ingress in asked("ingresses", namespace):
            found |= {(one["ip"], port) for one in ingress["status"]["loadBalancer"]["ingress"] for port in (80, 443)}
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_declared_endpoint_is_found_and_understood_and_no_other(judged, variant):
    run, mine = judged(variant), deploy.NAMESPACES[variant]
    ours = [one for one in run.endpoints if one.get("namespace") in mine]
    found = {(replica["address"], one["port"]) for one in ours for replica in one["replicas"]}
    assert found == declared(mine)
    assert {one["reached"] for one in ours} == {"open"}
    assert not [one for one in ours if one["protocol"] in {"silent", "unknown"}]


def test_replicas_that_do_the_same_are_one_endpoint(judged):
    (web,) = [one for one in judged("good").endpoints if (one["owner"], one["port"]) == ("web", 8443)]
    assert len(web["replicas"]) == 2
    assert web["names"][0] == "web.shop.svc"
    assert "anchor" not in web, "what an auditor named is told of as a path, not as a place"


def test_a_webhook_is_held_against_the_bundle_that_the_api_server_has(judged):
    paths = {
        variant: next(
            path["trusted"]
            for one in judged(variant).endpoints
            if one["owner"] == "admission" and one["namespace"] == deploy.NAMESPACES[variant][2]
            for path in one["tls"]["chains"][0]["paths"]
            if path["anchor"].startswith("caBundle of ")
        )
        for variant in VARIANTS
    }
    assert paths == {"good": True, "bad": False}


@pytest.fixture(scope="module")
def forwarded(judged, preaudit, auditor, tmp_path_factory):
    """A run on the bad product with port-forward, as a user with the rights that `preflight --rbac` prints for it."""
    judged("bad")
    choice = (*JUDGE, *FORWARD)
    rbac = preaudit("preflight", *choice, *READ, "--kubeconfig", auditor, "--rbac")
    assert "pods/portforward" in rbac.stdout, rbac.stderr
    deploy.kubectl(["apply", "-f", "-"], rbac.stdout)
    before, pack = AUDIT_LOG.stat().st_size, tmp_path_factory.mktemp("forwarded") / "pack"
    done = preaudit("run", *choice, *READ, *anchors("bad"), "--kubeconfig", auditor, "--out", pack)
    assert done.returncode in {0, 1, 6}, done.stdout + done.stderr
    yield Run("bad", pack, done.stdout + done.stderr, requests_since(before, "auditor"))
    deploy.kubectl(["delete", "clusterrolebinding,clusterrole", "preaudit-port-forward"])


def test_port_forward_shows_what_listens_on_a_loopback(judged, forwarded):
    hidden = {one["role"] for one in judged("bad").endpoints if one["reached"] == "not-dialled"}
    assert hidden == LOOPBACK_ONLY
    seen = {one["role"]: one for one in forwarded.endpoints if one.get("vantage", "direct") == "port-forward"}
    assert set(seen) == LOOPBACK_ONLY
    assert {one["protocol"] for name, one in seen.items() if name != "etcd-metrics"} == {"tls"}
    assert not [one for one in forwarded.records if one["requirement"] == "TLS-001" and one["verdict"] != "pass"]


def test_port_forward_is_all_that_is_done_beside_reading(forwarded):
    done = {(one["verb"], one.get("objectRef", {}).get("subresource")) for one in forwarded.requests}
    others = {(verb, part) for verb, part in done if verb not in {"get", "list"} or part is not None}
    asks = {("create", None)}  # of the user about itself, as before
    assert {part for _, part in others - asks} == {"portforward"}
    forwards = [one for one in forwarded.requests if one.get("objectRef", {}).get("subresource") == "portforward"]
    assert {one["objectRef"]["namespace"] for one in forwards} == {"kube-system"}, "only what was not seen otherwise"
    assert {one["responseStatus"]["code"] for one in forwards} == {101}
    mine = [one for one in forwarded.requests if one["verb"] == "create" and one not in forwards]
    created = {one["objectRef"]["resource"] for one in mine}
    assert all(name.startswith("selfsubject") for name in created), created


def test_the_least_rights_for_port_forward_are_enough(forwarded):
    assert not [one for one in forwarded.records if one["verdict"] == "unknown" and "forbidden" in one["reason"]]


def test_the_control_planes_endpoints_are_as_the_table_says(forwarded):
    """The testbed's own control plane, as good flags make it, without a wall of red or unknown."""
    # Keys are told of by their hashes, and those that are shared here are the product's.
    judged = [one for one in forwarded.records if one["area"] in {"tls", "exposure"} and one["requirement"] != "TLS-414"]
    near = [one for one in judged if one["namespace"] in {"kube-system", "cluster", "default"}]
    mine = [one for one in near if not (one["subject"] or {"name": ""})["name"].startswith(("bad-shop", "shop"))]
    assert not differences(sorted(map(row, mine)), TABLES / "endpoints-of-the-cluster.tsv")
    open_ones = [one for one in mine if one["verdict"] in {"fail", "unknown"} and one["level"] == "fail"]
    # Both sign the certificate of their loopback themselves, at each start.
    alone = {one["subject"]["name"].partition("-node1:")[0] for one in open_ones if one["requirement"] == "TLS-407"}
    assert alone == {"Pod/kube-controller-manager", "Pod/kube-scheduler"}
    assert {one["requirement"] for one in open_ones} == {"NET-504", "NET-505", "TLS-407"}


def test_servers_as_they_come_are_as_the_table_says(judged):
    run = judged("usual")
    rows = [one for one in run.rows if one.startswith(("TLS-", "NET-"))]
    assert not differences(rows, TABLES / "usual.tsv")


ROUTES = {
    ("shop.red.example", 443): "red-example-tls", ("shop.blue.example", 443): "blue-example-tls",
    ("go.through.example", 443): "go-tls", ("shop.red.example", 80): "",
}  # fmt: skip
"""What the routes of `usual` add to its Gateway, and the Secret that holds the certificate."""


def test_hosts_that_only_routes_name_show_the_certificates_of_their_gateway(judged):
    """The TLSRoute is of a version that its group has beside a better one, the HTTPRoutes of another namespace."""
    run = judged("usual")
    seen = {(one.get("server_name", ""), one["port"]): one for one in run.endpoints if one["owner_kind"] == "Gateway"}
    by_routes = {where for where, one in seen.items() if any(said.partition(" ")[0].endswith("Route") for said in one["declared"])}
    assert by_routes == set(ROUTES), "one host is no listener's, and one route was not accepted"
    secrets = {one["metadata"]["name"]: one for one in identities.objects("usual") if one["kind"] == "Secret"}
    for where, secret in ROUTES.items():
        one = seen[where]
        assert (one["owner"], one["namespace"], one["reached"], one["exposure"]) == ("usual", "usual", "open", "external")
        if not secret:
            assert one["protocol"] == "http"
            continue
        served = [chain["certificates"][0] for chain in one["tls"]["chains"]]
        wanted = x509.load_pem_x509_certificate(secrets[secret]["stringData"]["tls.crt"].encode())
        assert {base64.b64decode(given) for given in served} == {wanted.public_bytes(Encoding.DER)}


def test_nothing_of_the_gateway_is_unknown(judged):
    """Contour serves the names of routes alone, so that others of its listeners' domains have nothing there."""
    run = judged("usual")
    assert not [one["reason"] for one in run.records if one["verdict"] == "unknown" and "Gateway" in one["reason"]]
    others = {one["server_name"]: one["reached"] for one in run.endpoints if one.get("server_name", "").startswith("preaudit.")}
    assert others == dict.fromkeys(("preaudit.red.example", "preaudit.blue.example", "preaudit.through.example"), "closed")


@pytest.fixture
def without_routes(shop, login, preaudit):
    """A user who may read everything that `preflight --rbac` prints but HTTPRoutes."""
    shop("usual")
    config = login("routeless")
    printed = preaudit("preflight", "--profile", "bank", "--select", "TLS-001", "--kubeconfig", config, "--rbac").stdout
    assert "- httproutes\n" in printed
    rights = printed.replace("- httproutes\n", "- nothing\n").replace("preaudit-reader", "preaudit-routeless")
    deploy.kubectl(["apply", "-f", "-"], rights)
    yield config
    deploy.kubectl(["delete", "-f", "-"], rights)


def test_routes_that_may_not_be_listed_are_told_and_never_nothing(without_routes, preaudit, tmp_path):
    preaudit("run", "--profile", "bank", "--select", "TLS-001", "--kubeconfig", without_routes, "--out", tmp_path / "pack")
    told = {one["namespace"]: one for one in records(tmp_path / "pack") if one["verdict"] == "unknown"}
    for namespace in ("usual", "usual-routes", "cluster"):
        assert "httproutes.gateway.networking.k8s.io: forbidden" in told[namespace]["reason"]


@pytest.mark.parametrize("more", [(), ("-n", "2")], ids=["one-process", "two-processes"])
def test_forwarded_endpoints_are_judged_again_to_the_same_bytes(forwarded, preaudit, tmp_path, more):
    again = tmp_path / "again"
    done = preaudit("run", *JUDGE, *FORWARD, "--snapshot", forwarded.pack, "--out", again, *more)
    assert done.returncode in {0, 1, 6}, done.stdout + done.stderr
    assert (again / "records.jsonl").read_bytes() == (forwarded.pack / "records.jsonl").read_bytes()
