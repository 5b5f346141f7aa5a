"""What the suites about TLS share: their population, and how they word lists."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from preaudit import Endpoint

TLS = "every endpoint that speaks TLS"
_TOLD = 6


def speaks_tls(endpoint: Endpoint) -> bool:
    """The endpoints that requirements about TLS are for."""
    return endpoint.speaks_tls


def listed(found: Sequence[str]) -> str:
    """A list inside a sentence, cut where it is long; the record's evidence holds all of it."""
    more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return ", ".join(found[:_TOLD]) + more


def is_listed(name: str, patterns: list[str]) -> bool:
    """Whether a profile's list holds a name; a * in it stands for any letters."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
