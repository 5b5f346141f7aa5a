"""What the suites about exposure share."""

from preaudit import Endpoint, Page

HTTP = "every endpoint that answers HTTP requests"


def speaks_http(endpoint: Endpoint) -> bool:
    """The endpoints that requirements about pages are for."""
    return endpoint.speaks_http


def is_html(page: Page) -> bool:
    """A page that a browser shows."""
    kinds = " ".join(page.headers.get("content-type", ())).lower()
    return 200 <= page.status < 300 and (page.sniffed or "text/html" in kinds or "application/xhtml+xml" in kinds)
