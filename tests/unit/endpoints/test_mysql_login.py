"""MySQL: one try on one connection, and no password as it is."""

import hashlib
import struct

import pytest

from preaudit.collect.endpoints.accounts import Account

from .servers import replies

ROOT = Account("mysql", "root", "")


def packet(number, body):
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


SALT = b"12345678abcdefghijkl"
GREETING = (b"\x0a8.0.36\0" + b"\0\0\0\1" + SALT[:8] + b"\0" + struct.pack("<H", 0xF7FF) + b"\xff" + b"\0\0" + b"\xff\xff" + b"\x15"
            + b"\0" * 10 + SALT[8:] + b"\0" + b"%b\0")  # fmt: skip


def mysql_error(code):
    return packet(2, b"\xff" + struct.pack("<H", code) + b"#28000no")


def mysql(*replies, plugin=b"mysql_native_password", seen=None):
    def talk(connection):
        connection.sendall(packet(0, GREETING % plugin))
        for reply in replies:
            asked = connection.recv(4096)
            if seen is not None:
                seen.append(asked)
            connection.sendall(reply)
        connection.recv(100)

    return talk


DONE = packet(2, b"\0\0\0\2\0\0\0")


@pytest.mark.parametrize(("server", "value"), [
    (mysql(DONE), True), (mysql(mysql_error(1045)), False), (mysql(mysql_error(1698)), False),
    (mysql(mysql_error(1130)), None), (mysql(mysql_error(1040)), None), (mysql(mysql_error(3159)), None),
    (mysql(packet(2, b"\xfemysql_native_password\0" + SALT + b"\0"), packet(4, b"\0\0\0")), True),
    (mysql(packet(2, b"\xfemysql_native_password\0" + SALT + b"\0"), packet(4, b"\xff\x15\x04#28000no")), False),
    (mysql(packet(2, b"\xfeauth_gssapi\0")), None),
    (mysql(packet(2, b"\x01\x04")), None),
    (mysql(packet(2, b"\x01\x03") + packet(3, b"\0\0\0")), True),
    (replies(b""), None), (lambda connection: connection.sendall(packet(0, b"\xff\x69\x04Host is blocked")), None),
    (lambda connection: connection.sendall(packet(0, b"\x0a5.0\0short")), None),
    (lambda connection: connection.sendall(b"\xff\xff\xff\0"), None),
])  # fmt: skip
def test_mysql(tried, server, value):
    facts, connections = tried(server, ROOT)
    assert facts["mysql root"].value is value, facts
    assert connections == 1


@pytest.mark.parametrize(("plugin", "answer"), [
    (b"mysql_native_password", lambda: bytes(a ^ b for a, b in zip(hashlib.sha1(b"pw").digest(), hashlib.sha1(SALT + hashlib.sha1(hashlib.sha1(b"pw").digest()).digest()).digest(), strict=True))),
    (b"caching_sha2_password", lambda: bytes(a ^ b for a, b in zip(hashlib.sha256(b"pw").digest(), hashlib.sha256(hashlib.sha256(hashlib.sha256(b"pw").digest()).digest() + SALT).digest(), strict=True))),
])  # fmt: skip
def test_a_password_of_mysql_is_never_sent_as_it_is(tried, plugin, answer):
    seen = []
    facts, _ = tried(mysql(DONE, plugin=plugin, seen=seen), Account("mysql", "root", "pw"))
    assert facts["mysql root"].value is True
    assert answer() in seen[0]
    assert b"pw" not in seen[0].replace(b"password", b"")
