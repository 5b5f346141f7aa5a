"""Which password an endpoint asks for, for the collector that tries one and the check that judges it."""

from __future__ import annotations

from preaudit.endpoint import Endpoint, Page

_DATABASES = frozenset({"mysql", "postgresql", "redis"})
_WITHIN_TLS = "it speaks "


def asks_for_basic(page: Page) -> bool:
    """A page is refused until a name and a password come with the request."""
    return page.status == 401 and any(one.lower() == "basic" for one in page.headers.get("www-authenticate", ()))


def protocols_with_password(seen: Endpoint) -> frozenset[str]:
    """The protocols in which an endpoint takes a name and a password: of PostgreSQL, MySQL, Redis, HTTP Basic."""
    found = {seen.protocol} if seen.protocol in _DATABASES else set()
    if seen.protocol == "tls" and seen.http.value is False:
        found |= {seen.http.cause.removeprefix(_WITHIN_TLS)} & _DATABASES
    if any(map(asks_for_basic, seen.pages)):
        found.add("http")
    return frozenset(found)


def stands_in_front(seen: Endpoint) -> bool:
    """It leads to pods that are looked at themselves, so that a password is tried there and not here."""
    return seen.owner_kind in {"Service", "Ingress", "Gateway"}


def account_names(texts: list[str]) -> list[str]:
    """The names of a profile's accounts ("postgresql postgres"), without their passwords."""
    return [text.partition("/")[0].strip() for text in texts]
