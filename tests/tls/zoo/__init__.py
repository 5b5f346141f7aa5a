"""The zoo: real servers with known weaknesses, each with what is true of it."""

from __future__ import annotations

import importlib
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.tls.zoo import dh, pki
from tests.tls.zoo.ground import HOST, Ground
from tests.tls.zoo.server import Server, Truth

# The slowest to start come first.
LIBRARIES = tuple(
    f"tests.tls.zoo.with_{name}"
    for name in ("go", "envoy", "node", "tlslite", "gnutls", "nss", "s_server", "nginx", "python_ssl", "canned")
)


@dataclass(frozen=True)
class Zoo:
    """Servers that run, and where.

    Attributes:
        servers: the servers that run, by name.
        ports: each one's port on loopback.
        identities: certificates by name.
        folder: the zoo's files; ``ca.pem`` is the anchor.
        left_out: why libraries are left out, by library.
        seconds: how long the start took.
    """

    servers: dict[str, Server]
    ports: dict[str, int]
    identities: dict[str, pki.Identity]
    folder: Path
    left_out: dict[str, str]
    seconds: float

    def address(self, name: str) -> tuple[str, int]:
        return HOST, self.ports[name]


def known() -> dict[str, Server]:
    """Every server that this machine can run, by name."""
    return {one.name: one for module in LIBRARIES for one in importlib.import_module(module).servers()}


@contextmanager
def running(only: Iterable[str] | None = None) -> Iterator[Zoo]:
    """Starts the servers named, or all; ends them by their process ids."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="zoo-"))
    modules = [importlib.import_module(name) for name in LIBRARIES]
    ground = Ground(folder, {})
    try:
        ground.identities |= pki.make(folder)
        dh.write(folder)
        wanted = None if only is None else set(only)
        chosen = {m: [one for one in m.servers() if wanted is None or one.name in wanted] for m in modules}
        ports: dict[str, int] = {}
        with ThreadPoolExecutor(len(modules)) as pool:
            for started in pool.map(lambda m: m.start(ground, chosen[m]) if chosen[m] else {}, modules):
                ports |= started
        left_out = {m.LIBRARY: why for m in modules if (why := m.missing())}
        servers = {one.name: one for m in modules for one in chosen[m]}
        yield Zoo(servers, ports, ground.identities, folder, left_out, time.monotonic() - began)
    finally:
        ground.close()
        shutil.rmtree(folder, ignore_errors=True)


__all__ = ["HOST", "Server", "Truth", "Zoo", "known", "running"]
