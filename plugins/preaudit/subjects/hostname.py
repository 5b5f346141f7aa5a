"""Whether a certificate is good for a name, as clients decide it (RFC 6125, RFC 9525)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def covers(wanted: str, dns_names: Iterable[str], addresses: Iterable[str]) -> bool:
    """Whether a certificate with these alternative names is good for a host name or an IP address.

    A common name is no name, an address is never matched by a DNS name, and a wildcard stands for exactly one whole
    label, the leftmost, with two or more labels after it.
    """
    try:
        address = ipaddress.ip_address(wanted.strip("[]"))
    except ValueError:
        host = _labels(wanted)
        return bool(host) and any(_matches(host, _labels(one)) for one in dns_names)
    return str(address) in set(addresses)


def _labels(name: str) -> tuple[str, ...]:
    """The labels of a DNS name in lower case, () where it is no name."""
    labels = tuple(name.lower().removesuffix(".").split("."))
    return labels if all(labels) else ()


def _matches(host: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern or len(host) != len(pattern):
        return False
    if any("*" in label for label in pattern):
        return pattern[0] == "*" and len(pattern) > 2 and "*" not in "".join(pattern[1:]) and host[1:] == pattern[1:]
    return host == pattern
