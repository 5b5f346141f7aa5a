"""The demo's recorded cluster, unpacked once, and packs of it."""

import tarfile
from importlib import resources

import pytest

from tests.clusters import snapshot  # noqa: F401 - a fixture
from tests.command import preaudit


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """The recorded snapshot's folder."""
    folder = tmp_path_factory.mktemp("recorded")
    stored = resources.files("preaudit").joinpath("demo_data", "recorded-cluster.tar.xz")
    with stored.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "snapshot"


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """A signing key: (private, public)."""
    folder = tmp_path_factory.mktemp("keys")
    preaudit("keygen", "--out", folder / "k", cwd=folder, code=0)
    return folder / "k.key", folder / "k.pub"
