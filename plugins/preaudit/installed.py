"""Which preaudit this is: a hash over the files that decide what a verdict is, equal for wheel and checkout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import preaudit
from preaudit.suites import data_folder

_DATA = ("suites", "profiles", "reports")
_KINDS = frozenset({".py", ".yaml", ".json", ".txt", ".j2", ".css", ".js"})


@cache
def tool() -> dict[str, str]:
    """Name, version, and the hash of the installed files, as the manifest tells them.

    ``files_sha256`` is the sha256 of the lines that ``sha256sum`` prints for the files of the package and of its
    suites, profiles and reports, sorted by path (``preaudit/cli.py``, ``suites/audit/test_api.py``).
    """
    listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(_files()))
    return {
        "name": "preaudit", "version": preaudit.__version__,
        "files_sha256": hashlib.sha256(listing.encode()).hexdigest(),
    }  # fmt: skip


def _files() -> Iterator[tuple[str, str]]:
    package = Path(preaudit.__file__).parent
    for name, folder in (("preaudit", package), *((name, data_folder(name)) for name in _DATA)):
        for path in folder.rglob("*"):
            parts = path.relative_to(folder).parts
            inside = folder == package and parts[0] in _DATA  # the wheel holds them below the package
            if path.suffix in _KINDS and not inside and "__pycache__" not in parts and "examples" not in parts:
                with path.open("rb") as stream:
                    yield f"{name}/{'/'.join(parts)}", hashlib.file_digest(stream, "sha256").hexdigest()


def plugins() -> dict[str, str]:
    """The distributions beside preaudit whose code runs in an audit, by name with their version."""
    found = {}
    for name in ("pytest", "pytest-xdist", "msgspec", "kubernetes"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
