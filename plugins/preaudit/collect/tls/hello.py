"""ClientHellos: what is offered, in which shape, as bytes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from preaudit.collect.tls.registry import SIGNATURES, SSL3, TLS10, TLS12, TLS13
from preaudit.collect.tls.wire import numbers, vector

_SIGNATURES = tuple(SIGNATURES)
# sha512 with PSS comes late and SHA-1 last: servers that take the first scheme they know stumble over some.
_OTHER_SIGNATURES = (
    *(0x0401, 0x0403, 0x0501, 0x0503, 0x0804, 0x0601, 0x0603, 0x0805, 0x0806, 0x0807, 0x0808, 0x0809, 0x080A, 0x080B),
    *(0x0201, 0x0203, 0x0402, 0x0202),
)


class Shape(Enum):
    """How a hello looks apart from its suites and groups."""

    FULL = "full"
    """Every signature scheme and extension that is asked about; compression on offer."""
    PLAIN = "plain"
    """Other schemes in another order and few extensions: tells a refusal of suites from one of the hello."""
    SMALL = "small"
    """At most 255 bytes with few suites, for servers and middleboxes that choke on long hellos."""



@dataclass(frozen=True)
class Hello:
    """One offer.

    Attributes:
        version: the highest version offered, and for TLS 1.3 the only one (unless `fallback`).
        suites: codes in the order offered.
        groups: codes in the order offered; for TLS 1.3 they decide, as no key share is sent.
        shape: see `Shape`.
        server_name: sent as SNI, "" for none.
        fallback: a hello of TLS 1.3 that speaks TLS 1.2 as well, and so gets an answer from servers without 1.3.
        share: group and public key of the one key share of TLS 1.3; without it the server names its group first.
        signatures: schemes in place of the shape's.
        any_issuer: say that certificates may be signed with other schemes (signature_algorithms_cert): without, some
            servers show none whose issuer signs otherwise (RFC 8446 4.2.3); with it, some none with an odd signature.
    """

    version: int
    suites: tuple[int, ...]
    groups: tuple[int, ...]
    shape: Shape = Shape.FULL
    server_name: str = ""
    fallback: bool = False
    share: tuple[int, bytes] | None = None
    signatures: tuple[int, ...] = ()
    any_issuer: bool = False

    def __post_init__(self) -> None:
        if not SSL3 <= self.version <= TLS13:
            raise ValueError(f"no such version: {self.version:#06x}")
        if not self.suites:
            raise ValueError("a hello without suites")


def _extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2) + vector(2, body)


@lru_cache(maxsize=256)
def _server_name(name: str) -> bytes:
    return _extension(0, vector(2, b"\0" + vector(2, name.encode("ascii", "ignore")))) if name else b""


@lru_cache(maxsize=64)
def _signatures(schemes: tuple[int, ...], kind: int = 13) -> bytes:
    return _extension(kind, vector(2, numbers(schemes)))


def _schemes(hello: Hello) -> tuple[int, ...]:
    if hello.signatures:
        return hello.signatures
    return _SIGNATURES if hello.shape is Shape.FULL else _OTHER_SIGNATURES


_POINT_FORMATS = _extension(11, b"\1\0")
_ENCRYPT_THEN_MAC = _extension(22, b"")
_MASTER_SECRET = _extension(23, b"")
_RENEGOTIATION = _extension(0xFF01, b"\0")
_ONLY_13 = _extension(43, b"\2\3\4")
_UP_TO_13 = _extension(43, b"\4\3\4\3\3")


def _extensions(hello: Hello) -> bytes:
    if hello.version == SSL3:
        return b""
    groups = _extension(10, vector(2, numbers(hello.groups))) if hello.groups else b""
    parts = [_server_name(hello.server_name), groups, _POINT_FORMATS]
    if hello.any_issuer:
        parts.append(_signatures(_SIGNATURES, 50))
    if hello.version == TLS13:
        share = hello.share
        shares = share[0].to_bytes(2) + vector(2, share[1]) if share else b""
        versions = _UP_TO_13 if hello.fallback else _ONLY_13
        parts += [_signatures(_schemes(hello)), versions, _extension(51, vector(2, shares)), _extension(45, b"\1\1")]
        if hello.fallback:
            parts.append(_RENEGOTIATION)
        return b"".join(parts)
    if hello.version == TLS12:
        parts.append(_signatures(_schemes(hello)))
    parts.append(_RENEGOTIATION)
    if hello.shape is Shape.FULL:
        parts.append(_ENCRYPT_THEN_MAC)
    if hello.shape is not Shape.SMALL:
        parts.append(_MASTER_SECRET)  # some servers demand it
    return b"".join(parts)


_OTHER = bytes(byte ^ 0x5A for byte in range(256))


def session_id(random: bytes) -> bytes:
    """The session id that a hello of TLS 1.3 made with `random` sends, and that its answer must echo."""
    return random.translate(_OTHER)


def body_of(hello: Hello, random: bytes) -> bytes:
    """The handshake message, header included, made with 32 bytes of `random`."""
    modern = hello.version == TLS13
    packed = hello.shape is Shape.FULL and not modern
    extensions = _extensions(hello)
    start = b"".join(
        (
            min(hello.version, TLS12).to_bytes(2),
            random,
            vector(1, session_id(random) if modern else b""),
            vector(2, numbers(hello.suites)),
            # DEFLATE and LZS before null: a server that compresses at all then says so.
            b"\3\1\x40\0" if packed else b"\1\0",
        )
    )
    size = 4 + len(start) + 2 + len(extensions)
    if extensions and hello.shape is not Shape.SMALL and 256 <= size < 512:
        # Some load balancers hang on hellos of 256 to 511 bytes.
        extensions += _extension(21, bytes(max(512 - size - 4, 1)))
    return b"\1" + vector(3, start + (vector(2, extensions) if extensions else b""))


def encode(hello: Hello, random: bytes | None = None) -> bytes:
    """The record that is sent."""
    random = os.urandom(32) if random is None else random
    version = b"\3\0" if hello.version == SSL3 else TLS10.to_bytes(2)
    return b"\x16" + version + vector(2, body_of(hello, random))
