"""The demo: the recorded cluster that ships with preaudit, unpacked for one run."""

from __future__ import annotations

import argparse
import hashlib
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path

RECORDING = "recorded-cluster.tar.xz"


@contextmanager
def demo_arguments(parsed: argparse.Namespace) -> Iterator[list[str]]:
    """The arguments that point a run at the recorded cluster, while its unpacked copy exists."""
    with tempfile.TemporaryDirectory(prefix="preaudit-demo-") as folder:
        stored = resources.files("preaudit").joinpath("demo_data", RECORDING)
        with stored.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:xz") as archive:
            archive.extractall(folder, filter="data")
        arguments = ["--preaudit-snapshot", str(Path(folder) / "snapshot")]
        if parsed.preaudit_profile is None:
            arguments += ["--preaudit-profile", "bank"]
        yield arguments


@cache
def _recorded_sha256() -> str:
    stored = resources.files("preaudit").joinpath("demo_data", RECORDING)
    with stored.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:xz") as archive:
        found = archive.extractfile("snapshot/collection.json")
        return hashlib.sha256(found.read()).hexdigest() if found else ""


def is_recorded(collection_sha256: str) -> bool:
    """Whether the collection.json of this hash is that of the recorded cluster that ships with preaudit."""
    return collection_sha256 == _recorded_sha256()
