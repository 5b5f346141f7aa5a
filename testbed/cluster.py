"""The cluster as a whole: up, down, and whether it is well."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import time
from typing import TYPE_CHECKING

from testbed import access, addons, cgroups, kernel, network, node, packages, pki, processes, registry
from testbed.api import Api
from testbed.build import build
from testbed.layout import (
    BRIDGE_ADDRESS,
    CACHE,
    DOMAIN,
    KUBERNETES_REGISTRY,
    KUBERNETES_SERVICE,
    NODES,
    REGISTRY_NAME,
    STATE,
    TestbedError,
    api_address,
    node_address,
    node_root,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CERTIFICATES = STATE / "pki"
API_LIMIT, NODE_LIMIT, SYSTEM_LIMIT = 90.0, 60.0, 90.0  # seconds
CHOSEN = STATE / "flags"
# Pods of the system that must be ready, by the beginning of their names.
SYSTEM = {"etcd": 1, "kube-apiserver": 1, "kube-controller-manager": 1, "kube-scheduler": 1}
SYSTEM |= {"kube-proxy": len(NODES), "coredns": 2}


@contextlib.contextmanager
def alone(limit: float = 300.0) -> Iterator[None]:
    """Keep two runs of up and down from each other.

    Raises:
        TestbedError: Another run still holds the lock after the limit, in seconds.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "testbed.lock").open("w") as lock:
        deadline = time.monotonic() + limit
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TestbedError(
                        f"another `testbed up` or `down` runs since {limit:.0f} s: wait for it"
                    ) from None
                time.sleep(0.2)
        yield


def certificates() -> list[pki.Certificate]:
    """Give the certificates of a cluster: kubeadm's, and those of the kubelets and the registry."""
    here, make = node_address(NODES[0]), pki.Certificate
    services = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{DOMAIN}")
    local = (NODES[0], "localhost", here, "127.0.0.1")
    admins, system = (access.ADMINISTRATORS,), ("system:nodes",)
    wanted = [
        make("apiserver", "ca", "kube-apiserver", server=True, addresses=(*services, *local, KUBERNETES_SERVICE)),
        make("apiserver-kubelet-client", "ca", "kube-apiserver-kubelet-client", admins, client=True),
        make("apiserver-etcd-client", "etcd/ca", "kube-apiserver-etcd-client", client=True),
        make("front-proxy-client", "front-proxy-ca", "front-proxy-client", client=True),
        make("etcd/server", "etcd/ca", NODES[0], server=True, client=True, addresses=local),
        make("etcd/peer", "etcd/ca", NODES[0], server=True, client=True, addresses=local),
        make("etcd/healthcheck-client", "etcd/ca", "kube-etcd-healthcheck-client", client=True),
        make("components/controller-manager", "ca", "system:kube-controller-manager", client=True),
        make("components/scheduler", "ca", "system:kube-scheduler", client=True),
        make(
            "registry", "ca", REGISTRY_NAME, server=True, addresses=(REGISTRY_NAME, KUBERNETES_REGISTRY, BRIDGE_ADDRESS)
        ),
    ]
    for name in NODES:
        wanted.append(make(f"{name}-kubelet", "ca", f"system:node:{name}", system, client=True))
        names = (name, node_address(name))
        wanted.append(make(f"{name}-kubelet-server", "ca", f"system:node:{name}", system, server=True, addresses=names))
    return wanted


def issue_certificates() -> None:
    """Make the three authorities, then everything that they sign."""
    pki.authority(CERTIFICATES / "ca", "kubernetes")
    pki.authority(CERTIFICATES / "etcd" / "ca", "etcd-ca")
    pki.authority(CERTIFICATES / "front-proxy-ca", "front-proxy-ca")
    pki.service_account_keys(CERTIFICATES)
    pki.issue_all(CERTIFICATES, certificates())


def tails(*paths: Path, characters: int = 1500) -> str:
    """Give the ends of logs, for an error message."""
    there = [path for path in paths if path.exists()]
    return "\n".join(f"--- {path}\n{path.read_text(errors='replace')[-characters:].strip()}" for path in there)


def container_logs(component: str) -> list[Path]:
    """Give the newest log of a pod of the control plane."""
    logs = (node_root(NODES[0]) / "var/log/pods").glob(f"kube-system_{component}-*/*/*.log")
    return sorted(logs, key=lambda path: path.stat().st_mtime)[-1:]


def wait(limit: float, missing: Callable[[], list[str]], logs: Callable[[], list[Path]]) -> None:
    """Wait until nothing is missing.

    Raises:
        TestbedError: Something is still missing after the limit; with what, and the ends of the logs.
    """
    deadline = time.monotonic() + limit
    while problems := missing():
        if time.monotonic() > deadline:
            raise TestbedError(f"after {limit:.0f} s: {'; '.join(problems)}\n{tails(*logs())}")
        time.sleep(0.1)


def _api_problems(kubeconfig: Path) -> list[str]:
    api = Api(kubeconfig, 5)
    try:
        status, body = api.raw("GET", "/readyz")
    except OSError as problem:
        return [f"API server {api_address()}: {problem}"]
    finally:
        api.close()
    return [] if status == 200 else [f"API server {api_address()}: /readyz says {status}: {body[-200:]!r}"]


def _node_problems(api: Api) -> list[str]:
    found = {one["metadata"]["name"]: one for one in api.get("/api/v1/nodes")["items"]}
    problems = [f"{name} is not registered" for name in NODES if name not in found]
    for name, one in found.items():
        ready = [entry for entry in one["status"].get("conditions", []) if entry["type"] == "Ready"]
        if not ready or ready[0]["status"] != "True":
            problems.append(f"{name} is not Ready: {ready[0]['message'] if ready else 'no condition yet'}")
    return problems


def _system_problems(api: Api, expected: dict[str, int]) -> list[str]:
    pods = api.get("/api/v1/namespaces/kube-system/pods")["items"]
    problems = []
    for name, number in expected.items():
        mine = [pod for pod in pods if pod["metadata"]["name"].startswith(f"{name}-")]
        ready = [pod for pod in mine if _is_ready(pod)]
        if len(ready) < number:
            states = ", ".join(sorted({_state(pod) for pod in mine})) or "no pod"
            problems.append(f"{name}: {len(ready)} of {number} pods are ready ({states})")
    return problems


def _is_ready(pod: addons.Object) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def _state(pod: addons.Object) -> str:
    for container in pod["status"].get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting")
        if waiting:
            return str(waiting.get("reason", "waiting"))
    return str(pod["status"].get("phase", "unknown"))


def problems() -> list[str]:
    """Give everything that keeps the cluster from being healthy; empty if it is well."""
    if not CHOSEN.exists():
        return ["the cluster is down"]
    found = []
    for name in NODES:
        try:
            node.first_process(name)
        except TestbedError as problem:
            found.append(str(problem))
    if not registry.answers():
        found.append("the registry does not answer")
    if found:
        return found
    kubeconfig = access.administrator()
    if bad := _api_problems(kubeconfig):
        return bad
    api = Api(kubeconfig, 10)
    try:
        return _node_problems(api) + _system_problems(api, SYSTEM)
    except TestbedError as problem:
        return [str(problem)]
    finally:
        api.close()


def up(chosen: str) -> None:
    """Bring the cluster up with a set of flags; at once if it is so already, anew if it is not well."""
    with alone():
        if CHOSEN.exists() and CHOSEN.read_text() == chosen and not problems():
            return
        packages.install()
        for name in ("kube", "pause", "coredns"):
            build(name)
        _down()
        # What was started stays for a look when this fails; the next up, or down, removes it.
        _start(chosen)


def _start(chosen: str) -> None:
    STATE.mkdir(parents=True, mode=0o700)
    refused = kernel.prepare()
    if refused:
        print(f"notice: the machine does not allow {refused} to be set; the kubelets will refuse to start", flush=True)
    issue_certificates()
    network.bridge_up()
    registry.start()
    pinned = registry.fill()
    node.write(STATE / "images.json", json.dumps(pinned, indent=2) + "\n")
    for name in NODES:
        node.start(name, node.prepare(name, chosen))
    administrator, first = access.administrator(), f"https://{api_address()}"
    masters = access.for_user(STATE, "kubernetes-super-admin", ("system:masters",), first)
    kubelets = [node_root(name) / "var/log/kubelet.log" for name in NODES]

    def control_logs() -> list[Path]:
        return [kubelets[0], *container_logs("etcd"), *container_logs("kube-apiserver")]

    wait(API_LIMIT, lambda: _api_problems(masters), control_logs)
    api = Api(masters)
    addons.install(api, [*addons.administrators(chosen), *addons.records(chosen), *addons.kube_proxy()])
    wait(NODE_LIMIT, lambda: _node_problems(api), lambda: kubelets)
    for name in NODES:
        addons.introduce(api, name)

    def system_logs() -> list[Path]:
        return [*kubelets, *container_logs("kube-proxy"), *container_logs("coredns")]

    wait(SYSTEM_LIMIT, lambda: _system_problems(api, {"kube-proxy": len(NODES)}), system_logs)
    # Not before kube-proxy: a first connection into the void costs CoreDNS half a minute.
    addons.install(api, addons.dns())
    wait(SYSTEM_LIMIT, lambda: _system_problems(api, SYSTEM), system_logs)
    api.close()
    if not administrator.exists():
        raise TestbedError("the administrator's kubeconfig was not written")
    CHOSEN.write_text(chosen)


def down() -> None:
    """Take the cluster down; nothing of it is left but the caches."""
    with alone():
        _down()


def _down() -> None:
    processes.end(processes.belonging_to(STATE))
    network.down()
    cgroups.remove()
    kernel.restore()
    if STATE.exists():
        shutil.rmtree(STATE)
