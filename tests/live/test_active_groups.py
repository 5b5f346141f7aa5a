"""The groups `scan` and `credentials` at pods of a real cluster: real nmap, a real nginx, PostgreSQL and MariaDB."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil

import pytest

from testbed import deploy
from testbed.layout import STATE
from tests.live.judged import records

pytestmark = pytest.mark.live
SHOP = "active-shop"
GROUPS = ("--profile", "baseline", "--select", "NET-601,NET-801", "--active", "connect,scan,credentials", "--namespace", SHOP)
MISSING = [name for name, there in (("python-nmap", importlib.util.find_spec("nmap")), ("nmap", shutil.which("nmap"))) if not there]


def deployment(name, *containers):
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": SHOP},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
                "terminationGracePeriodSeconds": 1, "containers": list(containers), "volumes": [{"name": "tmp", "emptyDir": {}}]}}}}  # fmt: skip


def objects(images):
    def container(name, port=0, **more):
        image = next(pinned for known, pinned in images.items() if f"/{name}:" in known)
        ports = [{"containerPort": port}] if port else []
        return {"name": name, "image": image, "ports": ports, "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}], **more}

    def database(name, port, variable, password):
        ready = {"tcpSocket": {"port": port}, "periodSeconds": 1}
        return container(name, port, env=[{"name": variable, "value": password}], readinessProbe=ready)

    forgotten = container("python", args=["-m", "http.server", "9000"])
    made = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}},
        deployment("tidy", container("nginx", 8080)),
        deployment("untidy", container("nginx", 8080), forgotten),
        deployment("as-delivered", database("postgres", 5432, "POSTGRES_PASSWORD", "postgres")),
        deployment("changed", database("postgres", 5432, "POSTGRES_PASSWORD", "of-our-own")),
        deployment("no-password", database("mariadb", 3306, "MARIADB_PASSWORD", "of-our-own")),
        deployment("local-root", database("mariadb", 3306, "MARIADB_PASSWORD", "of-our-own")),
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": made}), [one["metadata"]["name"] for one in made[1:]]


@pytest.fixture(scope="module")
def shop_pods(kubeconfig):
    """A namespace of this file's own; it is deleted again."""
    if not (STATE / "images.json").exists():
        pytest.skip("the images are in this machine's testbed only, and that is down")
    text, names = objects(json.loads((STATE / "images.json").read_text()))
    deploy.kubectl(["apply", "-f", "-"], text)
    try:
        for name in names:
            deploy.kubectl(["rollout", "status", "-n", SHOP, f"deployment/{name}", "--timeout=90s"], limit=100)
        sql = "CREATE USER root@'%' IDENTIFIED BY ''"
        deploy.kubectl(["exec", "-n", SHOP, "deployment/no-password", "--", "mariadb", "--socket=/tmp/mariadb.sock", "--user=root", f"--execute={sql}"])
        yield
    finally:
        deploy.kubectl(["delete", "--ignore-not-found", "--timeout=120s", "namespace", SHOP], limit=150)


@pytest.fixture(scope="module")
def verdicts(shop_pods, preaudit, login, tmp_path_factory):
    """Verdict and reason by requirement and subject, for a user who has what `preflight --rbac` prints and nothing else."""
    if MISSING and os.environ.get("CI") != "true":
        pytest.skip(f"left out, not installed: {', '.join(MISSING)}")
    config, pack = login("scanner"), tmp_path_factory.mktemp("active") / "pack"
    asked = preaudit("preflight", *GROUPS, "--kubeconfig", config, "--rbac")
    assert "name: scanner" in asked.stdout, asked.stderr
    deploy.kubectl(["apply", "-f", "-"], asked.stdout)
    try:
        done = preaudit("run", *GROUPS, "--set", "scan.ports_per_second=20000", "--kubeconfig", config, "--out", pack)
    finally:
        deploy.kubectl(["delete", "--ignore-not-found", "-f", "-"], asked.stdout)
    assert done.returncode == 1, done.stdout + done.stderr
    return {(one["requirement"], one["subject"]["name"]): (one["verdict"], one["reason"]) for one in records(pack) if one["subject"]}


def test_an_open_port_that_nobody_declared_is_found(verdicts):
    verdict, reason = verdicts["NET-601", "Deployment/untidy"]
    assert (verdict, reason) == ("fail", "open, and declared nowhere: 9000")


def test_pods_without_such_a_port_pass(verdicts):
    found = {name: verdict for (requirement, name), (verdict, _) in verdicts.items() if requirement == "NET-601"}
    assert found.pop("Deployment/untidy") == "fail"
    assert found == {f"Deployment/{one}": "pass" for one in ("tidy", "as-delivered", "changed", "no-password", "local-root")}


def test_passwords_as_delivered_are_found_and_others_pass(verdicts):
    found = {name: (verdict, reason) for (requirement, name), (verdict, reason) in verdicts.items() if requirement == "NET-801"}
    assert found["Deployment/as-delivered:5432"] == ("fail", "let in: postgresql postgres: it lets the account in")
    assert found["Deployment/no-password:3306"] == ("fail", "let in: mysql root: it lets the account in")
    assert found["Deployment/changed:5432"][0] == found["Deployment/local-root:3306"][0] == "pass"
    assert len(found) == 4
