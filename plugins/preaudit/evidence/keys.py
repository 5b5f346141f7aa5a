"""Signing keys: made, loaded, and refused early where they are of the wrong kind.

A private key comes from a file or from a PKCS#11 token; a passphrase comes from the environment or from a file that
the environment names. None of them is ever an argument of a command.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import Key, SecretsHandler, Signature, Signer, SSlibKey

from preaudit.errors import UsageError
from preaudit.evidence import p256
from preaudit.evidence.certificates import load_chain
from preaudit.evidence.pem import read_bounded

PASSPHRASE = "PREAUDIT_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable


class PackSigner(Signer):
    """Signs packs with one P-256 key.

    Attributes:
        public: the key's public half.
        chain: certificates of that key, PEM, leaf first; empty where none were given.
    """

    def __init__(self, public: ec.EllipticCurvePublicKey, chain: tuple[str, ...] = ()) -> None:
        self.public = public
        self.chain = chain

    @property
    def public_key(self) -> Key:
        """The public half in the form that securesystemslib verifies with."""
        return library_key(self.public)

    @abstractmethod
    def signature(self, message: bytes) -> bytes:
        """A DER signature over sha256 of the message."""

    def sign(self, payload: bytes) -> Signature:
        """The signature of these bytes, in its low-s form, under the key's id.

        Raises:
            UsageError: the token that holds the key refuses.
        """
        made = p256.low_s(self.signature(payload))
        if not p256.verifies(self.public, made, payload):
            raise UsageError("the signature that was made does not fit the public key; does the certificate?")
        return Signature(p256.key_id(self.public), made.hex())

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> Signer:
        """Not offered: `load_signer` is the one way in."""
        raise NotImplementedError("use load_signer")


class FileSigner(PackSigner):
    """Signs with a key that was read from a file."""

    def __init__(self, private: ec.EllipticCurvePrivateKey, chain: tuple[str, ...] = ()) -> None:
        super().__init__(private.public_key(), chain)
        self._private = private

    def signature(self, message: bytes) -> bytes:
        """A DER signature over sha256 of the message."""
        return self._private.sign(message, ec.ECDSA(SHA256()))


def library_key(public: ec.EllipticCurvePublicKey) -> SSlibKey:
    """A public key as securesystemslib holds it, under our key id."""
    return SSlibKey.from_crypto(public, keyid=p256.key_id(public), scheme=p256.SCHEME)


def generate(name: Path) -> tuple[Path, Path]:
    """Make NAME.key (0600, PKCS#8 PEM) and NAME.pub (PEM), both new.

    Raises:
        UsageError: one of them exists, or cannot be written.
    """
    key, pub = (name.with_name(name.name + ending) for ending in (".key", ".pub"))
    for path in (key, pub):
        if os.path.lexists(path):
            raise UsageError(f"{path} exists already; a key is never overwritten, give another --out")
    private = ec.generate_private_key(ec.SECP256R1())
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _create(key, secret, 0o600)
    try:
        _create(pub, p256.public_pem(private.public_key()).encode("ascii"), 0o644)
    except UsageError:
        key.unlink()
        raise
    return key, pub


def _create(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def load_signer(key: str, cert: Path | None = None) -> PackSigner:
    """The signer of a private key; everything that can be wrong with it is said now, not after the work.

    Args:
        key: a file (PEM, ECDSA P-256), or a ``pkcs11:`` URI.
        cert: its certificate chain (PEM, leaf first).

    Raises:
        UsageError: it cannot be used; one sentence.
    """
    chain = load_chain(cert) if cert is not None else ()
    leaf = chain[0] if chain else None
    pems = tuple(one.public_bytes(Encoding.PEM).decode("ascii") for one in chain)
    signer: PackSigner
    if key.startswith("pkcs11:"):
        from preaudit.evidence.pkcs11 import TokenSigner  # noqa: PLC0415 - an extra

        signer = TokenSigner(key, pems)
    else:
        signer = FileSigner(load_private(Path(key)), pems)
    if leaf is not None and leaf.public_key() != signer.public:
        raise UsageError(f"{cert}: its first certificate is not that of the key; the leaf comes first")
    return signer


def load_private(path: Path) -> ec.EllipticCurvePrivateKey:
    """The P-256 private key of a PEM file.

    Raises:
        UsageError: it cannot be read, is encrypted under another passphrase, or is a key of another kind.
    """
    raw = read_bounded(path)
    passphrase = from_environment(PASSPHRASE) if b"ENCRYPTED" in raw else None
    if b"ENCRYPTED" in raw and passphrase is None:
        raise UsageError(
            f"{path} is encrypted; put its passphrase in the environment as {PASSPHRASE}, or name a file that holds "
            f"it as {PASSPHRASE}_FILE"
        )
    try:
        found = load_pem_private_key(raw, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        cause = "or its passphrase is another one; give" if passphrase else "give"
        raise UsageError(f"{path} is no private key in PEM, {cause} an ECDSA P-256 key (preaudit keygen)") from None
    if not isinstance(found, ec.EllipticCurvePrivateKey) or not p256.is_p256(found):
        raise UsageError(f"{path} is a key of another kind ({described(found)}); packs are signed with ECDSA P-256")
    return found


def load_public(raw: bytes, name: str) -> ec.EllipticCurvePublicKey:
    """The P-256 public key of a PEM text.

    Raises:
        UsageError: it is none.
    """
    try:
        found = load_pem_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(f"{name} is no public key in PEM") from None
    if not isinstance(found, ec.EllipticCurvePublicKey) or not p256.is_p256(found):
        raise UsageError(f"{name} is a key of another kind ({described(found)}); packs are signed with ECDSA P-256")
    return found


def described(key: object) -> str:
    """A key's kind in words: "RSA", "EC secp384r1"."""
    curve = getattr(key, "curve", None)
    if curve is not None:
        return f"EC {curve.name}"
    return type(key).__name__.lstrip("_").removesuffix("PrivateKey").removesuffix("PublicKey")


def from_environment(name: str) -> bytes | None:
    """A secret from the variable `name`, or from the file that `name`_FILE names; None where neither is set.

    Raises:
        UsageError: the file cannot be read.
    """
    if name in os.environ:
        return os.environ[name].encode()
    if file := os.environ.get(f"{name}_FILE"):
        return read_bounded(Path(file)).rstrip(b"\r\n")
    return None
