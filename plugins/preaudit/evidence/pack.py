"""The pack on disk: a folder that is made beside its final place and renamed into it when it is whole."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, overload

import msgspec

from preaudit.errors import UsageError
from preaudit.evidence.manifest import Manifest
from preaudit.evidence.manifest import decode as decode_manifest
from preaudit.evidence.record import Record, decode
from preaudit.evidence.strict import MAX_JSON
from preaudit.plainfile import TooMuch, read_plain
from preaudit.snapshot import StoredFile

MANIFEST = "manifest.json"
RECORDS = "records.jsonl"
INCOMPLETE = "INCOMPLETE"
_SPOOL = ".spool"
_AT_ONCE = 4


class PackFolder:
    """A pack that is being written: OUT is reserved empty, a folder beside it is filled and renamed onto it.

    What a killed run leaves is an empty OUT and a folder that its name, and a file in it, call incomplete.

    Args:
        out: the final folder; it must not exist.

    Raises:
        UsageError: it exists, or cannot be made; one sentence.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.path = out.parent / f".{out.name}.{secrets.token_hex(4)}.incomplete"
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            try:
                out.mkdir()  # two runs cannot both make it
            except FileExistsError:
                raise UsageError(f"{out} exists already; a pack is never overwritten, give another --out") from None
            try:
                self._prepare()
            except OSError:
                self.discard()
                raise
        except OSError as error:
            raise UsageError(f"{out} cannot be written: {reason(error)}") from None

    def _prepare(self) -> None:
        self.path.mkdir(mode=0o700)
        self.write(INCOMPLETE, b"This folder is no pack: the run that made it was still writing, or was killed.\n")
        for folder in ("inputs", "snapshot", _SPOOL):
            (self.path / folder).mkdir()

    @property
    def spool(self) -> Path:
        """A folder for what processes leave while they judge; it does not become a part of the pack."""
        return self.path / _SPOOL

    def drop_spool(self) -> None:
        """Remove that folder; the pack's files are complete."""
        shutil.rmtree(self.spool)

    def write(self, name: str, content: bytes) -> None:
        """Write one file of the pack and bring it to the disk."""
        with self.create(name) as stream:
            stream.write(content)

    def create(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """A new file of the pack; it is on the disk when the block ends."""
        return create(self.path / name)

    def whole(self) -> None:
        """Every file of the manifest is there; only a signature may come."""
        (self.path / INCOMPLETE).unlink()

    def finish(self) -> Path:
        """Give the pack its final name.

        Raises:
            UsageError: another folder has taken the name meanwhile; the pack stays where it is and is named.
        """
        self.path.chmod(0o755)
        for folder in ("inputs", "snapshot", "."):
            _sync(self.path / folder)
        try:
            os.rename(self.path, self.out)  # noqa: PTH104 - rename refuses a folder that is not empty
        except OSError as error:
            raise UsageError(f"{self.out} cannot be made: {reason(error)}; the pack is in {self.path}") from None
        _sync(self.out.parent)
        return self.out

    def discard(self) -> None:
        """Remove what was written so far."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):  # somebody put something there meanwhile: it is theirs
            self.out.rmdir()


@contextmanager
def create(path: Path) -> Iterator[IO[bytes]]:
    """A new file; it is on the disk when the block ends."""
    with path.open("xb", buffering=2**20) as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reason(error: OSError) -> str:
    """An operating system's error with what to do about it."""
    advice = {
        errno.ENOSPC: "the disk is full; free some space or give --out on another disk",
        errno.EDQUOT: "the quota is used up; give --out on another disk",
        errno.EROFS: "the file system is read-only; give --out elsewhere",
        errno.EACCES: "permission denied; give --out where you may write",
    }
    return advice.get(error.errno or 0, error.strerror or str(error))


def files_below(folder: Path) -> tuple[StoredFile, ...]:
    """Every file of a pack but its manifest, sorted by path, brought to the disk: length, hash, number of lines."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    wanted = [name for name in names if name not in {MANIFEST, INCOMPLETE}]
    # Hashing and waiting for the disk both leave the interpreter to others.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(lambda name: _stored(folder / name, name), wanted))


def _stored(path: Path, name: str) -> StoredFile:
    digest, size, lines = hashlib.sha256(), 0, 0
    with path.open("rb") as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
            size += len(chunk)
            lines += chunk.count(b"\n")
        os.fsync(stream.fileno())
    return StoredFile(name=name, bytes=size, sha256=digest.hexdigest(), lines=lines)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a pack.

    Raises:
        UsageError: there is none that can be read; one sentence.
    """
    path = folder / MANIFEST
    try:
        return decode_manifest(read_plain(path, MAX_JSON))
    except TooMuch as error:
        raise UsageError(f"{folder}: {error}, which no manifest is") from None
    except OSError as error:
        raise UsageError(f"{folder}: no pack that can be read ({MANIFEST}: {error.strerror})") from None
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        raise UsageError(f"{path}: no manifest of this version: {error}") from None


class Records(Sequence[Record]):
    """The records of a file, decoded again at each pass, so that a large pack is never in memory at once.

    Args:
        path: a records.jsonl.
        count: number of its lines.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._count = count

    def __iter__(self) -> Iterator[Record]:
        with self._path.open("rb") as stream:
            for line in stream:
                yield decode(line)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Records by position; for a few only, it reads the file."""
        return list(self)[index]


def write_records(path: Path, lines: Iterable[bytes]) -> int:
    """Write encoded records, in their order; the number of them."""
    return write_pieces(path, ((1, line + b"\n") for line in lines))


def write_pieces(path: Path, pieces: Iterable[tuple[int, bytes]]) -> int:
    """Write encoded records, several at once: their number, and their lines; the number of all."""
    count = 0
    with path.open("xb", buffering=2**20) as stream:
        for number, lines in pieces:
            stream.write(lines)
            count += number
        stream.flush()
        os.fsync(stream.fileno())
    return count
