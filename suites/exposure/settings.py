"""What the suites about exposure share."""

from preaudit import Endpoint, Page

HTTP = "every endpoint that answers HTTP requests"


def speaks_http(endpoint: Endpoint) -> bool:
    """The endpoints that requirements about pages are for."""
    return endpoint.speaks_http


def is_html(page: Page) -> bool:
    """A page that a browser shows."""
    return 200 <= page.status < 300 and any("text/html" in one.lower() for one in page.headers.get("content-type", ()))
