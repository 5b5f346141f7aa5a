"""What the suites about TLS share: their population, and how they read a profile's lists."""

from fnmatch import fnmatchcase

from preaudit import Endpoint

TLS = "every endpoint that speaks TLS"


def speaks_tls(endpoint: Endpoint) -> bool:
    """The endpoints that requirements about TLS are for."""
    return endpoint.speaks_tls


def is_listed(name: str, patterns: list[str]) -> bool:
    """Whether a profile's list holds a name; a * in it stands for any letters."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
