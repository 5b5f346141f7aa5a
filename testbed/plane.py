"""A control plane without nodes, for load: etcd and an API server as two processes on loopback.

No controller runs, so nothing collects, schedules or deletes what is written into it.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from testbed import access, addons, cluster, flags, packages, pki, processes
from testbed.api import Api
from testbed.build import build
from testbed.layout import DOMAIN, PLANE_ETCD_PORT, PLANE_PORT, PLANE_STATE, SERVICE_RANGE, TestbedError

if TYPE_CHECKING:
    from pathlib import Path

URL = f"https://127.0.0.1:{PLANE_PORT}"
CERTIFICATES = PLANE_STATE / "pki"
START = 60.0  # seconds


def kubeconfig() -> Path:
    """Give the path of a kubeconfig file of its administrator, whom no flow control slows down."""
    return access.for_user(PLANE_STATE, "kubernetes-super-admin", ("system:masters",), URL)


def ready() -> bool:
    """Say whether the API server is up."""
    if not (CERTIFICATES / "ca.key").exists():
        return False
    api = Api(kubeconfig(), 5)
    try:
        return api.raw("GET", "/readyz")[0] == 200
    except OSError:
        return False
    finally:
        api.close()


def up() -> None:
    """Bring it up unless it is up; anew if it is in any other state."""
    with cluster.alone():
        if ready():
            return
        packages.install()
        kube = build("kube")
        _down()
        PLANE_STATE.mkdir(parents=True, mode=0o700)
        _certificates()
        etcd = f"https://127.0.0.1:{PLANE_ETCD_PORT}"
        _start(kube, "etcd", _etcd(etcd))
        process = _start(kube, "kube-apiserver", _apiserver(etcd))
        _wait(process)
        api = Api(kubeconfig())
        addons.install(api, addons.administrators())
        api.close()


def up_for(content: str) -> None:
    """Bring it up to be filled with this: empty, unless it was being filled with the very same."""
    mark = PLANE_STATE / "content"
    if mark.exists() and mark.read_text() != content:
        down()
    up()
    mark.write_text(content)


def _certificates() -> None:
    make = pki.Certificate
    pki.authority(CERTIFICATES / "ca", "kubernetes")
    pki.service_account_keys(CERTIFICATES)
    local = ("localhost", "127.0.0.1", f"kubernetes.default.svc.{DOMAIN}")
    wanted = [make(name, "ca", name, server=True, client=True, addresses=local) for name in ("apiserver", "etcd")]
    pki.issue_all(CERTIFICATES, wanted)


def _etcd(url: str) -> dict[str, str]:
    authority, own = f"{CERTIFICATES}/ca.crt", f"{CERTIFICATES}/etcd"
    return {
        "name": "plane",
        "data-dir": str(PLANE_STATE / "etcd"),
        "listen-client-urls": url,
        "advertise-client-urls": url,
        "listen-peer-urls": f"https://127.0.0.1:{PLANE_ETCD_PORT + 1}",
        "initial-advertise-peer-urls": f"https://127.0.0.1:{PLANE_ETCD_PORT + 1}",
        "initial-cluster": f"plane=https://127.0.0.1:{PLANE_ETCD_PORT + 1}",
        "cert-file": f"{own}.crt",
        "key-file": f"{own}.key",
        "trusted-ca-file": authority,
        "client-cert-auth": "true",
        "peer-cert-file": f"{own}.crt",
        "peer-key-file": f"{own}.key",
        "peer-trusted-ca-file": authority,
        "peer-client-cert-auth": "true",
        "quota-backend-bytes": str(8 << 30),
        "unsafe-no-fsync": "true",
    }


def _apiserver(etcd: str) -> dict[str, str]:
    authority, own = f"{CERTIFICATES}/ca.crt", f"{CERTIFICATES}/apiserver"
    return {
        "advertise-address": "198.18.255.254",  # none of ours: no endpoint is made of it, and loopback is refused
        "allow-privileged": "true",
        "anonymous-auth": "false",
        "authorization-mode": "Node,RBAC",
        "bind-address": "127.0.0.1",
        "client-ca-file": authority,
        "endpoint-reconciler-type": "none",
        "etcd-cafile": authority,
        "etcd-certfile": f"{own}.crt",
        "etcd-keyfile": f"{own}.key",
        "etcd-servers": etcd,
        "profiling": "false",
        "secure-port": str(PLANE_PORT),
        "service-account-issuer": f"https://kubernetes.default.svc.{DOMAIN}",
        "service-account-key-file": f"{CERTIFICATES}/sa.pub",
        "service-account-signing-key-file": f"{CERTIFICATES}/sa.key",
        "service-cluster-ip-range": SERVICE_RANGE,
        "tls-cert-file": f"{own}.crt",
        "tls-cipher-suites": flags.STRONG,
        "tls-private-key-file": f"{own}.key",
    }


def _start(kube: Path, program: str, values: dict[str, str]) -> subprocess.Popen[bytes]:
    line = [program, *(f"--{name}={value}" for name, value in values.items())]
    with (PLANE_STATE / f"{program}.log").open("ab") as log:
        return subprocess.Popen(
            line, executable=kube, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd="/"
        )


def _wait(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            logs = cluster.tails(*(PLANE_STATE / f"{name}.log" for name in ("etcd", "kube-apiserver")))
            raise TestbedError(f"the API server at {URL} is not ready within {START:.0f} s\n{logs}")
        time.sleep(0.1)


def down() -> None:
    """Take it down, with all that was written into it."""
    with cluster.alone():
        _down()


def _down() -> None:
    processes.end(processes.belonging_to(PLANE_STATE))
    if PLANE_STATE.exists():
        shutil.rmtree(PLANE_STATE)
