"""The kernel settings that a kubelet with protectKernelDefaults wants to find, set for the time of the cluster."""

from __future__ import annotations

import json
from pathlib import Path

from testbed.layout import STATE

SAVED = STATE / "kernel.json"
WANTED = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def _setting(name: str) -> Path:
    return Path("/proc/sys") / name


def prepare() -> str:
    """Save the machine's settings and set the wanted ones; give what could not be set, empty if all is well."""
    if not SAVED.exists():
        now = {name: _setting(name).read_text().strip() for name in WANTED if _setting(name).exists()}
        SAVED.write_text(json.dumps(now))
    refused = []
    for name, value in WANTED.items():
        if not _setting(name).exists() or _setting(name).read_text().strip() == value:
            continue
        try:
            _setting(name).write_text(value)
        except OSError:
            refused.append(name.replace("/", "."))
    return ", ".join(refused)


def restore() -> None:
    """Give the machine its settings back."""
    if SAVED.exists():
        for name, value in json.loads(SAVED.read_text()).items():
            if name in WANTED and _setting(name).read_text().strip() != value:
                _setting(name).write_text(value)
