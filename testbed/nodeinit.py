"""The first process of a node: makes the node's namespaces, then keeps its container runtime and kubelet running.

Run as ``python3 nodeinit.py SPEC``, SPEC a JSON file as testbed.node writes it. Everything of the node lives in one PID
namespace whose first process this is, so that its end is the end of every process and every mount of the node: nothing
can be left behind, however the node dies. This file uses the standard library alone, and stays one file, because the
folder it was read from may be out of sight inside the node.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = (
    0x20000,
    0x4000000,
    0x8000000,
    0x20000000,
    0x40000000,
)
NEEDED = 15  # seconds until the network device that the machine gives us must be there
RESTART = 2  # seconds before a service that ended is started again, as an init system does


def run(*command: str) -> None:
    """Run one command of the preparation; its failure ends the node, told in the node's log."""
    subprocess.run(command, check=True, timeout=30)


def say(text: str) -> None:
    """Write one line to the node's log."""
    print(f"nodeinit: {text}", flush=True)


def mounts(spec: dict[str, str]) -> None:
    """Give the node a view of its own on every folder that something writes to; what it reads is the machine's."""
    root = spec["root"]
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "proc", "proc", "/proc")
    for name in ("etc", "usr", "opt", "srv"):
        layers = f"lowerdir=/{name},upperdir={root}/{name},workdir={root}/work-{name}"
        run("mount", "-t", "overlay", "overlay", "-o", layers, f"/{name}")
    run("mount", "--bind", f"{root}/var", "/var")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/tmp")
    run("mount", "--make-rshared", "/")
    Path("/run/lock").mkdir()


def network(spec: dict[str, str]) -> None:
    """Wait for eth0 from the machine, then give it the node's address and the routes to the other nodes' pods."""
    run("ip", "link", "set", "lo", "up")
    deadline = time.monotonic() + NEEDED
    while subprocess.run(["ip", "link", "show", "eth0"], capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            raise SystemExit(f"nodeinit: no eth0 within {NEEDED} s")
        time.sleep(0.02)
    run("ip", "address", "add", spec["address"], "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    run("ip", "route", "add", "default", "via", spec["gateway"])
    for pods, via in spec["routes"].items():
        run("ip", "route", "add", pods, "via", via)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")


def service(definition: dict[str, object]) -> subprocess.Popen[bytes]:
    """Start one service of the node, its output appended to its log."""
    argv = [str(word) for word in definition["argv"]]  # type: ignore[attr-defined]
    with Path(str(definition["log"])).open("ab") as log:
        return subprocess.Popen(
            argv, executable=str(definition["program"]), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/"
        )


def supervise(services: dict[str, dict[str, object]]) -> None:
    """Keep the services running and reap every orphan of the node, for ever."""
    running: dict[int, str] = {}
    due = dict.fromkeys(services, 0.0)
    while True:
        for name, moment in list(due.items()):
            if moment <= time.monotonic() and Path(str(services[name].get("after", "/"))).exists():
                running[service(services[name]).pid] = name
                del due[name]
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            pid, status = 0, 0
        if pid in running:
            name = running.pop(pid)
            say(f"{name} ended with status {status}, starting it again in {RESTART} s")
            due[name] = time.monotonic() + RESTART
        elif not pid:
            signal.sigtimedwait([signal.SIGCHLD], 0.05 if due else 1.0)


def live(spec: dict[str, object]) -> None:
    """Be the node: prepare it, then supervise."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    socket.sethostname(str(spec["name"]))
    mounts(spec)  # type: ignore[arg-type]
    network(spec)  # type: ignore[arg-type]
    say("ready")
    supervise(spec["services"])  # type: ignore[arg-type]


def main() -> None:
    """Enter new namespaces, leave the node's first process running and its process number in a file."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET):
        raise SystemExit(f"nodeinit: unshare: {os.strerror(ctypes.get_errno())}")
    child = os.fork()
    if child:
        Path(spec["pid_file"]).write_text(f"{child}\n")
        return
    os.setsid()
    try:
        live(spec)
    except BaseException as problem:  # noqa: BLE001
        say(f"{type(problem).__name__}: {problem}")
        os._exit(1)


if __name__ == "__main__":
    main()
