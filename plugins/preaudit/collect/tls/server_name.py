"""The name that is sent in a ClientHello (RFC 6066, section 3)."""

from __future__ import annotations

import ipaddress

_MAX_NAME, _MAX_LABEL = 253, 63


def sni(server_name: str) -> str:
    """The name to send: none for addresses, and what no name server could hold (RFC 1035, 2.3.4) is not sent either.

    The API server takes hosts of an Ingress whose labels are longer than that.
    """
    name = server_name.rstrip(".")
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        pass
    else:
        return ""
    try:
        encoded = name.encode("idna").decode("ascii") if not name.isascii() else name
    except UnicodeError:
        return ""
    fits = len(encoded) <= _MAX_NAME and all(0 < len(label) <= _MAX_LABEL for label in encoded.split("."))
    return encoded if fits and encoded.isprintable() else ""
