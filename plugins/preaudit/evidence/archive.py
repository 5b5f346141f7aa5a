"""A pack as one file: written so that the same pack gives the same bytes, read as if by an enemy.

The reader takes only what the writer makes: one zstd stream of a ustar archive that holds plain files and folders
below one top folder. Python's tarfile would also follow GNU and PAX extensions, whose lengths a stranger chooses.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import zstandard

from preaudit.errors import UsageError
from preaudit.evidence.contents import MAX_FILES, survey
from preaudit.evidence.durable import write_new
from preaudit.evidence.outline import name_fault, read_outline
from preaudit.evidence.pack import MANIFEST, reason
from preaudit.evidence.strict import NotStrict
from preaudit.plainfile import TooMuch, open_plain
from preaudit.text import cut, inert

ENDING = ".tar.zst"
WINDOW_LOG = 27
"""The longest window that ``tar --zstd`` opens without being asked to."""
LEVEL = 9
"""Measured on 160,000 records (225 MB): 15.7 bytes a record; the long-distance mode made it larger and slower."""
MAX_UNPACKED = 4 * 2**30
"""Most bytes that an archive may unfold to; a pack of 10,000 pods has about 0.3 GB."""
MAX_RATIO = 1_000
"""Most that the archive may unfold to, in multiples of its own length, beyond the first `_FREE` bytes."""
_FREE = 64 * 2**20
_BLOCK = 512
_CHUNK = 2**18
_ZERO = bytes(_BLOCK)


class ArchiveRefused(UsageError):  # noqa: N818 - it says what happened to the archive
    """An archive that is not opened, because it is damaged or not one of a pack; one sentence (exit code 1)."""

    exit_code = 1


def write_archive(folder: Path, target: Path) -> None:
    """Write a pack as one ``.tar.zst``; the same pack gives the same bytes.

    Args:
        folder: the pack.
        target: the file; it must not exist.

    Raises:
        UsageError: it exists, cannot be written, or the folder is no pack.
    """
    if os.path.lexists(target):
        raise UsageError(f"{target} exists already; an archive is never overwritten")
    try:
        found = survey(folder)
        outline, _ = read_outline((folder / MANIFEST).read_bytes())
    except (OSError, NotStrict, TooMuch) as error:
        raise UsageError(f"{folder} is no pack that can be archived: {error}") from None
    if found.irregular:
        raise UsageError(f"{folder} holds links or special files ({inert(found.irregular[0])}); it is no pack")
    top = f"preaudit-{outline.run.id}"
    names = sorted([*found.files, *found.folders])
    for name in (top, *names):
        if fault := name_fault(name):
            raise UsageError(f"{folder} holds {inert(name)!r}, which {fault}")
    try:
        write_new(target, lambda stream: _write(stream, folder, top, names))
    except (OSError, ValueError) as error:
        cause = reason(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"{target} cannot be written: {cause}") from None


def _write(stream: IO[bytes], folder: Path, top: str, names: list[str]) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(LEVEL, window_log=WINDOW_LOG, write_checksum=True)
    with (
        zstandard.ZstdCompressor(compression_params=parameters).stream_writer(stream, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.USTAR_FORMAT, bufsize=_CHUNK) as tar,
    ):
        tar.addfile(_entry(f"{top}/", tarfile.DIRTYPE, 0o755))
        for name in names:
            path = folder / name
            if path.is_dir():
                tar.addfile(_entry(f"{top}/{name}/", tarfile.DIRTYPE, 0o755))
                continue
            with os.fdopen(open_plain(path), "rb") as source:
                entry = _entry(f"{top}/{name}", tarfile.REGTYPE, 0o644)
                entry.size = os.fstat(source.fileno()).st_size
                tar.addfile(entry, source)


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry


@contextmanager
def open_pack(path: Path) -> Iterator[Path]:
    """The folder of a pack, which is a folder or a ``.tar.zst``; what was unpacked is gone after the block.

    Raises:
        UsageError: there is nothing there, or it cannot be read.
        ArchiveRefused: the archive is damaged, or not one of a pack.
    """
    if path.is_dir():
        yield path
        return
    try:
        descriptor = open_plain(path)
    except OSError as error:
        raise UsageError(f"{path}: no pack that can be read: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as stream, tempfile.TemporaryDirectory(prefix="preaudit-pack-") as private:
        try:
            top = _unpack(stream, Path(private))
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise ArchiveRefused("the archive holds two things under one name") from None
        except OSError as error:
            raise UsageError(f"{path} cannot be unpacked into {private}: {reason(error)}") from None
        yield Path(private) / top


class _Unfolded:
    """The bytes of a zstd stream, as many as are asked for, within bounds.

    Args:
        stream: of the archive.
        length: of the archive in bytes.
    """

    def __init__(self, stream: IO[bytes], length: int) -> None:
        unfolding = zstandard.ZstdDecompressor(max_window_size=2**WINDOW_LOG)
        self._stream = unfolding.stream_reader(stream, read_size=_CHUNK, read_across_frames=True, closefd=False)
        self._most = min(MAX_UNPACKED, _FREE + length * MAX_RATIO)
        self._read = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes, fewer only at the end."""
        parts = []
        while size:
            try:
                part = self._stream.read(min(size, _CHUNK))
            except (zstandard.ZstdError, MemoryError) as error:
                raise ArchiveRefused(f"the archive cannot be unpacked: {error}") from None
            if not part:
                break
            parts.append(part)
            size -= len(part)
            self._read += len(part)
            if self._read > self._most:
                raise ArchiveRefused(f"the archive unfolds to more than {self._most} bytes, as no pack does")
        return b"".join(parts)

    def exactly(self, size: int) -> bytes:
        """That many bytes."""
        found = self.read(size)
        if len(found) != size:
            raise ArchiveRefused("the archive ends in the middle")
        return found


def _unpack(stream: IO[bytes], into: Path) -> str:
    """Unpack into an empty folder; the name of the top folder."""
    source = _Unfolded(stream, os.fstat(stream.fileno()).st_size)
    names: set[str] = set()
    top = ""
    while (header := source.exactly(_BLOCK)) != _ZERO:
        name, folder, size = _parse(header)
        if name in names:
            raise ArchiveRefused(f"the archive holds {_shown(name)} twice")
        names.add(name)
        if len(names) > MAX_FILES:
            raise ArchiveRefused(f"the archive holds more than {MAX_FILES} files, as no pack does")
        top = top or name
        if name.partition("/")[0] != top or (name == top and not folder):
            raise ArchiveRefused("the archive holds more than one folder at its top, as no pack's does")
        path = into / name
        if not folder and path.parent.name and str(path.parent.relative_to(into)) not in names:
            raise ArchiveRefused(f"the archive holds {_shown(name)} before its folder")
        if folder:
            path.mkdir(mode=0o700)
            continue
        _store(source, path, size)
    _end(source)
    if not top:
        raise ArchiveRefused("the archive is empty")
    return top


def _store(source: _Unfolded, path: Path, size: int) -> None:
    with path.open("xb") as target:
        left = size
        while left:
            piece = source.exactly(min(left, _CHUNK))
            target.write(piece)
            left -= len(piece)
    if source.exactly(-size % _BLOCK).strip(b"\0"):
        raise ArchiveRefused(f"the archive has something between {_shown(path.name)} and the next file")


def _end(source: _Unfolded) -> None:
    """After the end mark come zeros, and nothing else."""
    while rest := source.read(_CHUNK):
        if rest.strip(b"\0"):
            raise ArchiveRefused("the archive goes on after its end")


def _parse(header: bytes) -> tuple[str, bool, int]:
    """Name, whether it is a folder, and length of one entry of a ustar archive.

    Raises:
        ArchiveRefused: it is none, or of a kind that no pack holds.
    """
    if header[257:265] != b"ustar\x0000":
        raise ArchiveRefused("the archive is no plain ustar archive")
    if _octal(header[148:156]) != sum(header[:148]) + sum(header[156:]) + 8 * 0x20:
        raise ArchiveRefused("the archive is damaged: the sum of a header is wrong")
    raw = header[345:500].partition(b"\0")[0] + b"/" * bool(header[345]) + header[:100].partition(b"\0")[0]
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ArchiveRefused("the archive holds a name that is no UTF-8") from None
    kind = header[156:157]
    if kind not in {tarfile.REGTYPE, tarfile.DIRTYPE} or header[157:257].strip(b"\0"):
        raise ArchiveRefused(f"the archive holds {_shown(name)}, which is a link or a special file")
    folder = kind == tarfile.DIRTYPE
    name = name.removesuffix("/") if folder else name
    if fault := name_fault(name, depth=4):
        raise ArchiveRefused(f"the archive holds {_shown(name)}, which {fault}")
    size = _octal(header[124:136])
    if folder and size:
        raise ArchiveRefused(f"the archive holds a folder {_shown(name)} with content")
    return name, folder, size


def _octal(field: bytes) -> int:
    digits = field.rstrip(b"\0 ")
    if not digits or not set(digits) <= set(b"01234567"):
        raise ArchiveRefused("the archive is damaged: a number in a header is none")
    return int(digits, 8)


def _shown(name: str) -> str:
    return inert(cut(name, 100))
