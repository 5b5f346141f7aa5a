"""Every way in which a kubeconfig can be wrong is one sentence that says what to do."""

from __future__ import annotations

import stat
from datetime import UTC, datetime

import pytest
import yaml

from preaudit.collect import kubeconfig as module
from preaudit.collect.identity import first_contact
from preaudit.collect.kubeconfig import load_access
from preaudit.collect.transport import Api
from preaudit.errors import TargetError

pytestmark = pytest.mark.usefixtures("no_access")


def config(**changes):
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}},
                     {"name": "two", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
    }  # fmt: skip
    content.update(changes)
    return content


@pytest.fixture
def write(tmp_path):
    def made(content, name="config"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return str(path)

    return made


def test_a_token_and_a_server(write):
    access = load_access(write(config()), None)
    assert (access.api_url, access.context, access.authorization()) == ("https://127.0.0.1:1", "one", "Bearer t0ken")
    assert access.verified
    assert access.notes == ()


def test_what_people_write_into_a_url_is_not_told(write):
    server = "https://jane:s3cret@127.0.0.1:1/path?token=s3cret"
    access = load_access(write(config(clusters=[{"name": "c", "cluster": {"server": server}}])), None)
    assert access.shown_url == "https://REDACTED@127.0.0.1:1/path"
    with pytest.raises(TargetError, match="cannot be reached") as caught:
        first_contact(Api(access), datetime.now(UTC))
    assert "s3cret" not in str(caught.value)


def test_several_files_as_in_kubectl(write, monkeypatch):
    first = write(config(users=[], clusters=[]), "a")
    second = write(config(contexts=[]), "b")
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}:/missing")
    assert load_access(None, "two").authorization() == "Bearer t0ken"


def user(**fields):
    return config(users=[{"name": "u", "user": fields}])


BROKEN = {
    "not there": (None, "does not exist"),
    "empty": ("", "cannot be used|no contexts"),
    "no YAML": ("a: [", "line 1 is not YAML"),
    "text": ("hello", "not well-formed"),
    "a list": ("[1, 2]", "not well-formed"),
    "no contexts": (config(contexts=[]), "has no contexts"),
    "no current context": (config(**{"current-context": ""}), "choose one with --context: one, two"),
    "an unknown context": (config(**{"current-context": "three"}), "no context 'three'; known are: one, two"),
    "no cluster": (config(clusters=[]), "clusters"),
    "no server": (config(clusters=[{"name": "c", "cluster": {}}]), "has no server"),
    "half a certificate": (user(**{"client-certificate-data": "QQ=="}), "no client-key"),
    "a missing file": (user(tokenFile="/missing/token"), "/missing/token"),
    "a missing CA": (
        config(clusters=[{"name": "c", "cluster": {"server": "https://x", "certificate-authority": "/missing/ca"}}]),
        "/missing/ca",
    ),
    "a log-in program that is missing": (
        user(exec={"apiVersion": "client.authentication.k8s.io/v1", "command": "/missing/program"}),
        "gave no credentials",
    ),
    "a log-in program that fails": (
        user(exec={"apiVersion": "client.authentication.k8s.io/v1", "command": "false"}), "gave no credentials",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_said(case, write):
    content, message = BROKEN[case]
    name = "/missing/config" if content is None else write(content)
    with pytest.raises(TargetError, match=message) as caught:
        load_access(name, None)
    assert "\n" not in str(caught.value)
    assert "QQ==" not in str(caught.value)


def test_no_cluster_at_all_says_what_else_there_is():
    with pytest.raises(TargetError, match="--snapshot"):
        load_access(None, None)


def test_a_context_that_is_asked_for(write):
    with pytest.raises(TargetError, match="known are: one, two"):
        load_access(write(config()), "three")


def test_a_log_in_program_gives_a_token(write, tmp_path):
    program = tmp_path / "login"
    program.write_text(
        '#!/bin/sh\necho \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
        '"status":{"token":"fresh"}}\'\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    exec_ = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}
    assert load_access(write(user(exec=exec_)), None).authorization() == "Bearer fresh"


def test_a_log_in_program_that_waits_is_not_waited_for(write, monkeypatch):
    monkeypatch.setattr(module, "LOAD_SECONDS", 0.5)
    exec_ = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["3"]}
    with pytest.raises(TargetError, match="waits for a log-in"):
        load_access(write(user(exec=exec_)), None)


def test_unverified_tls_is_noted(write):
    cluster = {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}
    access = load_access(write(config(clusters=[{"name": "c", "cluster": cluster}])), None)
    assert not access.verified
    assert "not verified" in access.notes[0]


def test_proxies_and_server_names_are_taken_over(write, monkeypatch):
    cluster = {"server": "https://10.0.0.1:6443", "proxy-url": "http://127.0.0.1:3128", "tls-server-name": "kubernetes"}
    access = load_access(write(config(clusters=[{"name": "c", "cluster": cluster}])), None)
    assert access.pool.proxy.url == "http://127.0.0.1:3128"
    assert access.pool.connection_pool_kw["server_hostname"] == "kubernetes"
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3129")
    plain = config(clusters=[{"name": "c", "cluster": {"server": "https://10.0.0.1:6443"}}])
    assert load_access(write(plain), None).pool.proxy.url == "http://127.0.0.1:3129"
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8")
    assert load_access(write(plain), None).pool.proxy is None


def test_a_certificate_that_is_none_is_a_target_error(write, fake):
    wrong = user(**{"client-certificate-data": "QQ==", "client-key-data": "QQ=="})
    wrong["clusters"][0]["cluster"]["server"] = fake.url.replace("http:", "https:")
    access = load_access(write(wrong), None)
    with pytest.raises(TargetError, match="check the client certificate"):
        first_contact(Api(access, sleep=lambda _: None), datetime(2026, 11, 22, tzinfo=UTC))


def test_a_server_that_is_not_there_is_a_target_error(write):
    access = load_access(write(config()), None)
    with pytest.raises(TargetError, match=r"https://127\.0\.0\.1:1 cannot be reached"):
        first_contact(Api(access, sleep=lambda _: None), datetime(2026, 11, 22, tzinfo=UTC))


def test_a_server_without_tls_on_a_tls_address_is_a_target_error(write, fake):
    url = fake.url.replace("http:", "https:")
    access = load_access(write(config(clusters=[{"name": "c", "cluster": {"server": url}}])), None)
    with pytest.raises(TargetError, match="speaks no TLS"):
        first_contact(Api(access, sleep=lambda _: None), datetime(2026, 11, 22, tzinfo=UTC))
