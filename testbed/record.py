"""Packs a collected snapshot into the recording that ships with preaudit and that ``preaudit demo`` judges.

Usage: python -m testbed.record SNAPSHOT_FOLDER (made by ``preaudit snapshot`` with everything readable)
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

TARGET = Path(__file__).parents[1] / "plugins" / "preaudit" / "demo_data" / "recorded-cluster.tar.xz"


def record(folder: Path, target: Path = TARGET) -> int:
    """Write the recording, without times and owners of this machine; its size in bytes."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.mtime = 0
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    target.parent.mkdir(exist_ok=True)
    with tarfile.open(target, "w:xz", preset=9) as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, f"snapshot/{path.name}", filter=plain)
    return target.stat().st_size


if __name__ == "__main__":
    print(f"{TARGET}: {record(Path(sys.argv[1]))} bytes")
