"""The image of the probe pod (``--active in-cluster``), from this checkout: ``python -m testbed.probe_image``."""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import sys
import tempfile
from pathlib import Path

from testbed import oci, registry
from testbed.layers import accounts, debian, files, folder
from testbed.layout import REGISTRY, REGISTRY_NAME, SOURCE, TestbedError
from testbed.oci import Blob, Entry, Image, Settings, blob, image, layer

CHECKOUT = SOURCE.parent
PACKAGES = "/usr/lib/python3/dist-packages"
USER = 65532
NEEDS = ("msgspec", "cryptography", "pyopenssl")
"""What the probe imports; the image for customers holds everything that the wheel asks for."""
LIMIT = 300
_WHEEL = ("plugins/preaudit", "suites", "profiles", "reports")


def probe() -> Image:
    """Give Debian's Python with preaudit and what its probe needs, as user 65532, writing nothing."""
    root = debian("python", ("python3",), "extract")
    settings = Settings(
        entrypoint=("/usr/bin/python3", "-m", "preaudit.probe.inside"),
        user=str(USER),
        environment=("PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1", f"PYTHONPATH={PACKAGES}"),
    )
    layers = (root, files("probe", accounts("probe", USER)), _needs(), _preaudit())
    return image("preaudit", "probe", layers, settings)


def pushed() -> str:
    """Put the image into the testbed's registry; give the reference that a pod uses."""
    made = probe()
    oci.push(REGISTRY, registry.trust(), made)
    return f"{REGISTRY_NAME}/{made.name}@{made.digest}"


def _needs() -> Blob:
    """Packages of PyPI's, in the versions of this environment."""
    wanted = [f"{name}=={importlib.metadata.version(name)}" for name in NEEDS]
    return _installed("needs", " ".join(wanted), wanted)


def _preaudit() -> Blob:
    """This checkout's wheel, made anew when a file of it changed."""
    hashed = hashlib.sha256((CHECKOUT / "pyproject.toml").read_bytes())
    for part in _WHEEL:
        for path in sorted((CHECKOUT / part).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                hashed.update(f"{path} ".encode() + path.read_bytes())
    return _installed("preaudit", hashed.hexdigest(), ["--no-deps", str(CHECKOUT)])


def _installed(kind: str, key: str, words: list[str]) -> Blob:
    """Give a layer with what pip installs into a folder, compiled: the pod cannot write what it would compile."""
    target = folder("probe") / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.tar"
    if target.exists():
        return blob(target)
    print(f"installing {kind} of the probe's image ...", flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        _run([sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", scratch, *words])
        # By hash and unchecked: a layer keeps no times.
        _run([sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", scratch,
              "-p", PACKAGES, scratch])  # fmt: skip
        entries = [
            Entry(f"{PACKAGES}/{path.relative_to(scratch)}", path)
            for path in sorted(Path(scratch).rglob("*"))
            if path.is_file()
        ]
        return layer(target, entries)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=False)
    if done.returncode:
        raise TestbedError(f"{' '.join(command)} failed:\n{done.stderr.decode(errors='replace')[-1500:]}")


if __name__ == "__main__":
    print(pushed())
