"""Go's crypto/tls, as the API server and the kubelet use it: defaults, and what a flag can make of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from preaudit.endpoint import Answer
from tests.tls.zoo.ground import HOST, Ground
from tests.tls.zoo.server import Server, Truth
from tests.tls.zoo.suites import TLS13

LIBRARY = "go"
BUILD_SECONDS = 120
_VERSION = {"TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_GROUP = {"x25519": 29, "secp256r1": 23, "secp384r1": 24, "X25519MLKEM768": 0x11EC}
_SUITE = {
    "TLS_RSA_WITH_RC4_128_SHA": 0x0005, "TLS_RSA_WITH_3DES_EDE_CBC_SHA": 0x000A, "TLS_RSA_WITH_AES_128_CBC_SHA": 0x002F,
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA": 0xC011, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": 0xC02F,
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": 0xC02B,
}  # fmt: skip
_DEFAULT = {
    "TLS_ECDHE_{}_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_{}_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_{}_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_{}_WITH_AES_128_CBC_SHA", "TLS_ECDHE_{}_WITH_AES_256_CBC_SHA",
}  # fmt: skip
_PROGRAM = Path(__file__).parent / "go"


def missing() -> str:
    return "" if shutil.which("go") else "Go is not installed"


def _server(name: str, suites: dict[str, set[str]], groups: tuple[str, ...], *identities: str,
            defaults: bool = False, ask: int = 0, **known: object) -> Server:  # fmt: skip
    versions = tuple(suites)
    named = [] if defaults else sorted({_SUITE[one] for taken in suites.values() for one in taken if one in _SUITE})
    classic = frozenset(groups) - {"X25519MLKEM768"}
    told = {v: frozenset(groups) if v == "TLSv1.3" else classic for v in versions if v == "TLSv1.3" or "ECDHE" in str(suites[v])}
    if "TLSv1.2" not in versions and "TLSv1.0" not in versions:
        known = {"secure_renegotiation": None, "extended_master_secret": None, "compression": None, **known}
    truth = Truth(suites={v: frozenset(s) for v, s in suites.items()}, groups=told, identities=identities or ("rsa",), encrypt_then_mac=False, **known)
    settings = {"Lowest": _VERSION[versions[0]], "Highest": _VERSION[versions[-1]], "Suites": named or None,
                "Groups": [_GROUP[one] for one in groups], "Ask": ask}  # fmt: skip
    return Server(name=f"go-{name}", library=LIBRARY, truth=truth, settings=settings)


def servers() -> tuple[Server, ...]:
    if missing():
        return ()
    hybrid, x = ("X25519MLKEM768", "x25519", "secp256r1"), ("x25519",)
    weak = {"TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_RC4_128_SHA"}
    gcm = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    by_key = {key: {one.format(key) for one in _DEFAULT} for key in ("RSA", "ECDSA")}
    return (
        _server("default", {"TLSv1.2": by_key["RSA"], "TLSv1.3": TLS13}, hybrid, defaults=True),
        _server("ecdsa", {"TLSv1.2": by_key["ECDSA"], "TLSv1.3": TLS13}, hybrid, "ecdsa", defaults=True),
        _server("one-suite", {"TLSv1.2": {gcm}}, x),
        _server("weak", dict.fromkeys(("TLSv1.0", "TLSv1.1", "TLSv1.2"), weak), x),
        _server("tls13", {"TLSv1.3": TLS13}, hybrid, defaults=True),
        _server("mtls", {"TLSv1.2": {gcm}, "TLSv1.3": TLS13}, x, ask=4, client_certificate=True, without_certificate=Answer.REFUSED),
        _server("requests-certificate", {"TLSv1.2": {gcm}, "TLSv1.3": TLS13}, x, ask=1, client_certificate=True),
        # The second one is for who knows only its curve, or signs with its scheme.
        _server("two-curves", {"TLSv1.2": by_key["ECDSA"], "TLSv1.3": TLS13}, (*hybrid, "secp384r1"), "ecdsa", "p384", defaults=True),
        _server("two-curves-tls12", {"TLSv1.2": by_key["ECDSA"]}, ("x25519", "secp256r1", "secp384r1"), "ecdsa", "p384", defaults=True),
        # It sends ServerHello and Certificate before it finds that it cannot sign, and then alert 40.
        _server("ed25519", {"TLSv1.2": {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}, "TLSv1.3": TLS13}, x, "ed25519"),
    )  # fmt: skip


def start(ground: Ground, chosen: list[Server]) -> dict[str, int]:
    """One process for all; gives ports by name."""
    program = ground.folder / "zoo-go"
    subprocess.run(["go", "build", "-o", str(program), "."], cwd=_PROGRAM, check=True, timeout=BUILD_SECONDS)
    ports, entries = {one.name: ground.port() for one in chosen}, []
    for one in chosen:
        pairs = [ground.identities[identity] for identity in one.truth.identities]
        entries.append({**one.settings, "Address": f"{HOST}:{ports[one.name]}", "Chains": [str(pair.chain) for pair in pairs], "Keys": [str(pair.key) for pair in pairs]})
    (ground.folder / "go.json").write_text(json.dumps(entries))
    ground.run("go", [str(program), str(ground.folder / "go.json")], ports=list(ports.values()), env=ground.environment)
    return ports
