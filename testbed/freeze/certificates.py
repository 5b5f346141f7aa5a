"""Makes the certificates that the examples of the suite tls name, good and bad ones; their keys are thrown away.

Usage: python -m testbed.freeze.certificates > suites/tls/examples/certificates.yaml
"""

from __future__ import annotations

import base64
import ipaddress
import textwrap
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""The clock of every example, `preaudit.example.NOW`."""
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
NAMES = ("web.shop.svc", "web.shop.svc.cluster.local", "10.0.0.8")
OLD_HASHES: dict[str, tuple[Any, int]] = {"sha1": (hashes.SHA1(), 0x05), "md5": (hashes.MD5(), 0x04)}
"""Hashes that `cryptography` no longer signs certificates with, and the last byte of their OIDs with RSA."""
RSA_SHA256 = bytes.fromhex("06092a864886f70d01010b")


@dataclass(frozen=True)
class Wanted:
    """One certificate: whose, by whom, for what and for how long; days are counted from `NOW`."""

    name: str
    names: tuple[str, ...] = NAMES
    purposes: tuple[x509.ObjectIdentifier, ...] = (SERVER,)
    since: float = -90
    until: float = 200
    ca: bool = False
    sloppy: bool = False
    old_hash: str = ""


@dataclass(frozen=True)
class Made:
    """A certificate with its key."""

    certificate: x509.Certificate
    der: bytes
    key: Any


def curve() -> Any:
    """A new key of the usual kind."""
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int) -> Any:
    """A new RSA key."""
    return rsa.generate_private_key(65537, bits)


def general(name: str) -> x509.GeneralName:
    """An alternative name: an address, or a host's name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def make(wanted: Wanted, key: Any, by: Made | None = None) -> Made:
    """A certificate, signed by another or by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.name)])
    signer = by.key if by else key
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=wanted.since))
        .not_valid_after(NOW + timedelta(days=wanted.until))
    )
    if wanted.ca:
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=not wanted.sloppy)
        if not wanted.sloppy:
            built = built.add_extension(x509.KeyUsage(
                digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
            ), critical=True)  # fmt: skip
    else:
        if wanted.names:
            built = built.add_extension(x509.SubjectAlternativeName(map(general, wanted.names)), critical=False)
        if wanted.purposes:
            built = built.add_extension(x509.ExtendedKeyUsage(wanted.purposes), critical=False)
    certificate = built.sign(signer, hashes.SHA256())
    der = certificate.public_bytes(Encoding.DER)
    return Made(certificate, signed_again(der, certificate, signer, wanted.old_hash) if wanted.old_hash else der, key)


def signed_again(der: bytes, certificate: x509.Certificate, signer: Any, old: str) -> bytes:
    """The same certificate under an old hash: its OID differs in the last byte, its signature is as long."""
    digest, last = OLD_HASHES[old]
    body = certificate.tbs_certificate_bytes.replace(RSA_SHA256, RSA_SHA256[:-1] + bytes([last]))
    signature = signer.sign(body, padding.PKCS1v15(), digest)
    head = der[: der.index(certificate.tbs_certificate_bytes)]
    tail = der[len(head) + len(body) : -len(signature)].replace(RSA_SHA256, RSA_SHA256[:-1] + bytes([last]))
    return head + body + tail + signature


def certificates() -> dict[str, bytes]:
    """Every certificate by the name that examples use."""
    ca = make(Wanted("Example CA", ca=True, since=-900, until=2700), curve())
    sloppy = make(Wanted("Sloppy CA", ca=True, sloppy=True, since=-900, until=2700), curve())
    old_root = make(Wanted("Old Root", ca=True, since=-900, until=2700, old_hash="sha1"), rsa_key(2048))
    late = make(Wanted("Late Issuing CA", ca=True, since=-900, until=-5), curve(), ca)
    web = Wanted("web")
    key = curve()
    made = {
        "ca": ca, "ca-sloppy": sloppy, "ca-old-root": old_root, "ca-expired": late,
        "web": make(web, key, ca),
        "web-by-sloppy": make(web, curve(), sloppy),
        "web-by-expired": make(web, curve(), late),
        "web-by-old-root": make(web, curve(), old_root),
        "rsa-1024": make(web, rsa_key(1024), ca),
        "rsa-2048": make(web, rsa_key(2048), ca),
        "sha1": make(replace(web, old_hash="sha1"), curve(), old_root),
        "md5": make(replace(web, old_hash="md5"), curve(), old_root),
        "expired": make(replace(web, until=-3), curve(), ca),
        "future": make(replace(web, since=2), curve(), ca),
        "soon": make(replace(web, since=-355, until=10), curve(), ca),
        "mesh": make(replace(web, since=-0.2, until=0.8), curve(), ca),
        "long": make(replace(web, until=900), curve(), ca),
        "self-signed": make(web, curve()),
        "for-clients": make(replace(web, purposes=(CLIENT,)), curve(), ca),
        "for-anything": make(replace(web, purposes=()), curve(), ca),
        "wildcard": make(replace(web, names=("*.shop.svc",)), curve(), ca),
        "common-name": make(replace(web, name="web.shop.svc", names=()), curve(), ca),
        "other": make(replace(web, name="billing", names=("billing.pay.svc",)), curve(), ca),
        "same-key": make(replace(web, name="billing", names=("billing.pay.svc",)), key, ca),
    }  # fmt: skip
    return {name: one.der for name, one in made.items()} | {"garbage": b"this is no certificate"}


def main() -> None:
    """Print the file."""
    print("# Certificates of the examples, DER in base64; made by python -m testbed.freeze.certificates.")
    for name, der in certificates().items():
        lines = textwrap.fill(base64.b64encode(der).decode(), 110, initial_indent="  ", subsequent_indent="  ")
        print(f"{name}: >-\n{lines}")


if __name__ == "__main__":
    main()
