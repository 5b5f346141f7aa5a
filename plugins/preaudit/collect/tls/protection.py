"""TLS 1.3's key schedule and record protection (RFC 8446, sections 5 and 7), as far as a handshake needs them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from preaudit.collect.tls.wire import Garbage, vector

_CURVES: dict[int, type[ec.EllipticCurve]] = {23: ec.SECP256R1, 24: ec.SECP384R1, 25: ec.SECP521R1}
SHARED_GROUPS = (29, 23, 24, 25, 30)
"""Groups that a `KeyShare` can be made of."""
HASHES = {0x1301: "sha256", 0x1302: "sha384", 0x1303: "sha256", 0x1304: "sha256", 0x1305: "sha256"}
"""Suites whose records can be read, and their hash."""
_KEY_BYTES = {0x1301: 16, 0x1302: 32, 0x1303: 32, 0x1304: 16, 0x1305: 16}


class KeyShare:
    """An ephemeral key of ours in one of `SHARED_GROUPS`."""

    def __init__(self, group: int) -> None:
        self.group = group
        self._key = (
            x25519.X25519PrivateKey.generate()
            if group == 29
            else x448.X448PrivateKey.generate()
            if group == 30
            else ec.generate_private_key(_CURVES[group]())
        )

    def public(self) -> bytes:
        """As it stands in a hello."""
        public = self._key.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return public.public_bytes_raw()

    def secret(self, peer: bytes) -> bytes:
        """The shared secret.

        Raises:
            Garbage: the peer's key is none.
        """
        try:
            if isinstance(self._key, x25519.X25519PrivateKey):
                return self._key.exchange(x25519.X25519PublicKey.from_public_bytes(peer))
            if isinstance(self._key, x448.X448PrivateKey):
                return self._key.exchange(x448.X448PublicKey.from_public_bytes(peer))
            curve = _CURVES[self.group]()
            return self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, peer))
        except ValueError as error:
            raise Garbage("the server's key share is no public key") from error


@dataclass(frozen=True)
class Schedule:
    """Secrets of one connection, derived with the suite's hash."""

    digest: str

    def hash(self, data: bytes) -> bytes:
        """The transcript's hash."""
        context = hashes.Hash(hashes.SHA384() if self.digest == "sha384" else hashes.SHA256())
        context.update(data)
        return context.finalize()

    def _extract(self, salt: bytes, secret: bytes) -> bytes:
        return hmac.digest(salt, secret, self.digest)

    def expand(self, secret: bytes, label: str, context: bytes, length: int) -> bytes:
        """HKDF-Expand-Label; `length` is at most two hashes long."""
        info = length.to_bytes(2) + vector(1, b"tls13 " + label.encode()) + vector(1, context)
        first = hmac.digest(secret, info + b"\1", self.digest)
        return (first + hmac.digest(secret, first + info + b"\2", self.digest))[:length]

    @property
    def size(self) -> int:
        """Bytes of a hash."""
        return 48 if self.digest == "sha384" else 32

    def _derived(self, secret: bytes) -> bytes:
        return self.expand(secret, "derived", self.hash(b""), self.size)

    def handshake(self, shared: bytes) -> bytes:
        """The handshake secret."""
        early = self._extract(bytes(self.size), bytes(self.size))
        return self._extract(self._derived(early), shared)

    def master(self, handshake: bytes) -> bytes:
        """The master secret."""
        return self._extract(self._derived(handshake), bytes(self.size))

    def traffic(self, secret: bytes, label: str, transcript: bytes) -> bytes:
        """A traffic secret ("s hs traffic" …)."""
        return self.expand(secret, label, self.hash(transcript), self.size)

    def finished(self, traffic: bytes, transcript: bytes) -> bytes:
        """The body of a Finished message."""
        return hmac.digest(self.expand(traffic, "finished", b"", self.size), self.hash(transcript), self.digest)


class Protection:
    """Seals or opens the records of one direction under one traffic secret."""

    def __init__(self, suite: int, schedule: Schedule, traffic: bytes) -> None:
        key = schedule.expand(traffic, "key", b"", _KEY_BYTES[suite])
        self._iv = int.from_bytes(schedule.expand(traffic, "iv", b"", 12))
        self._count = 0
        self._cipher: AESGCM | AESCCM | ChaCha20Poly1305
        if suite == 0x1303:
            self._cipher = ChaCha20Poly1305(key)
        elif suite in {0x1304, 0x1305}:
            self._cipher = AESCCM(key, 8 if suite == 0x1305 else 16)
        else:
            self._cipher = AESGCM(key)
        self._tag = 8 if suite == 0x1305 else 16

    def _nonce(self) -> bytes:
        nonce = self._iv ^ self._count
        self._count += 1
        return nonce.to_bytes(12)

    def open(self, header: bytes, fragment: bytes) -> tuple[int, bytes]:
        """Content type and content of a protected record.

        Raises:
            Garbage: it was not sealed with this secret, or holds nothing.
        """
        if len(fragment) <= self._tag:
            raise Garbage("a protected record without content")
        try:
            content = self._cipher.decrypt(self._nonce(), fragment, header).rstrip(b"\0")
        except InvalidTag as error:
            raise Garbage("a record that its keys do not open") from error
        if not content:
            raise Garbage("a protected record of padding only")
        return content[-1], content[:-1]

    def seal(self, kind: int, content: bytes) -> bytes:
        """A whole protected record."""
        inner = content + bytes((kind,))
        header = b"\x17\3\3" + (len(inner) + self._tag).to_bytes(2)
        return header + self._cipher.encrypt(self._nonce(), inner, header)
