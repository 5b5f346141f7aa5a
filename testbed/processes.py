"""Processes that the testbed started: found by what is theirs alone, ended, waited for."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from testbed.layout import TestbedError

GONE = 20.0  # seconds until a killed process must have gone


def arguments(pid: int) -> list[str]:
    """Give a process's command line; empty if it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def belonging_to(folder: Path) -> list[int]:
    """Give the processes that name something below the folder as a whole argument, or as the value of a flag.

    Process files may be lost in a crash, so they are not asked; the folder's name is on every command line of ours.
    """
    prefix = f"{folder}/"
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        words = arguments(int(entry.name))
        if _ours(words) and any(word.partition("=")[2].startswith(prefix) or word.startswith(prefix) for word in words):
            found.append(int(entry.name))
    return found


def _ours(words: list[str]) -> bool:
    """Say whether a command line is that of a program that the testbed starts: an editor or a `tail` is not."""
    names = {"nodeinit.py", "docker-registry", "etcd", "kube-apiserver"}
    return any(Path(word).name in names for word in words[:4])


def end(pids: list[int]) -> None:
    """Kill the processes and wait until each is gone.

    Raises:
        TestbedError: One is still there after the limit.
    """
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + GONE
    left = list(pids)
    while left := [pid for pid in left if arguments(pid)]:
        if time.monotonic() > deadline:
            raise TestbedError(f"processes {left} are still there {GONE:.0f} s after SIGKILL: see /proc/PID/stack")
        _reap(left)
        time.sleep(0.02)
    _reap(pids)


def _reap(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue
