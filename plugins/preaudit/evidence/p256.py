"""ECDSA on the curve P-256: the one kind of key and the one form of signature that packs know."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Number of points of the curve (SEC 2, section 2.4.2)."""
SCHEME = "ecdsa-sha2-nistp256"


def is_p256(key: object) -> bool:
    """Whether a private or public key is one on this curve."""
    return isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) and isinstance(
        key.curve, ec.SECP256R1
    )


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """The key's SubjectPublicKeyInfo in DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_pem(key: ec.EllipticCurvePublicKey) -> str:
    """The key as a PEM text."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """Sha256 of the key's SubjectPublicKeyInfo, hex; ``openssl pkey -pubin -outform DER | sha256sum`` tells it too."""
    return hashlib.sha256(spki(key)).hexdigest()


def low_s(signature: bytes) -> bytes:
    """The DER signature with the smaller of its two equally valid values of s.

    Raises:
        ValueError: it is no DER signature.
    """
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, ORDER - s))


def is_strict(signature: bytes) -> bool:
    """Whether a signature is in the one form that is accepted: shortest DER, both values in range, low s."""
    try:
        r, s = decode_dss_signature(signature)
        return 0 < r < ORDER and 0 < s <= ORDER // 2 and encode_dss_signature(r, s) == signature
    except ValueError:
        return False


def verifies(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
    """Whether the signature over sha256 of the message was made with the private half of this key."""
    try:
        key.verify(signature, message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
