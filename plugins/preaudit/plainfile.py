"""Opening files that somebody else wrote: regular ones only, never through a link, never waiting for a pipe."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def open_plain(path: Path) -> int:
    """A descriptor of a regular file.

    Raises:
        OSError: it is none, or cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no regular file")
    return descriptor


def read_plain(path: Path, most: int) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: it is none, cannot be read, or is longer than `most` bytes.
    """
    with os.fdopen(open_plain(path), "rb") as stream:
        raw = stream.read(most + 1)
    if len(raw) > most:
        raise OSError(0, f"it is longer than {most} bytes")
    return raw
