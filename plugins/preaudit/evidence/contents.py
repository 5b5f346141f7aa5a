"""The files of a pack against its manifest: missing, extra, changed, or no files at all. It follows no link."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from preaudit.evidence.finding import Fault, Finding, finding
from preaudit.evidence.pack import MANIFEST
from preaudit.plainfile import TooMuch, open_plain
from preaudit.snapshot import StoredFile

ATTESTATION = "attestation.dsse.json"
TEST_RESULT = "test-result.dsse.json"
TIMESTAMP = "timestamp.tsr"
ADDED = frozenset({ATTESTATION, TEST_RESULT, TIMESTAMP})
"""The files that may stand beside those of the manifest: they are about it, so it cannot hold their hashes."""
MAX_FILES = 20_000
MAX_DEPTH = 4
MAX_BYTES = 16 * 2**30
"""Longest pack that is read; one of 10,000 pods has about 0.3 GB."""
_CHUNK = 2**20
_FOLDERS = frozenset({"inputs", "snapshot"})


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in a folder: lengths of the regular files by path, the folders, and what is neither."""

    files: dict[str, int]
    folders: tuple[str, ...]
    irregular: tuple[str, ...]


def survey(folder: Path) -> Survey:
    """Look through a folder, without opening anything.

    Raises:
        TooMuch: it holds more than any pack.
        OSError: it cannot be listed.
    """
    files: dict[str, int] = {}
    folders: list[str] = []
    irregular: list[str] = []
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = below + entry.name
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    files[name] = found.st_size
                elif stat.S_ISDIR(found.st_mode) and name.count("/") < MAX_DEPTH:
                    folders.append(name)
                    waiting.append(name + "/")
                else:
                    irregular.append(name)
                if len(files) + len(folders) + len(irregular) > MAX_FILES:
                    raise TooMuch(f"the folder holds more than {MAX_FILES} files, as no pack does")
    return Survey(files, tuple(folders), tuple(irregular))


def compare(found: Survey, wanted: Iterable[StoredFile]) -> list[Finding]:
    """What is missing, too many, or no regular file; the files' content is not looked at."""
    names = {stored.name for stored in wanted}
    parents = {parent for name in names for parent in _parents(name)} | _FOLDERS
    faults = [
        finding(Fault.IRREGULAR, f"{name} is a link or a special file; a pack holds plain files only")
        for name in sorted(found.irregular)
    ]
    faults += [
        finding(Fault.MISSING, f"{name} is missing; manifest.json names it")
        for name in sorted(names - found.files.keys())
    ]
    faults += [
        finding(Fault.EXTRA, f"{name} is an extra file; manifest.json does not name it")
        for name in sorted(found.files.keys() - names - ADDED - {MANIFEST})
    ]
    faults += [
        finding(Fault.EXTRA, f"{name}/ is an extra folder; manifest.json names no file in it")
        for name in sorted(set(found.folders) - parents)
    ]
    if sum(found.files.values()) > MAX_BYTES:
        raise TooMuch(f"the folder holds more than {MAX_BYTES // 2**30} GiB, as no pack does")
    return faults


def _parents(name: str) -> Iterable[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def hash_files(
    folder: Path, wanted: Iterable[StoredFile], found: Survey, readers: dict[str, Callable[[bytes], None]]
) -> list[Finding]:
    """Read every file once and compare it with the manifest.

    Args:
        folder: of the pack.
        wanted: as the manifest tells.
        found: what is there.
        readers: what else wants to see the bytes of a file while it is read, by name.
    """
    there = [stored for stored in wanted if stored.name in found.files]
    # Hashing lets go of the interpreter: while one thread decodes the records, the other hashes the snapshot.
    there.sort(key=lambda stored: (stored.name not in readers, -stored.bytes))
    with ThreadPoolExecutor(2) as pool:
        faults = pool.map(lambda one: _check(folder, one, readers.get(one.name)), there)
        return sorted((one for one in faults if one), key=lambda one: one.sentence)


def _check(folder: Path, stored: StoredFile, reader: Callable[[bytes], None] | None) -> Finding | None:
    digest, size, lines = hashlib.sha256(), 0, 0
    try:
        descriptor = open_plain(folder / stored.name)
        with os.fdopen(descriptor, "rb", buffering=0) as stream:
            length = os.fstat(descriptor).st_size
            if length != stored.bytes:
                told = f"{stored.name} was changed: it has {length} bytes, manifest.json says {stored.bytes}"
                return finding(Fault.CHANGED, told)
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                lines += chunk.count(b"\n")
                if reader is not None:
                    reader(chunk)
    except OSError as error:
        return finding(Fault.IRREGULAR, f"{stored.name} cannot be read: {error.strerror}")
    if digest.hexdigest() != stored.sha256:
        return finding(Fault.CHANGED, f"{stored.name} was changed: its sha256 is not the one in manifest.json")
    if lines != stored.lines:
        return finding(Fault.COUNT, f"{stored.name} has {lines} lines, manifest.json says {stored.lines}")
    return None
