"""Where real databases stand: a folder each below the zoo's ground, and a user that is not root, whom they refuse."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.tls.zoo.ground import Ground

USER, GROUP = "nobody", "nogroup"
SECONDS = 60


def humble(command: list[str]) -> list[str]:
    """The same command, as a user who may do nothing."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups", "--", *command]


def given(*paths: Path) -> None:
    """Makes that user the owner, of folders with all that is in them."""
    if os.geteuid() == 0:
        for path in paths:
            for one in (path, *path.rglob("*")):
                shutil.chown(one, USER, GROUP)


def run(command: list[str], words: str = "") -> str:
    """Runs one command to its end, as that user; gives what it prints."""
    done = subprocess.run(humble(command), input=words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-800:]}{done.stderr[-800:]}"
    return done.stdout


def identity(ground: Ground, folder: Path) -> tuple[Path, Path]:
    """Certificate and key for a server, in its own folder and hands: PostgreSQL takes no key that others may read."""
    pair, made = ground.identities["rsa"], (folder / "server.crt", folder / "server.key")
    for source, target in zip((pair.chain, pair.key), made, strict=True):
        shutil.copyfile(source, target)
        target.chmod(0o600)
    given(*made)
    return made
