"""A node: the files it starts with, and its start as namespaces of its own."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from testbed import access, cgroups, flags, network, registry, staticpods
from testbed.build import build
from testbed.layout import (
    BRIDGE_ADDRESS,
    BRIDGE_PREFIX,
    KUBERNETES_REGISTRY,
    NODES,
    PAUSE,
    SOURCE,
    STATE,
    TestbedError,
    api_address,
    node_address,
    node_pods,
    node_root,
)

PKI = STATE / "pki"
BIN = "/var/lib/testbed/bin"
START = 20.0  # seconds until a node's first process must run
# Docs and defaults of containerd 1.6; restrict_oom_score_adj, because root may lack the right to lower the score.
CONTAINERD = """\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  enable_unprivileged_ports = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    discard_unpacked_layers = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def cni(node: str) -> str:
    """Give a node's CNI configuration: a bridge of its own, host-local addresses, host ports."""
    pool = {"type": "host-local", "ranges": [[{"subnet": node_pods(node)}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False, "hairpinMode": True, "ipam": pool}
    plugins = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]
    return json.dumps({"cniVersion": "0.4.0", "name": "testbed", "plugins": plugins}, indent=2) + "\n"


def write(target: Path, text: str, mode: int = 0o600) -> None:
    """Write one file of a node, its folders with it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=mode)
    target.chmod(mode)
    target.write_text(text)


def prepare(node: str, chosen: str) -> Path:
    """Write the files that a node starts with; give the path of the specification that its first process reads."""
    root = node_root(node)
    for name in ("etc", "usr", "opt", "srv"):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / f"work-{name}").mkdir(exist_ok=True)
    for name in ("lib", "log", "cache", "tmp", "spool", f"..{BIN}", "lib/kubelet/pki", "lib/containerd", "lib/cni"):
        (root / "var" / name).mkdir(parents=True, exist_ok=True)
    (root / "var" / "run").symlink_to("/run")
    (root / "var" / "tmp").chmod(0o1777)
    (root / "var" / "lib" / "etcd").mkdir(mode=0o700)
    etc = root / "etc"
    write(etc / "hostname", f"{node}\n", 0o644)
    names = "".join(f"{node_address(other)} {other}\n" for other in NODES)
    write(etc / "hosts", f"127.0.0.1 localhost\n{names}", 0o644)
    # Nothing outside this machine is ever asked, so a node has no resolver but the cluster's.
    write(etc / "resolv.conf", "options ndots:1\n", 0o644)
    write(etc / "cni" / "net.d" / "10-testbed.conflist", cni(node))
    write(etc / "containerd" / "config.toml", CONTAINERD.format(pause=f"{KUBERNETES_REGISTRY}/pause:{PAUSE}"))
    registry.write_hosts(etc)
    _credentials(node, root)
    write(root / "var/lib/kubelet/config.yaml", flags.kubelet(chosen, node, version2=cgroups.unified()))
    (etc / "kubernetes" / "manifests").mkdir(mode=0o700)
    if node == NODES[0]:
        _control_plane(root, chosen)
    _programs(root)
    cgroups.make(node)
    return _specification(node, root)


def _credentials(node: str, root: Path) -> None:
    kubernetes, kubelet = root / "etc" / "kubernetes", root / "var" / "lib" / "kubelet" / "pki"
    write(kubernetes / "pki" / "ca.crt", (PKI / "ca.crt").read_text(), 0o644)
    client = (PKI / f"{node}-kubelet.crt").read_text() + (PKI / f"{node}-kubelet.key").read_text()
    write(kubelet / "kubelet-client-first.pem", client)
    (kubelet / "kubelet-client-current.pem").symlink_to("/var/lib/kubelet/pki/kubelet-client-first.pem")
    for ending in ("crt", "key"):
        write(kubelet / f"kubelet.{ending}", (PKI / f"{node}-kubelet-server.{ending}").read_text())
    current = "/var/lib/kubelet/pki/kubelet-client-current.pem"
    text = access.render(f"https://{api_address()}", PKI / "ca.crt", f"system:node:{node}", current, current)
    write(kubernetes / "kubelet.conf", text)


def _control_plane(root: Path, chosen: str) -> None:
    kubernetes = root / "etc" / "kubernetes"
    shutil.copytree(
        PKI, kubernetes / "pki", dirs_exist_ok=True, ignore=shutil.ignore_patterns("users", "node*", "reg*")
    )
    server = f"https://{api_address()}"
    for component in ("controller-manager", "scheduler"):
        text = access.embedded(PKI, f"components/{component}", f"system:kube-{component}", server)
        write(kubernetes / f"{component}.conf", text)
    shutil.rmtree(kubernetes / "pki" / "components")
    for name, text in staticpods.files(chosen).items():
        write(kubernetes / "manifests" / name, text)
    if chosen == "good":
        for name in ("admission.yaml", "audit-policy.yaml", "encryption.yaml", "event-rate.yaml"):
            text = (SOURCE / "extra" / name).read_text()
            write(kubernetes / "extra" / name, text.replace("@SECRET@", _secret()))
        (root / "var/log/kubernetes/audit").mkdir(parents=True, mode=0o700)


def _secret() -> str:
    path = STATE / "encryption-key"
    if not path.exists():
        write(path, base64.b64encode(os.urandom(32)).decode())
    return path.read_text()


def _programs(root: Path) -> None:
    kube = build("kube")
    folder = root / BIN.lstrip("/")
    try:
        os.link(kube, folder / "kube")
    except OSError:  # the cache is on another file system
        shutil.copy2(kube, folder / "kube")
    for name in ("kubelet", "kubectl"):
        (folder / name).symlink_to("kube")


def _specification(node: str, root: Path) -> Path:
    address = node_address(node)
    kubelet = ["kubelet", "--config=/var/lib/kubelet/config.yaml", "--kubeconfig=/etc/kubernetes/kubelet.conf"]
    kubelet += [f"--node-ip={address}"]
    specification = {
        "name": node,
        "root": str(root),
        "pid_file": str(STATE / f"{node}.pid"),
        "address": f"{address}/{BRIDGE_PREFIX}",
        "gateway": BRIDGE_ADDRESS,
        "routes": {node_pods(other): node_address(other) for other in NODES if other != node},
        "services": {
            "containerd": {
                "program": "/usr/bin/containerd",
                "argv": ["containerd", "--config=/etc/containerd/config.toml"],
                "log": "/var/log/containerd.log",
            },
            "kubelet": {
                "program": f"{BIN}/kube",
                "argv": kubelet,
                "log": "/var/log/kubelet.log",
                "after": "/run/containerd/containerd.sock",
            },
        },
    }
    target = STATE / f"{node}.json"
    write(target, json.dumps(specification, indent=2))
    return target


def start(node: str, specification: Path) -> int:
    """Start a node and join it to the bridge; give its first process.

    Raises:
        TestbedError: Its namespaces could not be made; with its log.
    """
    log_path, pid_file = STATE / f"{node}.log", STATE / f"{node}.pid"
    pid_file.unlink(missing_ok=True)
    with log_path.open("ab") as log:
        launcher = subprocess.Popen(
            [sys.executable, "-I", str(SOURCE / "nodeinit.py"), str(specification)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
    try:
        ended = launcher.wait(START)
    except subprocess.TimeoutExpired:
        launcher.kill()
        ended = -1
    if ended or not pid_file.exists():
        raise TestbedError(f"{node} did not start; {log_path}:\n{log_path.read_text(errors='replace')[-1500:]}")
    pid = int(pid_file.read_text())
    network.connect(node, pid)
    deadline = time.monotonic() + START
    while "nodeinit: ready" not in (text := log_path.read_text(errors="replace")):
        if time.monotonic() > deadline or not Path(f"/proc/{pid}").exists():
            raise TestbedError(f"{node} is not ready within {START:.0f} s; {log_path}:\n{text[-1500:]}")
        time.sleep(0.02)
    return pid


def first_process(node: str) -> int:
    """Give the process number, as the machine sees it, of a running node's first process.

    Raises:
        TestbedError: The node does not run.
    """
    try:
        pid = int((STATE / f"{node}.pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        words = b""
    if str(STATE / f"{node}.json").encode() not in words.split(b"\0"):
        raise TestbedError(f"{node} does not run: run `python -m testbed up`")
    return pid


def enter(node: str, command: list[str]) -> list[str]:
    """Give the command line that runs a command inside a node."""
    return [
        "nsenter",
        "--target",
        str(first_process(node)),
        "--mount",
        "--uts",
        "--ipc",
        "--net",
        "--pid",
        "--",
        *command,
    ]
