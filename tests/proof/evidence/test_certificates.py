"""Certificates carry identity and expiry; they are judged at the time of the RFC 3161 token where there is one."""

import base64
import subprocess
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from preaudit.errors import UsageError
from preaudit.evidence.finding import Fault
from preaudit.evidence.integrity import check
from preaudit.evidence.keys import load_signer
from preaudit.evidence.seal import sign_pack
from preaudit.evidence.timestamp import TimestampRefused, verified_time
from preaudit.evidence.trust import load_authorities, load_trust


@pytest.fixture
def certify(pack, sealing, certified):
    """Signs the pack with a chain; the pack."""

    def sign(name):
        sign_pack(pack, load_signer(str(sealing / "signer.key"), certified / f"{name}.pem"))
        return pack

    return sign


@pytest.fixture
def root(certified):
    return load_trust(certified / "root.pem")


@pytest.fixture
def times(certified):
    return load_authorities(certified / "root.pem")


def test_a_chain_to_the_trusted_ca(certify, root, faults, now, trusted):
    folder = certify("leaf-chain")
    checked = check(folder, root, now=now)
    assert checked.trusted
    assert any("CN=leaf,O=Example Bank" in one and "valid at now" in one for one in checked.proved)
    assert not faults(folder, trusted, now=now)
    assert any("certificate was not judged" in one for one in check(folder, trusted, now=now).notes)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("leaf", "does not lead to the trusted CA"),
        ("web-chain", "is not for signing"),
    ],
)
def test_a_certificate_that_proves_nothing(name, said, certify, root, faults, now):  # noqa: PLR0917 - fixtures
    (found,) = faults(certify(name), root, now=now)
    assert found.fault is Fault.CERTIFICATE
    assert said in found.sentence


def test_the_ca_of_a_stranger(certify, certified, faults, now):
    (found,) = faults(certify("leaf-chain"), load_trust(certified / "stranger.pem"), now=now)
    assert found.fault is Fault.CERTIFICATE
    assert "does not lead to the trusted CA" in found.sentence


def test_a_bare_key_does_not_lead_to_a_ca(signed, root, faults, now):
    (found,) = faults(signed, root, now=now)
    assert found.fault is Fault.UNTRUSTED
    assert "has no certificate that could lead to the CA" in found.sentence


def test_before_and_after_its_time(certify, root, faults, now):
    folder = certify("short-chain")
    assert not faults(folder, root, now=now)
    (late,) = faults(folder, root, now=now + timedelta(days=2))
    assert late.fault is Fault.CERTIFICATE
    assert "CN=short,O=Example Bank expired on" in late.sentence
    (early,) = faults(folder, root, now=now - timedelta(days=2))
    assert "is not valid before" in early.sentence
    (ancient,) = faults(folder, root, now=now + timedelta(days=9000))
    assert "expired on" in ancient.sentence


def test_an_archive_stays_valid_by_its_token(certify, root, times, stamp, faults, now):  # noqa: PLR0917 - fixtures
    folder = certify("short-chain")
    stamp(folder)
    later = now + timedelta(days=20)
    assert not faults(folder, root, now=later, timestamp_trust=times)
    checked = check(folder, root, now=later, timestamp_trust=times)
    assert any("the time of the RFC 3161 token" in one for one in checked.proved)
    assert "expired on" in faults(folder, root, now=later)[0].sentence
    assert any("was not judged" in one for one in check(folder, root, now=now).notes)


def test_a_token_that_proves_nothing(certify, certified, root, times, stamp, faults, now, tmp_path):  # noqa: PLR0917 - fixtures
    folder = certify("leaf-chain")
    (missing,) = faults(folder, root, now=now, timestamp_trust=times)
    assert missing.fault is Fault.TIMESTAMP
    assert "timestamp.tsr is missing" in missing.sentence
    stamp(folder)
    (stranger,) = faults(folder, root, now=now, timestamp_trust=load_authorities(certified / "stranger.pem"))
    assert "timestamp.tsr does not verify" in stranger.sentence
    (ahead,) = faults(folder, root, now=now - timedelta(hours=1), timestamp_trust=times)
    assert "is yet to come" in ahead.sentence
    token = (folder / "timestamp.tsr").read_bytes()
    for content in (b"", b"x", token[:-1], token[: len(token) // 2], token + b"\0", bytes(2**21)):
        (folder / "timestamp.tsr").write_bytes(content)
        assert [one.fault for one in faults(folder, root, now=now, timestamp_trust=times)] in ([Fault.TIMESTAMP], [Fault.MALFORMED])
    (other := tmp_path / "else").mkdir()
    (other / "attestation.dsse.json").write_text("else")
    stamp(other)
    (folder / "timestamp.tsr").write_bytes((other / "timestamp.tsr").read_bytes())
    (found,) = faults(folder, root, now=now, timestamp_trust=times)
    assert "timestamp.tsr does not verify: Mismatch" in found.sentence


def test_a_flipped_token_never_proves_another_time(certify, stamp, times):
    folder = certify("leaf-chain")
    stamp(folder)
    token, message = (folder / "timestamp.tsr").read_bytes(), (folder / "attestation.dsse.json").read_bytes()
    moment = verified_time(token, message, times)
    refused = 0
    for position in range(0, len(token), 3):
        changed = bytearray(token)
        changed[position] ^= 1 << (position % 8)
        try:
            assert verified_time(bytes(changed), message, times) == moment, position
        except TimestampRefused:
            refused += 1
    print(f"{refused} of {len(range(0, len(token), 3))} flipped bytes of the token refused, the others prove the same time")
    assert refused > len(token) // 3 * 0.8


def test_what_readme_says_about_time(certify, certified, stamp):
    folder = certify("leaf-chain")
    stamp(folder)
    line = ["openssl", "ts", "-verify", "-data", "attestation.dsse.json", "-in", "timestamp.tsr", "-CAfile", certified / "root.pem"]
    assert b"Verification: OK" in subprocess.run(line, cwd=folder, capture_output=True, check=True, timeout=60).stdout


def test_certificates_are_refused_before_the_work(sealing, certified, tmp_path):
    key = str(sealing / "signer.key")
    with pytest.raises(UsageError, match="is not that of the key; the leaf comes first"):
        load_signer(key, certified / "middle.pem")
    with pytest.raises(UsageError, match="the key of the first certificate is of another kind"):
        load_signer(key, certified / "root.pem")
    with pytest.raises(UsageError, match="holds no certificate in PEM"):
        load_signer(key, sealing / "signer.pub")
    with pytest.raises(UsageError, match="holds a certificate that is no CA"):
        load_trust(certified / "leaf.pem")
    (tmp_path / "both").write_bytes((sealing / "signer.pub").read_bytes() + (certified / "root.pem").read_bytes())
    with pytest.raises(UsageError, match="holds a public key and a certificate"):
        load_trust(tmp_path / "both")
    (tmp_path / "many").write_bytes((certified / "root.pem").read_bytes() * 9)
    with pytest.raises(UsageError, match="holds 9 certificates"):
        load_trust(tmp_path / "many")


def test_damaged_certificates_are_refused(certified, root, now):
    """A chain from a stranger's envelope: any flipped byte ends in a refusal, never in a crash."""
    from preaudit.evidence.certificates import CertificateRefused, load_certificates, verify_chain

    der = x509.load_pem_x509_certificate((certified / "leaf.pem").read_bytes()).public_bytes(Encoding.DER)
    middle = load_certificates((certified / "middle.pem").read_bytes(), "x")
    accepted = 0
    for position in range(len(der)):
        changed = bytearray(der)
        changed[position] ^= 1 << (position % 8)
        try:
            pem = "-----BEGIN CERTIFICATE-----\n" + base64.b64encode(changed).decode() + "\n-----END CERTIFICATE-----\n"
            leaf = load_certificates(pem.encode(), "x")[0]
            verify_chain((leaf, *middle), root.authorities, now)
            accepted += 1
        except (CertificateRefused, UsageError):
            continue
    assert accepted == 0
