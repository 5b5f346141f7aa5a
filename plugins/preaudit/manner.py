"""How politely endpoints are looked at: parameters of a profile that no check reads, but the collector."""

from __future__ import annotations

from preaudit.parameter import parameter

PER_SECOND = parameter(
    "connect.per_second", int, unit="1/s", meaning="Connections that are begun in a second to one host; 0 for no limit."
)
AT_ONCE = parameter("connect.at_once", int, meaning="Connections that are open at the same time to one host.")
ENDPOINT_SECONDS = parameter(
    "connect.endpoint_seconds", int, unit="s", meaning="Longest time that one endpoint may take."
)
RUN_SECONDS = parameter("connect.run_seconds", int, unit="s", meaning="Longest time that all endpoints may take.")
PORTS_PER_SECOND = parameter(
    "scan.ports_per_second", int, unit="1/s", meaning="Ports that are tried in a second at one host (--active scan)."
)
HOST_SECONDS = parameter("scan.host_seconds", int, unit="s", meaning="Longest time that one host's ports may take.")
SCAN_SECONDS = parameter(
    "scan.run_seconds", int, unit="s", meaning="Longest time that all ports may take, and all attacks on TLS."
)
DEBUG_PATHS = parameter(
    "scan.debug_paths", list[str], meaning="Paths at which strangers should find nothing (--active scan)."
)
ACCOUNTS = parameter(
    "credentials.accounts", list[str],
    meaning="Accounts as products deliver them (protocol user/password), each tried once (--active credentials); "
    "never write a password here that is secret.",
)  # fmt: skip
MANNER = (PER_SECOND, AT_ONCE, ENDPOINT_SECONDS, RUN_SECONDS, PORTS_PER_SECOND, HOST_SECONDS, SCAN_SECONDS, DEBUG_PATHS,
          ACCOUNTS)  # fmt: skip
