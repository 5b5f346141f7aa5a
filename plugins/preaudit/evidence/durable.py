"""A file that appears whole or not at all, never in the place of another, and stays after a power cut."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO


def write_new(path: Path, write: Callable[[IO[bytes]], None], beside: Path | None = None) -> None:
    """Write a new file.

    Args:
        path: the file; it must not exist.
        write: writes the content.
        beside: where it is written until it is whole, on the same file system; the file's folder if not given.

    Raises:
        OSError: it exists, or cannot be written; nothing is left behind.
    """
    fresh = (beside or path.parent) / f".{path.name}.{secrets.token_hex(4)}.incomplete"
    try:
        with fresh.open("xb", buffering=2**20) as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(fresh, path)  # unlike rename, it refuses to replace
    finally:
        fresh.unlink(missing_ok=True)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
