"""Python's ssl: one version each, NULL, client certificates required, PostgreSQL's way into TLS."""

from __future__ import annotations

import json
import sys

from preaudit.endpoint import Answer
from tests.tls.zoo.ground import Ground
from tests.tls.zoo.server import Server, Truth
from tests.tls.zoo.suites import each

LIBRARY = "python-ssl"
# Python's context has no DH parameters, so DHE suites are on and yet never taken.
OLD = "AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-SHA:CAMELLIA128-SHA:@SECLEVEL=0"
GOOD = "ECDHE+AESGCM"


def missing() -> str:
    return ""


def _server(name: str, versions: tuple[str, ...], ciphers: str, *, no_sslyze: str = "", starttls: str = "",
            settings: dict[str, object] | None = None, **known: object) -> Server:  # fmt: skip
    groups = {v: frozenset({"secp256r1"}) for v in versions if v == "TLSv1.3" or "ECDHE" in ciphers}
    truth = Truth(suites=each(versions, ciphers), groups=groups, **known)
    words = {"lowest": versions[0], "highest": versions[-1], "ciphers": ciphers, **(settings or {})}
    return Server(name=f"python-ssl-{name}", library=LIBRARY, truth=truth, settings=words, starttls=starttls, no_sslyze=no_sslyze)


def servers() -> tuple[Server, ...]:
    # OpenSSL fills the chain up from the CAs that it takes clients' certificates from.
    mtls = {"settings": {"mtls": True}, "ca_sent": True, "client_certificate": True, "without_certificate": Answer.REFUSED}
    only13 = {"secure_renegotiation": None, "extended_master_secret": None, "compression": None}
    return (
        _server("tls10", ("TLSv1.0",), OLD), _server("tls11", ("TLSv1.1",), OLD), _server("tls10-tls11", ("TLSv1.0", "TLSv1.1"), OLD),
        _server("tls12", ("TLSv1.2",), GOOD), _server("tls13", ("TLSv1.3",), "", **only13), _server("null", ("TLSv1.2",), "NULL-SHA256:NULL-SHA:NULL-MD5:@SECLEVEL=0"),
        _server("mtls-tls12", ("TLSv1.2",), GOOD, **mtls), _server("mtls-tls13", ("TLSv1.3",), "", **mtls, **only13),
        _server("postgresql", ("TLSv1.2", "TLSv1.3"), GOOD, starttls="postgresql"),
    )  # fmt: skip


def start(ground: Ground, chosen: list[Server]) -> dict[str, int]:
    """One process for all; gives ports by name."""
    pair, ports, entries = ground.identities["rsa"], {}, []
    for one in chosen:
        ports[one.name] = ground.port()
        client_ca = str(ground.folder / "ca.pem") if one.settings.get("mtls") else ""
        entries.append({**one.settings, "port": ports[one.name], "starttls": one.starttls, "chain": str(pair.chain),
                        "key": str(pair.key), "client_ca": client_ca})  # fmt: skip
    return serve(ground, "serve_python_ssl", entries, ports)


def serve(ground: Ground, module: str, entries: list[dict[str, object]], ports: dict[str, int]) -> dict[str, int]:
    """Starts one of the zoo's own server modules on what `entries` say."""
    (ground.folder / f"{module}.json").write_text(json.dumps(entries))
    command = [sys.executable, "-m", f"tests.tls.zoo.{module}", str(ground.folder / f"{module}.json")]
    ground.run(module, command, ports=list(ports.values()), env=ground.environment)
    return ports


