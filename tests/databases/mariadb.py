"""The real MariaDB, as Debian builds it, with accounts of every way to log in."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.databases.ground import given, humble, identity, run
from tests.tls.zoo.ground import HOST, Ground

_SERVER = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
_PLUGINS = Path("/usr/lib/mysql/plugin")
ACCOUNTS = """
CREATE USER native@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('right');
CREATE USER nothing@'%' IDENTIFIED BY '';
CREATE USER ed25519@'%' IDENTIFIED VIA ed25519 USING PASSWORD('right');
CREATE USER by_socket@localhost IDENTIFIED VIA unix_socket;
CREATE USER elsewhere@'192.0.2.1' IDENTIFIED BY 'right';
CREATE USER tls_alone@'%' IDENTIFIED BY 'right' REQUIRE SSL;
CREATE USER with_certificate@'%' IDENTIFIED BY 'right' REQUIRE X509;
CREATE USER locked@'%' IDENTIFIED BY 'right' ACCOUNT LOCK;
CREATE USER outdated@'%' IDENTIFIED BY 'right' PASSWORD EXPIRE;
CREATE USER holder@localhost IDENTIFIED BY '';
"""


def missing() -> str:
    if not Path(_SERVER).exists():
        return "MariaDB is not installed (Debian: mariadb-server)"
    return "" if (_PLUGINS / "auth_ed25519.so").exists() else "MariaDB's ed25519 is not installed (Debian: mariadb-server)"


def prepared(ground: Ground) -> Path:
    """A data folder that servers start from copies of: to make one takes longer than all the rest."""
    folder, first = ground.folder / "mariadb", ground.folder / "first.sql"
    folder.mkdir()
    given(folder)
    run(["mariadb-install-db", "--no-defaults", f"--datadir={folder}", "--skip-test-db", "--auth-root-authentication-method=normal"])
    first.write_text("FLUSH PRIVILEGES;\n" + ACCOUNTS)
    run([_SERVER, *_words(folder), "--bootstrap", "--plugin-load-add=auth_ed25519"], first.read_text())
    return folder


def _words(folder: Path) -> list[str]:
    return ["--no-defaults", f"--datadir={folder}", f"--plugin-dir={_PLUGINS}", "--innodb-buffer-pool-size=8M", "--innodb-flush-method=nosync",
            "--performance-schema=OFF"]  # fmt: skip


def start(ground: Ground, source: Path, name: str, *settings: str, tls: bool = False) -> int:
    """One server on a copy of the data folder; gives its port."""
    folder, port = ground.folder / name, ground.port()
    shutil.copytree(source, folder)
    given(folder)
    words = [*_words(folder), f"--port={port}", f"--bind-address={HOST}", f"--socket={folder}/socket", f"--pid-file={folder}/pid",
             "--plugin-load-add=auth_ed25519", *settings]  # fmt: skip
    if tls:
        certificate, key = identity(ground, folder)
        words += [f"--ssl-cert={certificate}", f"--ssl-key={key}", f"--ssl-ca={certificate}"]
    ground.run(name, humble([_SERVER, *words]), ports=[port])
    return port


@contextmanager
def sessions(ground: Ground, name: str, count: int):
    """Sessions of the real client that stay open."""
    words = ["mariadb", "--no-defaults", f"--socket={ground.folder / name}/socket", "--user=holder", "--batch", "--skip-column-names", "--unbuffered"]
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            client = stack.enter_context(subprocess.Popen(humble(words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
            stack.callback(client.kill)
            clients.append(client)
        for client in clients:
            client.stdin.write("select 'in';\n")
            client.stdin.flush()
            said = client.stdout.readline()
            assert said == "in\n", said
        yield
