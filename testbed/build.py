"""Go programs of the testbed, built once and kept in a cache outside the repository."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from testbed.layout import CACHE, CONTOUR, COREDNS, KUBERNETES, NETPOL, SOURCE, TestbedError

GO_LIMIT = 3600  # seconds; a cold build of Kubernetes takes 6 to 10 minutes on two cores
JOBS = 2


@dataclass(frozen=True, slots=True)
class Program:
    """One Go program.

    Attributes:
        name: Name of its folder under testbed/ and of the file that is built.
        version: What it is a build of; part of the cache key.
        flags: Flags of the linker.
        package: What is built: the folder itself, or a package of a module that its go.mod requires.
    """

    name: str
    version: str
    flags: tuple[str, ...] = ()
    package: str = "."


_VERSION = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES.removeprefix("v").split(".")

CONTOUR_MODULE = "github.com/projectcontour/contour"
NETPOL_MODULE = "sigs.k8s.io/kube-network-policies"

PROGRAMS = {
    "kube": Program(
        "kube",
        KUBERNETES,
        (
            *("-X", f"{_VERSION}.gitVersion={KUBERNETES}", "-X", f"{_VERSION}.gitTreeState=clean"),
            *("-X", f"{_VERSION}.gitMajor={_MAJOR}", "-X", f"{_VERSION}.gitMinor={_MINOR}"),
        ),
    ),
    "coredns": Program("coredns", COREDNS),
    "pause": Program("pause", "1"),
    "judge": Program("judge", "v0.37"),
    "server": Program("server", "1"),
    "contour": Program("contour", CONTOUR, package=f"{CONTOUR_MODULE}/cmd/contour"),
    "netpol": Program("netpol", NETPOL, package=f"{NETPOL_MODULE}/cmd"),
}


def cached(name: str) -> Path:
    """Give the path where the program is, or will be, in the cache."""
    program = PROGRAMS[name]
    digest = hashlib.sha256("\0".join(program.flags).encode())
    for source in sorted((SOURCE / name).iterdir()):
        if source.suffix == ".go" or source.name in {"go.mod", "go.sum"}:
            digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return CACHE / "bin" / f"{name}-{program.version}-{digest.hexdigest()[:16]}" / name


def build(name: str) -> Path:
    """Build a program unless the cache has it, and give its path.

    Raises:
        TestbedError: Go is missing, or the build failed; with the end of its output.
    """
    target = cached(name)
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at the same time build once
        if not target.exists():
            _compile(PROGRAMS[name], target)
    return target


def module_file(name: str, module: str, path: str) -> str:
    """Give the text of a file of a module that a program's go.mod requires.

    Raises:
        TestbedError: Go does not know the module, or has not got it.
    """
    command = ["go", "mod", "download", "-json", module]
    done = subprocess.run(command, cwd=SOURCE / name, capture_output=True, timeout=GO_LIMIT, check=False)
    if done.returncode:
        raise TestbedError(f"go mod download {module} in {SOURCE / name} failed:\n{done.stderr.decode()[-1500:]}")
    return Path(json.loads(done.stdout)["Dir"], path).read_text()


def _compile(program: Program, target: Path) -> None:
    print(f"building {program.name} {program.version} (cold: minutes) ...", flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch, program.name)
        command = ["go", "build", "-p", str(JOBS), "-trimpath", "-buildvcs=false", "-mod=readonly"]
        command += ["-ldflags", " ".join(("-s", "-w", *program.flags)), "-o", str(made), program.package]
        try:
            done = subprocess.run(
                command,
                cwd=SOURCE / program.name,
                env={**os.environ, "CGO_ENABLED": "0"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=GO_LIMIT,
                check=False,
            )
        except FileNotFoundError:
            raise TestbedError("go is missing: install Go 1.26 or newer and put it on PATH") from None
        except subprocess.TimeoutExpired:
            raise TestbedError(f"building {program.name} did not end within {GO_LIMIT} s") from None
        if done.returncode:
            tail = "\n".join(done.stdout.decode(errors="replace").splitlines()[-20:])
            raise TestbedError(f"building {program.name} in {SOURCE / program.name} failed:\n{tail}")
        made.chmod(0o755)
        made.replace(target)
