"""The real PostgreSQL, as Debian builds it, with roles of every way to log in."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from tests.databases.ground import given, humble, identity, run
from tests.tls.zoo.ground import HOST, Ground

_SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
_SUPERUSER = "admin"
ROLES = """
SET password_encryption = 'scram-sha-256';
CREATE ROLE scram LOGIN PASSWORD 'right';
CREATE ROLE cleartext LOGIN PASSWORD 'right';
CREATE ROLE trusting LOGIN;
CREATE ROLE tls_alone LOGIN PASSWORD 'right';
CREATE ROLE with_certificate LOGIN PASSWORD 'right';
CREATE ROLE turned_away LOGIN PASSWORD 'right';
CREATE ROLE by_name LOGIN PASSWORD 'right';
CREATE ROLE no_login PASSWORD 'right';
CREATE ROLE one_too_many LOGIN CONNECTION LIMIT 0 PASSWORD 'right';
CREATE ROLE no_password LOGIN;
CREATE ROLE outdated LOGIN PASSWORD 'right' VALID UNTIL '2001-01-01';
SET password_encryption = 'md5';
CREATE ROLE md5 LOGIN PASSWORD 'right';
CREATE ROLE md5_where_scram_is_asked LOGIN PASSWORD 'right';
"""
RULES = f"""
local all {_SUPERUSER} trust
host all trusting,trusted_but_unknown {HOST}/32 trust
host all md5 {HOST}/32 md5
host all cleartext {HOST}/32 password
hostssl all tls_alone {HOST}/32 scram-sha-256
host all tls_alone {HOST}/32 reject
hostssl all with_certificate {HOST}/32 scram-sha-256 clientcert=verify-ca
host all turned_away {HOST}/32 reject
host all by_name {HOST}/32 ident
host all all {HOST}/32 scram-sha-256
"""


def missing() -> str:
    return "" if _SERVERS else "PostgreSQL is not installed (Debian: postgresql)"


def program(name: str) -> str:
    return str(_SERVERS[-1].with_name(name))


def prepared(ground: Ground) -> Path:
    """A data folder that servers start from copies of: to make one takes longer than all the rest."""
    folder = ground.folder / "postgresql"
    folder.mkdir()
    given(folder)
    run([program("initdb"), f"--pgdata={folder}", f"--username={_SUPERUSER}", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"])
    run([program("postgres"), "--single", "-D", str(folder), "postgres"], ROLES)
    (folder / "pg_hba.conf").write_text(RULES)
    return folder


def start(ground: Ground, source: Path, name: str, *settings: str, tls: bool = False) -> int:
    """One server on a copy of the data folder; gives its port."""
    folder, port = ground.folder / name, ground.port()
    shutil.copytree(source, folder)
    folder.chmod(0o700)
    given(folder)
    lines = [f"port={port}", f"listen_addresses={HOST}", f"unix_socket_directories={folder}", "fsync=off", "shared_buffers=4MB",
             "superuser_reserved_connections=0", "max_wal_senders=0", *settings]  # fmt: skip
    if tls:
        certificate, key = identity(ground, folder)
        lines += ["ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={key}", f"ssl_ca_file={certificate}"]
    command = [program("postgres"), "-D", str(folder), *(word for line in lines for word in ("-c", line))]
    ground.run(name, humble(command), ports=[port])
    return port


@contextmanager
def session(ground: Ground, name: str, port: int):
    """A session of the real client that stays open."""
    words = [program("psql"), "--host", str(ground.folder / name), "--port", str(port), "--username", _SUPERUSER, "--dbname", "postgres",
             "--quiet", "--no-psqlrc"]  # fmt: skip
    with subprocess.Popen(humble(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
        try:
            client.stdin.write("\\echo in\n")
            client.stdin.flush()
            said = client.stdout.readline()
            assert said == "in\n", said
            yield
        finally:
            client.kill()
