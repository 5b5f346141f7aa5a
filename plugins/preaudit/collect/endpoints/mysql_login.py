"""One try to log in to MySQL or MariaDB: one connection, within TLS where the server has it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

from preaudit.collect.endpoints.accounts import Account
from preaudit.collect.endpoints.dialogue import OtherProtocol, is_mysql
from preaudit.collect.endpoints.logins import Stream
from preaudit.collect.tls.connection import Connection
from preaudit.endpoint import Fact

_SSL = 0x0800
_CAPABILITIES = 0x0000_0001 | 0x0000_0200 | 0x0000_8000 | 0x0008_0000
"""Long password, protocol 41, secure connection, plugin authentication."""
_NATIVE, _CACHING = "mysql_native_password", "caching_sha2_password"
_MESSAGES = 8
Wrap = Callable[[Connection, float], Connection]
"""Begins TLS on a stream."""


def mysql(stream: Stream, account: Account, wrap: Wrap) -> Fact:
    """A MySQL login without a database.

    Raises:
        Broken: the stream ended, or what came is not MySQL's.
    """
    greeting, number = _packet(stream)
    if greeting[:1] == b"\xff":
        return _refused(greeting)
    if not is_mysql(greeting):
        raise OtherProtocol("no greeting of MySQL's")
    salt, plugin, has_tls = _greeted(greeting)
    if has_tls:
        head = struct.pack("<IIB23x", _CAPABILITIES | _SSL, 1 << 24, 33)
        number += 1
        _send(stream, number, head)
        stream = Stream(wrap(stream.connection, stream.deadline), stream.deadline)
    capabilities = _CAPABILITIES | (_SSL if has_tls else 0)
    answer = _scramble(plugin, account.password, salt)
    number += 1
    _send(stream, number, struct.pack("<IIB23x", capabilities, 1 << 24, 33) + account.user.encode() + b"\0"
          + bytes([len(answer)]) + answer + plugin.encode() + b"\0")  # fmt: skip
    for _ in range(_MESSAGES):
        packet, number = _packet(stream)
        first = packet[:1]
        if first == b"\x00":
            return Fact(True, "it lets the account in")  # noqa: FBT003 - a value
        if first == b"\xff":
            return _refused(packet)
        if first == b"\xfe":
            name, _, rest = packet[1:].partition(b"\0")
            plugin, salt = name.decode("ascii", "replace"), rest.rstrip(b"\0")
            if plugin not in {_NATIVE, _CACHING}:
                return Fact(None, "it asks for a way of authentication that is not spoken here")
            _send(stream, number + 1, _scramble(plugin, account.password, salt))
        elif packet == b"\x01\x04":
            if not has_tls:
                return Fact(None, "it wants the password within TLS, and offers none")
            _send(stream, number + 1, account.password.encode() + b"\0")
        elif packet != b"\x01\x03":
            break
    return Fact(None, "the login did not come to an end")


def _packet(stream: Stream) -> tuple[bytes, int]:
    head = stream.exactly(4)
    return stream.exactly(int.from_bytes(head[:3], "little")), head[3]


def _send(stream: Stream, number: int, body: bytes) -> None:
    stream.send(struct.pack("<I", len(body))[:3] + bytes([number & 0xFF]) + body)


def _greeted(greeting: bytes) -> tuple[bytes, str, bool]:
    """Salt, plugin, and whether TLS is offered."""
    end = greeting.find(b"\0", 1)
    if len(greeting) < end + 32:
        raise OtherProtocol("a greeting of a MySQL that is too old")
    capabilities = struct.unpack_from("<H", greeting, end + 14)[0]
    salt = greeting[end + 5 : end + 13] + greeting[end + 32 : end + 44]
    plugin = greeting[end + 45 :].partition(b"\0")[0].decode("ascii", "replace")
    return salt, plugin if plugin in {_NATIVE, _CACHING} else _NATIVE, bool(capabilities & _SSL)


def _scramble(plugin: str, password: str, salt: bytes) -> bytes:
    """The answer to a salt; nothing at all for an empty password."""
    if not password:
        return b""
    word, salt = password.encode(), salt[:20]
    if plugin == _NATIVE:
        once = hashlib.sha1(word).digest()  # noqa: S324 - the protocol's
        mask = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()  # noqa: S324 - the protocol's
    else:
        once = hashlib.sha256(word).digest()
        mask = hashlib.sha256(hashlib.sha256(once).digest() + salt).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def _refused(packet: bytes) -> Fact:
    code = struct.unpack_from("<H", packet, 1)[0] if len(packet) >= 3 else 0
    if code in {1045, 1698}:
        return Fact(False, "the password is refused")  # noqa: FBT003 - a value
    # 1130 and 1129: this machine may not connect at all; another may.
    return Fact(None, f"the login ends with error {code}, which tells nothing of the password")
