"""Records the testbed with both variants of the product, for ``preaudit demo`` to judge: objects and endpoints.

Usage: python -m testbed.record [SNAPSHOT_FOLDER] (the cluster is up with good flags; a folder is packed as it is)
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from testbed import access, deploy, identities
from testbed.layout import STATE, TestbedError

TARGET = Path(__file__).parents[1] / "plugins" / "preaudit" / "demo_data" / "recorded-cluster.tar.xz"
VARIANTS = ("good", "bad")
LIMIT = 600
MOST_BYTES = 250_000


def look(folder: Path) -> Path:
    """Audit the cluster with all that can be seen of it; the snapshot's folder.

    Raises:
        TestbedError: The audit came to no end, or a variant does not run.
    """
    deploy.undeploy("usual")
    for variant in VARIANTS:
        deploy.deploy(variant)
    anchors = [identities.authority_file(variant) for variant in VARIANTS] + [str(STATE / "pki/etcd/ca.crt")]
    command = [str(Path(sys.executable).with_name("preaudit")), "run", "--profile", "bank"]
    command += ["--out", str(folder / "pack")]
    command += ["--kubeconfig", str(access.administrator()), "--kubelet-ca", str(STATE / "pki/ca.crt")]
    command += ["--read", "secrets-metadata", "--active", "connect,port-forward"]
    command += [word for anchor in anchors for word in ("--ca", anchor)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode not in {0, 1, 6}:
        raise TestbedError(f"preaudit run ended with {done.returncode}:\n{done.stderr[-1500:]}")
    return folder / "pack" / "snapshot"


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


def main() -> int:
    """Record, and say how large it became; 1 where it is larger than a package should carry."""
    with tempfile.TemporaryDirectory(prefix="preaudit-record-") as scratch:
        size = record(Path(sys.argv[1]) if len(sys.argv) > 1 else look(Path(scratch)))
    print(f"{TARGET}: {size} bytes")
    return 0 if size <= MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
