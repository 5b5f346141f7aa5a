"""The leak scan finds what is planted, wherever and however it is written, and nothing in an ordinary pack."""

import base64
import hashlib
import html
import itertools
import json
import random
import time
import tracemalloc

import pytest
import yaml

from preaudit.cli import main
from preaudit.evidence.leaks import CHUNK, LeakFound, require_clean, scan
from preaudit.example import write_snapshot
from tests.command import preaudit
from tests.proof.runs.test_redaction_verdicts import EXAMPLES, merged

WORD = "q7Wz0Rt5Yk2Lm9Xc4Vb8Np1As6Df3Gh0Jk5Qw2Er7Ty9Ui4Op"


def after(prefix, length, alphabet=None):
    """A made-up credential; put together here, so that no scanner takes this file for one."""
    letters = alphabet or WORD
    return prefix + "".join(itertools.islice(itertools.cycle(letters), length))


SECRETS = {
    "private key": "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEow",
    "openssh key": "-----BEGIN OPENSSH PRIVATE " + "KEY-----",
    "pgp": "-----BEGIN PGP PRIVATE " + "KEY BLOCK-----",
    "age": after("AGE-SECRET-KEY-1", 58, "QPZRY9X8GF2TVDW0"),
    "jwt": after("eyJ" + "hbGciOi", 20) + "." + after("eyJ", 30) + "." + WORD,
    "aws": after("AKIA", 16, "Q7WZ2RTYK2LM9XC4"),
    "aws temporary": after("ASIA", 16, "Q7WZ2RTYK2LM9XC4"),
    "google": after("AIza", 35),
    "google oauth": after("ya29.", 60),
    "azure storage": "AccountKey=" + after("", 64) + "==",
    "azure sas": "https://x.blob/y?sv=1&sig=" + after("", 40),
    "github": after("ghp_", 36),
    "github fine": after("github_pat_", 60),
    "gitlab": after("glpat-", 20),
    "slack": after("xoxb-", 30, "0123456789"),
    "slack hook": "https://hooks.slack.com/services/T00000000/B00000000/" + after("", 24),
    "stripe": after("sk_live_", 24),
    "npm": after("npm_", 36),
    "pypi": after("pypi-AgE", 60),
    "docker": after("dckr_pat_", 27),
    "vault": after("hvs.", 40),
    "url": "postgres://app:" + "hunter22@db/x",
    "url without a user": "redis://:" + "hunter22@cache:6379",
    "url with an odd password": "amqp://u:p/w@" + "s,x;y@mq/",
    "go dsn": "app:" + "hunter22@tcp(db:3306)/x",
    "basic": "Authorization: Basic " + base64.b64encode(b"admin:hunter22!").decode(),
    "bearer": "Authorization: Bearer " + WORD,
    "password pair": "DB_PASSWORD=" + "hunter22",
    "password line": "password: " + "hunter22",
    "password of digits": "db-password:" + "12345",
    "password behind a name with a slash": "Deployment/web " + "password:12345",
    "password behind a name that ends so": "Deployment/reset-password:" + "8443x",
    "password behind a name and a port": "Deployment/reset-password:" + "8443:hunter22",
    "password in json": '{"dbPassword": "' + 'hunter22"}',
    "secret key": "aws_secret_access_key = " + WORD[:40],
    "api key": "apiKey=" + "hunter22hunter22",
}


def pack(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def written(form, value):
    """File name and content with a value in one of the forms that files of a pack have."""
    if form == "json":
        return "records.jsonl", '{"a":1}\n' + json.dumps({"x": 1, "reason": f"it is {value}", "y": 2}) + "\n"
    if form == "escaped json":
        text = "".join(f"\\u{ord(char):04x}" for char in value)
        return "records.jsonl", '{"a":1}\n{"x":1,"reason":"' + text + '"}\n'
    if form == "json in json":
        return "snapshot.jsonl", '{"a":1}\n' + json.dumps({"x": json.dumps({"y": value})}) + "\n"
    if form == "html":
        return "report.html", f"<html>\n<td>{html.escape(value)}</td>"
    if form == "entities":
        return "junit.xml", "<a>\n<b c='" + "".join(f"&#x{ord(char):x};" for char in value) + "'/></a>"
    if form == "yaml":
        return "waivers.yaml", "a: 1\n" + yaml.safe_dump({"reason": value}, width=10_000)
    if form == "csv":
        return "records.csv", '"a","b"\n"1","' + value.replace('"', '""') + '"\n'
    return "README.txt", f"hello\n{value}\n"


@pytest.mark.parametrize("form", ["json", "escaped json", "html", "entities", "yaml", "text", "csv", "json in json"])
def test_what_is_planted_is_found_and_never_told(tmp_path, form):
    for secret, value in SECRETS.items():
        name, content = written(form, value)
        pack(tmp_path, f"{secret}/{name}", content)
    leaks = scan(tmp_path)
    assert {one.file.partition("/")[0] for one in leaks.fatal} == set(SECRETS)
    assert {one.line for one in leaks.fatal} <= {2, 3}
    told = repr(leaks) + leaks.sentence
    assert "hunter22" not in told
    assert WORD[:12] not in told
    with pytest.raises(LeakFound, match=r"line [23], holds what looks like a credential \(.+\) \(and \d+ more places\)"):
        require_clean(tmp_path)


PEM = "-----BEGIN EC PRIVATE " + "KEY-----\n" + WORD * 4 + "\n-----END EC PRIVATE " + "KEY-----\n"
KUBECONFIG = "apiVersion: v1\nusers:\n- name: a\n  user:\n    client-key-data: " + WORD + "\n"


@pytest.mark.parametrize("secret", [PEM, "xx" + PEM, "x" + PEM, KUBECONFIG, SECRETS["jwt"], '{"auths":{"r":{"auth":"eA"}}}'])
def test_base64_of_credentials_is_found(tmp_path, secret):
    coded = base64.b64encode(secret.encode()).decode()
    for text in (coded, coded.replace("+", "-").replace("/", "_").rstrip("=")):
        assert scan(pack(tmp_path, "records.jsonl", json.dumps({"a": f"echo {text} | base64 -d"}))).fatal


ORDINARY = [
    base64.b64encode(b"-----BEGIN CERTIFICATE-----\n" + WORD.encode() * 20 + b"\n-----END CERTIFICATE-----\n").decode(),
    base64.b64encode(b"-----BEGIN PUBLIC KEY-----\n" + WORD.encode()).decode(), hashlib.sha256(b"x").hexdigest(),
    "284b6308-3479-4990-a445-3ef0e2efbcfb", '{"DB_PASSWORD":{"$redacted":{"token":"234ad21290d9a2c7157a99e81898cd8f"}}}',
    "password: ${DB_PASSWORD}", "--tls-private-key-file=/etc/k.key", "passwords are secrets: keep them", "Basic auth is off",
    "Deployment/reset-password:8443", "https://reset-password:8443/healthz", "`shop/Endpoint/Deployment/client-secret:8080`: open",
    "Bearer tokens are read from a file", "https://REDACTED@host/x", "https://example.com/a@b", "alice@example.com",
    "registry.example/app@sha256:" + hashlib.sha256(b"y").hexdigest(), "--requestheader-username-headers=X-Remote-User",
    "secret-key-ref: none", "--password=optional --auth-token=simple", "client-secret=$(CLIENT_SECRET)", "github_pat_ is a prefix", "eyJ is how a token begins",
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ORDINARY)))
def test_ordinary_texts_are_none(tmp_path, number):
    text = ORDINARY[number]
    pack(tmp_path, "records.jsonl", json.dumps({"a": text, "b": 1}))
    pack(tmp_path, "report.html", f"<p>{html.escape(text)}</p>")
    assert scan(pack(tmp_path, "a.txt", text)).fatal == ()


def test_the_demo_has_none(tmp_path, capsys):
    main(["demo", "--out", str(tmp_path / "pack")])
    leaks = scan(tmp_path / "pack")
    assert leaks.fatal == ()
    assert leaks.named == ()
    assert leaks.scanned > 2**20


def test_a_pack_over_all_examples_has_none(tmp_path):
    """Their objects hold credentials of many forms, and everything else that requirements read."""
    (tmp_path / "snapshot").mkdir()
    write_snapshot(tmp_path / "snapshot", merged(EXAMPLES[::5]))
    preaudit("run", "--profile", "bank", "--snapshot", "snapshot", "--out", "pack", "--select", "POD,RBAC", cwd=tmp_path, code=1)
    leaks = scan(tmp_path / "pack")
    assert (leaks.fatal, leaks.named) == ((), ())
    assert leaks.scanned > 2 * 2**20


def test_names_are_listed_and_end_nothing(tmp_path):
    name = after("glpat-", 20, "q7w0rt5yk2m9xc4")
    pack(tmp_path, "snapshot/pods.jsonl", json.dumps({"metadata": {"namespace": "a", "name": name}}))
    pack(tmp_path, "records.jsonl", json.dumps({"reason": f"pod {name} is privileged"}))
    leaks = require_clean(tmp_path)
    assert [(one.file, one.line, one.rule, one.name) for one in leaks.named] == [
        ("snapshot/pods.jsonl", 1, "GitLab token", name)
    ]
    pack(tmp_path, "records.jsonl", json.dumps({"reason": f"pod {name} has {after('glpat-', 30)}"}))
    assert scan(tmp_path).fatal


@pytest.mark.parametrize("place", [CHUNK - 10, CHUNK - 200_000, CHUNK + 1])
def test_nothing_hides_on_the_border_of_chunks(tmp_path, place):
    content = bytearray(b"x y " * (CHUNK // 3))
    secret = SECRETS["github"].encode()
    content[place : place + len(secret) + 2] = b" " + secret + b" "
    assert [one.rule for one in scan(pack(tmp_path, "one-line.json", bytes(content))).fatal] == ["GitHub token"]


def test_memory_stays_bounded_in_a_file_of_one_line(tmp_path):
    path = tmp_path / "records.jsonl"
    with path.open("wb") as stream:
        for _ in range(24):
            stream.write(b"a" * 2**20)
        stream.write(b" " + SECRETS["aws"].encode())
    tracemalloc.start()
    try:
        assert scan(tmp_path).fatal
        assert tracemalloc.get_traced_memory()[1] < 12 * CHUNK
    finally:
        tracemalloc.stop()


HOSTILE = ["@", "://", "QUtJQ", "eyJ", "password", "PRIVATE KEY", "@tcp(", "a:b@tcp(", "LS0tLS1CRUdJTi", "&#x41;", "\\u0041", "&", ',"',
           "Bearer ", "://a:", "ecret_", "Q~", "xox", "-----BEGIN ", "https://u:", "password='"]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_file_is_not_slow(tmp_path, text):
    pack(tmp_path, "records.jsonl", text * (150_000 // len(text)))
    begin = time.process_time()
    scan(tmp_path)
    assert time.process_time() - begin < 1.5


def lines_of_many_pods(count):
    """Records as a large cluster gives them: every name, UID and hash another one."""
    source = random.Random(7)
    for number in range(count):
        uid, spec = f"{source.getrandbits(128):032x}", f"{source.getrandbits(256):064x}"
        yield json.dumps({
            "requirement": f"POD-{100 + number % 40}", "title": "Containers are not privileged.", "area": "pod_security",
            "severity": "high", "controls": ["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.2.2"], "namespace": f"ns-{number % 90}",
            "subject": {"apiVersion": "v1", "kind": "Pod", "name": f"web-{number // 40}-{spec[:5]}", "uid": uid, "within": "app"},
            "verdict": "fail", "level": "fail", "scope": "product", "source": "pods", "pods": 1, "spec": spec,
            "reason": "securityContext.privileged is true, expected false or unset", "expected": "false or unset",
            "observed": [{"path": "spec.containers[app].securityContext.privileged", "value": True}],
            "population": f"every container of every workload in ns-{number % 90}", "note": "", "waiver": None,
        }, separators=(",", ":")).encode()  # fmt: skip


def test_a_large_pack_is_scanned_to_its_end(tmp_path):
    lines = list(lines_of_many_pods(20_000))
    (tmp_path / "records.jsonl").write_bytes(b"\n".join([*lines, b'{"reason":"-----BEGIN RSA PRIVATE KEY-----"}']))
    leaks = scan(tmp_path)
    assert leaks.scanned == (tmp_path / "records.jsonl").stat().st_size
    assert [(one.file, one.line) for one in leaks.fatal] == [("records.jsonl", 20_001)]
