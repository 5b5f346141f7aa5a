"""Paths to anchors, in OpenSSL's words, and certificates that are none."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from preaudit.collect.tls.chains import Chains
from preaudit.collect.tls.groups import certificate_curve
from preaudit.collect.tls.trust import Anchor, key_kind, trust_path


def certificate(subject: str, issuer: str, key, signer, *, authority: bool, usage: bool = True, year: int = 2020):
    name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])  # noqa: E731
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(year, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(year + 1, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=usage)
    )
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())


ROOT_KEY, MIDDLE_KEY, LEAF_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
ROOT = certificate("root", "root", ROOT_KEY, ROOT_KEY, authority=True, usage=False)
MIDDLE = certificate("middle", "root", MIDDLE_KEY, ROOT_KEY, authority=True)
LEAF = certificate("leaf", "middle", LEAF_KEY, MIDDLE_KEY, authority=False)
OTHER = certificate("other", "other", LEAF_KEY, LEAF_KEY, authority=True)


def der(*certificates: x509.Certificate) -> tuple[bytes, ...]:
    return tuple(one.public_bytes(Encoding.DER) for one in certificates)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"comment\n".join(one.public_bytes(Encoding.PEM) for one in certificates)


def test_a_path_leaves_dates_out_and_names_its_certificates() -> None:
    path = trust_path(der(LEAF, MIDDLE), Anchor("the cluster's CA", pem(OTHER, ROOT)))
    assert path.trusted is True
    assert path.subjects == ("CN=leaf", "CN=middle", "CN=root")
    assert trust_path(der(LEAF, MIDDLE), Anchor("DER", der(ROOT)[0], private=False)).private is False


@pytest.mark.parametrize(
    ("chain", "anchor", "cause"),
    [
        ((LEAF,), ROOT, "unable to get local issuer certificate"),
        ((OTHER,), ROOT, "self-signed certificate"),
        ((LEAF, MIDDLE, ROOT), OTHER, "self-signed certificate in certificate chain"),
        ((LEAF, MIDDLE), MIDDLE, "unable to get issuer certificate"),
    ],
)
def test_no_path_has_openssls_words(chain, anchor, cause) -> None:
    path = trust_path(der(*chain), Anchor("one", pem(anchor)))
    assert path.trusted is False
    assert path.cause == cause
    assert not path.subjects


@pytest.mark.parametrize(
    ("chain", "anchor"),
    [((), pem(ROOT)), ((b"\x30\3\2\1\5",), pem(ROOT)), (der(LEAF), b""), (der(LEAF), b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), ((b"",), pem(ROOT))],
)
def test_what_cannot_be_tried_is_unknown(chain, anchor) -> None:
    path = trust_path(chain, Anchor("one", anchor))
    assert path.trusted is None
    assert path.cause


def test_a_broken_extra_certificate_hides_no_path() -> None:
    assert trust_path((der(LEAF)[0], b"junk", *der(MIDDLE)), Anchor("one", pem(ROOT))).trusted is True


def test_equal_chains_are_one() -> None:
    chains = Chains()
    for label in ("TLSv1.3", "TLSv1.2 ECDSA", "TLSv1.3"):
        chains.add(der(LEAF), 0, label)
    chains.add((), 0, "TLSv1.1 RSA")
    chains.add(der(OTHER), 3, "TLSv1.0 RSA")
    result = chains.result([Anchor("one", pem(OTHER))])
    assert [one.seen_with for one in result] == [("TLSv1.2 ECDSA", "TLSv1.3"), ("TLSv1.0 RSA",)]
    assert result[1].unread == 3
    assert result[1].paths[0].trusted is True
    assert chains.kinds("TLSv1.3") == chains.kinds() == {"secp256r1"}


def test_keys_by_kind() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    assert key_kind(der(certificate("x", "x", key, key, authority=False))[0]) == "EdDSA"
    assert key_kind(b"junk") == "other"
    assert certificate_curve(der(LEAF)[0]) == 23
    assert certificate_curve(b"junk") is None
