"""A signing key that never leaves its token (smart card, HSM), named by a ``pkcs11:`` URI (RFC 7512)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

from preaudit.errors import UsageError
from preaudit.evidence import p256
from preaudit.evidence.keys import PackSigner, from_environment
from preaudit.evidence.pem import read_bounded

try:
    import pkcs11
    from pkcs11.util.ec import encode_ec_public_key
except ImportError:
    raise UsageError(
        "keys in tokens need one more package; install it with: pip install 'preaudit[pkcs11]'"
    ) from None

MODULE = "PREAUDIT_PKCS11_MODULE"
PIN = "PREAUDIT_PKCS11_PIN"
_KNOWN = frozenset({"token", "object", "id", "module-path", "pin-source", "type"})


class TokenSigner(PackSigner):
    """Signs with a key in a token; the session is opened for each use, because a run may take long.

    Args:
        uri: ``pkcs11:token=T;object=LABEL?module-path=/usr/lib/…so&pin-source=file:/…``.
        chain: certificates of the key, PEM, leaf first.

    Raises:
        UsageError: the token cannot be used, or holds no such P-256 key; one sentence.
    """

    def __init__(self, uri: str, chain: tuple[str, ...] = ()) -> None:
        self._wanted = _parse(uri)
        with self._session() as session:
            self._private(session)
            super().__init__(self._public(session), chain)

    def signature(self, message: bytes) -> bytes:
        """A DER signature over sha256 of the message, made in the token."""
        with self._session() as session:
            raw = self._private(session).sign(hashlib.sha256(message).digest(), mechanism=pkcs11.Mechanism.ECDSA)
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))

    @contextmanager
    def _session(self) -> Iterator[Any]:
        module = self._wanted.get("module-path") or os.environ.get(MODULE)
        if not module:
            raise UsageError(f"name the token's library: module-path in the pkcs11: URI, or {MODULE}")
        pin = _pin(self._wanted)
        try:
            token = pkcs11.lib(module).get_token(token_label=self._wanted.get("token"))
            with token.open(user_pin=pin) as session:
                yield session
        except (pkcs11.PKCS11Error, RuntimeError, UnicodeError) as error:
            cause = type(error).__name__ + (f": {error}" if str(error) else "")
            hint = "" if pin else f"; no PIN was given, put it in the environment as {PIN}, or its file as {PIN}_FILE"
            raise UsageError(f"the token cannot be used ({module}, {cause}){hint}") from None

    def _attributes(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "object" in self._wanted:
            found["label"] = self._wanted["object"]
        if "id" in self._wanted:
            found["id"] = unquote_to_bytes(self._wanted["id"])
        return found

    def _private(self, session: Any) -> Any:
        return session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, **self._attributes())

    def _public(self, session: Any) -> ec.EllipticCurvePublicKey:
        held = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, **self._attributes())
        if held.key_type is not pkcs11.KeyType.EC:
            raise UsageError("the key in the token is of another kind; packs are signed with ECDSA P-256")
        public = load_der_public_key(encode_ec_public_key(held))
        if not isinstance(public, ec.EllipticCurvePublicKey) or not p256.is_p256(public):
            raise UsageError("the key in the token is on another curve; packs are signed with ECDSA P-256")
        return public


def _parse(uri: str) -> dict[str, str]:
    """The attributes of a URI; the id stays percent-encoded, because it is bytes.

    Raises:
        UsageError: it holds a PIN, or something that is not known.
    """
    found: dict[str, str] = {}
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    for part in [*filter(None, path.split(";")), *filter(None, query.split("&"))]:
        name, _, value = part.partition("=")
        if name == "pin-value":
            raise UsageError(f"a PIN does not belong into a command line; give it as {PIN}, {PIN}_FILE or pin-source")
        if name not in _KNOWN:
            raise UsageError(f"the pkcs11: URI has the attribute {name!r}; known are {', '.join(sorted(_KNOWN))}")
        found[name] = value if name == "id" else unquote(value)
    return found


def _pin(wanted: dict[str, str]) -> str | None:
    if source := wanted.get("pin-source"):
        pin: bytes | None = read_bounded(Path(source.removeprefix("file:"))).rstrip(b"\r\n")
    else:
        pin = from_environment(PIN)
    try:
        return pin.decode() if pin is not None else None
    except UnicodeDecodeError:
        raise UsageError("the PIN is no text") from None
