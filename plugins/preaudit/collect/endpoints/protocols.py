"""Which protocol a port speaks: greetings that come unasked, and one question for each protocol that waits for one.

Sources: RFC 959, 5321 (220), 3501 (IMAP), 1939 (POP3), 4253 (SSH), 9112 (HTTP), 9113 (HTTP/2 preface), 1035 with 7766
(DNS over TCP), 4511 (LDAP); the protocol documents of Redis, MongoDB (OP_MSG), Kafka (ApiVersions), AMQP 0-9-1 and
PostgreSQL.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from preaudit.collect.endpoints.ask import Ask
from preaudit.collect.endpoints.dialogue import is_mysql


def greeted(raw: bytes) -> str:
    """The protocol of a server that speaks first; "" where these bytes are no greeting that is known."""
    if len(raw) > 5 and is_mysql(raw[4:]):
        return "mysql"
    if len(raw) > 7 and raw[4] == 0xFF and raw[3] < 2:
        return "mysql"  # an error packet instead of a greeting: too many connections, host blocked
    upper = raw[:400].upper()
    for start, mark, protocol in _GREETINGS:
        if upper.startswith(start) and mark in upper:
            return protocol
    return ""


_GREETINGS = (
    (b"SSH-", b"", "ssh"), (b"* OK", b"", "imap"), (b"* PREAUTH", b"", "imap"), (b"+OK", b"", "pop3"),
    (b"220", b"FTP", "ftp"), (b"220", b"", "smtp"), (b"554 ", b"", "smtp"), (b"RFB ", b"", "vnc"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """One protocol that waits to be spoken to.

    Attributes:
        protocol: its name.
        ask: what a client would say first; it changes nothing and names no account.
        answers: whether what came back is an answer of this protocol.
        ports: usual ports, at which it is asked before the others.
    """

    protocol: str
    ask: bytes
    answers: Callable[[bytes], bool]
    ports: frozenset[int] = frozenset()


def _http2(raw: bytes) -> bool:
    return len(raw) >= 9 and raw[3] == 4 and raw[4] in {0, 1} and raw[5:9] == b"\0\0\0\0"


def _mongo(raw: bytes) -> bool:
    return len(raw) >= 16 and struct.unpack_from("<ii", raw, 8) in {(7, 1), (7, 2013)}


def _kafka(raw: bytes) -> bool:
    return len(raw) >= 8 and raw[4:8] == b"\0\0\0\x07" and int.from_bytes(raw[:4], "big") < 1 << 20


def _dns(raw: bytes) -> bool:
    return len(raw) >= 14 and raw[2:4] == b"\x70\x72" and bool(raw[4] & 0x80)


def _amqp(raw: bytes) -> bool:
    return raw.startswith(b"AMQP") or (len(raw) >= 11 and raw[0] == 1 and raw[7:11] == b"\0\x0a\0\x0a")


def _redis(raw: bytes) -> bool:
    return raw.startswith((b"+PONG", b"-NOAUTH", b"-DENIED", b"-ERR", b"-LOADING", b"-MASTERDOWN"))


def _ldap(raw: bytes) -> bool:
    return raw[:1] == b"\x30" and b"\x61" in raw[:12]


_MONGO_FIELDS = b"\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0"
_MONGO_BODY = b"\0\0\0\0\0" + struct.pack("<i", 4 + len(_MONGO_FIELDS)) + _MONGO_FIELDS
_MONGO_ASK = struct.pack("<iiii", 16 + len(_MONGO_BODY), 7, 0, 2013) + _MONGO_BODY
_DNS_BODY = b"\x70\x72\x00\x00\0\1\0\0\0\0\0\0\0\0\2\0\1"  # the root's name servers, not recursively

QUESTIONS: tuple[Question, ...] = (
    Question("http", Ask("/", "preaudit.invalid", "HEAD").encoded(), lambda raw: raw.startswith(b"HTTP/")),
    Question("postgresql", struct.pack("!II", 8, 80877103), lambda raw: raw in {b"S", b"N"}, frozenset({5432})),
    Question("redis", b"PING\r\n", _redis, frozenset({6379, 6380, 16379, 26379})),
    Question("dns", struct.pack("!H", len(_DNS_BODY)) + _DNS_BODY, _dns, frozenset({53})),
    Question("h2c", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", _http2),
    Question("mongodb", _MONGO_ASK, _mongo, frozenset({27017})),
    Question("amqp", b"AMQP\0\0\x09\x01", _amqp, frozenset({5672})),
    Question("kafka", struct.pack("!ihhih", 18, 18, 0, 7, 8) + b"preaudit", _kafka, frozenset({9092, 9093})),
    Question("ldap", b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0", _ldap, frozenset({389})),
)  # fmt: skip
"""In the order in which a silent port is asked; the LDAP question is an anonymous bind, which changes nothing."""

_BY_HINT = {"grpc": "h2c", "postgres": "postgresql", "mongo": "mongodb"}


def in_turn(port: int, hint: str) -> list[Question]:
    """The questions, those first that a usual port or a declaration speaks for."""
    wanted = _BY_HINT.get(hint, hint)
    return sorted(QUESTIONS, key=lambda one: not (one.protocol == wanted or port in one.ports))
