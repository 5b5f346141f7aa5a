"""Each accepted suite that OpenSSL still has carries a whole handshake with ``openssl s_client``."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.tls.zoo import HOST

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
_FLAGS = {"TLSv1.0": "-tls1", "TLSv1.1": "-tls1_1", "TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
_GROUPS = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "x25519": "X25519", "x448": "X448"}


def _names():
    """OpenSSL's names by IANA's."""
    said = subprocess.run(["openssl", "ciphers", "-stdname", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
                          capture_output=True, text=True, timeout=20, check=True).stdout  # fmt: skip
    return {line.split()[2]: line.split()[4] for line in said.splitlines()}


def _groups(server, version):
    """The client's groups: the server's own where they are unusual, else OpenSSL's defaults."""
    groups = server.truth.groups.get(version, frozenset())
    if not groups or groups & {"x25519", "secp256r1"}:
        return []
    return ["-groups", ":".join(_GROUPS.get(one, one) for one in sorted(groups))]


def _handshake(server, port, version, name):
    """The suite that ``s_client`` ends up with, or the end of what it says."""
    chosen = ["-ciphersuites", name] if version == "TLSv1.3" else ["-cipher", f"{name}:@SECLEVEL=0"]
    more = ["-starttls", "postgres"] if server.starttls else []
    if name.startswith(("PSK", "DHE-PSK", "ECDHE-PSK")):
        more += ["-psk", "00112233445566778899aabbccddeeff"]
    command = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-servername", server.server_name, _FLAGS[version], *chosen,
               *_groups(server, version), *more, "-legacy_server_connect"]  # fmt: skip
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r"Cipher is (\S+)", done.stdout)
    return found.group(1) if found else done.stderr[-300:]


def reason(server, version, name):
    """Why ``s_client`` cannot do what the survey saw; "" where it must."""
    if server.library == "canned":
        return "canned servers complete no handshake"
    if "md5" in server.truth.identities:
        return ""
    if server.truth.groups.get("TLSv1.3", frozenset({"x25519"})) <= {"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "MLKEM768", "MLKEM1024"}:
        return "OpenSSL before 3.5 has no ML-KEM"
    if 512 in server.truth.dh_bits:
        return "OpenSSL takes no DH of 512 bits at any level"
    return ""


def test_every_accepted_suite_carries_a_handshake(zoo, surveys, told):
    names, began = _names(), time.monotonic()
    asked = [(zoo.servers[server], offer.version, names[suite]) for server, seen in surveys.items() for offer in seen.offers
             if offer.version in _FLAGS for suite in offer.suites if suite in names]  # fmt: skip

    def ask(one):
        server, version, name = one
        return "" if reason(*one) else _handshake(server, zoo.ports[server.name], version, name)

    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(ask, asked))
    wrong = [f"{server.name} {version} {name}: {said}" for (server, version, name), said in zip(asked, got, strict=True)
             if not reason(server, version, name) and said != name]  # fmt: skip
    told[f"{len(asked)} handshakes of openssl s_client"] = time.monotonic() - began
    assert not wrong, "\n".join(wrong[:40])
    assert len(asked) > 100
