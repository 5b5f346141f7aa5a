"""The private registry on the bridge: Debian's docker-registry with TLS, its data kept in the cache."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import time
from typing import TYPE_CHECKING

from testbed import images, oci
from testbed.layout import (
    BRIDGE_ADDRESS,
    CACHE,
    KUBERNETES_REGISTRY,
    REGISTRY,
    REGISTRY_NAME,
    REGISTRY_PORT,
    STATE,
    TestbedError,
)

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = STATE / "registry"
START = 15.0  # seconds
CONFIGURATION = """\
version: 0.1
log: {{accesslog: {{disabled: true}}, level: warn}}
storage:
  filesystem: {{rootdirectory: {data}}}
  delete: {{enabled: true}}
http:
  addr: {address}
  tls: {{certificate: {certificate}.crt, key: {certificate}.key}}
"""
HOSTS = """\
server = "https://{registry}"
[host."https://{registry}"]
  capabilities = ["pull", "resolve"]
  ca = "/etc/kubernetes/pki/ca.crt"
"""


def trust() -> ssl.SSLContext:
    """Give a TLS context that trusts the cluster's authority alone."""
    return ssl.create_default_context(cafile=str(STATE / "pki" / "ca.crt"))


def start() -> None:
    """Start the registry and wait until it answers.

    Raises:
        TestbedError: It ended or did not answer; with the end of its log.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = CACHE / "registry"
    data.mkdir(parents=True, exist_ok=True)
    configuration = FOLDER / "registry.yml"
    configuration.write_text(CONFIGURATION.format(data=data, address=REGISTRY, certificate=STATE / "pki" / "registry"))
    log_path = FOLDER / "registry.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(configuration)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
    deadline = time.monotonic() + START
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log_path.read_text(errors="replace")[-1500:]
            raise TestbedError(f"the registry at {REGISTRY} does not answer within {START:.0f} s; {log_path}:\n{tail}")
        time.sleep(0.05)


def answers() -> bool:
    """Say whether the registry answers."""
    connection = None
    try:
        connection = http.client.HTTPSConnection(BRIDGE_ADDRESS, REGISTRY_PORT, context=trust(), timeout=3)
        connection.request("GET", "/v2/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        if connection:
            connection.close()


def fill() -> dict[str, str]:
    """Push every image of the testbed; give name -> name@digest of those that manifests use."""
    context = trust()
    for system in (*images.control_plane(), images.coredns()):
        oci.push(REGISTRY, context, system)
    pinned = {}
    for product in images.products():
        oci.push(REGISTRY, context, product)
        name = images.reference(product)
        pinned[name] = f"{name}@{product.digest}"
    return pinned


def write_hosts(etc: Path) -> None:
    """Tell a node's containerd where the registries' names are served."""
    for name in (REGISTRY, REGISTRY_NAME, KUBERNETES_REGISTRY):
        folder = etc / "containerd" / "certs.d" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts.toml").write_text(HOSTS.format(registry=REGISTRY))
