"""What a verifier trusts: a public key, or certificate authorities, got on another way than the pack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from preaudit.errors import UsageError
from preaudit.evidence.certificates import is_ca, load_certificates
from preaudit.evidence.keys import load_public
from preaudit.evidence.pem import read_bounded


@dataclass(frozen=True, slots=True)
class Trust:
    """A key, or authorities: exactly one of the two.

    Attributes:
        name: the file it was read from.
        key: the public key that must have signed.
        authorities: certificates of the authorities, one of which must have issued the signer's certificate.
    """

    name: str
    key: ec.EllipticCurvePublicKey | None = None
    authorities: tuple[x509.Certificate, ...] = ()

    def __post_init__(self) -> None:
        """Trust in nothing, or in two kinds of things, is a mistake."""
        if (self.key is None) == (not self.authorities):
            raise ValueError("give a key or authorities")


def load_trust(path: Path) -> Trust:
    """What a file (PEM) tells to trust.

    Raises:
        UsageError: it is neither a P-256 public key nor certificates of authorities; one sentence.
    """
    raw = read_bounded(path)
    if b"PRIVATE KEY-----" in raw:
        raise UsageError(f"{path} holds a private key; trust takes the public one (NAME.pub)")
    if b"-----BEGIN CERTIFICATE-----" not in raw:
        return Trust(str(path), key=load_public(raw, str(path)))
    if b"PUBLIC KEY-----" in raw:
        raise UsageError(f"{path} holds a public key and a certificate; give the one that you trust")
    return Trust(str(path), authorities=load_authorities(path))


def load_authorities(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of authorities in a file (PEM).

    Raises:
        UsageError: it holds none, or one that is no CA.
    """
    found = load_certificates(read_bounded(path), str(path))
    if not all(map(is_ca, found)):
        raise UsageError(
            f"{path} holds a certificate that is no CA; give the CA that issued it, or its public key alone "
            f"(openssl x509 -in {path} -pubkey -noout)"
        )
    return found
