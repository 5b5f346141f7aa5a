"""Server handshake messages as values.

Every function takes a message's body and raises `Garbage` where it is not well-formed.
"""

from __future__ import annotations

from dataclasses import dataclass

from preaudit.collect.tls.registry import SSL3, TLS12, TLS13
from preaudit.collect.tls.wire import Garbage, Reader

SERVER_HELLO, ENCRYPTED_EXTENSIONS, CERTIFICATE, KEY_EXCHANGE = 2, 8, 11, 12
CERTIFICATE_REQUEST, HELLO_DONE, CERTIFICATE_VERIFY, FINISHED = 13, 14, 15, 20
_RETRY = bytes.fromhex("CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C")
_KEPT_CERTIFICATES = 16
_KEPT_BYTES = 64 * 1024
_NAMED, _EXPLICIT_PRIME, _EXPLICIT_CHAR2 = 3, 1, 2
_MAX_GROUP_BYTES = 4096


@dataclass(frozen=True)
class ServerHello:
    """A ServerHello or HelloRetryRequest.

    Attributes:
        version: as negotiated, supported_versions included.
        session_id: as sent; it echoes the hello's in TLS 1.3.
        suite: code.
        compression: code.
        retry: it is a HelloRetryRequest.
        group: the key share's group, or the one that a retry names; None where there is none.
        share: the server's public key; empty for a retry.
        extensions: types sent.
    """

    version: int
    session_id: bytes
    suite: int
    compression: int
    retry: bool
    group: int | None
    share: bytes
    extensions: frozenset[int]


def server_hello(body: bytes) -> ServerHello:
    """Read a ServerHello."""
    reader = Reader(body)
    version, random, session = reader.number(2), reader.take(32), reader.vector(1)
    suite, compression = reader.number(2), reader.number(1)
    if not SSL3 <= version <= TLS12:
        raise Garbage(f"a ServerHello of version {version:#06x}")
    if len(session) > 32:
        raise Garbage("a session id of more than 32 bytes")
    found: dict[int, bytes] = {}
    if reader.left():
        inner = Reader(reader.vector(2))
        while inner.left():
            kind, value = inner.number(2), inner.vector(2)
            if kind in found:
                raise Garbage("an extension was sent twice")
            found[kind] = value
    reader.done()
    retry = random == _RETRY
    group, share = None, b""
    if 43 in found:
        if found[43] != b"\3\4" or version != TLS12:
            raise Garbage("supported_versions names no version of ours")
        version = TLS13
        if 51 in found:
            group, share = _key_share(found[51], retry=retry)
    elif retry:
        raise Garbage("a HelloRetryRequest without supported_versions")
    return ServerHello(version, session, suite, compression, retry, group, share, frozenset(found))


def _key_share(value: bytes, *, retry: bool) -> tuple[int, bytes]:
    reader = Reader(value)
    group = reader.number(2)
    share = b"" if retry else reader.vector(2)
    reader.done()
    if not retry and not share:
        raise Garbage("an empty key share")
    return group, share


def certificates(body: bytes, *, modern: bool = False) -> tuple[tuple[bytes, ...], int]:
    """DER of each certificate as sent, as far as kept, and how many were sent beyond.

    Args:
        body: of a Certificate message.
        modern: it is TLS 1.3's, with a context and extensions.
    """
    reader = Reader(body)
    if modern:
        reader.vector(1)
    inner = Reader(reader.vector(3))
    reader.done()
    kept: list[bytes] = []
    unread = 0
    while inner.left():
        der = inner.vector(3)
        if modern:
            inner.vector(2)
        if not der:
            raise Garbage("an empty certificate")
        if unread or len(kept) == _KEPT_CERTIFICATES or len(der) > _KEPT_BYTES:
            unread += 1
        else:
            kept.append(der)
    return tuple(kept), unread


def curve(body: bytes) -> int | None:
    """The named curve of a ServerKeyExchange; None where its parameters are spelled out."""
    reader = Reader(body)
    kind = reader.number(1)
    if kind in {_EXPLICIT_PRIME, _EXPLICIT_CHAR2}:
        return None
    if kind != _NAMED:
        raise Garbage(f"a curve of type {kind}")
    group = reader.number(2)
    if not reader.vector(1):
        raise Garbage("an empty public key")
    return group


def finite_field_bits(body: bytes, *, hint: bool) -> int:
    """The size of the prime of a ServerKeyExchange; `hint`: an identity hint comes first (PSK)."""
    reader = Reader(body)
    if hint:
        reader.vector(2)
    prime, generator, public = reader.vector(2), reader.vector(2), reader.vector(2)
    bits = int.from_bytes(prime).bit_length()
    if not bits or not generator or not public or len(prime) > _MAX_GROUP_BYTES:
        raise Garbage("a finite-field group that is none")
    return bits
