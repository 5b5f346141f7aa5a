"""Real databases on loopback, started once; where they are not installed, the tests say so."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from tests.databases import mariadb, postgresql, vitess
from tests.databases.tried import looked_at
from tests.tls.zoo import pki
from tests.tls.zoo.ground import HOST, Ground


def _needs(why: str) -> None:
    if why and os.environ.get("CI") == "true":
        pytest.fail(why)
    if why:
        pytest.skip(f"left out: {why}")


@pytest.fixture(scope="session")
def ground():
    folder = Path(tempfile.mkdtemp(prefix="databases-"))
    folder.chmod(0o755)  # the databases run as nobody
    made = Ground(folder, {})
    try:
        made.identities |= pki.make(folder)
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_data(ground):
    _needs(postgresql.missing())
    return postgresql.prepared(ground)


@pytest.fixture(scope="session")
def postgresqls(ground, postgresql_data):
    """One with TLS and one without, and what a look sees of each."""
    ports = {tls: postgresql.start(ground, postgresql_data, f"postgresql-{tls}", tls=tls) for tls in (True, False)}
    return {tls: looked_at(HOST, port) for tls, port in ports.items()}


@pytest.fixture
def full_postgresql(ground, postgresql_data):
    """A server with a single place, which is taken."""
    port = postgresql.start(ground, postgresql_data, "postgresql-full", "max_connections=1")
    with postgresql.session(ground, "postgresql-full", port):
        yield port


@pytest.fixture
def closing_postgresql(ground, postgresql_data):
    """A server that is told to end, and waits for a session to do so first."""
    port = postgresql.start(ground, postgresql_data, "postgresql-closing")
    with postgresql.session(ground, "postgresql-closing", port):
        ground.processes[-1].send_signal(signal.SIGTERM)
        yield port


@pytest.fixture(scope="session")
def mariadb_data(ground):
    _needs(mariadb.missing())
    return mariadb.prepared(ground)


@pytest.fixture(scope="session")
def mariadbs(ground, mariadb_data):
    """One with TLS and one without, and what a look sees of each."""
    ports = {tls: mariadb.start(ground, mariadb_data, f"mariadb-{tls}", tls=tls) for tls in (True, False)}
    return {tls: looked_at(HOST, port) for tls, port in ports.items()}


@pytest.fixture
def full_mariadb(ground, mariadb_data):
    """A server with ten places, the fewest that it takes, which are taken."""
    port = mariadb.start(ground, mariadb_data, "mariadb-full", "--max-connections=10")
    with mariadb.sessions(ground, "mariadb-full", 10):
        yield port


@pytest.fixture(scope="session")
def vitesses(ground):
    """One of each manner, and what a look sees of it."""
    _needs(vitess.missing())
    return {manner: looked_at(HOST, port) for manner, port in vitess.start(ground).items()}
