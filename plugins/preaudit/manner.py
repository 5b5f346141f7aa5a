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
MANNER = (PER_SECOND, AT_ONCE, ENDPOINT_SECONDS, RUN_SECONDS)
