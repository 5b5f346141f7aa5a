"""Files become a snapshot in which nothing that is missing proves anything."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest

from preaudit.collect.manifests import collect_manifests
from preaudit.errors import UsageError
from preaudit.snapshot import Snapshot, Status
from preaudit.source import SOURCES

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i}]}\n"


@pytest.fixture
def given(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()

    def run(**files):
        for name, text in files.items():
            path = folder / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        out = tmp_path / "out"
        return collect_manifests(out, paths=[str(folder)], redaction_key=None, now=NOW), Snapshot(out)

    return run


def test_every_source_is_given_and_proves_nothing(given):
    collection, snapshot = given(a_yaml=POD)
    assert {entry.status for entry in collection.sources} == {Status.GIVEN}
    assert {entry.source for entry in collection.sources} == set(SOURCES)
    assert not snapshot.coverage("pods").complete
    assert collection.mode == "manifests"
    assert not collection.namespaces_complete


def test_files_and_folders(given):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "j"}, "spec": {"containers": []}}
    _, snapshot = given(a_yaml=POD, b_yml=POD + "---\n" + POD, sub__c_json=json.dumps(pod), d_txt="not: [read")
    assert sorted(pod["metadata"]["name"] for pod in snapshot.objects("pods")) == ["a", "a", "a", "j"]


@pytest.mark.parametrize("kind", ["List", "PodList"])
def test_lists_are_taken_apart(given, kind):
    entry = {"metadata": {"name": "x"}, "spec": {"containers": []}}
    if kind == "List":
        entry = {"apiVersion": "v1", "kind": "Pod", **entry}
    _, snapshot = given(a_yaml=json.dumps({"apiVersion": "v1", "kind": kind, "items": [entry, entry]}))
    assert len(snapshot.objects("pods")) == 2


def test_standard_input(tmp_path, monkeypatch):
    class Stdin:
        buffer = io.BytesIO(f"---\n# Source: chart/templates/a.yaml\n{POD}---\n---\n".encode())

    monkeypatch.setattr("sys.stdin", Stdin)
    collection = collect_manifests(tmp_path / "out", paths=["-"], redaction_key=None, now=NOW)
    assert collection.namespaces == ("default",)


def test_kinds_that_are_not_known_are_told(given):
    collection, _ = given(
        a_yaml=POD
        + """---
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
---
apiVersion: extensions/v1beta1
kind: Deployment
metadata: {name: old}
---
just: values
"""
    )
    assert collection.notes == (
        "Not judged, because the kind is not known here: example.com/v1 Widget (1).",
        "Not judged, because the kind is not known here: extensions/v1beta1 Deployment (1).",
        "Not judged, because they are no Kubernetes objects: 1 documents.",
    )


def test_an_object_given_twice_is_told(given):
    collection, snapshot = given(a_yaml=POD, b_yaml=POD)
    assert collection.notes == ("Given more than once, each is judged: Pod default/a (2).",)
    assert len(snapshot.objects("pods")) == 2


def test_namespaces(given):
    collection, snapshot = given(
        a_yaml=POD
        + """---
apiVersion: v1
kind: Namespace
metadata: {name: shop, namespace: wrong}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: bank}
spec: {ports: [{port: 80}]}
"""
    )
    assert collection.namespaces == ("bank", "default", "shop")
    namespace = snapshot.objects("namespaces")[0]
    assert "namespace" not in namespace["metadata"]
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "shop"}
    assert snapshot.objects("pods")[0]["metadata"]["namespace"] == "default"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", r"a\.yaml:1: broken YAML"),
        (POD + "---\na: 1\na: 2\n", r"a\.yaml:7: the key 'a'"),
        (POD + "---\n\nkind: Pod\napiVersion: v1\n", r"a\.yaml:7: Pod without metadata"),
        ("kind: Pod\napiVersion: v1\nmetadata: {labels: {}}\n", "without metadata.name"),
        ("kind: Pod\napiVersion: v1\nmetadata: {name: {{ .x }}}\n", "helm template"),
        ("", "no object was found"),
        ("# nothing\n---\n", "no object was found"),
        ('{"kind": "Pod", "kind": "Pod"}', "stands twice"),
        (
            "x: &x [" + "1," * 100 + "]\ny: &y [" + "*x," * 500 + "]\nz: [" + "*y," * 500 + "]",
            "aliases counted in full",
        ),
    ],
)
def test_broken_files_are_refused_with_their_line(given, text, message):
    with pytest.raises(UsageError, match=message):
        given(a_yaml=text)


def test_broken_json_is_refused_with_its_line(given):
    with pytest.raises(UsageError, match=r"a\.json:2: broken JSON"):
        given(a_json='{"kind":\n "Pod"')


def test_deep_json_is_refused(given):
    with pytest.raises(UsageError):
        given(a_json='{"a":' * 50_000 + "1" + "}" * 50_000)


def test_a_path_that_is_missing(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        collect_manifests(tmp_path / "out", paths=[str(tmp_path / "none.yaml")], redaction_key=None, now=NOW)


def test_values_are_redacted_and_secrets_have_none(given, tmp_path):
    given(
        a_yaml="""
apiVersion: v1
kind: Secret
metadata: {name: s, annotations: {x: CANARY}}
type: Opaque
data: {p: CANARY}
stringData: {p: CANARY}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, annotations: {x: CANARY}, managedFields: [CANARY]}
data: {p: CANARY, n: 5}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, env: [{name: X, value: CANARY}]}]}
"""
    )
    for path in (tmp_path / "out").iterdir():
        assert b"CANARY" not in path.read_bytes()
    assert Snapshot(tmp_path / "out").objects("secrets")[0]["type"] == "Opaque"


def test_the_servers_defaults_are_filled_in(given):
    _, snapshot = given(
        a_yaml="""
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  hostNetwork: true
  volumes: [{name: v}, {name: s, secret: {secretName: x}}]
  containers:
  - {name: a, image: i, ports: [{containerPort: 80}], resources: {limits: {cpu: 1}, requests: {memory: 1Gi}}}
  - {name: b, image: "r:5000/i:1.0", livenessProbe: {httpGet: {port: 80}}}
  - {name: d, image: "i@sha256:0", imagePullPolicy: Never}
  - {name: e, image: "i:latest"}
"""
    )
    spec = snapshot.objects("pods")[0]["spec"]
    assert spec["serviceAccountName"] == "default"
    assert "automountServiceAccountToken" not in spec
    assert spec["securityContext"] == {}
    assert spec["volumes"] == [
        {"name": "v", "emptyDir": {}},
        {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}},
    ]
    a, b, d, e = spec["containers"]
    assert a["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]
    assert a["resources"]["requests"] == {"memory": "1Gi", "cpu": 1}
    assert [container["imagePullPolicy"] for container in (a, b, d, e)] == ["Always", "IfNotPresent", "Never", "Always"]
    assert b["livenessProbe"] == {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1,
                                  "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}  # fmt: skip
