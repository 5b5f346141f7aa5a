"""What a certificate says of itself. Reading it never fails with a traceback: what cannot be read is not observable."""

from __future__ import annotations

import base64
import binascii
import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from preaudit.errors import NotObservable
from preaudit.subjects.hostname import covers

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_SERVING = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
_ODD = (ValueError, TypeError, KeyError, IndexError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion,
        x509.DuplicateExtension, x509.UnsupportedGeneralNameType)  # fmt: skip
"""What `cryptography` raises about certificates that are not as they should be."""


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Turn what odd DER raises into `NotObservable`; warnings about it are for its issuer, not for our user."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except _ODD as error:
        raise NotObservable(what, f"cannot be read: {type(error).__name__}: {error}") from None


class Certificate:
    """One certificate.

    Args:
        der: its bytes.

    Raises:
        NotObservable: they are no certificate; every property raises it as well where its part cannot be read.
    """

    def __init__(self, der: bytes) -> None:
        with _reading("a certificate"):
            self._x509 = x509.load_der_x509_certificate(der)
        self.text = base64.b64encode(der).decode()
        self.sha256 = hashlib.sha256(der).hexdigest()

    @cached_property
    def name(self) -> str:
        """Its subject, or a part of its hash where it has none: "CN=web"."""
        with _reading("a certificate's subject"):
            return self._x509.subject.rfc4514_string() or f"certificate {self.sha256[:12]}"

    @cached_property
    def issuer(self) -> str:
        """Who issued it: "CN=Example CA"."""
        with _reading(f"the issuer of {self.name}"):
            return self._x509.issuer.rfc4514_string()

    @cached_property
    def key(self) -> tuple[str, int]:
        """Kind and size of its key: ("RSA", 2048), ("EC", 256), ("Ed25519", 256)."""
        with _reading(f"the key of {self.name}"):
            key = self._x509.public_key()
            if isinstance(key, rsa.RSAPublicKey):
                return "RSA", key.key_size
            if isinstance(key, ec.EllipticCurvePublicKey):
                return "EC", key.curve.key_size
            if isinstance(key, ed25519.Ed25519PublicKey):
                return "Ed25519", 256
            if isinstance(key, ed448.Ed448PublicKey):
                return "Ed448", 456
            return ("DSA", key.key_size) if isinstance(key, dsa.DSAPublicKey) else (type(key).__name__, 0)

    @cached_property
    def key_sha256(self) -> str:
        """Hash of its public key: equal where two certificates have one private key."""
        with _reading(f"the key of {self.name}"):
            key = self._x509.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return hashlib.sha256(key).hexdigest()

    @cached_property
    def signature_hash(self) -> str:
        """The hash that its issuer signed, ``sha256``; "" for schemes that have theirs built in (Ed25519)."""
        with _reading(f"the signature of {self.name}"):
            found = self._x509.signature_hash_algorithm
            return found.name if found is not None else ""

    @cached_property
    def not_before(self) -> datetime:
        """The moment from which it is valid, in UTC."""
        with _reading(f"the dates of {self.name}"):
            return self._x509.not_valid_before_utc

    @cached_property
    def not_after(self) -> datetime:
        """The last moment at which it is valid, in UTC."""
        with _reading(f"the dates of {self.name}"):
            return self._x509.not_valid_after_utc

    @cached_property
    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """DNS names and IP addresses of its subjectAltName, as written there."""
        found = self._extension(x509.SubjectAlternativeName)
        if found is None:
            return (), ()
        with _reading(f"the names of {self.name}"):
            addresses = tuple(str(one) for one in found.get_values_for_type(x509.IPAddress))
            return tuple(found.get_values_for_type(x509.DNSName)), addresses

    def is_good_for(self, name: str) -> bool:
        """Whether clients that know the server by this host name or IP address accept it; see `covers`."""
        return covers(name, *self.names)

    @cached_property
    def serves(self) -> bool:
        """Its extended key usage lets servers use it; without that extension every use is let."""
        found = self._extension(x509.ExtendedKeyUsage)
        return found is None or bool(_SERVING & set(found))

    @cached_property
    def is_clients(self) -> bool:
        """Its extended key usage names clients."""
        found = self._extension(x509.ExtendedKeyUsage)
        return found is not None and ExtendedKeyUsageOID.CLIENT_AUTH in set(found)

    @cached_property
    def identities(self) -> tuple[tuple[str, str], ...]:
        """Whom the API server takes its holder for: ("User", common name), and ("Group", organisation) for each."""
        kinds = (("User", NameOID.COMMON_NAME), ("Group", NameOID.ORGANIZATION_NAME))
        with _reading(f"the subject of {self.name}"):
            subject = self._x509.subject
            return tuple(
                (kind, one.value)
                for kind, oid in kinds
                for one in subject.get_attributes_for_oid(oid)
                if isinstance(one.value, str)
            )

    @cached_property
    def ca_faults(self) -> tuple[str, ...]:
        """What RFC 5280 wants of a CA's certificate and this one lacks; for certificates that issued another."""
        with _reading(f"the extensions of {self.name}"):
            critical = {one.oid: one.critical for one in self._x509.extensions}
        basic, usage = self._extension(x509.BasicConstraints), self._extension(x509.KeyUsage)
        faults = []
        if basic is None or not basic.ca:
            faults.append("its basicConstraints do not say that it is a CA")
        elif not critical.get(x509.BasicConstraints.oid):
            faults.append("its basicConstraints are not critical")
        if usage is None:
            faults.append("it has no keyUsage")
        elif not usage.key_cert_sign:
            faults.append("its keyUsage does not allow it to sign certificates")
        return tuple(faults)

    @cached_property
    def self_signed(self) -> bool:
        """It is signed with its own key, whatever the hash."""
        found = self._x509
        with _reading(f"the signature of {self.name}"):
            if found.issuer != found.subject:
                return False
            key, how, signed = found.public_key(), found.signature_algorithm_parameters, found.tbs_certificate_bytes
            try:
                # `verify_directly_issued_by` refuses old hashes, in which old roots are signed.
                if isinstance(key, rsa.RSAPublicKey) and isinstance(how, padding.AsymmetricPadding):
                    key.verify(found.signature, signed, how, _hash_of(found))
                elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
                    key.verify(found.signature, signed, how)
                elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
                    key.verify(found.signature, signed)
                else:
                    raise TypeError("a signature that its own kind of key cannot make, or of an unknown kind")
            except InvalidSignature:
                return False
            return True

    def _extension(self, kind: type[_Extension]) -> _Extension | None:
        with _reading(f"the extensions of {self.name}"):
            try:
                return self._x509.extensions.get_extension_for_class(kind).value
            except x509.ExtensionNotFound:
                return None


def _hash_of(found: x509.Certificate) -> hashes.HashAlgorithm:
    if found.signature_hash_algorithm is None:
        raise ValueError("the signature names no hash")
    return found.signature_hash_algorithm


@lru_cache(maxsize=4096)
def certificate(text: str) -> Certificate:
    """The certificate of a base64 text.

    Raises:
        NotObservable: it is none.
    """
    try:
        der = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NotObservable("a certificate", "what is stored is no base64") from None
    return Certificate(der)
