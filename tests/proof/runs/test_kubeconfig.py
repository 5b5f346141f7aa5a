"""A run over mutual TLS: the certificates that it showed and trusted are judged and listed, and no key gets anywhere."""

import csv
import json
import ssl

import pytest
import yaml

from tests.command import preaudit
from tests.issued import issued
from tests.unit.collect.conftest import FakeApi, page, reply
from tests.unit.collect.test_cluster import Cluster

SELECT = ("--profile", "bank", "--select", "TLS-701,TLS-702,TLS-703")


class Make:
    """The builders that a fake cluster is made with."""

    page = staticmethod(page)
    reply = staticmethod(reply)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A cluster that knows its clients by certificate; the folder of a kubeconfig of one whose own ends tomorrow."""
    folder = tmp_path_factory.mktemp("mutual")
    ca = issued("Cluster CA")
    server, jane = issued("127.0.0.1", by=ca), issued("jane.doe", "payments-devs", by=ca, days=1, since=-300)
    for name, raw in {"ca.crt": ca.pem, "server.pem": server.private + server.pem, "jane.pem": jane.private + jane.pem}.items():
        (folder / name).write_bytes(raw)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "server.pem")
    fake = FakeApi()
    fake._server.socket = context.wrap_socket(fake._server.socket, server_side=True)
    Cluster(fake, Make).namespaces("kube-system")
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "jane.doe@prod",
        "contexts": [{"name": "jane.doe@prod", "context": {"cluster": "prod", "user": "jane.doe"}}],
        "clusters": [{"name": "prod", "cluster": {"server": fake.url.replace("http:", "https:"), "certificate-authority": "ca.crt"}}],
        "users": [{"name": "jane.doe", "user": {"client-certificate": "jane.pem", "client-key": "jane.pem"}}],
    }  # fmt: skip
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    yield folder, jane
    fake.close()


@pytest.fixture(scope="module")
def pack(world):
    folder, _ = world
    # That the auditor's own certificate ends tomorrow is told, and closes no gate.
    preaudit("run", *SELECT, "--kubeconfig", "kubeconfig", "--out", "pack", cwd=folder, code=0)
    return folder / "pack"


def records(pack):
    return [json.loads(line) for line in (pack / "records.jsonl").read_text().splitlines()]


def test_what_the_run_showed_and_trusted_is_judged(pack):
    found = {(one["requirement"], one["subject"]["within"].partition(".")[2]): (one["verdict"], one["level"]) for one in records(pack)}
    assert found == {
        ("TLS-701", "certificate-authority"): ("pass", "fail"), ("TLS-701", "client-certificate"): ("pass", "warn"),
        ("TLS-702", "certificate-authority"): ("pass", "fail"), ("TLS-702", "client-certificate"): ("fail", "warn"),
        ("TLS-703", "certificate-authority"): ("pass", "fail"), ("TLS-703", "client-certificate"): ("pass", "warn"),
    }  # fmt: skip
    assert {one["subject"]["kind"] + "/" + one["subject"]["name"] for one in records(pack)} == {"Kubeconfig/in-use"}
    with (pack / "certificates.csv").open(newline="") as stream:
        listed = {one["subject"]: (one["position"], one["seen_at"]) for one in csv.DictReader(stream)}
    assert listed == {
        "CN=Cluster CA": ("stored", "Kubeconfig/in-use cluster.certificate-authority"),
        "CN=jane.doe,O=payments-devs": ("stored", "Kubeconfig/in-use user.client-certificate"),
    }


def test_it_is_judged_again_to_the_same_bytes(pack):
    again = pack.parent / "again"
    preaudit("run", *SELECT, "--snapshot", pack, "--out", again, cwd=pack.parent, code=0)
    for name in ("records.jsonl", "certificates.csv"):
        assert (again / name).read_bytes() == (pack / name).read_bytes()
    assert "0 differ" in preaudit("verify", pack, "--reperform", cwd=pack.parent).stdout


def test_no_key_and_no_path_is_in_the_pack(world, pack):
    folder, jane = world
    secret = jane.private.splitlines()[1]
    files = [path for path in pack.rglob("*") if path.is_file()]
    assert not [path for path in files if secret in path.read_bytes() or b"PRIVATE KEY" in path.read_bytes()]
    stored = (pack / "snapshot" / "kubeconfig-certificates.jsonl").read_text()
    assert not [word for word in (str(folder), "jane.pem", "ca.crt", "prod") if word in stored]


def test_under_pseudonyms_no_rendering_names_the_client(pack):
    masked = pack.parent / "masked"
    preaudit("run", *SELECT, "--snapshot", pack, "--pseudonyms", "--out", masked, cwd=pack.parent, code=0)
    kept = {"records.jsonl", "manifest.json"}
    renderings = [path for path in masked.iterdir() if path.is_file() and path.name not in kept]
    assert len(renderings) > 5
    assert not [path.name for path in renderings if "jane.doe" in path.read_text() or "payments-devs" in path.read_text()]
    assert "CN=user-" in (masked / "certificates.csv").read_text()
    assert "O=group-" in (masked / "report.html").read_text()
