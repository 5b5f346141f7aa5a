"""A pack with everything in it, and hands to change it."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from preaudit.evidence.integrity import check
from preaudit.evidence.keys import generate, load_signer
from preaudit.evidence.manifest import encode, with_files
from preaudit.evidence.pack import files_below, write_records
from preaudit.evidence.readme import readme
from preaudit.evidence.record import encode as encode_record
from preaudit.evidence.seal import sign_pack
from preaudit.evidence.strict import pretty
from preaudit.evidence.trust import load_trust
from preaudit.example import write_snapshot

from .packs import NOW, layers, small_manifest, small_records


@pytest.fixture(scope="session")
def sealing(tmp_path_factory):
    """A folder with a key pair, another one, and a CA with certificates of the first."""
    folder = tmp_path_factory.mktemp("keys")
    generate(folder / "signer")
    generate(folder / "other")
    return folder


@pytest.fixture(scope="session")
def unsigned_pack(tmp_path_factory):
    """A small pack, as a run writes it; not to be changed."""
    return write_pack(tmp_path_factory.mktemp("packs") / "pack")


@pytest.fixture(scope="session")
def signed_pack(unsigned_pack, sealing):
    """The same, signed; not to be changed."""
    folder = unsigned_pack.parent / "signed"
    shutil.copytree(unsigned_pack, folder)
    sign_pack(folder, load_signer(str(sealing / "signer.key")), test_result=True)
    return folder


@pytest.fixture
def pack(unsigned_pack, tmp_path):
    """An unsigned pack to change."""
    shutil.copytree(unsigned_pack, tmp_path / "pack")
    return tmp_path / "pack"


@pytest.fixture
def signed(signed_pack, tmp_path):
    """A signed pack to change."""
    shutil.copytree(signed_pack, tmp_path / "signed")
    return tmp_path / "signed"


@pytest.fixture(scope="session")
def trusted(sealing):
    """Trust in the signer's key."""
    return load_trust(sealing / "signer.pub")


@pytest.fixture
def faults(trusted):
    """The findings of a check under trust."""

    def look(folder, trust=trusted, now=NOW, **given):
        checked = check(folder, trust, now=now, **given)
        assert checked.trusted == (trust is not None and not checked.findings)
        return checked.findings

    return look


def write_pack(folder, number=0):
    """A pack of a few records over a few objects; another number, another pack."""
    folder.mkdir()
    (folder / "inputs").mkdir()
    (folder / "snapshot").mkdir()
    write_snapshot(folder / "snapshot", [POD | {"metadata": {"name": f"web-{number}", "namespace": "shop"}}])
    records = small_records(number)
    write_records(folder / "records.jsonl", map(encode_record, records))
    for name, raw in layers().items():
        (folder / "inputs" / f"profile-{name}.yaml").write_bytes(raw)
    told = small_manifest(records, folder / "snapshot" / "collection.json", number)
    (folder / "inputs" / "effective-profile.json").write_bytes(pretty(told.profile))
    (folder / "inputs" / "selection.json").write_bytes(pretty({"select": None}))
    (folder / "README.txt").write_bytes(readme())
    (folder / "empty.txt").write_bytes(b"")
    (folder / "manifest.json").write_bytes(encode(with_files(told, files_below(folder))))
    return folder


POD = {
    "apiVersion": "v1", "kind": "Pod",
    "spec": {"containers": [{"name": "c", "image": "registry.example/shop/web:1.2@sha256:" + "5e" * 32}],
             "initContainers": [{"name": "i", "image": "registry.example/plain:1"}]},
}  # fmt: skip


@pytest.fixture(scope="session")
def certified(tmp_path_factory, sealing):
    """A CA, an intermediate and a leaf of the signer's key, made by openssl; also a TSA."""
    folder = tmp_path_factory.mktemp("ca")

    def openssl(*arguments, **given):
        return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=folder, timeout=60, **given)

    def issue(name, key, extensions, issuer="root", days=30):
        (folder / f"{name}.ext").write_text(extensions)
        openssl("req", "-new", "-key", key, "-subj", f"/O=Example Bank/CN={name}", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key",
                "-CAcreateserial", "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.pem")  # fmt: skip

    for name in ("root", "stranger"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem",
                "-days", "3650", "-subj", f"/O=Example Bank/CN={name}")  # fmt: skip
    for name in ("middle", "tsa"):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
    issue("middle", "middle.key", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n")
    signing = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
    issue("leaf", sealing / "signer.key", signing, "middle")
    issue("web", sealing / "signer.key", signing + "extendedKeyUsage=serverAuth\n", "middle")
    issue("short", sealing / "signer.key", signing, "middle", days=1)
    issue("tsa", "tsa.key", "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n")
    for name in ("leaf", "web", "short"):
        chain = (folder / f"{name}.pem").read_text() + (folder / "middle.pem").read_text()
        (folder / f"{name}-chain.pem").write_text(chain)
    (folder / "serial").write_text("01")
    (folder / "tsa.cnf").write_text(TSA)
    return folder


TSA = """
[tsa]
default_tsa = only
[only]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
signer_key = tsa.key
certs = tsa.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@pytest.fixture
def stamp(certified, tmp_path):
    """Has the TSA sign the attestation of a pack; writes timestamp.tsr into it."""

    def ask(folder: Path):
        query = tmp_path / "request.tsq"
        def openssl(*line):
            subprocess.run(["openssl", "ts", *line], check=True, capture_output=True, cwd=certified, timeout=60)

        openssl("-query", "-data", folder / "attestation.dsse.json", "-sha256", "-cert", "-out", query)
        openssl("-reply", "-config", "tsa.cnf", "-queryfile", query, "-out", folder / "timestamp.tsr")

    return ask


@pytest.fixture
def now():
    """The real time: certificates and tokens are made by openssl, which knows no other."""
    return datetime.now(UTC)
