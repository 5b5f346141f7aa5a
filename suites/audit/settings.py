"""What several of this area's files need: TLS parameters and their order, addresses, durations, the log's rotation."""

import ipaddress
import math
import re

from preaudit import ApiServer, Component, NotObservable, Policy, parameter

_VERSIONS = ("VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13")
TLS_MINIMUM = parameter(
    "audit.tls_min_version", str, among=_VERSIONS[2:],
    meaning="Lowest TLS version that a component may offer: VersionTLS12 or VersionTLS13.",
)  # fmt: skip
TLS_CIPHERS = parameter(
    "audit.tls_cipher_suites", list[str], meaning="Cipher suites of TLS 1.2 and below that a component may offer."
)
_ETCD_VERSIONS = {"TLS1.2": "VersionTLS12", "TLS1.3": "VersionTLS13"}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def at_least(version: str, minimum: str) -> bool:
    """Whether a TLS version, in Kubernetes' or etcd's words, is the minimum or above.

    Raises:
        NotObservable: it is no version that is known here.
    """
    version = _ETCD_VERSIONS.get(version, version)
    for one in (version, minimum):
        if one not in _VERSIONS:
            raise NotObservable("TLS version", f"{one!r} is no version that is known here ({', '.join(_VERSIONS)})")
    return _VERSIONS.index(version) >= _VERSIONS.index(minimum)


def offers_only_allowed(component: Component, policy: Policy) -> bool:
    """Whether a component's cipher suites are all allowed; TLS 1.3, where it is the minimum, needs no list."""
    if component.flag("tls-min-version") == "VersionTLS13":
        return True
    offered = component.listed("tls-cipher-suites")
    return bool(offered) and all(suite in policy[TLS_CIPHERS] for suite in offered)


def meets_minimum(component: Component, policy: Policy) -> bool:
    """Whether the lowest TLS version of a component is high enough; unset (or empty) is TLS 1.2."""
    return at_least(component.flag("tls-min-version") or "VersionTLS12", policy[TLS_MINIMUM])


def is_loopback(address: str | None) -> bool:
    """Whether an address to listen on is reached from the node alone."""
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def seconds(duration: str) -> float:
    """A duration as Go writes it (``1h30m``) in seconds.

    Raises:
        NotObservable: it is no duration.
    """
    if duration == "0":
        return 0.0
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)", duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration.removeprefix("-"):
        raise NotObservable("duration", f"{duration!r} is no duration")
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -total if duration.startswith("-") else total


def audit_log_rotates(apiserver: ApiServer, flag: str, least: int, zero: float = math.inf) -> bool:
    """Whether a limit of the audit log's rotation is high enough; a log that is only sent elsewhere has none.

    Args:
        apiserver: whose log it is.
        flag: the limit, which has to be set.
        least: the lowest good value.
        zero: what 0 means; without a limit no file is removed.

    Raises:
        NotObservable: the log goes to standard output, where the container runtime rotates it.
    """
    path = apiserver.flag("audit-log-path")
    if path == "-":
        raise NotObservable("--audit-log-path", "the log goes to standard output, the node's log rotation decides")
    if not path and apiserver.flag("audit-webhook-config-file"):
        return True
    if not path:
        return False
    given = apiserver.number(flag, default=0)
    return (given if apiserver.flag(flag) is None else given or zero) >= least
