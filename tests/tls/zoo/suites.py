"""Which suites a configuration means, in IANA's names, without asking the code that is under test."""

from __future__ import annotations

import functools
import subprocess

TLS13 = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
"""What libraries offer in TLS 1.3 unless told otherwise."""
_FLAGS = {"SSLv3": "-ssl3", "TLSv1.0": "-tls1", "TLSv1.1": "-tls1_1", "TLSv1.2": "-tls1_2"}


@functools.cache
def openssl(ciphers: str, version: str, auth: tuple[str, ...] = ("RSA",), *, dh: bool = False, psk: bool = False) -> frozenset[str]:
    """The suites that an OpenSSL server takes in `version` with this cipher string.

    Args:
        ciphers: OpenSSL's cipher string.
        version: up to TLSv1.2.
        auth: how the server can prove itself: RSA, ECDSA, None (anonymous), PSK.
        dh: it has DH parameters.
        psk: it has a pre-shared key.
    """
    command = ["openssl", "ciphers", "-s", _FLAGS[version], "-v", "-stdname", *(["-psk"] if psk else []), ciphers]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    names = set()
    for line in lines:
        word = dict(part.split("=", 1) for part in line.split() if "=" in part)
        exchange = word["Kx"].split("/")[0]
        if word["Au"] in auth and (dh or exchange not in {"DH", "DHEPSK"}):
            names.add(line.split()[0])
    return frozenset(names)


def each(versions: tuple[str, ...], ciphers: str, auth: tuple[str, ...] = ("RSA",), *, dh: bool = False) -> dict[str, frozenset[str]]:
    """`openssl` for several versions; TLS 1.3 means its three usual suites."""
    return {v: TLS13 if v == "TLSv1.3" else openssl(ciphers, v, auth, dh=dh) for v in versions}
