"""Certificates of the product's servers, made when it is deployed: good ones, and one for each fault an audit names."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = dt.timedelta(days=1)
AUTHORITY_DAYS = 1500
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
# The identifier of RSA with SHA-256 (RFC 8017), and what stands before a SHA-1 digest in a signature of PKCS #1.
_SHA256_RSA, _SHA1_RSA = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
_SHA1_PREFIX = bytes.fromhex("3021300906052b0e03021a05000414")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a certificate of a server.

    Attributes:
        names: DNS names; the first is the common name too.
        begins: Days from now to its beginning.
        ends: Days from now to its end.
        bits: Size of an RSA key; 0 for P-256.
        issuer: "ca", "self" for a certificate that signs itself, "other" for a CA that nobody is told of, "odd" for
            one that lacks keyUsage and is sent along.
        client: It is issued for clients instead of servers.
        sha1: It is signed with SHA-1.
    """

    names: tuple[str, ...]
    begins: float = -1
    ends: float = 90
    bits: int = 0
    issuer: str = "ca"
    client: bool = False
    sha1: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A chain and its key, as PEM text."""

    chain: str
    key: str


def new_key(bits: int = 0) -> Key:
    """Give an RSA key of this size, P-256 for 0."""
    return rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())


class Authority:
    """A CA of one deployment; `conforming` is false for one that lacks what RFC 5280 asks, `ends` is in days."""

    def __init__(
        self, name: str, now: dt.datetime, *, bits: int = 0, conforming: bool = True, ends: float = AUTHORITY_DAYS
    ) -> None:
        self.name, self.now, self.key = _named(name), now, new_key(bits)
        builder = _builder(self.name, self.name, self.key, now - 200 * DAY, now + ends * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=conforming)
        if conforming:
            builder = builder.add_extension(_usage(ca=True), critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> str:
        """Its certificate."""
        return _pem(self.certificate)

    def issue(self, wanted: Wanted) -> Pair:
        """Give a certificate as wanted, of this authority or of itself, with a key of its own."""
        key = new_key(wanted.bits)
        subject, alone = _named(wanted.names[0]), wanted.issuer == "self"
        begins, ends = self.now + wanted.begins * DAY, self.now + wanted.ends * DAY
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if wanted.client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            _builder(subject, subject if alone else self.name, key, begins, ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in wanted.names]), critical=False)
        )
        certificate = builder.sign(key if alone else self.key, hashes.SHA256())
        if wanted.sha1:
            certificate = _signed_with_sha1(certificate, self.key)
        sent = [certificate, *([self.certificate] if wanted.issuer == "odd" else [])]
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        return Pair("".join(map(_pem, sent)), private.decode())


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, begins: dt.datetime, ends: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=not ca,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _signed_with_sha1(certificate: x509.Certificate, key: Key) -> x509.Certificate:
    """Give the same certificate with a signature that `cryptography` makes no more, by the formula of RFC 8017 9.2."""
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("only an RSA authority signs with SHA-1 here")
    body = certificate.tbs_certificate_bytes.replace(_SHA256_RSA, _SHA1_RSA)
    said = _SHA1_PREFIX + hashlib.sha1(body, usedforsecurity=False).digest()
    size, numbers = key.key_size // 8, key.private_numbers()
    padded = b"\x00\x01" + b"\xff" * (size - 3 - len(said)) + b"\x00" + said
    signature = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(size)
    der = certificate.public_bytes(serialization.Encoding.DER).replace(certificate.tbs_certificate_bytes, body)
    return x509.load_der_x509_certificate(der.replace(_SHA256_RSA, _SHA1_RSA).replace(certificate.signature, signature))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
