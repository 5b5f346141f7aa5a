"""Passwords at the real MariaDB and at Vitess: let in is found, refused is refused, and all else is unknown."""

from __future__ import annotations

import pytest

from preaudit.collect.endpoints.accounts import Account
from tests.databases.tried import looked_at
from tests.databases.vitess import MANNERS
from tests.tls.zoo.ground import HOST


@pytest.mark.parametrize("tls", [True, False])
def test_the_look_knows_what_it_is(mariadbs, tls):
    seen = mariadbs[tls].seen
    assert (seen.protocol, seen.tls is not None) == ("mysql", tls)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(("user", "right", "wrong"), [
    ("native", True, False),
    ("outdated", True, False),  # the password is right, and may be changed by whoever knows it
    ("ed25519", None, None),  # a way of MariaDB's own, which is not spoken here
    ("by_socket", False, False),
    ("elsewhere", False, False),  # another machine may get in: the server does not tell
    ("nobody_knows", False, False),
    ("with_certificate", False, False),
    ("locked", None, False),  # the password is right, and yet nobody gets in
])  # fmt: skip
def test_each_way_to_log_in(mariadbs, tls, user, right, wrong):
    for password, value in (("right", right), ("wrong", wrong)):
        fact = mariadbs[tls].tried(Account("mysql", user, password))
        assert fact.value is value, (password, fact)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(("account", "value"), [
    (Account("mysql", "nothing", ""), True), (Account("mysql", "nothing", "x"), False), (Account("mysql", "root", ""), True),
    (Account("mysql", "native", ""), False),
])  # fmt: skip
def test_no_password_at_all(mariadbs, tls, account, value):
    assert mariadbs[tls].tried(account).value is value


@pytest.mark.parametrize(("tls", "value"), [(True, True), (False, False)])
def test_an_account_that_comes_within_tls_alone(mariadbs, tls, value):
    assert mariadbs[tls].tried(Account("mysql", "tls_alone", "right")).value is value


def test_a_server_that_is_full_is_unknown(full_mariadb):
    fact = looked_at(HOST, full_mariadb).tried(Account("mysql", "native", "right"))
    assert (fact.value, "1040" in fact.cause) == (None, True), fact


@pytest.mark.parametrize("manner", MANNERS, ids=str)
@pytest.mark.parametrize(("user", "password", "value"), [
    ("shop", "right", True), ("shop", "wrong", False), ("shop", "", False), ("nobody", "right", False), ("nothing", "", True), ("nothing", "x", False),
    ("elsewhere", "right", False),
])  # fmt: skip
def test_what_mysql_does_by_default(vitesses, manner, user, password, value):
    """caching_sha2_password, which is spoken within TLS only: without, it is not offered, and nothing is known."""
    tls, _, _ = manner
    fact = vitesses[manner].tried(Account("mysql", user, password))
    assert fact.value is (value if tls else None), fact
