"""MySQL's own way to log in, caching_sha2_password, at the server of Vitess (Debian has no MySQL)."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path

from tests.tls.zoo.ground import HOST, Ground

BUILD_SECONDS = 900
_PROGRAM = Path(__file__).parent / "vitess"
ACCOUNTS = {
    "shop": [{"Password": "right"}],
    "nothing": [{"Password": ""}],
    "elsewhere": [{"Password": "right", "SourceHost": "localhost"}],  # by a socket only
}
Manner = tuple[bool, bool, bool]
"""Whether it has TLS, knows the password's hash already, and announces its way to log in."""
MANNERS: tuple[Manner, ...] = tuple(itertools.product((True, False), repeat=3))


def missing() -> str:
    return "" if shutil.which("go") else "Go is not installed"


def start(ground: Ground) -> dict[Manner, int]:
    """One process for all; gives ports by manner."""
    program, pair = ground.folder / "vitess", ground.identities["rsa"]
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=_PROGRAM, check=True, timeout=BUILD_SECONDS)
    ports, entries = {one: ground.port() for one in MANNERS}, []
    for (tls, known, announced), port in ports.items():
        chain, key = (str(pair.chain), str(pair.key)) if tls else ("", "")
        entries.append({"Address": f"{HOST}:{port}", "Chain": chain, "Key": key, "Known": known, "Announced": announced, "Accounts": ACCOUNTS})
    (ground.folder / "vitess.json").write_text(json.dumps(entries))
    ground.run("vitess", [str(program), str(ground.folder / "vitess.json")], ports=list(ports.values()))
    return ports
