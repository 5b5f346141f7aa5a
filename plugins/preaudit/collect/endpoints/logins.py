"""One try to log in, by protocol: on one connection, closed at once, whatever comes of it.

Sources: PostgreSQL's frontend/backend protocol 3.0 with RFC 5802 and 7677 (SCRAM-SHA-256); MySQL's connection phase
(protocol 41, mysql_native_password, caching_sha2_password); Redis' PING; RFC 7617 (HTTP Basic).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from collections.abc import Callable

from preaudit.collect.endpoints.accounts import Account
from preaudit.collect.endpoints.dialogue import OtherProtocol
from preaudit.collect.tls.connection import Broken, Connection, Stopped
from preaudit.endpoint import Fact

_MOST = 65_536
_MESSAGES = 40
_ITERATIONS = 100_000
"""Rounds of PBKDF2 that a server may ask of us."""


class Stream:
    """Reads exactly as many bytes as are asked for."""

    def __init__(self, connection: Connection, deadline: float) -> None:
        self.connection = connection
        self.deadline = deadline

    def exactly(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            OtherProtocol: there are not that many.
        """
        if count > _MOST:
            raise OtherProtocol("a message that is longer than any of this protocol's at login")
        found = bytearray()
        while len(found) < count:
            piece = self.connection.receive(count - len(found), self.deadline)
            if not piece:
                raise OtherProtocol("it closes the connection during the login")
            found += piece
        return bytes(found)

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.connection.send(data, self.deadline)


def postgresql(stream: Stream, account: Account) -> Fact:
    """A PostgreSQL login to the database that every server has."""
    words = b"user\0" + account.user.encode() + b"\0database\0postgres\0application_name\0preaudit\0\0"
    stream.send(struct.pack("!II", len(words) + 8, 196_608) + words)
    scram: _Scram | None = None
    for _ in range(_MESSAGES):
        kind, body = _message(stream)
        if kind == b"E":
            return _postgres_error(body)
        if kind != b"R" or len(body) < 4:
            continue  # NegotiateProtocolVersion, NoticeResponse
        method, rest = struct.unpack("!I", body[:4])[0], body[4:]
        if method == 0:
            return _welcomed(stream)
        if method == 3:
            _password(stream, account.password.encode() + b"\0")
        elif method == 5 and len(rest) == 4:
            inner = hashlib.md5(account.password.encode() + account.user.encode()).hexdigest()  # noqa: S324 - the protocol's
            outer = hashlib.md5(inner.encode() + rest).hexdigest()  # noqa: S324 - the protocol's
            _password(stream, b"md5" + outer.encode() + b"\0")
        elif method == 10 and b"SCRAM-SHA-256" in rest.split(b"\0"):
            scram = _Scram(account.password)
            first = scram.first()
            _password(stream, b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
        elif method == 11 and scram is not None:
            _password(stream, scram.final(rest))
        elif method != 12:
            return Fact(None, f"it asks for a way of authentication (code {method}) that is not spoken here")
    return Fact(None, "the login did not come to an end")


def _welcomed(stream: Stream) -> Fact:
    """What comes of a login whose password is not refused, or was not asked for: its role is looked at only then."""
    try:
        for _ in range(_MESSAGES):
            kind, body = _message(stream)
            if kind == b"E" and _sqlstate(body) == "28000":
                return Fact(None, "the password is not refused, but the role may not log in or is none (28000)")
            if kind in {b"E", b"Z"}:  # a database or a place that is missing: the password is right all the same
                break
        stream.send(b"X" + struct.pack("!I", 4))
    except Stopped:
        raise
    except Broken:
        pass  # whoever goes away after the password was right has told enough
    return Fact(True, "it lets the account in")  # noqa: FBT003 - a value


def _message(stream: Stream) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!cI", stream.exactly(5))
    if length < 4:
        raise OtherProtocol("a message of PostgreSQL's that has no length")
    return kind, stream.exactly(length - 4)


def _password(stream: Stream, body: bytes) -> None:
    stream.send(b"p" + struct.pack("!I", len(body) + 4) + body)


def _sqlstate(body: bytes) -> str:
    fields = {part[:1]: part[1:].decode("ascii", "replace") for part in body.split(b"\0") if part}
    return fields.get(b"C", "")


def _postgres_error(body: bytes) -> Fact:
    code = _sqlstate(body)
    if code == "28P01":
        return Fact(False, "the password is refused")  # noqa: FBT003 - a value
    # 28000 also means that this account, or this network, is not in pg_hba.conf: another network may be.
    return Fact(None, f"the login ends with SQLSTATE {code or 'none'}, which tells nothing of the password")


class _Scram:
    """The client's side of SCRAM-SHA-256 without channel binding."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._nonce = secrets.token_urlsafe(18)
        self._bare = f"n=,r={self._nonce}"

    def first(self) -> bytes:
        """The client-first-message."""
        return f"n,,{self._bare}".encode()

    def final(self, server_first: bytes) -> bytes:
        """The client-final-message.

        Raises:
            OtherProtocol: the server's message is none of SCRAM's.
        """
        try:
            parts = dict(part.split("=", 1) for part in server_first.decode("ascii").split(","))
            salt, rounds, nonce = base64.b64decode(parts["s"], validate=True), int(parts["i"]), parts["r"]
        except (ValueError, KeyError):
            raise OtherProtocol("no message of SCRAM's") from None
        if not nonce.startswith(self._nonce) or not 0 < rounds <= _ITERATIONS:
            raise OtherProtocol("a message of SCRAM's that no client goes along with")
        bare = f"c=biws,r={nonce}"
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        key = hmac.digest(salted, b"Client Key", "sha256")
        said = ",".join([self._bare, server_first.decode("ascii"), bare]).encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), said, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
        return f"{bare},p={proof}".encode()


def redis(stream: Stream, _account: Account) -> Fact:
    """PING, without any AUTH before it."""
    stream.send(b"PING\r\n")
    answer = stream.connection.receive(200, stream.deadline)
    if answer.startswith(b"+PONG"):
        return Fact(True, "it answers PING without a password")  # noqa: FBT003 - a value
    if answer.startswith((b"-NOAUTH", b"-DENIED")):
        return Fact(False, "it demands a password, or denies all other machines")  # noqa: FBT003 - a value
    return Fact(None, "what it answers to PING tells nothing of a password")


def basic(account: Account) -> str:
    """The Authorization header's value."""
    return "Basic " + base64.b64encode(f"{account.user}:{account.password}".encode()).decode()


LOGINS: dict[str, Callable[[Stream, Account], Fact]] = {"postgresql": postgresql, "redis": redis}
"""How one try is made, by protocol; MySQL and HTTP are in files of their own. Each raises what the stream raises."""
