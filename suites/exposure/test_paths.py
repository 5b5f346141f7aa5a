"""Paths: what servers show of their inside to anybody who knows where to look (active group scan)."""

from preaudit import DEBUG_PATHS, Endpoint, Policy, listed, requirement

from .settings import HTTP, speaks_http

_CONTROLS = ("nist-800-53r5:cm-7", "nist-800-53r5:ac-14")
_SEEN = "The paths of the profile's scan.debug_paths are asked for, others may be open; redirects elsewhere are closed."


def _is_metrics(path: str) -> bool:
    return path.rstrip("/").endswith("/metrics")


@requirement(
    "NET-701", severity="high", expected="none", controls=[*_CONTROLS, "pci-dss-4.0.1:2.2.4"], where=speaks_http,
    population=HTTP, active="scan", method="TEST", uses=[DEBUG_PATHS], limitations=_SEEN,
)  # fmt: skip
def test_debug_paths_are_closed(endpoint: Endpoint, policy: Policy) -> None:
    """Debugging, administration and source paths give nothing to strangers.

    Profiles and dumps hold secrets from memory, an open console is one step from a shell.

    Fix: switch them off in production (Spring ``management.endpoints.web.exposure``, Go: no ``net/http/pprof`` on the
    public mux), or listen for them on loopback.
    """
    found = endpoint.open_paths("open paths", lambda path: not _is_metrics(path), policy[DEBUG_PATHS])
    assert not found, f"open to anybody: {listed(found)}"


@requirement(
    "NET-702", severity="low", expected="none", controls=_CONTROLS, where=speaks_http, population=HTTP, active="scan",
    method="TEST", uses=[DEBUG_PATHS], limitations=_SEEN,
)  # fmt: skip
def test_metrics_are_closed(endpoint: Endpoint, policy: Policy) -> None:
    """Metrics are given only to those who say who they are.

    They tell versions, names of tenants and queues, and when nobody is watching.

    Fix: put them on a port of their own that a network policy opens for the monitoring alone, or ask for a token
    (kube-rbac-proxy).
    """
    found = endpoint.open_paths("open metrics", _is_metrics, policy[DEBUG_PATHS])
    assert not found, f"open to anybody: {listed(found)}"
