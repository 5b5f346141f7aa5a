"""Small files of the user's: keys, certificates, secrets."""

from __future__ import annotations

from pathlib import Path

from preaudit.errors import UsageError

MAX_PEM = 2**20


def read_bounded(path: Path) -> bytes:
    """A small file of the user's.

    Raises:
        UsageError: it cannot be read, or is no small file.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_PEM + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(raw) > MAX_PEM:
        raise UsageError(f"{path} is longer than {MAX_PEM} bytes; is it the right file?")
    return raw
