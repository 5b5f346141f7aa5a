"""Archives: the same pack gives the same bytes; what a stranger made is opened within bounds or refused in a sentence."""

import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from preaudit.errors import UsageError
from preaudit.evidence import archive
from preaudit.evidence.archive import ArchiveRefused, open_pack, write_archive


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_pack_comes_back_as_it_was(signed_pack, tmp_path, faults):
    write_archive(signed_pack, tmp_path / "pack.tar.zst")
    with open_pack(tmp_path / "pack.tar.zst") as folder:
        assert contents(folder) == contents(signed_pack)
        assert not faults(folder)
    assert not folder.exists()
    with open_pack(signed_pack) as folder:
        assert folder == signed_pack


def test_the_same_pack_gives_the_same_bytes(signed_pack, tmp_path):
    shutil.copytree(signed_pack, tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("*"):
        os.utime(path, (1, 1))
    (tmp_path / "copy" / "records.jsonl").chmod(0o640)
    write_archive(signed_pack, tmp_path / "one.tar.zst")
    write_archive(tmp_path / "copy", tmp_path / "two.tar.zst")
    assert (tmp_path / "one.tar.zst").read_bytes() == (tmp_path / "two.tar.zst").read_bytes()
    with pytest.raises(UsageError, match="exists already; an archive is never overwritten"):
        write_archive(signed_pack, tmp_path / "one.tar.zst")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "one.tar.zst", "two.tar.zst"]


def test_tar_itself_reads_it(signed_pack, tmp_path):
    write_archive(signed_pack, tmp_path / "pack.tar.zst")
    if shutil.which("zstd"):
        subprocess.run(["tar", "--zstd", "-xf", "pack.tar.zst"], cwd=tmp_path, check=True, timeout=60)
    else:  # the library has the program's limits
        with (tmp_path / "pack.tar.zst").open("rb") as stream:
            raw = zstandard.ZstdDecompressor().stream_reader(stream).read()
        subprocess.run(["tar", "-xf", "-"], input=raw, cwd=tmp_path, check=True, timeout=60)
    (top,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert top.name == "preaudit-01a2051f-904b-70ef-95a2-7a55010451e0"
    assert contents(top) == contents(signed_pack)


def test_what_is_no_pack_is_not_archived(pack, tmp_path):
    with pytest.raises(UsageError, match="is no pack that can be archived"):
        write_archive(tmp_path, tmp_path / "x.tar.zst")
    (pack / "link").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="holds links or special files"):
        write_archive(pack, tmp_path / "x.tar.zst")
    (pack / "link").unlink()
    with pytest.raises(UsageError, match="cannot be written"):
        write_archive(pack, tmp_path / "no" / "x.tar.zst")


def entry(name, kind=tarfile.REGTYPE, content=b"", **more):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def tarred(*entries, form=tarfile.USTAR_FORMAT):
    """An archive of these, below a folder `top`."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for info, content in (entry("top/", tarfile.DIRTYPE), *entries):
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def squeezed(raw, **more):
    return zstandard.ZstdCompressor(level=1, **more).compress(raw)


def with_size(field):
    """An archive whose file says to have another length."""
    raw = bytearray(tarred(entry("top/file", content=b"x" * 512)))
    raw[512 + 124 : 512 + 136] = field
    raw[512 + 148 : 512 + 156] = b" " * 8
    raw[512 + 148 : 512 + 156] = b"%06o\0 " % sum(raw[512:1024])
    return bytes(raw)


def wide_window():
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=30)
    return zstandard.ZstdCompressor(compression_params=parameters).compressobj().compress(b"x" * 2**20) or b""


GOOD = tarred(entry("top/file", content=b"x"))
HOSTILE = {
    "upwards": (tarred(entry("top/../../escaped")), "does not lie in the pack"),
    "absolute": (tarred(entry("/tmp/escaped")), "does not lie in the pack"),
    "dots": (tarred(entry("top/./file")), "does not lie in the pack"),
    "double slash": (tarred(entry("top//file")), "does not lie in the pack"),
    "backslash": (tarred(entry("top/..\\escaped")), "holds characters"),
    "control characters": (tarred(entry("top/\x1b[2J")), "holds characters"),
    "symbolic link": (tarred(entry("top/link", tarfile.SYMTYPE, linkname="/etc")), "is a link or a special file"),
    "hard link": (tarred(entry("top/link", tarfile.LNKTYPE, linkname="/etc/passwd")), "is a link or a special file"),
    "device": (tarred(entry("top/dev", tarfile.CHRTYPE, devmajor=1, devminor=3)), "is a link or a special file"),
    "pipe": (tarred(entry("top/pipe", tarfile.FIFOTYPE)), "is a link or a special file"),
    "link name on a file": (tarred(entry("top/file", linkname="/etc")), "is a link or a special file"),
    "sparse": (tarred(entry("top/file", tarfile.GNUTYPE_SPARSE)), "is a link or a special file"),
    "twice": (tarred(entry("top/file"), entry("top/file")), "holds top/file twice"),
    "file and folder": (tarred(entry("top/x"), entry("top/x/y")), "two things under one name"),
    "two tops": (tarred(entry("other/file")), "more than one folder at its top"),
    "no folder": (tarred(entry("top/below/file")), "before its folder"),
    "a file at the top": (tarred(entry("file")), "more than one folder at its top"),
    "long name": (tarred(entry("top/" + "a" * 90 + "/" + "b" * 90 + "/" + "c" * 90), form=tarfile.GNU_FORMAT), "no plain ustar"),
    "PAX": (tarred(entry("top/b\u00fcro" + "x" * 120), form=tarfile.PAX_FORMAT), "is a link or a special file"),
    "deep": (tarred(entry("top/a/b/c/d/e")), "is too long"),
    "no UTF-8": (tarred(entry("top/" + os.fsdecode(b"\xff"))), "no UTF-8"),
    "negative length": (with_size(b"-0000000001\0"), "a number in a header is none"),
    "binary length": (with_size(b"\x80" + b"\xff" * 11), "a number in a header is none"),
    "huge length": (with_size(b"77777777777\0"), "ends in the middle"),
    "many files": (tarred(*(entry(f"top/{number}") for number in range(501))), "more than 500 files"),
    "cut": (GOOD[:700], "ends in the middle"),
    "no end": (GOOD[:1536], "ends in the middle"),
    "goes on": (GOOD + b"x" * 512, "goes on after its end"),
    "padding": (GOOD[:1025] + b"x" + GOOD[1026:], "between file and the next"),
    "empty": (b"", "ends in the middle"),
    "only an end": (bytes(1024), "the archive is empty"),
    "wrong sum": (GOOD[:512] + b"u" + GOOD[513:], "the sum of a header is wrong"),
    "folder with content": (tarred(entry("top/f/", tarfile.DIRTYPE, b"x")), "a folder top/f with content"),
}  # fmt: skip


@pytest.fixture
def private(tmp_path, monkeypatch):
    """Where archives are unpacked; everything around it can be looked at."""
    (tmp_path / "around" / "tmp").mkdir(parents=True)
    monkeypatch.setattr(archive, "MAX_FILES", 500)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "around" / "tmp"))
    return tmp_path / "around"


def refused(path, private):
    with pytest.raises(UsageError) as caught, open_pack(path):
        pass
    assert [one.name for one in private.rglob("*")] == ["tmp"]
    told = str(caught.value)
    assert told.isprintable()
    assert "\n" not in told
    return told


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(name, tmp_path, private):
    raw, said = HOSTILE[name]
    (tmp_path / "x.tar.zst").write_bytes(squeezed(raw))
    assert said in refused(tmp_path / "x.tar.zst", private)


RAW = {
    "no zstd": b"hello, world",
    "gzip": b"\x1f\x8b" + bytes(100),
    "empty": b"",
    "wide window": wide_window(),
    "damaged": squeezed(GOOD)[:20] + b"\xff" * 20 + squeezed(GOOD)[40:],
    "cut": squeezed(GOOD)[:-10],
    "garbage after it": squeezed(GOOD) + b"garbage",
    "another after it": squeezed(GOOD) + squeezed(GOOD),
}


@pytest.mark.parametrize("name", RAW)
def test_a_damaged_file_is_refused(name, tmp_path, private):
    (tmp_path / "x.tar.zst").write_bytes(RAW[name])
    assert refused(tmp_path / "x.tar.zst", private)


def test_what_is_no_file_is_refused(tmp_path, private):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link", "nothing"):
        assert "no pack that can be read" in refused(tmp_path / name, private)


def bomb(path, size):
    """A tiny archive with a file of zeros in it."""
    info = tarfile.TarInfo("top/zeros")
    info.size = size
    with path.open("wb") as stream, zstandard.ZstdCompressor(level=19).stream_writer(stream) as packed:
        packed.write(entry("top/", tarfile.DIRTYPE)[0].tobuf(tarfile.USTAR_FORMAT))
        packed.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(size // 2**20):
            packed.write(bytes(2**20))
        packed.write(bytes(1024))


def test_a_bomb_is_refused_in_bounded_time_and_memory(tmp_path, private):
    bomb(tmp_path / "x.tar.zst", 2**30)
    length = (tmp_path / "x.tar.zst").stat().st_size
    began = time.monotonic()
    assert "unfolds to more than" in refused(tmp_path / "x.tar.zst", private)
    assert time.monotonic() - began < 20
    print(f"a bomb of {length} bytes for 1 GiB was refused")


PROBE = """
import resource, sys
from pathlib import Path
from preaudit.evidence.archive import open_pack
from preaudit.errors import UsageError
resource.setrlimit(resource.RLIMIT_AS, (600 * 2**20, 600 * 2**20))
try:
    with open_pack(Path(sys.argv[1])): print("opened")
except UsageError as error: print("refused", error)
"""


def test_memory_stays_bounded(tmp_path):
    bomb(tmp_path / "x.tar.zst", 2**28)
    ran = subprocess.run([sys.executable, "-c", PROBE, tmp_path / "x.tar.zst"], check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert ran.stdout.startswith("refused"), ran.stderr


def test_fuzzed_archives_never_crash(signed_pack, tmp_path, private, faults):
    """Flips in the compressed bytes, and in the archive before it is compressed: the same pack, or a refusal."""
    write_archive(signed_pack, tmp_path / "good")
    good = (tmp_path / "good").read_bytes()
    raw = zstandard.ZstdDecompressor().decompressobj().decompress(good)
    chance = random.Random(4)
    same = contents(signed_pack)
    outcomes = {"refused": 0, "noticed": 0, "the same pack": 0}
    for turn in range(200):
        changed = bytearray(raw if turn % 2 else good)
        for _ in range(chance.choice((1, 1, 3, 20))):
            changed[chance.randrange(len(changed)) if chance.random() < 0.5 else chance.randrange(2048) % len(changed)] = chance.randrange(256)
        if chance.random() < 0.1:
            del changed[chance.randrange(len(changed)) :]
        (tmp_path / "x").write_bytes(squeezed(bytes(changed)) if turn % 2 else changed)
        try:
            with open_pack(tmp_path / "x") as folder:
                if contents(folder) == same:
                    outcomes["the same pack"] += 1
                else:
                    assert faults(folder)
                    outcomes["noticed"] += 1
        except ArchiveRefused:
            outcomes["refused"] += 1
        assert [one.name for one in private.rglob("*")] == ["tmp"]
    print(outcomes)


@settings(max_examples=150, deadline=None)
@given(header=st.binary(min_size=512, max_size=512))
def test_any_header_is_read_or_refused(header):
    whole = bytearray(header)
    whole[257:265] = b"ustar\x0000"
    whole[148:156] = b" " * 8
    whole[148:156] = b"%06o\0 " % sum(whole)
    try:
        name, _, size = archive._parse(bytes(whole))
    except ArchiveRefused:
        return
    assert not name.startswith("/")
    assert ".." not in name.split("/")
    assert size >= 0
