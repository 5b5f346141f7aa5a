"""What sslyze says of servers: a process of its own, its JSON read, and nothing believed that it could not see."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.tls.zoo import HOST

SCANS = {"SSLv2": "ssl_2_0", "SSLv3": "ssl_3_0", "TLSv1.0": "tls_1_0", "TLSv1.1": "tls_1_1", "TLSv1.2": "tls_1_2", "TLSv1.3": "tls_1_3"}
_OPTIONS = {"SSLv2": "--sslv2", "SSLv3": "--sslv3", "TLSv1.0": "--tlsv1", "TLSv1.1": "--tlsv1_1", "TLSv1.2": "--tlsv1_2", "TLSv1.3": "--tlsv1_3"}
# Its words for "no" that are no answer of the server's.
NO_ANSWER = ("timed out", "rejected the connection", "interrupted", "closed", "reset", "timeout")


@dataclass(frozen=True)
class Scan:
    """One server as sslyze saw it.

    Attributes:
        accepted: suites by version.
        unsure: suites by version that it calls rejected although the server gave no answer to them.
        groups: names of accepted curves; empty where it could not ask.
        client_certificate: what its test of connectivity says of one.
        cause: why it saw nothing, "" where it did.
    """

    accepted: dict[str, frozenset[str]]
    unsure: dict[str, frozenset[str]]
    groups: frozenset[str] = frozenset()
    client_certificate: str = ""
    cause: str = ""


def scan(targets: Iterable[tuple[str, str, int]], *, starttls: str = "", seconds: float = 110) -> dict[str, Scan]:
    """Scans (name, server name, port) at once; gives scans by name."""
    by_port = {port: name for name, _, port in targets}
    hosts = [f"{server_name}:{port}{{{HOST}}}" for _, server_name, port in targets]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "sslyze.json"
        more = [f"--starttls={starttls}"] if starttls else []
        command = [sys.executable, "-m", "sslyze", "--quiet", f"--json_out={out}", "--mozilla_config=disable", *_OPTIONS.values(),
                   "--elliptic_curves", *more, *hosts]  # fmt: skip
        subprocess.run(command, capture_output=True, timeout=seconds, check=False)
        results = json.loads(out.read_text())["server_scan_results"]
    return {by_port[one["server_location"]["port"]]: _read(one) for one in results}


def _read(result: dict) -> Scan:
    if result["connectivity_status"] != "COMPLETED":
        return Scan({}, {}, cause=(result["connectivity_error_trace"] or "no connection").strip().splitlines()[-1])
    accepted, unsure = {}, {}
    for version, key in SCANS.items():
        attempt = result["scan_result"][f"{key}_cipher_suites"]
        if attempt["status"] != "COMPLETED":
            unsure[version] = frozenset({"*"})
            continue
        said = attempt["result"]
        if taken := frozenset(one["cipher_suite"]["name"] for one in said["accepted_cipher_suites"]):
            accepted[version] = taken
        unsure[version] = frozenset(
            one["cipher_suite"]["name"] for one in said["rejected_cipher_suites"] if any(word in (one["error_message"] or "").lower() for word in NO_ANSWER)
        )
    curves = result["scan_result"]["elliptic_curves"]["result"] or {}
    return Scan(accepted, unsure, frozenset(one["name"] for one in curves.get("supported_curves") or ()),
                result["connectivity_result"]["client_auth_requirement"])  # fmt: skip
