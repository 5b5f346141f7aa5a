"""No secret gets out: canaries are planted wherever Kubernetes lets one plant a string, and none of them comes back.

What stays in clear by nature, and so holds no canary of an arbitrary form here: names (of objects, namespaces,
containers, volumes, environment variables, keys of ConfigMaps, fields), image references, label values, hosts and ports,
paths without a query, options and words of command lines that no rule takes for a credential, names of users and groups
in bindings, rules of roles, and the annotations that a requirement judges (AppArmor, seccomp). In these places the
canary has a form by which it is known: a token of a known service, an option called password, the userinfo of a URL.
A label value of such a form becomes a token like any other value. Names are never changed: the leak scan lists them.
"""

import base64
import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

from preaudit.collect.manifests import collect_manifests
from preaudit.collect.redact import Redactor
from preaudit.errors import UsageError
from preaudit.evidence.leaks import scan
from preaudit.example import NOW, write_snapshot
from preaudit.source import SOURCES
from tests.command import START
from tests.unit.collect.conftest import FakeApi, page, reply

OWN = '''
import os, pathlib
from preaudit import requirement

def look():
    """What stands on the disk while the run goes on: spools, the unfinished pack, temporary files."""
    words = [one.encode() for one in pathlib.Path(os.environ["CANARIES"]).read_text().split()]
    for folder in (pathlib.Path.cwd(), pathlib.Path(os.environ["TMPDIR"])):
        for path in folder.rglob("*"):
            if path.is_file():
                found = [word for word in words if word in path.read_bytes()]
                if found:
                    open(os.environ["SEEN"], "a").write(f"{path} {found}\\n")

@requirement("OWN-1", severity="low", expected="nothing", reads=SOURCES)
def test_tells_all_it_sees(container):
    """Containers are told.

    It says what it sees.

    Fix: none.
    """
    look()
    seen = container._value
    whole = seen.copy()
    container.read("name")
    assert not whole, f"seen: {whole!r} {container!r} {container.log.entries}"

@requirement("OWN-2", severity="low", expected="nothing")
def test_raises_all_it_sees(pod):
    """Pods are told.

    It raises what it sees.

    Fix: none.
    """
    whole = dict(pod.form.spec)
    pod.read("hostNetwork")
    raise ValueError(repr(whole))

@requirement("OWN-3", severity="low", expected="nothing")
def test_asserts_bare(pod):
    """Pods are compared.

    It compares what it sees, and pytest may show it.

    Fix: none.
    """
    whole = repr(pod.form.spec) + repr(pod.form.annotations)
    pod.read("hostPID")
    assert whole == ""
'''


class Planted:
    """Makes canaries and remembers them by place."""

    def __init__(self):
        self.words = {}

    def word(self, place):
        assert place not in self.words, place
        made = self.words[place] = f"Zk{len(self.words):03d}kanarie{len(self.words) * 7919 % 997:03d}Vq"
        return made

    def token(self, place):
        return "glpat-" + self.word(place) + "aBcDeF01"

    def coded(self, place):
        """In base64; as a canary, the coded form itself is looked for."""
        coded = base64.b64encode(f"-----BEGIN EC PRIVATE {'KEY'}-----\n{self.word(place)}\n".encode()).decode()
        self.words[place + " (coded)"] = coded[40:60]
        return coded


def container_of(c, at):
    """A container with a canary in each of its places."""
    return {
        "name": "c", "image": f"https://robot:{c.word(at + 'image userinfo')}@registry.example/app:1",
        "command": ["mysql", "-uroot", f"-p{c.word(at + 'glued -p')}", "-h", "db"],
        "args": [
            "--port=8080", f"--db-password={c.word(at + 'password flag')}", "--token", c.word(at + "token flag"),
            f"--password=/{c.word(at + 'password like a path')}", f"postgres://app:{c.word(at + 'url')}@db/x",
            f"postgres://app:pa/ss@{c.word(at + 'url with odd password')}@db/x", "-H", f"X-Api-Key: {c.word(at + 'header')}",
            f"--header=Authorization: Bearer {c.word(at + 'bearer')}", "-u", f"admin:{c.word(at + 'curl user')}",
            c.token(at + "token in args"), f"--hook=https://x/y?key={c.word(at + 'query')}",
            f"user:{c.word(at + 'schemeless dsn')}@db.example:5432/x", f"--from-literal=a={c.word(at + 'from-literal')}",
            f"PGPASSWORD={c.word(at + 'env in args')}", f"-Dspring.datasource.password={c.word(at + 'java property')}",
        ],
        "env": [{"name": "A", "value": c.word(at + "env")}, {"name": "B", "value": "x" * 40 + c.word(at + "env, long")}],
        "envFrom": [{"configMapRef": {"name": "x"}, "prefix": "P_"}],
        "livenessProbe": {
            "httpGet": {"path": f"/health?x={c.word(at + 'probe query')}", "port": 80, "host": "h",
                        "httpHeaders": [{"name": "X-Any", "value": c.word(at + "probe header")}]}},
        "readinessProbe": {"exec": {"command": ["redis-cli", "-a", c.word(at + "probe exec"), "ping"]}},
        "startupProbe": {"exec": {"command": ["sh", "-c", f"test {c.word(at + 'probe script')}"]}},
        "lifecycle": {
            "postStart": {"exec": {"command": ["bash", "-ec", f"cat <<EOF > /x\n{c.word(at + 'here-doc')}\nEOF"]}},
            "preStop": {"httpGet": {"path": "/x", "port": 1, "httpHeaders": [
                {"name": "Authorization", "value": c.word(at + "lifecycle header")}]}}},
        "unknownField": {"deep": [c.word(at + "unknown field of a container")]},
        "securityContext": {"privileged": True, "unknown": c.word(at + "unknown field of a security context")},
    }  # fmt: skip


def pod_spec(c, at):
    return {
        "containers": [container_of(c, at + "container: ")],
        "initContainers": [{"name": "i", "image": "i:1", "command": ["sshpass", "-p", c.word(at + "init -p"), "ssh", "x"]}],
        "volumes": [
            {"name": "a", "csi": {"driver": "d", "volumeAttributes": {"x": c.word(at + "csi attribute")}}},
            {"name": "b", "flexVolume": {"driver": "d", "options": {"x": c.word(at + "flex option")}}},
            {"name": "c", "futureVolume": {"x": c.word(at + "unknown volume")}},
        ],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": [c.token(at + "host alias")]}],
        "nodeSelector": {"example.com/password": c.word(at + "node selector")},
        "unknown": c.word(at + "unknown field of a pod"),
    }  # fmt: skip


def metadata(c, at, name, namespace="shop", **more):
    return {
        "name": name, "uid": f"u-{name}", "creationTimestamp": "2026-11-01T10:00:00Z",
        **({"namespace": namespace} if namespace else {}),
        "labels": {"app": "x", "any": c.token(at + "label"), "db-password": c.word(at + "label called password")},
        "annotations": {
            "example.com/x": c.word(at + "annotation"), "app.kubernetes.io/x": c.word(at + "annotation of a known prefix"),
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"x": c.word(at + "last-applied")}),
        },
        "managedFields": [{"manager": c.word(at + "managed fields")}],
        "finalizers": [c.word(at + "finalizer")], "generateName": c.word(at + "generateName"),
        "selfLink": c.word(at + "selfLink"), "unknown": c.word(at + "unknown metadata"), **more,
    }  # fmt: skip


def conditions(c, at):
    return [{"type": "Ready", "status": "False", "message": c.word(at + "condition message"), "reason": "Why",
             "unknown": c.word(at + "unknown field of a condition")}]  # fmt: skip


def objects(c):
    """One object of every kind with canaries in it, by source; kinds that are not read stand under ""."""
    owner = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u-r", "controller": True,
              "unknown": c.word("owner")}]  # fmt: skip
    template = {"metadata": {"labels": {"app": "x"}, "annotations": {"x": c.word("template annotation")},
                             "managedFields": c.word("template fields")}, "spec": pod_spec(c, "template: ")}  # fmt: skip
    hook = {"name": "w.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": f"https://u:{c.word('webhook userinfo')}@x.example/hook"}}  # fmt: skip
    query = {**hook, "clientConfig": {"url": f"https://x.example/hook?t={c.word('webhook query')}", "caBundle": c.coded("caBundle")}}
    found = {
        "namespaces": [{"metadata": metadata(c, "namespace ", "shop", ""), "spec": {"x": c.word("namespace spec")},
                        "status": {"phase": "Active", "conditions": conditions(c, "namespace ")}}],
        "nodes": [{"metadata": metadata(c, "node ", "n1", ""), "spec": {"providerID": c.token("provider id")},
                   "status": {"conditions": conditions(c, "node "), "nodeInfo": {"osImage": "d", "x": c.word("node info")},
                              "images": [{"names": [c.word("node image")]}], "x": c.word("node status")}}],
        "pods": [{"metadata": metadata(c, "pod ", "p1", ownerReferences=owner), "spec": pod_spec(c, "pod: "),
                  "status": {"phase": "Running", "message": c.word("pod status message"), "conditions": conditions(c, "pod "),
                             "containerStatuses": [{"name": "c", "state": {"terminated": {"message": c.word("termination")}}}]}}],
        "deployments.apps": [{"metadata": metadata(c, "deployment ", "d1"), "spec": {"replicas": 0, "template": template,
                              "selector": {"matchLabels": {"app": "x"}}, "x": c.word("deployment spec")},
                              "status": {"conditions": conditions(c, "deployment ")}}],
        "statefulsets.apps": [{"metadata": metadata(c, "statefulset ", "s1"), "spec": {"replicas": 0, "template": {"spec": {
            "containers": [{"name": "c", "image": "i:1", "env": [{"name": "X", "value": c.word("statefulset env")}]}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "v", "annotations": {"x": c.word("claim template")}}}]}}],
        "cronjobs.batch": [{"metadata": metadata(c, "cronjob ", "j1"), "spec": {"jobTemplate": {
            "metadata": {"annotations": {"x": c.word("job template annotation")}}, "spec": {"template": {"spec": {"containers": [
                {"name": "c", "image": "i:1", "args": [f"--api-key={c.word('cronjob argument')}"]}]}}}}}}],
        "serviceaccounts": [{"metadata": metadata(c, "account ", "a1"), "secrets": [{"name": "s", "x": c.word("account secret")}]}],
        "services": [{"metadata": metadata(c, "service ", "sv1"), "spec": {"type": "ExternalName",
            "externalName": c.token("external name"), "x": c.word("service spec"), "selector": {"token": c.word("selector")}}}],
        "configmaps": [{"metadata": metadata(c, "configmap ", "cm1"), "data": {"x": c.word("configmap data")},
                        "binaryData": {"y": c.word("configmap binary data")}}],
        "secrets": [{"metadata": metadata(c, "secret ", "sec1"), "data": {"x": c.word("secret data")},
                     "stringData": {"x": c.word("secret string data")}, "type": "Opaque"}],
        "resourcequotas": [{"metadata": metadata(c, "quota ", "q1"), "spec": {"hard": {"pods": "1"}, "x": c.word("quota")}}],
        "limitranges": [{"metadata": metadata(c, "range ", "l1"), "spec": {"limits": [], "x": c.word("range spec")}}],
        "persistentvolumes": [{"metadata": metadata(c, "volume ", "pv1", ""), "spec": {
            "csi": {"driver": "d", "volumeHandle": "h", "volumeAttributes": {"x": c.word("volume attribute")}},
            "flexVolume": {"driver": "d", "options": {"x": c.word("volume option")}},
            "mountOptions": [f"password={c.word('mount option')}"]}}],
        "persistentvolumeclaims": [{"metadata": metadata(c, "claim ", "pvc1"), "spec": {"x": c.word("claim spec")}}],
        "networkpolicies.networking.k8s.io": [{"metadata": metadata(c, "policy ", "np1"), "spec": {
            "podSelector": {"matchLabels": {"secret": c.word("network policy selector")}}, "x": c.word("network policy spec")}}],
        "poddisruptionbudgets.policy": [{"metadata": metadata(c, "budget ", "pdb1"), "spec": {"x": c.word("budget spec")},
                                         "status": {"conditions": conditions(c, "budget ")}}],
        "roles.rbac.authorization.k8s.io": [{"metadata": metadata(c, "role ", "r1"), "rules": [
            {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": [c.token("resource name")],
             "x": c.word("role rule")}]}],
        "clusterroles.rbac.authorization.k8s.io": [{"metadata": metadata(c, "cluster role ", "cr1", ""), "rules": [
            {"verbs": ["get"], "nonResourceURLs": [f"/x?token={c.word('non-resource URL')}"]}]}],
        "rolebindings.rbac.authorization.k8s.io": [{"metadata": metadata(c, "binding ", "rb1"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r1", "x": c.word("role reference")},
            "subjects": [{"kind": "User", "name": "alice", "x": c.word("binding subject")}]}],
        "validatingwebhookconfigurations.admissionregistration.k8s.io": [
            {"metadata": metadata(c, "webhook ", "vw1", ""), "webhooks": [hook, query]}],
    }  # fmt: skip
    for name, items in found.items():
        for item in items:
            item.update(apiVersion=SOURCES[name].api_version, kind=SOURCES[name].kind, x=c.word(f"unknown top field of {name}"))
    found[""] = [
        {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata(c, "custom ", "w1"), "spec": {"x": c.word("custom")}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata(c, "ingress ", "i1"),
         "spec": {"rules": [{"host": "shop.example", "x": c.word("unknown field of an ingress rule")}],
                  "defaultBackend": {"x": c.word("unknown field of an ingress backend")}}},
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata(c, "route ", "r1"),
         "spec": {"hostnames": ["shop.example"], "parentRefs": [{"name": "front", "x": c.word("unknown field of a parent")}],
                  "rules": [{"filters": [{"requestHeaderModifier": {"set": [{"name": "x", "value": c.word("header of a route")}]}}]}]},
         "status": {"parents": [{"parentRef": {"name": "front"}, "conditions": conditions(c, "route ")}]}},
        {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata(c, "widget ", "w1"),
         "spec": {"host": c.word("spec of a kind that is not collected")}},
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "sc"},
         "parameters": {"secret": c.word("storage class parameter")}},
        {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "pc"},
         "description": c.word("priority class description")},
        {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "message": c.word("event message")},
    ]  # fmt: skip
    return found


def serve(fake, found):
    """An API server that holds the objects."""
    fake.pages("/version", reply({"gitVersion": "v1.35.4"}))
    fake.pages("/apis/authentication.k8s.io/v1/selfsubjectreviews",
               reply({"status": {"userInfo": {"username": "reader", "groups": ["g"]}}}, 201))  # fmt: skip
    groups = sorted({source.group for source in SOURCES.values() if source.group})
    fake.pages("/apis", reply({"kind": "APIGroupList", "groups": [
        {"name": group, "versions": [{"version": "v1"}]} for group in groups]}))  # fmt: skip
    for source in SOURCES.values():
        if "/" in source.name:
            continue
        root = f"/apis/{source.group}/v1" if source.group else "/api/v1"
        items = found.get(source.name, [])
        if source.name == "secrets":
            listed = {**page(*[{"metadata": one["metadata"]} for one in items], kind="PartialObjectMetadataList"),
                      "apiVersion": "meta.k8s.io/v1"}  # fmt: skip
        else:
            listed = {**page(*items, kind=source.kind + "List"), "apiVersion": source.api_version}
        fake.pages(f"{root}/{source.resource}", listed)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """Canaries on a fake API server and in manifests, and an own suite that tells all it sees."""
    folder = tmp_path_factory.mktemp("canaries")
    planted = Planted()
    found = objects(planted)
    (folder / "words").write_text("\n".join(planted.words.values()))
    (folder / "manifests").mkdir()
    everything = [one for items in found.values() for one in items]
    (folder / "manifests/all.yaml").write_text(yaml.safe_dump_all(everything))
    (folder / "own").mkdir()
    (folder / "own/test_own.py").write_text(f"SOURCES = {[name for name in SOURCES if '/' not in name]!r}\n" + OWN)
    fake = FakeApi()
    serve(fake, found)
    token = planted.word("kubeconfig token")
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [
        {"name": "c", "context": {"cluster": "k", "user": "u"}}], "clusters": [
        {"name": "k", "cluster": {"server": fake.url}}], "users": [{"name": "u", "user": {"token": token}}]}  # fmt: skip
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    yield folder, planted
    fake.close()


COMMANDS = {
    "preaudit run": [*START, "run"],
    "pytest": [sys.executable, "-m", "pytest", "-rA", "-vv", "--tb=long", "--showlocals", "--full-trace",
               "--junitxml=theirs.xml", "-p", "no:randomly"],
}  # fmt: skip
TARGETS = {
    "live": ["--kubeconfig", "../kubeconfig", "--read", "secrets-metadata"],
    "manifests": ["--manifests", "../manifests"],
}


def audited(folder, command, target):
    """The folder in which an audit ran, with its output in ``told``; tests of one process share it."""
    cwd = folder / f"{command.replace(' ', '-')}-{target}"
    if not cwd.exists():
        (cwd / "tmp").mkdir(parents=True)
        seen = folder / f"seen-{cwd.name}"
        done = subprocess.run(
            [*COMMANDS[command], *TARGETS[target], "--profile", "bank", "--out", "pack", "../own"], cwd=cwd, timeout=120,
            capture_output=True, check=False,
            env=os.environ | {"TMPDIR": str(cwd / "tmp"), "CANARIES": str(folder / "words"), "SEEN": str(seen)},
        )  # fmt: skip
        (cwd / "told").write_bytes(done.stdout + done.stderr)
        assert done.returncode == 1, (cwd / "told").read_text()
        assert not seen.exists(), seen.read_text()
    return cwd


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_canary_comes_back(ground, command, target):
    folder, planted = ground
    assert len(planted.words) >= 150
    cwd = audited(folder, command, target)
    found = (cwd / "pack/records.jsonl").read_text()
    assert all(f'"OWN-{number}"' in found for number in (1, 2, 3))
    assert "check raised ValueError" in found
    assert "$redacted" in found
    places = [(str(path), path.read_bytes()) for path in cwd.rglob("*") if path.is_file()]
    assert any(name.endswith("theirs.xml") for name, _ in places) == (command == "pytest")
    out = [(place, name) for place, word in planted.words.items() for name, raw in places if word.encode() in raw]
    assert out == []
    leaks = scan(cwd / "pack")
    assert (leaks.fatal, leaks.named) == ((), ())
    assert list((cwd / "tmp").glob("preaudit*")) == []


def test_every_kind_that_is_read_was_collected(ground):
    """The other test would be empty where nothing is collected; so this one counts what stands in the snapshot."""
    folder, _ = ground
    pack = audited(folder, "preaudit run", "live") / "pack/snapshot"
    stored = {path.name.removesuffix(".jsonl") for path in pack.glob("*.jsonl")}
    assert set(objects(Planted())) - {""} <= stored
    assert sum(path.read_text().count("$redacted") for path in pack.glob("*.jsonl")) > 150


def test_a_second_opinion_finds_only_what_is_explained(ground):
    """What detect-secrets flags: tokens, hashes and UIDs of ours. Nothing is verified, so nothing is sent anywhere.

    Renderings repeat what records and snapshot hold. That an address is public is no secret.
    """
    folder, _ = ground
    pack = audited(folder, "preaudit run", "live") / "pack"
    types = {one.__name__ for one in get_mapping_from_secret_type_to_class().values()} - {"IPPublicDetector"}
    own = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    found, unexplained = 0, []
    with transient_settings({"plugins_used": [{"name": one} for one in sorted(types)], "filters_used": []}):
        assert [*scan_file(str(folder / "manifests/all.yaml"))], "it would find something, were it there"
        for path in (*(pack / "snapshot").iterdir(), pack / "inputs/effective-profile.json", pack / "records.jsonl"):
            for one in scan_file(str(path)):
                found += 1
                if not own.fullmatch(one.secret_value or ""):
                    unexplained.append((path.name, one.type, one.secret_value))
    assert unexplained == []
    assert found > 300


def test_broken_manifests_are_told_without_their_values(ground, tmp_path):
    _, planted = ground
    word = next(iter(planted.words.values()))
    broken = {
        "a.yaml": f"kind: Pod\npassword: {word}\n  b: c\n", "b.json": '{"kind": "Pod", "password": "' + word + "\n",
        "c.yaml": f"apiVersion: v1\nkind: Secret\nmetadata: {word}\n", "d.yaml": f"a: *{word}\n", "e.yaml": f"a: !!{word} b\n",
        "f.yaml": f"apiVersion: v1\nkind: Secret\nmetadata: {{name: [{word}]}}\n",
        "g.yaml": f"a: '{word}\n", "h.yaml": f"'{word}': 1\n'{word}': 2\n",
        "i.yaml": f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a, labels: {word}}}\n"
                  f"spec: {{containers: {word}, volumes: [{word}]}}\n",
    }  # fmt: skip
    told = ""
    for name, text in broken.items():
        (tmp_path / name).write_text(text)
        try:
            collect_manifests(tmp_path / "s" / name, paths=[str(tmp_path / name)], redaction_key=None, now=NOW)
        except UsageError as error:
            told += f"{error}\n"
    assert len(told.splitlines()) == len(broken) - 1, told
    # A key that stands twice is told by its name: it is no value.
    leaked = {line.partition(":")[0].rpartition("/")[2] for line in told.splitlines() if word in line}
    assert leaked <= {"h.yaml"}
    assert not [path for path in (tmp_path / "s").rglob("*.jsonl") if word in path.read_text()]
    assert list((tmp_path / "s").rglob("pods.jsonl"))


def test_the_configuration_of_kubelets_keeps_no_header_and_no_unknown_field(tmp_path):
    planted = Planted()
    config = {"staticPodURL": f"https://u:{planted.word('userinfo')}@x/", "authentication": {"anonymous": {"enabled": False}},
              "staticPodURLHeader": {"Authorization": [planted.word("header")]}, "tlsCipherSuites": ["TLS_A"],
              "unknownToken": planted.word("unknown"), "providerID": planted.token("provider")}  # fmt: skip
    config |= {"port": 10250}
    assert not [word for word in planted.words.values() if word in json.dumps(Redactor(b"k" * 32).tree(config))]
    folder = tmp_path / "s"
    folder.mkdir()
    write_snapshot(folder, [{"apiVersion": "v1", "kind": "KubeletConfiguration", "metadata": {"name": "n"}, "config": config}])
    kept = (folder / "nodes-configz.jsonl").read_text()
    assert not [word for word in planted.words.values() if word in kept]
    assert '"tlsCipherSuites":["TLS_A"]' in kept


def test_the_key_and_values_are_in_no_repr():
    key = b"this-key-must-never-be-printed-anywhere"
    redactor = Redactor(key)
    redactor.token("a value that is secret", name="PASSWORD")
    assert "never" not in repr(redactor) + str(redactor) + repr(vars(redactor)["_keyed"])
    with pytest.raises(TypeError):
        redactor.__reduce_ex__(2)
