"""Well-known accounts: one try each, on one connection; only a plain refusal is one."""

import base64
import hashlib
import hmac
import struct
import threading

import msgspec
import pytest

from preaudit.collect.endpoints.accounts import Account, Tries, parse_accounts
from preaudit.collect.endpoints.closer import Closer
from preaudit.collect.endpoints.look import Direct, Gates, Look
from preaudit.collect.endpoints.place import Place
from preaudit.collect.tls.pace import Pace
from preaudit.endpoint import Endpoint, Fact, Page, Reached, Tls
from preaudit.errors import UsageError
from preaudit.passwords import account_names

from .servers import answers, replies, secured, serving, silent

POSTGRES = Account("postgresql", "postgres", "postgres")
REDIS = Account("redis", "", "")
ADMIN = Account("http", "admin", "admin")


# PostgreSQL


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


LET_IN = message(b"R", struct.pack("!I", 0))
OK = LET_IN + message(b"S", b"TimeZone\0Etc/UTC\0") + message(b"Z", b"I")


def error(code):
    return message(b"E", b"SFATAL\0C" + code.encode() + b"\0Mno\0\0")


def read(connection):
    head = connection.recv(5)
    if len(head) < 5:
        raise ConnectionError("the client went away")
    return connection.recv(int.from_bytes(head[1:], "big") - 4)


def postgres(method, extra, judge):
    """A server that asks for a password in one way; `judge` takes what was sent and says whether it is right."""

    def talk(connection):
        connection.recv(4096)
        connection.sendall(message(b"R", struct.pack("!I", method) + extra))
        connection.sendall(OK if judge(connection) else error("28P01"))
        connection.recv(100)

    return talk


def cleartext(password):
    return postgres(3, b"", lambda connection: read(connection) == password + b"\0")


def md5(password):
    inner = hashlib.md5(password + b"postgres").hexdigest().encode()
    return postgres(5, b"salt", lambda connection: read(connection) == b"md5" + hashlib.md5(inner + b"salt").hexdigest().encode() + b"\0")


def scram(password, rounds=4096, nonce=None):
    def judge(connection):
        name, _, first = read(connection).partition(b"\0")
        bare = first[4:].removeprefix(b"n,,")
        theirs = bare.decode().partition("r=")[2]
        server_first = f"r={theirs if nonce is None else nonce}server,s={base64.b64encode(b'salt').decode()},i={rounds}"
        connection.sendall(message(b"R", struct.pack("!I", 11) + server_first.encode()))
        final, _, proof = read(connection).decode().rpartition(",p=")
        key = hmac.digest(hashlib.pbkdf2_hmac("sha256", password, b"salt", rounds), b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), f"{bare.decode()},{server_first},{final}".encode(), "sha256")
        right = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True)) == key
        if right:
            connection.sendall(message(b"R", struct.pack("!I", 12) + b"v=x"))
        return right and name == b"SCRAM-SHA-256"

    return postgres(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0", judge)


@pytest.mark.parametrize(("server", "value"), [
    (replies(OK), True),  # "trust": nobody is asked
    (replies(message(b"N", b"x\0"), OK), True),
    # The role and the database are looked at once the password was right.
    (replies(LET_IN, error("28000")), None), (replies(LET_IN, error("3D000")), True), (replies(LET_IN), True),
    (replies(LET_IN, b"HTTP/1.1 400 Bad\r\n\r\n"), True),
    (cleartext(b"postgres"), True), (cleartext(b"other"), False),
    (md5(b"postgres"), True), (md5(b"other"), False),
    (scram(b"postgres"), True), (scram(b"other"), False),
    (scram(b"postgres", nonce="foreign"), None), (scram(b"postgres", rounds=10_000_000), None),
    (replies(error("28P01")), False),
    (replies(error("28000")), None),  # pg_hba.conf has no line for this machine; it may have one for others
    (replies(error("53300")), None), (replies(error("57P03")), None),
    (replies(message(b"R", struct.pack("!I", 7))), None),
    (replies(b"R\0\0\0\1"), None), (replies(b"R\xff\xff\xff\xff"), None), (replies(b"HTTP/1.1 400 Bad\r\n\r\n"), None), (replies(b""), None),
    (replies(message(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"), message(b"R", struct.pack("!I", 11) + b"r=,s")), None),
])  # fmt: skip
def test_postgresql(tried, server, value):
    facts, connections = tried(server, POSTGRES)
    assert facts["postgresql postgres"].value is value, facts
    assert facts["postgresql postgres"].cause
    assert connections == 1


def test_a_login_within_tls_is_made_within_tls(tried, tmp_path):
    within = secured(cleartext(b"postgres"), tmp_path)

    def talk(connection):
        if connection.recv(8) == struct.pack("!II", 8, 80877103):
            connection.sendall(b"S")
            within(connection)

    facts, connections = tried(talk, POSTGRES, starttls="postgresql", tls=Tls(offers=()))
    assert (facts["postgresql postgres"].value, connections) == (True, 1)


# Redis, HTTP


@pytest.mark.parametrize(("answer", "value"), [
    (b"+PONG\r\n", True), (b"-NOAUTH Authentication required.\r\n", False), (b"-DENIED Redis is running in protected mode\r\n", False),
    (b"-ERR max number of clients reached\r\n", None), (b"-LOADING\r\n", None), (b"", None),
])  # fmt: skip
def test_redis(tried, answer, value):
    facts, connections = tried(answers({b"PING": answer}), REDIS)
    assert facts["redis"].value is value
    assert connections == 1


def basic_page(path="/", status=401, scheme="Basic"):
    return Page(method="GET", path=path, status=status, headers={"www-authenticate": (scheme,)})


@pytest.mark.parametrize(("status", "value"), [(200, True), (204, True), (401, False), (302, None), (403, None), (429, None), (500, None)])
def test_http_basic(tried, status, value):
    asked = []

    def talk(connection):
        asked.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)

    facts, connections = tried(talk, ADMIN, pages=(Page(method="GET", path="/", status=200), basic_page("/inner")))
    assert facts["http admin"].value is value
    assert connections == 1
    assert asked[0].startswith(b"GET /inner ")
    assert b"\r\nAuthorization: Basic YWRtaW46YWRtaW4=\r\n" in asked[0]


@pytest.mark.parametrize("pages", [(), (basic_page(status=403),), (basic_page(scheme="Bearer"),)])
def test_who_does_not_ask_for_basic_is_not_tried(tried, pages):
    assert tried(silent, ADMIN, pages=pages) == ({}, 0)


# Restraint


def test_each_account_is_tried_once_at_an_address_and_port():
    tries = Tries()
    assert [tries.claim("127.0.0.1", 5432, POSTGRES) for _ in range(3)] == [True, False, False]
    assert tries.claim("127.0.0.1", 5432, Account("postgresql", "admin", "x"))
    assert tries.claim("127.0.0.2", 5432, POSTGRES)


def test_a_server_under_two_names_is_tried_once():
    stop, seen = threading.Event(), []

    def talk(connection):
        seen.append(connection.recv(100))
        connection.sendall(b"-NOAUTH\r\n")

    look = Look(vantage=Direct(stop), gates=Gates(Pace()), anchors={}, common=(), stop=stop)
    with serving(talk) as port:
        found = [(Place(owner_kind="Pod", owner=name, address="127.0.0.1", port=port),
                  Endpoint(owner_kind="Pod", owner=name, port=port, reached=Reached.OPEN, protocol="redis")) for name in ("a", "b")]  # fmt: skip
        told = [one.credentials["redis"] for _, one in Closer(accounts=(REDIS,), seconds=10).add(found, look)]
    assert len(seen) == 1
    assert sorted(str(one.value) for one in told) == ["False", "None"]


@pytest.mark.parametrize("more", [{"owner_kind": "Service"}, {"owner_kind": "Ingress"}, {"owner_kind": "Gateway"}, {"protocol": "silent"}, {"reached": Reached.CLOSED}])
def test_what_stands_in_front_or_is_not_understood_is_not_tried(tried, more):
    assert tried(silent, REDIS, **more) == ({}, 0)


def test_what_a_port_forward_saw_is_not_tried(tried):
    facts, connections = tried(silent, REDIS, vantage="port-forward")
    assert facts == {"redis": Fact(None, "not tried: it was seen through a port-forward only")}
    assert connections == 0


def test_redis_within_tls_is_tried_within_tls(tried, tmp_path):
    facts, _ = tried(secured(answers({b"PING": b"+PONG\r\n"}), tmp_path), REDIS, protocol="tls", tls=Tls(offers=()), http=Fact(False, "it speaks redis"))
    assert facts["redis"].value is True


def test_no_password_is_stored_or_shown(tried):
    account = Account("postgresql", "postgres", "hunter2")
    facts, _ = tried(cleartext(b"hunter2"), account)
    assert facts["postgresql postgres"].value is True
    assert b"hunter2" not in msgspec.json.encode(facts)
    assert "hunter2" not in repr(account)


@pytest.mark.parametrize("texts", [["telnet root/root"], ["mysql root"], ["mysql"], ["http admin/pässword"], ["redis /", "redis /x"], ["mysql root/", "mysql root/toor"]])
def test_a_list_that_cannot_be_read_or_tries_twice_is_refused(texts):
    with pytest.raises(UsageError, match=r"credentials\.accounts") as caught:
        parse_accounts(texts)
    assert "toor" not in str(caught.value)


def test_names_are_the_same_for_who_tries_and_who_judges():
    texts = ["postgresql postgres/postgres", "mysql root/", "redis /", "http admin/ad/min"]
    assert [one.name for one in parse_accounts(texts)] == account_names(texts) == ["postgresql postgres", "mysql root", "redis", "http admin"]
    assert parse_accounts(texts)[-1].password == "ad/min"
