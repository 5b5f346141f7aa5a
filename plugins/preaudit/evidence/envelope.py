"""The DSSE envelope: exactly one signature, in the one form of its bytes that is accepted."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.dsse import Envelope as LibraryEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Signature

from preaudit.evidence import p256
from preaudit.evidence.keys import PackSigner, library_key
from preaudit.evidence.strict import NotStrict, canonical, read_canonical

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_ENVELOPE = 4 * 2**20


class NoEnvelope(ValueError):  # noqa: N818 - it says what the bytes are
    """Bytes that are not an envelope of the accepted form; a clause that says why."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope that was opened; its signature is not judged yet.

    Attributes:
        payload: the signed bytes.
        key_id: the key that the signature says to be of.
        signature: DER.
    """

    payload: bytes
    key_id: str
    signature: bytes

    def signed_by(self, key: ec.EllipticCurvePublicKey) -> bool:
        """Whether the signature is that of this key over the payload."""
        envelope = LibraryEnvelope(self.payload, PAYLOAD_TYPE, {})
        envelope.signatures[self.key_id] = Signature(self.key_id, self.signature.hex())
        try:
            envelope.verify([library_key(key)], 1)
        except VerificationError:
            return False
        return True


def seal(payload: bytes, signer: PackSigner) -> bytes:
    """The bytes of an envelope over a payload."""
    envelope = LibraryEnvelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return canonical(envelope.to_dict())


def unseal(raw: bytes) -> Sealed:
    """Open an envelope.

    Raises:
        NoEnvelope: its bytes are not exactly those that `seal` writes for its content.
    """
    if len(raw) > MAX_ENVELOPE:
        raise NoEnvelope(f"is longer than {MAX_ENVELOPE} bytes")
    try:
        value = read_canonical(raw)
    except NotStrict as error:
        raise NoEnvelope(str(error)) from None
    fields = _keys(value, {"payload", "payloadType", "signatures"}, "it")
    if fields["payloadType"] != PAYLOAD_TYPE:
        raise NoEnvelope(f"has a payload of another type than {PAYLOAD_TYPE}")
    signatures = fields["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        count = len(signatures) if isinstance(signatures, list) else 0
        raise NoEnvelope(f"has {count} signatures, where exactly one belongs")
    one = _keys(signatures[0], {"keyid", "sig"}, "its signature")
    if not isinstance(one["keyid"], str) or len(one["keyid"]) != 64:
        raise NoEnvelope("has a key id that is no sha256")
    signature = _bytes(one["sig"], "signature")
    if not p256.is_strict(signature):
        raise NoEnvelope("has a signature that is not ECDSA P-256 in its one accepted form (shortest DER, low s)")
    return Sealed(_bytes(fields["payload"], "payload"), one["keyid"], signature)


def _keys(value: Any, wanted: set[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != wanted:
        raise NoEnvelope(f"is no envelope: {what} should have the keys {', '.join(sorted(wanted))} and no other")
    return value


def _bytes(text: Any, what: str) -> bytes:
    """The bytes of base64 text that has no second spelling."""
    if isinstance(text, str):
        try:
            raw = base64.b64decode(text.encode("ascii"), validate=True)
        except (binascii.Error, ValueError):
            raw = None
        if raw is not None and base64.b64encode(raw).decode("ascii") == text:
            return raw
    raise NoEnvelope(f"has a {what} that is no base64 in its one accepted form")
