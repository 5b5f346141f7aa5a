"""The collector against a real cluster: as its administrator, with rights in one namespace, and with none."""

from __future__ import annotations

import base64
import json
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3
import yaml

from preaudit.collect.cluster import collect_cluster
from preaudit.collect.kubeconfig import load_access
from preaudit.collect.least_rbac import least_rbac
from preaudit.collect.preflight import preflight
from preaudit.collect.progress import Silent
from preaudit.errors import TargetError
from preaudit.snapshot import Snapshot, Status
from preaudit.source import SOURCES

pytestmark = pytest.mark.live
CANARY = "Zq7-canary-" + uuid.uuid4().hex[:12]
RBAC = "/apis/rbac.authorization.k8s.io/v1"
LISTS = [name for name, source in SOURCES.items() if source.builtin and "/" not in name and name != "secrets"]
"""Kinds that every cluster has; what stands beside them is looked at otherwise than by lists."""

OTHER_CA = """\
-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUe8cFVP6suTMq7E9U4C86RDbew3IwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNc29tZWJvZHktZWxzZTAgFw0yNjExMjIxOTMyNDlaGA8yMTI2
MTAyOTE5MzI0OVowGDEWMBQGA1UEAwwNc29tZWJvZHktZWxzZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABEthmaBnbEGzsFNIBlHBJQDIKIgX1oyMraIQGCaCo3ZU
5TAotpoC23q93Yzue/RUY/lUs3SeOav6aHn1zp6kCj2jUzBRMB0GA1UdDgQWBBR7
1avta6y6ieIY5vcsvnCFF05CxjAfBgNVHSMEGDAWgBR71avta6y6ieIY5vcsvnCF
F05CxjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIAJwTS6qH/Oz
4BStzs7SObnTc2dqwm3AasLKiJ4vFOmVAiEAlMA2sHu4paIZvCFx4ahNw+IPnUcH
pGzpF/JReMymg2o=
-----END CERTIFICATE-----
"""


class Administrator:
    """Writes into the cluster what the tests need; the collector under test never does."""

    def __init__(self, kubeconfig: str) -> None:
        self.access = load_access(kubeconfig, None)

    def call(self, method, path, body=None, expect=(200, 201)):
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        raw = None if body is None else json.dumps(body)
        answer = self.access.pool.urlopen(method, self.access.api_url + path, body=raw, headers=headers, retries=False)
        assert answer.status in expect, (method, path, answer.status, answer.data[:300])
        return json.loads(answer.data)

    def namespace(self, name):
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:  # pods are refused until the ServiceAccount is there
            found = self.call("GET", f"/api/v1/namespaces/{name}/serviceaccounts")["items"]
            if any(account["metadata"]["name"] == "default" for account in found):
                return
            time.sleep(0.1)
        pytest.fail("the namespace got no default ServiceAccount within 30 s")

    def login(self, namespace, name, folder: Path) -> str:
        """A kubeconfig of a new ServiceAccount, with a token."""
        self.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        token = self.call("POST", path, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
        return self.kubeconfig(folder / f"{name}.yaml", token)

    def kubeconfig(self, path: Path, token: str, authority: str = "") -> str:
        ca = authority or Path(self.access.pool.connection_pool_kw["ca_certs"]).read_text()
        cluster = {
            "server": self.access.api_url,
            "certificate-authority-data": base64.b64encode(ca.encode()).decode(),
        }
        path.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "x",
                    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": cluster}],
                    "users": [{"name": "u", "user": {"token": token}}],
                }
            )
        )
        return str(path)

    def apply(self, text: str) -> None:
        for document in yaml.safe_load_all(text):
            namespace = document["metadata"].get("namespace")
            where = f"/namespaces/{namespace}" if namespace else ""
            self.call("POST", f"{RBAC}{where}/{document['kind'].lower()}s", document)


@pytest.fixture(scope="module")
def admin(kubeconfig):
    return Administrator(kubeconfig)


@pytest.fixture(scope="module")
def area(admin):
    """Two namespaces with canaries in every place where values may stand."""
    tag = uuid.uuid4().hex[:8]
    names = [f"collect-{tag}-a", f"collect-{tag}-b"]
    for name in names:
        admin.namespace(name)
        path = f"/api/v1/namespaces/{name}"
        canary = {"stringData": {"p": CANARY}, "metadata": {"name": "s", "annotations": {"x": CANARY}}}
        admin.call("POST", f"{path}/secrets", canary)
        token = {
            "metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": "default", "x": CANARY}},
            "type": "kubernetes.io/service-account-token",
        }
        admin.call("POST", f"{path}/secrets", token)
        admin.call("POST", f"{path}/configmaps", {"metadata": {"name": "c"}, "data": {"password": CANARY}})
        admin.call("POST", f"{path}/pods", pod(CANARY))
    yield names
    for name in names:
        admin.call("DELETE", f"/api/v1/namespaces/{name}", expect=(200, 202))


def pod(canary):
    container = {
        "name": "c",
        "image": "none.invalid/none:1",
        "env": [{"name": "API_TOKEN", "value": canary}],
        "args": [f"--password={canary}", "--port=80"],
        "command": ["sh", "-c", f"export DB_PASSWORD={canary}"],
        "livenessProbe": {"httpGet": {"port": 80, "httpHeaders": [{"name": "X-Key", "value": canary}]}},
    }
    # No node has that label: the pod is never started.
    spec = {"containers": [container], "nodeSelector": {"preaudit.test/none": "none"}}
    applied = {"kubectl.kubernetes.io/last-applied-configuration": canary, "example.com/x": canary}
    return {"metadata": {"name": "p", "annotations": applied}, "spec": spec}


@pytest.fixture
def collect(tmp_path, monkeypatch):
    """Collects into a new folder, and keeps every request that any pool sends meanwhile."""
    sent = []
    original = urllib3.HTTPConnectionPool.urlopen

    def recording(self, method, url, *args, **more):
        sent.append((method, url))
        return original(self, method, url, *args, **more)

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", recording)

    def run(kubeconfig, sources=(*LISTS, "secrets", "nodes/configz"), **options):
        sent.clear()
        folder = tmp_path / f"snapshot-{uuid.uuid4().hex[:6]}"
        settings = {"namespaces": None, "read": (), "redaction_key": None, "kubelet_ca": None, **options}
        collection = collect_cluster(
            folder, sources=sources, kubeconfig=kubeconfig, context=None, now=datetime.now(UTC), progress=Silent(),
            **settings,
        )  # fmt: skip
        assert sent
        changes = {(method, url) for method, url in sent if method != "GET"}
        assert all(method == "POST" and "/selfsubject" in url for method, url in changes), changes
        assert not [url for _, url in sent if "proxy" in url or "watch" in url]
        return collection, Snapshot(folder)

    run.sent = sent
    return run


def statuses(collection, source):
    return {entry.namespace: entry.status for entry in collection.sources if entry.source == source}


def canary_free(snapshot):
    return all(CANARY.encode() not in path.read_bytes() for path in snapshot.folder.iterdir())


def test_the_administrator_sees_everything(collect, admin, kubeconfig, area, tmp_path):
    ca = tmp_path / "ca.crt"
    ca.write_text(Path(admin.access.pool.connection_pool_kw["ca_certs"]).read_text())
    collection, snapshot = collect(kubeconfig, read=["secrets-metadata"], kubelet_ca=str(ca))
    not_seen = [entry for entry in collection.sources if entry.status is not Status.COLLECTED]
    assert not_seen == []
    assert collection.namespaces_complete
    assert set(area) <= set(collection.namespaces)
    assert collection.target.nodes == len(snapshot.objects("nodes")) > 0
    assert collection.target.cluster_uid
    assert len(collection.target.certificate_sha256) == 64
    assert collection.target.version.startswith("v1.")
    assert abs(collection.target.skew_seconds) < 10
    assert collection.identity.user
    configs = snapshot.objects("nodes/configz")
    assert [entry["metadata"]["name"] for entry in configs] == [
        n["metadata"]["name"] for n in snapshot.objects("nodes")
    ]
    assert all("authentication" in entry["config"] for entry in configs)
    tokens = snapshot.objects("secrets")
    assert {entry["type"] for entry in tokens} == {"kubernetes.io/service-account-token"}
    assert set(area) <= {entry["metadata"]["namespace"] for entry in tokens}
    assert canary_free(snapshot)


def test_kinds_that_a_cluster_need_not_have_are_absent(collect, kubeconfig, area):
    collection, snapshot = collect(kubeconfig, ["certificates.cert-manager.io"])
    assert statuses(collection, "certificates.cert-manager.io") == {"*": Status.ABSENT}
    assert not snapshot.objects("certificates.cert-manager.io")


def test_every_object_that_the_server_has_is_kept(collect, admin, kubeconfig, area):
    _, snapshot = collect(kubeconfig, ["configmaps", "clusterroles.rbac.authorization.k8s.io", "pods"])
    for source in ("configmaps", "clusterroles.rbac.authorization.k8s.io"):
        root = f"/apis/{SOURCES[source].api_version}" if SOURCES[source].group else "/api/v1"
        live = admin.call("GET", f"{root}/{SOURCES[source].resource}")["items"]
        seen = {entry["metadata"]["uid"] for entry in snapshot.objects(source)}
        assert {entry["metadata"]["uid"] for entry in live if not _young(entry)} <= seen
    ours = [entry for entry in snapshot.objects("pods") if entry["metadata"].get("namespace") == area[0]]
    container = ours[0]["spec"]["containers"][0]
    assert "credential-name" in container["env"][0]["value"]["$redacted"]["hits"]
    assert container["args"][0]["$redacted"]["flag"] == "--password"
    assert container["args"][1] == "--port=80"


def _young(entry):
    made = datetime.fromisoformat(entry["metadata"]["creationTimestamp"])
    return (datetime.now(UTC) - made).total_seconds() < 30


def test_secrets_are_not_listed_unless_asked_for(collect, kubeconfig, area):
    collection, _ = collect(kubeconfig, ["secrets", "pods"])
    assert statuses(collection, "secrets") == {"*": Status.FORBIDDEN}
    assert not [url for _, url in collect.sent if "/secrets" in url]


def test_kubelets_are_not_asked_over_unverified_tls(collect, kubeconfig, area, tmp_path):
    collection, _ = collect(kubeconfig, ["nodes/configz"])
    assert [entry.cause for entry in collection.sources if entry.source == "nodes/configz"] == [
        "not asked: the kubelet's certificate can only be verified with --kubelet-ca FILE"
    ]
    assert not [url for _, url in collect.sent if "configz" in url]
    other = tmp_path / "other.crt"
    other.write_text(OTHER_CA)
    collection, snapshot = collect(kubeconfig, ["nodes/configz"], kubelet_ca=str(other))
    causes = {entry.cause for entry in collection.sources if entry.source == "nodes/configz"}
    assert all("TLS failed" in cause for cause in causes)
    assert snapshot.objects("nodes/configz") == []


def test_a_user_without_any_right(collect, admin, area, tmp_path):
    login = admin.login(area[0], "nobody", tmp_path)
    collection, snapshot = collect(login, read=["secrets-metadata"])
    for source in (*LISTS, "secrets"):
        assert statuses(collection, source) == {"*": Status.FORBIDDEN}, source
        assert not snapshot.coverage(source).complete
    assert statuses(collection, "nodes/configz") == {"*": Status.ERROR}
    assert not collection.namespaces_complete
    assert collection.files == ()
    assert collection.identity.user == f"system:serviceaccount:{area[0]}:nobody"
    assert all("forbidden" in entry.cause or "not asked" in entry.cause or "no node" in entry.cause
               for entry in collection.sources)  # fmt: skip


def test_a_user_with_rights_in_one_namespace(collect, admin, area, tmp_path):
    mine, other = area
    login = admin.login(mine, "one", tmp_path)
    rules = [{"apiGroups": ["", "apps"], "resources": ["pods", "configmaps", "deployments"], "verbs": ["list"]}]
    admin.call("POST", f"{RBAC}/namespaces/{mine}/roles", {"metadata": {"name": "one"}, "rules": rules})
    admin.call("POST", f"{RBAC}/namespaces/{mine}/rolebindings", {
        "metadata": {"name": "one"}, "roleRef": {"apiGroup": RBAC.split("/")[2], "kind": "Role", "name": "one"},
        "subjects": [{"kind": "ServiceAccount", "name": "one", "namespace": mine}]})  # fmt: skip
    collection, snapshot = collect(login, ["pods", "configmaps", "services"], namespaces=area)
    assert statuses(collection, "pods") == {mine: Status.COLLECTED, other: Status.FORBIDDEN}
    assert statuses(collection, "services") == {mine: Status.FORBIDDEN, other: Status.FORBIDDEN}
    assert statuses(collection, "namespaces") == {mine: Status.FORBIDDEN, other: Status.FORBIDDEN}
    assert {entry["metadata"]["namespace"] for entry in snapshot.objects("pods")} == {mine}
    assert snapshot.coverage("pods", mine).complete
    assert not snapshot.coverage("pods", other).complete
    assert canary_free(snapshot)


def test_a_user_who_knows_the_namespaces_reads_those_that_are_allowed(collect, admin, area, tmp_path):
    mine, other = area
    login = admin.login(mine, "two", tmp_path)
    subject = [{"kind": "ServiceAccount", "name": "two", "namespace": mine}]
    group = RBAC.split("/")[2]
    name = f"{mine}-namespaces"
    rules = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}]
    admin.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": rules})
    admin.call("POST", f"{RBAC}/clusterrolebindings", {
        "metadata": {"name": name}, "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": subject})  # fmt: skip
    admin.call("POST", f"{RBAC}/namespaces/{mine}/rolebindings", {
        "metadata": {"name": "two"}, "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "view"},
        "subjects": subject})  # fmt: skip
    try:
        collection, snapshot = collect(login, ["pods", "clusterroles.rbac.authorization.k8s.io"])
    finally:
        admin.call("DELETE", f"{RBAC}/clusterrolebindings/{name}")
        admin.call("DELETE", f"{RBAC}/clusterroles/{name}")
    found = statuses(collection, "pods")
    assert (found["*"], found[mine], found[other]) == (Status.FORBIDDEN, Status.COLLECTED, Status.FORBIDDEN)
    assert set(found) >= set(collection.namespaces) | {"*"}
    assert statuses(collection, "clusterroles.rbac.authorization.k8s.io") == {"*": Status.FORBIDDEN}
    assert snapshot.coverage("pods", mine).complete


def test_the_printed_roles_are_enough_and_preflight_agrees(collect, admin, area, tmp_path):
    login = admin.login(area[1], "three", tmp_path)
    sources = [*LISTS, "secrets", "nodes/configz"]
    before = preflight(sources=sources, kubeconfig=login, context=None, namespaces=None, now=datetime.now(UTC))
    assert {finding.allowed for finding in before.findings} == {False}
    text = least_rbac(sources, None, before.identity)
    names = [entry["metadata"]["name"] for entry in yaml.safe_load_all(text)]
    admin.apply(text)
    try:
        after = preflight(sources=sources, kubeconfig=login, context=None, namespaces=None, now=datetime.now(UTC))
        assert {finding.allowed for finding in after.findings} == {True}
        ca = tmp_path / "ca.crt"
        ca.write_text(Path(admin.access.pool.connection_pool_kw["ca_certs"]).read_text())
        collection, _ = collect(login, sources, read=["secrets-metadata"], kubelet_ca=str(ca))
        assert [entry for entry in collection.sources if entry.status is not Status.COLLECTED] == []
    finally:
        for name in set(names):
            admin.call("DELETE", f"{RBAC}/clusterrolebindings/{name}")
            admin.call("DELETE", f"{RBAC}/clusterroles/{name}")


def test_the_printed_roles_of_one_namespace_are_enough(collect, admin, area, tmp_path):
    login = admin.login(area[1], "four", tmp_path)
    seen = preflight(sources=["pods"], kubeconfig=login, context=None, namespaces=[area[0]], now=datetime.now(UTC))
    try:
        admin.apply(least_rbac(LISTS, [area[0]], seen.identity))
        collection, _ = collect(login, LISTS, namespaces=[area[0]])
    finally:  # what names the cluster is granted outside the namespace that goes away by itself
        for kind in ("rolebindings", "roles"):
            path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/{kind}/preaudit-reader"
            admin.call("DELETE", path, expect=(200, 404))
    assert [entry for entry in collection.sources if entry.status is not Status.COLLECTED] == []
    assert collection.target.cluster_uid


def test_a_namespace_that_does_not_exist(collect, kubeconfig, area):
    with pytest.raises(TargetError, match="'nowhere-at-all' does not exist"):
        collect(kubeconfig, ["pods"], namespaces=["nowhere-at-all"])


def test_credentials_that_are_refused(collect, admin, area, tmp_path):
    wrong = admin.kubeconfig(tmp_path / "wrong.yaml", "no-token")
    with pytest.raises(TargetError, match="refuses the credentials"):
        collect(wrong, ["pods"])


def test_a_server_that_cannot_be_trusted(collect, admin, area, tmp_path):
    wrong = admin.kubeconfig(tmp_path / "wrong.yaml", "no-token", OTHER_CA)
    with pytest.raises(TargetError, match="certificate-authority"):
        collect(wrong, ["pods"])
