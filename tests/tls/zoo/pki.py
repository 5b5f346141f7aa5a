"""Keys and certificates, made anew at every start: good ones, and one of each fault that an audit must name."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Identity:
    """A certificate, its key and its chain, in files of PEM.

    Attributes:
        name: as servers' truths call it.
        certificate: the leaf.
        chain: a file with the leaf and the certificates above it that a server should send.
        key: a file with its key.
        sent: how many certificates the chain's file holds.
    """

    name: str
    certificate: x509.Certificate
    chain: Path
    key: Path
    sent: int = 1

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, content_commitment=False, key_encipherment=not ca, data_encipherment=False,
        key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
    )  # fmt: skip


class Authority:
    """A CA: its certificate, and what it issues. `conforming` is false for one that OpenSSL takes and others do not."""

    def __init__(self, common: str, key: Key, *, issuer: Authority | None = None, conforming: bool = True) -> None:
        self.key, self.name = key, _name(common)
        above = issuer or self
        builder = (
            x509.CertificateBuilder().subject_name(self.name).issuer_name(above.name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(NOW - DAY).not_valid_after(NOW + 800 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=conforming)
        )  # fmt: skip
        if conforming:
            builder = builder.add_extension(_usage(ca=True), critical=True)
        self.certificate = builder.sign(above.key, hashes.SHA256())

    def issue(self, key: Key, *, host: str = "zoo.example", start: dt.datetime = NOW - HOUR,
              end: dt.datetime = NOW + 90 * DAY) -> x509.Certificate:  # fmt: skip
        """A server's certificate."""
        return (
            x509.CertificateBuilder().subject_name(_name(host)).issuer_name(self.name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip


# The last byte of PKCS #1's identifier of the signature, and what stands before the digest in it (RFC 8017).
_OLD = {"md5": (4, "3020300c06082a864886f70d020505000410"), "sha1": (5, "3021300906052b0e03021a05000414")}
_SHA256_RSA = bytes.fromhex("2a864886f70d01010b")


def signed_again(certificate: x509.Certificate, key: rsa.RSAPrivateKey, digest: str) -> x509.Certificate:
    """The same certificate with a signature that cryptography no longer makes."""
    last, prefix = _OLD[digest]
    identifier = _SHA256_RSA[:-1] + bytes((last,))
    body = certificate.tbs_certificate_bytes.replace(_SHA256_RSA, identifier)
    said = bytes.fromhex(prefix) + hashlib.new(digest, body, usedforsecurity=False).digest()
    size, numbers = key.key_size // 8, key.private_numbers()
    padded = b"\x00\x01" + b"\xff" * (size - 3 - len(said)) + b"\x00" + said
    signature = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(size)
    der = certificate.public_bytes(serialization.Encoding.DER)
    der = der.replace(certificate.tbs_certificate_bytes, body).replace(_SHA256_RSA, identifier)
    return x509.load_der_x509_certificate(der.replace(certificate.signature, signature))


def self_signed(key: Key) -> x509.Certificate:
    """A server's certificate that nobody else vouches for."""
    return (
        x509.CertificateBuilder().subject_name(_name("zoo.example")).issuer_name(_name("zoo.example"))
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(NOW - HOUR).not_valid_after(NOW + 90 * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("zoo.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def make(folder: Path) -> dict[str, Identity]:
    """Every identity by name, with files in `folder`; ``ca.pem`` there is the anchor."""
    strong, weak = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 1024)
    p256, p384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
    ca = Authority("zoo CA", rsa.generate_private_key(65537, 2048))
    middle = Authority("zoo intermediate CA", p384, issuer=ca)
    odd = Authority("zoo CA without key usage", p256, conforming=False)
    made: dict[str, Identity] = {}

    def add(name: str, certificate: x509.Certificate, key: Key, *above: x509.Certificate) -> None:
        chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
        chain.write_bytes(b"".join(map(pem, (certificate, *above))))
        secret.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))  # fmt: skip
        made[name] = Identity(name, certificate, chain, secret, 1 + len(above))

    (folder / "ca.pem").write_bytes(pem(ca.certificate))
    (folder / "odd-ca.pem").write_bytes(pem(odd.certificate))
    add("ca", ca.certificate, ca.key)
    add("rsa", ca.issue(strong), strong)
    add("ecdsa", ca.issue(p256), p256)
    add("p384", ca.issue(p384), p384)
    add("ed25519", ca.issue(ed := ed25519.Ed25519PrivateKey.generate()), ed)
    add("rsa-1024", ca.issue(weak), weak)
    add("sha1", signed_again(ca.issue(strong), ca.key, "sha1"), strong)
    add("md5", signed_again(ca.issue(strong), ca.key, "md5"), strong)
    add("expired", ca.issue(strong, start=NOW - 90 * DAY, end=NOW - DAY), strong)
    add("future", ca.issue(strong, start=NOW + 30 * DAY, end=NOW + 90 * DAY), strong)
    add("self-signed", self_signed(strong), strong)
    add("wrong-host", ca.issue(strong, host="elsewhere.example"), strong)
    add("second-host", ca.issue(strong, host="second.example"), strong)
    add("intermediate", middle.issue(strong), strong, middle.certificate)
    add("intermediate-missing", middle.issue(strong), strong)
    add("odd-ca", odd.issue(strong), strong)
    add("long-lived", ca.issue(strong, end=NOW + 3650 * DAY), strong)
    return made
