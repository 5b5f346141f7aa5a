"""X.509: the chain of a signing key, and whether it leads to a CA that the verifier trusts, at a moment."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from preaudit.errors import UsageError
from preaudit.evidence import p256
from preaudit.evidence.pem import read_bounded

MAX_CHAIN = 8
UNREADABLE = (
    ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip
"""What reading a stranger's certificate may raise, at once or when one of its parts is asked for."""
_SIGNING = frozenset({
    ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),
})  # fmt: skip
"""Purposes that fit: code, e-mail, any, and document signing (RFC 9336). A web server's certificate does not sign."""


class CertificateRefused(ValueError):  # noqa: N818 - it says what happened to the certificate
    """A chain that does not prove what it should; one sentence."""


def load_chain(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file that is given when a pack is signed, leaf first.

    Raises:
        UsageError: there is none, too many, or the leaf's key is of another kind.
    """
    chain = load_certificates(read_bounded(path), str(path))
    if not p256.is_p256(chain[0].public_key()):
        raise UsageError(f"{path}: the key of the first certificate is of another kind; packs are signed with P-256")
    return chain


def load_certificates(raw: bytes, name: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text.

    Raises:
        UsageError: it holds none, one that cannot be read, or too many.
    """
    try:
        with warnings.catch_warnings():
            # What is odd but still read is no news for whoever verifies a pack.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            found = tuple(x509.load_pem_x509_certificates(raw))
    except UNREADABLE:
        raise UsageError(f"{name} holds no certificate in PEM that can be read") from None
    if len(found) > MAX_CHAIN:
        raise UsageError(f"{name} holds {len(found)} certificates; at most {MAX_CHAIN} are read")
    return found


def is_ca(certificate: x509.Certificate) -> bool:
    """Whether a certificate may issue others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False


def verify_chain(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], moment: datetime) -> None:
    """Prove that a leaf was issued, through its chain, by one of `roots`, and that all were valid at a moment.

    Args:
        chain: leaf first.
        roots: certificates of authorities that the verifier trusts.
        moment: aware time of the signature.

    Raises:
        CertificateRefused: it was not, with the cause.
    """
    leaf = chain[0]
    for one in chain:
        _check_dates(one, moment)
    _check_purpose(leaf)
    issuers = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _must_be_ca)
    issuers = issuers.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _must_issue)
    builder = PolicyBuilder().store(Store(list(roots))).time(moment.astimezone(UTC).replace(tzinfo=None))
    verifier = builder.extension_policies(ca_policy=issuers, ee_policy=ExtensionPolicy.permit_all())
    try:
        verifier.build_client_verifier().verify(leaf, list(chain[1:]))
    except (VerificationError, *UNREADABLE) as error:
        for root in roots:
            _check_dates(root, moment)
        cause = str(error).removeprefix("validation failed: ").partition(" (encountered")[0]
        raise CertificateRefused(f"the certificate {name_of(leaf)} does not lead to the trusted CA: {cause}") from None


def name_of(certificate: x509.Certificate) -> str:
    """The subject of a certificate on one line, bounded; not yet inert."""
    try:
        return certificate.subject.rfc4514_string()[:300]
    except UNREADABLE:
        return "without a readable name"


def leaf_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey | None:
    """The P-256 key of a certificate, None where it is of another kind or cannot be read."""
    try:
        found = certificate.public_key()
    except UNREADABLE:
        return None
    return found if isinstance(found, ec.EllipticCurvePublicKey) and p256.is_p256(found) else None


def _check_dates(certificate: x509.Certificate, moment: datetime) -> None:
    told = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if moment > last:
        raise CertificateRefused(f"the certificate {name_of(certificate)} expired on {last:%Y-%m-%d}, before {told}")
    if moment < first:
        raise CertificateRefused(f"the certificate {name_of(certificate)} is not valid before {first:%Y-%m-%d %H:%M}Z")


def _check_purpose(leaf: x509.Certificate) -> None:
    try:
        extensions = leaf.extensions
    except UNREADABLE:
        raise CertificateRefused(f"the certificate {name_of(leaf)} has extensions that cannot be read") from None
    for one in extensions:
        if isinstance(one.value, x509.KeyUsage) and not (one.value.digital_signature or one.value.content_commitment):
            raise CertificateRefused(f"the certificate {name_of(leaf)} may not sign (key usage)")
        if isinstance(one.value, x509.ExtendedKeyUsage) and not _SIGNING & set(one.value):
            raise CertificateRefused(f"the certificate {name_of(leaf)} is not for signing (extended key usage)")


def _must_be_ca(_: Policy, __: x509.Certificate, found: x509.BasicConstraints) -> None:
    if not found.ca:
        raise ValueError("an issuer is no CA")


def _must_issue(_: Policy, __: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.key_cert_sign:
        raise ValueError("an issuer may not sign certificates")
