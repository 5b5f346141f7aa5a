"""Kinds of keys, as far as signature schemes tell them apart: a server shows a certificate to who takes its signatures.

The names are of kinds, not of algorithms: two certificates of one kind cannot be told apart by what a client offers.
"""

from __future__ import annotations

from collections.abc import Collection

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from preaudit.collect.tls.registry import GROUPS

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)
_EC = "1.2.840.10045.2.1"
_BY_OID = {
    "1.2.840.113549.1.1.1": "RSA",
    "1.2.840.113549.1.1.10": "RSA-PSS",
    "1.3.101.112": "Ed25519",
    "1.3.101.113": "Ed448",
    "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
    "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
    "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}
_SCHEMES: dict[str, tuple[int, ...]] = {
    "RSA": (0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601),
    "secp256r1": (0x0403,),
    "secp384r1": (0x0503,),
    "secp521r1": (0x0603,),
    "Ed25519": (0x0807,),
    "RSA-PSS": (0x0809, 0x080A, 0x080B),
    "brainpoolP256r1": (0x081A,),
    "brainpoolP384r1": (0x081B,),
    "brainpoolP512r1": (0x081C,),
    "Ed448": (0x0808,),
    "ML-DSA-44": (0x0904,),
    "ML-DSA-65": (0x0905,),
    "ML-DSA-87": (0x0906,),
    "SM2": (0x0708,),
}
"""Signature schemes by the kind of key that makes them (RFC 8446 4.2.3, RFC 8734, RFC 8998, ML-DSA)."""
SIGNERS = tuple(_SCHEMES)
EVERY_SCHEME = (*(scheme for schemes in _SCHEMES.values() for scheme in schemes), 0x0203, 0x0201)


def signer(der: bytes) -> str:
    """The kind of a leaf's key, one of `SIGNERS`; "other" where it is none of them or cannot be read."""
    try:
        leaf = x509.load_der_x509_certificate(der)
        oid = leaf.public_key_algorithm_oid.dotted_string
        if oid != _EC:
            return _BY_OID.get(oid, "other")
        key = leaf.public_key()
    except _UNREADABLE:
        return "other"
    found = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else ""
    return next((one for one in SIGNERS if one.lower() == found.lower()), "other")


def schemes_of(kinds: Collection[str]) -> tuple[int, ...]:
    """What keys of these kinds sign with."""
    return tuple(scheme for kind, schemes in _SCHEMES.items() if kind in kinds for scheme in schemes)


def curves_of(kinds: Collection[str]) -> frozenset[int]:
    """Codes of the groups that are the curves of such keys: up to TLS 1.2 a client has to offer them as well."""
    names = {kind.lower() for kind in kinds}
    return frozenset(code for code, name in GROUPS.items() if name.lower() in names)
