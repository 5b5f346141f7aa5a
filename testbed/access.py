"""Kubeconfig files: for the cluster's own components, for its administrator, and for any user a test wants."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

from testbed import pki
from testbed.layout import STATE, TestbedError, api_address

if TYPE_CHECKING:
    from pathlib import Path

ADMINISTRATORS = "kubeadm:cluster-admins"


def render(server: str, authority: Path, user: str, certificate: str, key: str) -> str:
    """Give a kubeconfig file's text (JSON, which is YAML).

    Args:
        server: URL of the API server.
        authority: The cluster's CA certificate.
        user: Name that the file gives the user.
        certificate: Path of the client certificate, or its PEM text, which is then embedded.
        key: Path of its key, or its PEM text.
    """
    if certificate.startswith("-----"):
        login = {"client-certificate-data": _encode(certificate), "client-key-data": _encode(key)}
    else:
        login = {"client-certificate": certificate, "client-key": key}
    cluster = {"server": server, "certificate-authority-data": _encode(authority.read_text())}
    context = f"{user}@kubernetes"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kubernetes", "cluster": cluster}],
        "users": [{"name": user, "user": login}],
        "contexts": [{"name": context, "context": {"cluster": "kubernetes", "user": user}}],
        "current-context": context,
    }
    return json.dumps(document, indent=2) + "\n"


def embedded(certificates: Path, path: str, user: str, server: str) -> str:
    """Give a kubeconfig file's text with a certificate of the PKI folder embedded."""
    files = (certificates / f"{path}.crt", certificates / f"{path}.key")
    return render(server, certificates / "ca.crt", user, files[0].read_text(), files[1].read_text())


def for_user(state: Path, user: str, groups: tuple[str, ...], server: str) -> Path:
    """Sign a client certificate for a user and give the path of a kubeconfig file with it.

    The same user and groups give the same file again while the cluster is up.
    """
    certificates = state / "pki"
    if not (certificates / "ca.key").exists():
        raise TestbedError(f"no cluster in {state}: run `python -m testbed up`")
    label = re.sub(r"[^A-Za-z0-9.@-]", "_", "+".join((user, *groups))) or "_"
    target = state / "users" / f"{label}.kubeconfig"
    if not target.exists():
        target.parent.mkdir(exist_ok=True, mode=0o700)
        path = f"users/{label}"
        pki.issue(certificates, pki.Certificate(path, "ca", user, groups, client=True))
        target.touch(mode=0o600)
        target.write_text(embedded(certificates, path, user, server))
    return target


def administrator(state: Path = STATE, server: str = "") -> Path:
    """Give the path of the administrator's kubeconfig file, in the group that kubeadm gives cluster-admin."""
    server = server or f"https://{api_address()}"
    return for_user(state, "kubernetes-admin", (ADMINISTRATORS,), server)


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
