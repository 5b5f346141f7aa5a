"""Values become tokens, and nothing else is lost."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preaudit import leak_rules
from preaudit.collect.objects import Lines, OddObject
from preaudit.collect.podspec import PodSpecs, redact_pod_spec
from preaudit.collect.redact import ESCAPE, Redactor, needs_look
from preaudit.evidence.leaks import Search
from preaudit.snapshot import REDACTED
from preaudit.source import SOURCES

KEY = b"k" * 32
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
CANARY = "Zx9-canary-7Qw"


def line_of(source, content):
    lines = Lines(SOURCES[source], Redactor(KEY))
    return lines.line(lines.repaired(msgspec.Raw(json.dumps(content).encode()))).decode()


def container(**more):
    return {"name": "c", "image": "i", **more}


PLACES = {
    "env": container(env=[{"name": "X", "value": CANARY}]),
    "env that is a number": container(env=[{"name": "X", "value": [CANARY]}]),
    "env that is no list": container(env={"X": CANARY}),
    "password in args": container(args=["--db-password=" + CANARY]),
    "password after its flag": container(args=["--db-password", CANARY]),
    "password in a script": container(command=["sh", "-c", f"export DB_PASSWORD={CANARY}; run"]),
    "password in a shell flag": container(command=["sh", "-c", f"run --token {CANARY} now"]),
    "curl user": container(command=["sh", "-c", f"curl -u admin:{CANARY} http://x"]),
    "URL in args": container(args=[f"postgres://app:{CANARY}@db/x"]),
    "probe header": container(livenessProbe={"httpGet": {"httpHeaders": [{"name": "X", "value": CANARY}]}}),
    "probe command": container(livenessProbe={"exec": {"command": ["mysqladmin", f"--password={CANARY}"]}}),
    "probe path": container(livenessProbe={"httpGet": {"path": f"/health?token={CANARY}"}}),
    "mysql's glued password": container(command=["mysql", "-h", "db", "-p" + CANARY]),
    "glued, with the program in command": container(command=["mysqldump"], args=["-p" + CANARY]),
    "short option of a known program": container(command=["redis-cli", "-a", CANARY]),
    "short option of an unknown one": container(command=["tool", "-p", CANARY]),
    "openssl": container(command=["openssl", "rsa", "-passin", "pass:" + CANARY]),
    "registry": container(command=["docker", "login", "-u", "x", "-p", CANARY]),
    "user and password": container(args=["-u", "admin:" + CANARY]),
    "user and password in one": container(args=["--user=admin:" + CANARY]),
    "curl's bundle": container(command=["curl", "-sSfu", "admin:" + CANARY, "http://x"]),
    "curl's user, glued": container(command=["curl", f"-uadmin:{CANARY}"]),
    "key": container(args=["--key", CANARY, f"--license={CANARY}", f"--secret-id={CANARY}"]),
    "header": container(command=["curl", "-H", f"X-Key: {CANARY}", "http://x"]),
    "header in one": container(command=["curl", f"--header=PRIVATE-TOKEN: {CANARY}"]),
    "positional": container(command=["htpasswd", "-nb", "user", CANARY]),
    "piped": container(command=["sh", "-c", f"echo {CANARY} | docker login --password-stdin"]),
    "here-doc": container(command=["bash", "-lc", f"cat <<X >f\n{CANARY}\nX"]),
    "script without a telling word": container(command=["sh", "-c", f"run {CANARY}"]),
    "script elsewhere": container(args=[f"a; run {CANARY}"]),
    "python": container(command=["python3", "-c", f"login('{CANARY}')"]),
    "variable before a command": container(args=["env", f"PGPASSWORD={CANARY}", "psql"]),
    "requirepass": container(args=["redis-server", "--requirepass", CANARY]),
    "kubectl literal": container(args=["--from-literal=x=" + CANARY]),
    "password like a path": container(args=["--password=/" + CANARY]),
    "password with a slash in a URL": container(args=[f"amqp://u:{CANARY}/x@mq/"]),
    "second half of a password with an at": container(args=[f"amqp://u:p@{CANARY}@mq/"]),
    "address without a scheme": container(args=[f"app:{CANARY}@db.example:5432/x"]),
    "query": container(args=[f"https://x/y?api_key={CANARY}"]),
    "random word": container(args=["Zk3Qw8Er5Ty1Ui9Op2As" + CANARY.replace("-", "")]),
    "user of an image": container(image=f"robot:{CANARY}@registry.example/x:1"),
    "probe path's query": container(livenessProbe={"httpGet": {"path": f"/health?x={CANARY}"}}),
    "windows' password": container(args=[f"/password:{CANARY}"]),
    "token of another scheme": container(args=[f"--header=Authorization: Token {CANARY}"]),
    "pre-shared key": container(args=[f"--psk={CANARY}"]),
    "token of another name": container(args=["--jwt", CANARY, "--pat", CANARY, f"--otp={CANARY}", "--cred", CANARY]),
    "oracle": container(args=[f"--url=jdbc:oracle:thin:sys/{CANARY}@//db:1521/x"]),
    "probe host": container(livenessProbe={"httpGet": {"host": f"admin:{CANARY}@db", "port": 80}}),
    "probe socket's host": container(livenessProbe={"tcpSocket": {"host": f"{CANARY}@db", "port": 80}}),
    "path below a volume": container(volumeMounts=[{"name": "v", "mountPath": f"/x/pwd={CANARY}", "subPath": f"password={CANARY}"}]),
    "unknown field": container(future={"x": CANARY}),
    "odd field": container(securityContext={"runAsUser": {"x": CANARY}}),
    "odd probe": container(livenessProbe=CANARY),
    "lifecycle": container(lifecycle={"preStop": {"exec": {"command": ["sh", "-c", f"API_KEY={CANARY} x"]}}}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["containers", "initContainers", "ephemeralContainers"])
def test_no_value_survives_in_a_container(place, kind):
    spec = {kind: [PLACES[place]]}
    pod = line_of("pods", {"metadata": {"name": "a", "namespace": "b"}, "spec": spec})
    deployment = line_of("deployments.apps", {"metadata": {"name": "a"}, "spec": {"template": {"spec": spec}}})
    job = {"spec": {"template": {"spec": spec}}}
    cron = line_of("cronjobs.batch", {"metadata": {"name": "a"}, "spec": {"jobTemplate": job}})
    for line in (pod, deployment, cron):
        assert CANARY not in line
        assert REDACTED in line or "REDACTED@" in line


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("configmaps", {"data": {"x": CANARY}}),
        ("configmaps", {"binaryData": {"x": CANARY}}),
        ("configmaps", {"data": CANARY}),
        ("pods", {"metadata": {"name": "a", "annotations": {"example.com/x": CANARY}}}),
        ("pods", {"metadata": {"name": "a", "annotations": {LAST_APPLIED: CANARY}}}),
        ("pods", {"metadata": {"name": "a", "managedFields": [{"manager": CANARY}]}}),
        ("pods", {"status": {"message": CANARY}}),
        ("pods", {"spec": {"volumes": [{"name": "v", "csi": {"driver": "d", "volumeAttributes": {"p": CANARY}}}]}}),
        ("persistentvolumes", {"spec": {"csi": {"driver": "d", "volumeAttributes": {"p": CANARY}}}}),
        ("deployments.apps", {"spec": {"template": {"metadata": {"annotations": {"x": CANARY}}}}}),
        ("deployments.apps", {"status": {"conditions": [{"type": "Progressing", "message": CANARY}]}}),
        ("pods", {"metadata": {"name": "a", "creationTimestamp": CANARY, "resourceVersion": CANARY, "generation": CANARY}}),
        ("pods", {"metadata": {"name": "a", "annotations": {"app.kubernetes.io/x": CANARY, "service.beta.kubernetes.io/y": CANARY}}}),
        ("pods", {"metadata": {"name": "a", "labels": {"db-password": CANARY}}}),
        ("pods", {"spec": {"future": [CANARY], "nodeSelector": {"token": CANARY}}}),
        ("pods", {"spec": CANARY}),
        ("services", {"spec": {"future": CANARY, "selector": {"a": {"b": CANARY}}}}),
        ("nodes", {"status": {"conditions": [{"type": "Ready", "message": CANARY}]}}),
        ("persistentvolumes", {"spec": {"mountOptions": ["username=x", "password=" + CANARY]}}),
        ("persistentvolumes", {"spec": {"mountOptions": [f"username=x,password={CANARY},vers=3.0"]}}),
        ("persistentvolumes", {"spec": {"csi": {"driver": "d", "volumeHandle": f"share?pwd={CANARY}"}}}),
        ("persistentvolumes", {"spec": {"cephfs": {"monitors": [f"admin:{CANARY}@mon.example:6789"]}}}),
        ("pods", {"spec": {"dnsConfig": {"options": [{"name": "x", "value": f"password={CANARY}"}]}}}),
        ("ingresses.networking.k8s.io", {"spec": {"rules": [{"http": {"paths": [{"path": f"/reset_password={CANARY}"}]}}]}}),
        ("roles.rbac.authorization.k8s.io", {"rules": [{"verbs": ["get"], "resourceNames": [f"pwd:{CANARY}"]}]}),
        ("statefulsets.apps", {"spec": {"volumeClaimTemplates": [{"metadata": {"annotations": {"x": CANARY}}}]}}),
        ("statefulsets.apps", {"spec": {"volumeClaimTemplates": CANARY}}),
        ("networkpolicies.networking.k8s.io", {"spec": {"podSelector": {"matchExpressions": [
            {"key": "password", "operator": "In", "values": [CANARY]}]}}}),
        ("roles.rbac.authorization.k8s.io", {"rules": [{"verbs": ["get"], "future": CANARY}]}),
        ("nodes/configz", {"config": {"staticPodURLHeader": {"X": [CANARY]}, "future": {"x": CANARY}}}),
        ("validatingwebhookconfigurations.admissionregistration.k8s.io",
         {"webhooks": [{"clientConfig": {"url": f"https://x/hook?x={CANARY}"}}]}),
        ("secrets", {"data": {"p": CANARY}, "stringData": {"p": CANARY}}),
        ("secrets", {"metadata": {"name": "a", "annotations": {"x": CANARY}}}),
        ("mutatingwebhookconfigurations.admissionregistration.k8s.io",
         {"webhooks": [{"clientConfig": {"url": f"https://u:{CANARY}@x/"}}]}),
    ],
)  # fmt: skip
def test_no_value_survives_elsewhere(source, content):
    assert CANARY not in line_of(source, {"metadata": {"name": "a"}, **content})


STRONG = {
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
    "aws-key": "AKIAIOSFODNN7EXAMPLE",
    "github-token": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "slack-token": "xoxb-123456789012-abcdefghijkl",
    "gcp-key": "AIza" + "a" * 35,
}


@pytest.mark.parametrize("rule", STRONG)
def test_keys_of_a_known_form_are_found_wherever_they_stand(rule):
    value = STRONG[rule]
    for source, content in [
        ("pods", {"spec": {"containers": [container(args=[value], image=value)], "hostname": value}}),
        ("services", {"spec": {"externalName": value}}),
        ("pods", {"metadata": {"name": "a", "annotations": {"meta.helm.sh/x": value}}}),
        ("pods", {"metadata": {"name": "a", "labels": {"x": value}}}),
        ("nodes", {"spec": {"providerID": value}}),
    ]:
        line = line_of(source, {"metadata": {"name": "a"}, **content})
        assert json.dumps(value)[1:-1] not in line
        assert rule in line


@pytest.mark.parametrize(
    "argument",
    [
        "--port=8080", "--tls-private-key-file=/etc/k.key", "--token-auth-file=/etc/tokens", "--v=2",
        "--service-account-key-file=/etc/kubernetes/pki/sa.pub", "--enable-bootstrap-token-auth=true",
        "--tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "--authorization-mode=Node,RBAC",
        "--encryption-provider-config=/etc/e.yaml", "--token-ttl=24h", "--secret-name=db", "--password-file=/run/p",
        "--client-ca-file=/etc/kubernetes/pki/ca.crt", "--etcd-servers=https://127.0.0.1:2379", "sh", "-c",
        "--audit-log-maxage=30", "--password=$(PASSWORD)", "hello world", "--api-token-url=https://x/y",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    ],
)  # fmt: skip
def test_ordinary_arguments_stay_in_clear(argument):
    assert Redactor(KEY).arguments([argument]) == [argument]


@pytest.mark.parametrize(
    "elements",
    [
        ["mkdir", "-p", "cache"], ["ssh", "-p", "2222", "host"], ["tool", "-p", "8080"], ["psql", "-p", "5432", "-U", "app"],
        ["app", "-u", "1000", "--user=1000:1000", "--key=/etc/tls/tls.key"], ["curl", "-H", "Accept: text/html", "https://x/y"], ["nginx", "-g", "daemon off"],
        ["kube-apiserver", "--advertise-address=10.0.0.1", "--feature-gates=RotateKubeletServerCertificate=true"],
        ["app", "--image=registry.example/x@sha256:" + "ab" * 32], ["tool", "-p", "/data"], ["app", "--mail=ops@example.com"],
        ["etcd", "--auth-token=simple"], ["app", "--password=$(PASSWORD)", "--token", "$TOKEN", "--secret=/run/secrets/x"],
    ],
)  # fmt: skip
def test_ordinary_command_lines_stay_in_clear(elements):
    assert Redactor(KEY).arguments(elements) == elements


def test_names_of_objects_stay_where_they_are_referred_to():
    name = "glpat-" + "q7w0rt5yk2m9xc4b8np1"
    binding = line_of("rolebindings.rbac.authorization.k8s.io", {"metadata": {"name": name}, "roleRef": {"kind": "Role", "name": name},
                      "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "a"}]})  # fmt: skip
    pod = line_of("pods", {"metadata": {"name": "a", "ownerReferences": [{"kind": "X", "name": name, "uid": "u"}]},
                           "spec": {"serviceAccountName": name}})  # fmt: skip
    assert (binding.count(name), pod.count(name), REDACTED in binding + pod) == (3, 2, False)


def test_unknown_fields_keep_their_names_and_lists_of_the_kubelet_their_values():
    spec = json.loads(line_of("pods", {"metadata": {"name": "a"}, "spec": {"volumes": [{"name": "v", "future": {"a": 1}}], "x y": 1}}))["spec"]
    assert REDACTED in spec["volumes"][0]["future"]
    assert not [key for key in spec if " " in key]
    config = json.loads(line_of("nodes/configz", {"metadata": {"name": "n"}, "config": {"tlsCipherSuites": ["A", "B"]}}))["config"]
    assert config == {"tlsCipherSuites": ["A", "B"]}


_PARTS = st.sampled_from([
    "password", "PWD", "secret_key", "apiKey", "auth_token", "client-key-data", "asic ", "Bearer ", "xBearer ", "eyJhbGciOi", "AKIA", "AccountKey=",
    "ghp_", "://", "@", "@tcp(", ":", "=", " ", "'", '"', "\\", "/", "?", "&sig=", "user", "hunter2hunter2hunter2", "A1B2C3D4E5F6G7H8", ".eyJ", "-----BEGIN ",
    "PRIVATE KEY-----", "hf_", "SG.", "k_live_", "{", "$", "1", "p&#97;ssword", "p\\u0061ssword", "&amp;", "\\/",
    *(base64.b64encode(one).decode().rstrip("=") for one in (b"AKIAIOSFODNN7EXAMPLE and more", b"ghp_abcdefghijklmnopqrstuvwxyz0123", b'"client-key-data": x')),
])  # fmt: skip


def scanned(node):
    """What the scan of a finished pack finds in a line of the snapshot."""
    return list(Search()._hits(json.dumps(node, separators=(",", ":")).encode(), b',"'))


@settings(max_examples=3000, deadline=None)
@given(st.lists(_PARTS, max_size=9).map("".join))
def test_what_is_kept_ends_no_run(text):
    """The scan of the finished pack refuses what it finds, and nobody can take that out of another's cluster."""
    redactor = Redactor(KEY)
    for kept in (redactor.string(text), redactor.arguments([text])[0], redactor.named("x", text)):
        assert not isinstance(kept, str) or not list(leak_rules.hits(kept.encode()))
        assert scanned({"path": kept}) == []


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(["client-key-data", "app.kubernetes.io/name", "reset-password", "x-api-key", "pwd", "QUtJQUlPU0ZPRE5ON0VYQU1QTEUgYW5k"]),
       st.one_of(_PARTS, st.sampled_from(["abcd1234", "enabled", "form1x"])))  # fmt: skip
def test_a_name_and_its_value_end_no_run(name, value):
    """As a label, a selector, a parameter."""
    kept = Redactor(KEY).kept({name: value}, "{}")
    assert scanned(kept) == []


def test_a_defect_while_redacting_shows_no_value_and_hides_no_object(monkeypatch):
    def broken(*_):
        raise KeyError(CANARY)

    monkeypatch.setattr(Redactor, "arguments", broken)
    lines = Lines(SOURCES["pods"], Redactor(KEY))
    item = lines.repaired(msgspec.Raw(json.dumps({"metadata": {"name": "a", "annotations": {"x": CANARY}, "labels": {"y": CANARY}},
                                                  "spec": {"containers": [container(args=[CANARY])]}}).encode()))  # fmt: skip
    with pytest.raises(OddObject, match="a defect of preaudit") as caught:
        lines.line(item)
    shown = caught.getrepr(showlocals=True, style="long", truncate_locals=False)
    assert CANARY not in str(shown) + repr(item) + repr(item.metadata) + repr(lines)


def test_an_argument_keeps_its_flag():
    (mark,) = Redactor(KEY).arguments(["--password=hunter22"])
    assert mark[REDACTED]["flag"] == "--password"
    assert "credential-flag" in mark[REDACTED]["hits"]
    assert mark == Redactor(KEY).arguments(["--password", "hunter22"])[1]


def test_equal_values_have_equal_tokens_under_one_key_only():
    one, two = Redactor(KEY).token("value"), Redactor(KEY).token("value", name="OTHER")
    assert one[REDACTED]["token"] == two[REDACTED]["token"]
    assert Redactor(b"x" * 32).token("value")[REDACTED]["token"] != one[REDACTED]["token"]
    assert len(one[REDACTED]["token"]) == 32


def test_an_empty_value_is_told():
    mark = Redactor(KEY).token("", name="PASSWORD")[REDACTED]
    assert (mark["empty"], mark["length"], mark["hits"]) == (True, "0", [])


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="16 bytes"):
        Redactor(b"short")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([REDACTED, "$escaped", ESCAPE + REDACTED, ESCAPE + ESCAPE + REDACTED, "a", "$redacted2"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


def unescaped(node):
    if isinstance(node, dict):
        return {key.removeprefix(ESCAPE): unescaped(value) for key, value in node.items()}
    return [unescaped(value) for value in node] if isinstance(node, list) else node


def keys(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys(value)


@given(JSON)
@settings(max_examples=300, deadline=None)
def test_marks_of_the_input_are_escaped_and_can_be_had_back(node):
    stored = json.loads(Redactor(KEY).raw(json.dumps(node).encode()))
    assert unescaped(stored) == node
    assert REDACTED not in set(keys(stored))


def test_a_mark_hidden_by_escapes_is_found():
    assert needs_look(rb'{"\u0024redacted": {}}')
    assert needs_look(rb'{"$\u0072edacted": {}}')
    assert REDACTED not in json.loads(Redactor(KEY).raw(rb'{"\u0024redacted": {}}'))


def test_marks_of_the_input_do_not_pass_for_ours_in_an_environment():
    line = line_of("pods", {"metadata": {"name": "a"}, "spec": {"containers": [
        container(env=[{"name": "X", "value": {REDACTED: {"hits": [], "token": "0"}}, REDACTED: {"a": 1}}])]}})  # fmt: skip
    variable = json.loads(line)["spec"]["containers"][0]["env"][0]
    assert REDACTED not in variable
    assert variable["value"][REDACTED]["token"] != "0"


names = st.sampled_from(["node-1", "n", "kube-api-access-abcde", "kube-api-access-xyz12", "value"])
specs = st.fixed_dictionaries(
    {"containers": st.lists(
        st.fixed_dictionaries({
            "name": names,
            "args": st.lists(names | st.sampled_from(["--password=node-1", "--x=kube-api-access-abcde"]), max_size=3),
            "env": st.lists(st.fixed_dictionaries({"name": names, "value": names}), max_size=3),
            "volumeMounts": st.lists(st.fixed_dictionaries({"name": names}), max_size=2),
        }), max_size=3)},
    optional={"nodeName": names, "volumes": st.lists(st.fixed_dictionaries({"name": names}), max_size=2),
              "hostname": names},
)  # fmt: skip


@given(st.lists(specs, min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_a_spec_that_is_known_already_is_redacted_as_if_it_were_not(many):
    shared, plain = Redactor(KEY), Redactor(KEY)
    cache = PodSpecs(shared)
    for spec in many * 2:
        raw = json.dumps(spec, separators=(",", ":")).encode()
        expected = redact_pod_spec(plain, json.loads(raw))
        assert json.loads(cache.redact(raw)) == expected
    assert shared.counts == plain.counts


def test_specs_that_differ_in_node_and_token_volume_are_redacted_once():
    redactor = Redactor(KEY)
    cache = PodSpecs(redactor)
    for number in range(20):
        spec = {"containers": [container(env=[{"name": "A", "value": "b"}])], "nodeName": f"node-{number}",
                "volumes": [{"name": f"kube-api-access-abc{number:02d}"}]}  # fmt: skip
        redacted = json.loads(cache.redact(json.dumps(spec, separators=(",", ":")).encode()))
        assert redacted["nodeName"] == f"node-{number}"
    assert len(cache._known) == 1
    assert redactor.counts["values"] == 20
