"""What the suites about exposure share."""

from collections.abc import Sequence

from preaudit import Endpoint, Page

HTTP = "every endpoint that answers HTTP requests"
_TOLD = 6


def speaks_http(endpoint: Endpoint) -> bool:
    """The endpoints that requirements about pages are for."""
    return endpoint.speaks_http


def is_html(page: Page) -> bool:
    """A page that a browser shows."""
    return 200 <= page.status < 300 and any("text/html" in one.lower() for one in page.headers.get("content-type", ()))


def listed(found: Sequence[str]) -> str:
    """A list inside a sentence, cut where it is long; the record's evidence holds all of it."""
    more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return ", ".join(found[:_TOLD]) + more
