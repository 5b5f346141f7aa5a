"""Servers go on serving: whoever looked, and others, get answers from databases with low limits after run upon run."""

import socket
import ssl
import struct
import time

import msgspec
import pytest

from preaudit.collect.endpoints.accounts import Account
from testbed import deploy, identities
from tests.databases.tried import looked_at
from tests.live.judged import JUDGE, READ, Run, anchors

pytestmark = pytest.mark.live
LIMIT = 10.0


ERRORS = 60
"""So many connections that break off MariaDB takes from one address here; 100 where nobody says otherwise."""


@pytest.fixture(scope="module")
def twice(shop, auditor, preaudit, tmp_path_factory):
    """The good product after two runs one after the other, at the profile's own pace."""
    shop("good")
    sql(f"set global max_connect_errors = {ERRORS}; flush hosts")
    found = []
    for number in range(2):
        pack = tmp_path_factory.mktemp(f"run-{number}") / "pack"
        done = preaudit("run", *JUDGE, *READ, *anchors("good"), "--kubeconfig", auditor, "--out", pack)
        found.append(Run("good", pack, done.stdout + done.stderr, ()))
    yield found
    sql("set global max_connect_errors = 10000; flush hosts")


def sql(words):
    return inside("ledger-0", "mariadb", "--socket=/tmp/mariadb.sock", "--user=root", "--skip-column-names", f"--execute={words}")


def address(app):
    words = ["get", "pods", "-n", "shop-data" if app != "web" else "shop", "-l", f"app={app}", "-o", "jsonpath={.items[0].status.podIP}"]
    return deploy.kubectl(words)


def connect(app, port):
    return socket.create_connection((address(app), port), timeout=LIMIT)


def secured(connection, host):
    context = ssl.create_default_context(cafile=identities.authority_file("good"))
    return context.wrap_socket(connection, server_hostname=host)


def mariadb_greeting():
    with connect("ledger", 3306) as connection:
        return connection.recv(400)


def inside(pod, *command):
    return deploy.kubectl(["exec", "-n", "shop-data", pod, "--", *command])


def test_two_looks_at_an_unchanged_cluster_see_the_same(twice):
    def seen(run):
        return {
            msgspec.json.encode(one, order="deterministic")
            for one in run.endpoints
            if one.get("namespace") in deploy.NAMESPACES["good"]
        }

    first, second = twice
    assert seen(first) == seen(second)


def test_mariadb_serves_the_scanners_address_and_others(twice):
    assert mariadb_greeting()[4] == 10, "protocol version 10: a greeting, not an error"
    for own in (True, False):
        words = ["sh", "-c", "mariadb --ssl --host=$0 --user=shop --password=$MARIADB_PASSWORD --execute='select 41 + 1'"]
        assert "42" in inside("ledger-0", *words, "127.0.0.1" if own else address("ledger"))


def test_mariadb_would_have_blocked_a_scanner_that_breaks_off(twice):
    """The measure is one: as many hellos broken off as a thorough scan makes, and the scanner's address is out."""
    looked = looked_at(address("ledger"), 3306)
    try:
        for _ in range(ERRORS + 5):
            with connect("ledger", 3306) as connection:
                connection.recv(400)
                connection.sendall(struct.pack("<I", 32)[:3] + b"\1" + struct.pack("<IIB", 0x00000800 | 0x200 | 0x8000, 1 << 24, 45) + bytes(23))
        assert b"is blocked because of many connection errors" in mariadb_greeting()
        fact = looked.tried(Account("mysql", "root", ""))
        assert (fact.value, "1129" in fact.cause) == (None, True), "what a server says to whom it blocks tells nothing of a password"
    finally:
        sql("flush hosts")
    assert mariadb_greeting()[4] == 10


def test_postgresql_serves_the_scanners_address_and_others(twice):
    with connect("postgres", 5432) as connection:
        connection.sendall(struct.pack("!II", 8, 80877103))
        assert connection.recv(1) == b"S"
        with secured(connection, "postgres.shop-data.svc") as channel:
            body = struct.pack("!I", 196608) + b"user\0postgres\0database\0postgres\0\0"
            channel.sendall(struct.pack("!I", len(body) + 4) + body)
            assert channel.recv(1) == b"R", "it asks for the password, and has a connection left"
    line = "PGPASSWORD=$POSTGRES_PASSWORD psql --host=$0 --username=postgres --tuples-only --command='select 41 + 1'"
    assert "42" in inside("postgres-0", "sh", "-c", line, address("postgres"))
    left = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
    line = f'PGPASSWORD=$POSTGRES_PASSWORD psql --host=$0 --username=postgres --tuples-only --command="{left}"'
    assert int(inside("postgres-0", "sh", "-c", line, address("postgres"))) == 1, "no connection is held open"


def test_redis_and_nginx_serve_the_scanners_address(twice):
    with secured(connect("cache", 6379), "cache.shop-data.svc") as channel:
        channel.sendall(b"PING\r\n")
        assert channel.recv(100).startswith(b"-NOAUTH")
    began = time.monotonic()
    with secured(connect("web", 8443), "web.shop.svc") as channel:
        channel.sendall(b"GET / HTTP/1.1\r\nHost: web.shop.svc\r\nConnection: close\r\n\r\n")
        assert channel.recv(100).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - began < 2


def test_nothing_was_restarted(twice):
    words = ["get", "pods", "-n", "shop-data", "-o", "jsonpath={.items[*].status.containerStatuses[*].restartCount}"]
    assert set(deploy.kubectl(words).split()) == {"0"}
