"""Opening files that somebody else wrote: regular ones only, never through a link, never waiting for a pipe."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class TooMuch(ValueError):  # noqa: N818 - it says what was found
    """A file, or a folder of them, that is no part of any pack by its sheer size; a sentence."""


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
        OSError: it is none, or cannot be read.
        TooMuch: it is longer than `most` bytes.
    """
    with os.fdopen(open_plain(path), "rb") as stream:
        raw = stream.read(most + 1)
    if len(raw) > most:
        raise TooMuch(f"{path.name} is longer than {most} bytes")
    return raw
