"""Where servers stand: a folder, ports on loopback, processes with a bounded start, ended by their own ids."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.tls.zoo.pki import Identity

HOST = "127.0.0.1"
READY_SECONDS = 90.0
# Below the ephemeral range: no outgoing connection takes a port between its choice and the server's start.
PORTS = range(20000, 32000)


@dataclass
class Ground:
    """A folder for files, the certificates, and every process that was started here."""

    folder: Path
    identities: dict[str, Identity]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _given: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> dict[str, str]:
        """For the zoo's own servers: this checkout, and no measuring of coverage."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        return {**kept, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}

    def port(self) -> int:
        """A port of loopback that nobody listens on, given out once."""
        with self._lock:
            for port in random.sample(PORTS, 500):
                if port in self._given:
                    continue
                with socket.socket() as probe:
                    try:
                        probe.bind((HOST, port))
                    except OSError:
                        continue
                self._given.add(port)
                return port
        raise RuntimeError("500 ports of loopback are in use; end what listens there")

    def run(self, name: str, command: list[str], *, ports: list[int], env: dict[str, str] | None = None) -> None:
        """Starts a server and waits until it listens on every port, or fails with the end of what it said."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, cwd=self.folder, env=env
            )
        with self._lock:
            self.processes.append(process)
        deadline = time.monotonic() + READY_SECONDS
        for port in ports:
            while not _listens(port):
                ended = process.poll()
                if ended is not None or time.monotonic() > deadline:
                    how = "is not ready" if ended is None else f"ended with {ended}"
                    said = log.read_text(errors="replace")[-800:]
                    raise RuntimeError(f"{name} {how} (port {port}): {said}")
                time.sleep(0.02)

    def close(self) -> None:
        """Ends every process by its id, all at once, and then waits for each."""
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=5)
            if process.stdin is not None:
                process.stdin.close()


def _listens(port: int) -> bool:
    """Read from the kernel's table: a connection would be the first that a server sees, and some take one at a time."""
    wanted = f":{port:04X} 00000000:0000 0A"
    return any(wanted in line for name in ("tcp", "tcp6") for line in _table(name))


def _table(name: str) -> list[str]:
    try:
        return Path(f"/proc/net/{name}").read_text().replace("00000000000000000000000000000000:0000", "00000000:0000").splitlines()
    except FileNotFoundError:
        return []
