"""Passwords at the real PostgreSQL: let in is found, refused is refused, and all else is unknown."""

from __future__ import annotations

import time

import pytest

from preaudit.collect.endpoints.accounts import Account
from tests.databases import postgresql
from tests.databases.tried import looked_at
from tests.tls.zoo.ground import HOST

SCRAM = Account("postgresql", "scram", "right")


@pytest.mark.parametrize("tls", [True, False])
def test_the_look_knows_what_it_is(postgresqls, tls):
    seen = postgresqls[tls].seen
    assert (seen.protocol, seen.tls is not None) == ("postgresql", tls)


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(("role", "right", "wrong"), [
    ("scram", True, False),
    ("md5", True, False),
    ("cleartext", True, False),
    ("trusting", True, True),  # nobody is asked for a password
    ("trusted_but_unknown", None, None),  # nor here, and yet there is no such role
    ("no_password", False, False),
    ("outdated", False, False),
    ("md5_where_scram_is_asked", False, False),  # the server has nothing to compare with
    ("nobody_knows", False, False),  # it does not tell who exists
    ("turned_away", None, None),  # pg_hba.conf rejects this machine, and may take others
    ("by_name", None, None),  # a way of its own, which asks for no password
    ("one_too_many", True, False),  # the password is right; a limit of the role is no defence
    ("no_login", None, False),  # the password is right, and yet nobody gets in
])  # fmt: skip
def test_each_way_to_log_in(postgresqls, tls, role, right, wrong):
    for password, value in (("right", right), ("wrong", wrong)):
        fact = postgresqls[tls].tried(Account("postgresql", role, password))
        assert fact.value is value, (password, fact)


@pytest.mark.parametrize(("tls", "password", "value"), [(True, "right", True), (True, "wrong", False), (False, "right", None), (False, "wrong", None)])
def test_a_role_that_comes_within_tls_alone(postgresqls, tls, password, value):
    assert postgresqls[tls].tried(Account("postgresql", "tls_alone", password)).value is value


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_a_role_that_needs_a_certificate_is_unknown(postgresqls, password):
    fact = postgresqls[True].tried(Account("postgresql", "with_certificate", password))
    assert (fact.value, "28000" in fact.cause) == (None, True), fact


def test_a_server_that_is_full_is_unknown(full_postgresql):
    fact = looked_at(HOST, full_postgresql).tried(SCRAM)
    assert (fact.value, "53300" in fact.cause) == (None, True), fact


def test_a_server_that_is_closing_is_unknown(closing_postgresql):
    looked, deadline = looked_at(HOST, closing_postgresql), time.monotonic() + 10
    while (fact := looked.tried(SCRAM)).value is not None and time.monotonic() < deadline:
        time.sleep(0.1)  # the signal may arrive a moment after us
    assert (fact.value, "57P03" in fact.cause) == (None, True), fact


def test_a_server_that_is_gone_after_the_look_is_unknown(ground, postgresql_data):
    looked = looked_at(HOST, postgresql.start(ground, postgresql_data, "postgresql-gone"))
    process = ground.processes[-1]
    process.terminate()
    process.wait(timeout=20)
    assert looked.tried(SCRAM).value is None
