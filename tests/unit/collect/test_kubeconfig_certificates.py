"""What is taken out of a kubeconfig: certificates of the context in use, all of them or why not, and never a key."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubernetes.config import incluster_config

from preaudit.collect.kubeconfig import load_access
from preaudit.collect.kubeconfig_certificates import MAX_BYTES, _held, held_certificates
from preaudit.kubeconfig import AUTHORITY, CLIENT, IN_CLUSTER, IN_USE, kubeconfig_line
from preaudit.subjects.pem import MOST
from tests.issued import issued

pytestmark = pytest.mark.usefixtures("no_access")
CA, OTHER_CA = issued("Cluster CA"), issued("Other CA")
JANE, JACK = issued("jane", "dev", by=CA), issued("jack", by=CA)
SERVER = "https://127.0.0.1:1"


def coded(raw):
    return base64.b64encode(raw).decode()


def stored(*certificates):
    return tuple(coded(one.x509.public_bytes(Encoding.DER)) for one in certificates)


BUNDLE = {"server": SERVER, "certificate-authority-data": coded(OTHER_CA.pem + CA.pem)}
OF_JANE = {"client-certificate-data": coded(JANE.pem), "client-key-data": coded(JANE.private)}


@pytest.fixture
def held(tmp_path):
    """What is taken out of a kubeconfig with this cluster and user; another context stands beside them."""

    def look(cluster, user):
        jack = {"client-certificate-data": coded(JACK.pem), "client-key-data": coded(JACK.private)}
        content = {
            "apiVersion": "v1", "kind": "Config", "current-context": "theirs",
            "contexts": [{"name": "mine", "context": {"cluster": "mine", "user": "mine"}},
                         {"name": "theirs", "context": {"cluster": "theirs", "user": "theirs"}}],
            "clusters": [{"name": "mine", "cluster": {"server": SERVER, **cluster}},
                         {"name": "theirs", "cluster": {"server": SERVER, "certificate-authority-data": coded(CA.pem)}}],
            "users": [{"name": "mine", "user": user}, {"name": "theirs", "user": jack}],
        }  # fmt: skip
        (tmp_path / "config").write_text(yaml.safe_dump(content))
        return list(held_certificates(load_access(str(tmp_path / "config"), "mine")))

    return look


def told(found):
    return [(one.name, one.part, one.certificates, one.cause) for one in found]


def test_data_of_the_context_in_use_and_of_no_other(held):
    assert told(held(BUNDLE, OF_JANE)) == [
        (IN_USE, AUTHORITY, stored(OTHER_CA, CA), ""), (IN_USE, CLIENT, stored(JANE), ""),
    ]  # fmt: skip


def test_files_count_as_data_does_and_a_key_in_them_stays_there(held, tmp_path):
    (tmp_path / "ca.crt").write_bytes(b"# the CA of the cluster\n" + CA.pem)
    (tmp_path / "both.pem").write_bytes(JANE.private + JANE.pem + CA.pem)
    (tmp_path / "link.pem").symlink_to("both.pem")
    user = {"client-certificate": "link.pem", "client-key": str(tmp_path / "both.pem")}
    found = held({"certificate-authority": "ca.crt"}, user)
    assert told(found) == [(IN_USE, AUTHORITY, stored(CA), ""), (IN_USE, CLIENT, stored(JANE, CA), "")]
    line = kubeconfig_line(found[1])
    assert JANE.private.splitlines()[1] not in line
    assert str(tmp_path).encode() not in line
    assert json.loads(line)["metadata"] == {"name": IN_USE}


@pytest.mark.parametrize(("cluster", "parts"), [
    (BUNDLE, [AUTHORITY]), ({}, []), ({"insecure-skip-tls-verify": True}, []),
    ({"server": "http://127.0.0.1:1", "certificate-authority-data": coded(CA.pem)}, []),
    (BUNDLE | {"insecure-skip-tls-verify": True}, [AUTHORITY]),
], ids=["CA", "the system's CAs", "nothing verified", "no TLS", "a CA that is not used"])  # fmt: skip
def test_with_a_token_there_is_a_ca_at_most(held, cluster, parts):
    found = held(cluster, {"token": "t0ken"})
    assert [one.part for one in found] == parts
    assert "t0ken" not in repr(found)


def program(folder, **status):
    path = folder / "login"
    said = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(said)}\nEND\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    exec_ = {"apiVersion": said["apiVersion"], "command": str(path), "interactiveMode": "Never"}
    return {"exec": exec_}


def test_the_certificate_that_a_log_in_program_gives_is_the_clients(held, tmp_path):
    given_ = {"clientCertificateData": JANE.pem.decode(), "clientKeyData": JANE.private.decode()}
    found = held(BUNDLE, program(tmp_path, **given_))
    assert told(found)[1:] == [(IN_USE, CLIENT, stored(JANE), "")]
    assert told(held(BUNDLE, program(tmp_path, token="t0ken"))) == told(found)[:1]
    # The run shows the token alone, as the limitation says.
    assert told(held(BUNDLE, program(tmp_path, token="t0ken", **given_))) == told(found)[:1]


def test_a_pod_has_the_ca_of_its_service_account(monkeypatch, tmp_path):
    (tmp_path / "token").write_text("t0ken")
    (tmp_path / "ca.crt").write_bytes(CA.pem)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    loader = incluster_config.InClusterConfigLoader
    monkeypatch.setattr(incluster_config, "InClusterConfigLoader", lambda **more: loader(
        **more | {"token_filename": str(tmp_path / "token"), "cert_filename": str(tmp_path / "ca.crt")}))  # fmt: skip
    assert told(held_certificates(load_access(None, None))) == [(IN_CLUSTER, AUTHORITY, stored(CA), "")]


CUT = JANE.pem.replace(b"-----END CERTIFICATE-----\n", b"")
ODD = {
    "empty": (b"", (), "holds 0 certificates"),
    "text": (b"hello", (), "holds 0 certificates"),
    "DER": (JANE.x509.public_bytes(Encoding.DER), (), "holds 0 certificates"),
    "a key alone": (JANE.private, (), "holds 0 certificates"),
    "without its end": (CUT, (), "1 of its 1 certificates cannot be read"),
    "without its beginning": (JANE.pem.split(b"\n", 1)[1], (), "1 of its 1 certificates cannot be read"),
    "the first without its end, then the key": (CUT + JANE.private + CA.pem, (CA,), "1 of its 2 certificates"),
    "no certificate within": (CA.pem + b"-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n", (CA,), "1 of its 2"),
    "a key by the name of a certificate": (JANE.private.replace(b"PRIVATE KEY", b"CERTIFICATE"), (), "1 of its 1"),
    "of OpenSSL's own kind": (CA.pem + JANE.pem.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), (CA,), "1 of its 2"),
    "many": (CA.pem * (MOST + 1), (), f"holds {MOST + 1} certificates"),
    "long": (CA.pem + b"\n" * MAX_BYTES, (), f"longer than {MAX_BYTES} bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_what_cannot_be_read_is_told_and_never_left_out(case, tmp_path):
    raw, known, cause = ODD[case]
    (tmp_path / "file").write_bytes(raw)
    found, said = _held(str(tmp_path / "file"))
    assert found == stored(*known)
    assert cause in said


def test_a_file_that_is_gone_or_is_none_is_told_without_its_path(tmp_path):
    assert _held(str(tmp_path / "gone")) == ((), "its file cannot be read: No such file or directory")
    assert _held(str(tmp_path)) == ((), "its file cannot be read: Is a directory")


WHOLE = CA.pem + JANE.private + JANE.pem
SECRET = JANE.key.private_numbers().private_value.to_bytes(32, "big")


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=3), st.integers(0, len(WHOLE)),
       st.integers(0, len(WHOLE)))  # fmt: skip
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happened_to_a_file_no_key_is_taken_out_and_what_is_lost_is_told(tmp_path, changes, start, end):
    raw = bytearray(WHOLE)
    for place, byte in changes:
        raw[place] = byte
    raw = bytes(raw[:start] + raw[end:]) if start < end else bytes(raw)
    (tmp_path / "file").write_bytes(raw)
    found, cause = _held(str(tmp_path / "file"))
    seen = b"".join(map(base64.b64decode, found))
    assert not [part for part in range(0, 32, 8) if SECRET[part : part + 8] in seen]
    traces = max(raw.count(b"-----BEGIN CERTIFICATE-----"), raw.count(b"-----END CERTIFICATE-----"))
    assert cause or len(found) == traces


def test_the_path_of_the_kubeconfig_is_in_no_cause(held, tmp_path):
    found = held({"insecure-skip-tls-verify": True, "certificate-authority-data": coded(b"garbage")}, OF_JANE)
    assert [bool(one.cause) for one in found] == [True, False]
    assert not [one for one in found if str(Path(tmp_path).parent) in one.cause]
