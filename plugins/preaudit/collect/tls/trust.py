"""Anchors, and whether OpenSSL finds a path from a chain to them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from OpenSSL import crypto

from preaudit.endpoint import TrustPath

_PEM = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----[^-]+-----END (?:X509 )?CERTIFICATE-----")
_KINDS: tuple[tuple[type, str], ...] = (
    (rsa.RSAPublicKey, "RSA"), (ec.EllipticCurvePublicKey, "ECDSA"), (dsa.DSAPublicKey, "DSS"),
    (ed25519.Ed25519PublicKey, "EdDSA"), (ed448.Ed448PublicKey, "EdDSA"),
)  # fmt: skip
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, crypto.Error)


@dataclass(frozen=True)
class Anchor:
    """One set of trusted certificates.

    Attributes:
        name: whose they are ("the cluster's CA", "--ca FILE").
        certificates: PEM (any number of certificates) or one certificate in DER.
        private: they are not those of the system's public store.
    """

    name: str
    certificates: bytes
    private: bool = True

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("an anchor needs a name")


@lru_cache(maxsize=64)
def _store(certificates: bytes) -> tuple[crypto.X509Store, int]:
    """OpenSSL's store of an anchor, and how many certificates are in it; unreadable ones are left out."""
    store = crypto.X509Store()
    store.set_flags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME: dates are judged by the run's clock
    count = 0
    blocks = _PEM.findall(certificates)
    kind = crypto.FILETYPE_PEM if blocks else crypto.FILETYPE_ASN1
    for block in blocks or [certificates]:
        try:
            store.add_cert(crypto.load_certificate(kind, block))
        except _UNREADABLE:
            continue
        count += 1
    return store, count


def _subject(certificate: crypto.X509) -> str:
    try:
        return certificate.to_cryptography().subject.rfc4514_string()
    except _UNREADABLE:
        return "a subject that cannot be read"


def trust_path(chain: tuple[bytes, ...], anchor: Anchor) -> TrustPath:
    """Look for a path from the chain's leaf to an anchor's certificates, dates left out.

    Args:
        chain: DER, leaf first.
        anchor: whose certificates are trusted.
    """

    def unknown(cause: str) -> TrustPath:
        return TrustPath(anchor=anchor.name, trusted=None, cause=cause, private=anchor.private)

    store, count = _store(anchor.certificates)
    if not count:
        return unknown("the anchor holds no certificate that can be read")
    if not chain:
        return unknown("no certificate was seen")
    others: list[crypto.X509] = []
    try:
        leaf = crypto.load_certificate(crypto.FILETYPE_ASN1, chain[0])
    except _UNREADABLE as error:
        return unknown(f"the leaf cannot be read: {_words(error)}")
    for der in chain[1:]:
        try:
            others.append(crypto.load_certificate(crypto.FILETYPE_ASN1, der))
        except _UNREADABLE:
            continue
    try:
        path = crypto.X509StoreContext(store, leaf, others).get_verified_chain()
    except crypto.X509StoreContextError as error:
        return TrustPath(anchor=anchor.name, trusted=False, cause=str(error), private=anchor.private)
    except _UNREADABLE as error:
        return unknown(_words(error))
    return TrustPath(
        anchor=anchor.name, trusted=True, subjects=tuple(_subject(one) for one in path), private=anchor.private
    )


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def key_kind(der: bytes) -> str:
    """What a leaf's key authenticates with: RSA, ECDSA, DSS, EdDSA, or "other" where it is not known."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except _UNREADABLE:
        return "other"
    return next((kind for types, kind in _KINDS if isinstance(key, types)), "other")
