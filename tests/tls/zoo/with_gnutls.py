"""gnutls-serv: no secure renegotiation, no extended master secret, Camellia in GCM, finite fields in TLS 1.3."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.tls.zoo.ground import Ground
from tests.tls.zoo.server import Server, Truth

LIBRARY = "gnutls"
INNER_PORT = 5556
_BASE = "NONE:+COMP-NULL:+SIGN-ALL:+CTYPE-X509"
_ONLY13 = {"secure_renegotiation": None, "extended_master_secret": None, "compression": None}


def missing() -> str:
    if not shutil.which("gnutls-serv"):
        return "gnutls-serv is not installed (Debian: gnutls-bin)"
    return no_namespace()


def _server(name: str, version: str, suites: set[str], priority: str, groups: set[str], **known: object) -> Server:
    truth = Truth(suites={version: frozenset(suites)}, groups={version: frozenset(groups)} if groups else {}, **known)
    words = f"{_BASE}:+VERS-{version.replace('v', '')}:{priority}"
    return Server(name=f"gnutls-{name}", library=LIBRARY, truth=truth, settings={"priority": words})


def servers() -> tuple[Server, ...]:
    if missing():
        return ()
    gcm, kx = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "+ECDHE-RSA:+AES-128-GCM:+AEAD:+GROUP-SECP256R1"
    one = {"secp256r1"}
    return (
        _server("no-secure-renegotiation", "TLSv1.2", {gcm}, f"{kx}:%DISABLE_SAFE_RENEGOTIATION", one, secure_renegotiation=False),
        _server("no-ems", "TLSv1.2", {gcm}, f"{kx}:%NO_SESSION_HASH", one, extended_master_secret=False),
        _server("camellia-gcm", "TLSv1.2", {"TLS_ECDHE_RSA_WITH_CAMELLIA_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CAMELLIA_256_GCM_SHA384"},
                "+ECDHE-RSA:+CAMELLIA-128-GCM:+CAMELLIA-256-GCM:+AEAD:+GROUP-SECP256R1", one),
        _server("tls10-3des", "TLSv1.0", {"TLS_RSA_WITH_3DES_EDE_CBC_SHA"}, "+RSA:+3DES-CBC:+SHA1", set()),
        _server("tls10-rc4", "TLSv1.0", {"TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_RC4_128_MD5"}, "+RSA:+ARCFOUR-128:+SHA1:+MD5", set()),
        _server("tls13-ffdhe", "TLSv1.3", {"TLS_AES_128_GCM_SHA256"}, "+AES-128-GCM:+AEAD:+GROUP-FFDHE2048:+GROUP-FFDHE3072",
                {"ffdhe2048", "ffdhe3072"}, **_ONLY13),
        _server("tls13-ccm", "TLSv1.3", {"TLS_AES_128_CCM_SHA256"}, "+AES-128-CCM:+AEAD:+GROUP-X25519:+GROUP-SECP384R1", {"x25519", "secp384r1"}, **_ONLY13),
    )  # fmt: skip


def start(ground: Ground, chosen: list[Server]) -> dict[str, int]:
    """A process and a namespace each; gives ports by name."""
    pair, ports = ground.identities["rsa"], {one.name: ground.port() for one in chosen}

    def run(one: Server) -> None:
        command = ["gnutls-serv", "--http", "--quiet", "--disable-client-cert", "--port", str(INNER_PORT), "--x509certfile",
                   str(pair.chain), "--x509keyfile", str(pair.key), "--priority", str(one.settings["priority"])]  # fmt: skip
        within(ground, one.name, ports[one.name], INNER_PORT, command)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, chosen))
    return ports


@functools.cache
def no_namespace() -> str:
    """Why `within` cannot run anything, "" where it can."""
    command = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--user"]), "true"]
    allowed = shutil.which("unshare") and subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    return "" if allowed else "this machine allows no network namespace of one's own"


def within(ground: Ground, name: str, port: int, inner: int, command: list[str]) -> None:
    """Runs `command`, which listens on `inner` of every interface, where there is only a loopback."""
    carried = [sys.executable, "-m", "tests.tls.zoo.namespace", str(port), str(inner), *command]
    ground.run(name, carried, ports=[port], env=ground.environment)
