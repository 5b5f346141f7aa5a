"""Browser: the headers by which a server tells browsers to be careful."""

from preaudit import Endpoint, Page, Policy, listed, parameter, requirement

from .settings import is_html

HSTS_AGE = parameter("exposure.hsts_min_age", int, unit="s", meaning="Least max-age of Strict-Transport-Security.")
_CONTROLS = ("nist-800-53r5:sc-8", "nist-800-53r5:cm-6")
_HTML = "every endpoint that gives a web page"
_ANYBODY = frozenset({"*", "http:", "https:", "http://*", "https://*"})
"""Sources of a Content-Security-Policy that let every site in."""
_REFERRERS = frozenset({
    "no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin", "strict-origin",
    "strict-origin-when-cross-origin", "unsafe-url",
})  # fmt: skip
_SEEN = "Only the pages that were asked for are judged; they stand in the evidence."


def _gives_pages(endpoint: Endpoint) -> bool:
    return endpoint.speaks_http and endpoint.has_page(is_html)


def _values(page: Page, name: str) -> str:
    return ", ".join(page.headers.get(name, ())).lower()


def _lacks(page: Page, *, good: bool) -> list[str]:
    return ["missing or weak"] if is_html(page) and not good else []


@requirement(
    "NET-301", severity="low", expected="no such page", controls=_CONTROLS[1:], where=_gives_pages,
    population=_HTML, active="connect", method="TEST", limitations=_SEEN,
)  # fmt: skip
def test_pages_stay_out_of_frames(endpoint: Endpoint) -> None:
    """Web pages do not let other sites put them into a frame.

    In an invisible frame, people click on what they do not see (clickjacking).

    Fix: send ``Content-Security-Policy: frame-ancestors 'self'`` (or ``X-Frame-Options: DENY``) with every page.
    """

    def open_to_frames(page: Page) -> list[str]:
        policy = [one.strip().split() for one in _values(page, "content-security-policy").replace(",", ";").split(";")]
        ancestors = [one[1:] for one in policy if one and one[0] == "frame-ancestors"]
        options = _values(page, "x-frame-options")
        # Where there are ancestors, browsers do not look at the older header.
        good = not any(_ANYBODY & set(one) for one in ancestors) if ancestors else options in {"deny", "sameorigin"}
        return _lacks(page, good=good)

    found = endpoint.pages("pages that can be framed", open_to_frames)
    assert not found, f"frame-ancestors or X-Frame-Options: {listed(found)}"


@requirement(
    "NET-302", severity="low", expected="no such page", controls=_CONTROLS[1:], where=_gives_pages,
    population=_HTML, active="connect", method="TEST", limitations=_SEEN,
)  # fmt: skip
def test_types_are_not_guessed(endpoint: Endpoint) -> None:
    """Web pages forbid browsers to guess what a file is.

    A picture that somebody uploaded is otherwise run as a script when it looks like one.

    Fix: send ``X-Content-Type-Options: nosniff`` with every answer.
    """
    found = endpoint.pages(
        "pages without nosniff", lambda page: _lacks(page, good=_values(page, "x-content-type-options") == "nosniff")
    )
    assert not found, f"X-Content-Type-Options: {listed(found)}"


@requirement(
    "NET-303", severity="info", expected="no such page", controls=_CONTROLS[1:], where=_gives_pages,
    population=_HTML, active="connect", method="TEST", limitations=_SEEN,
)  # fmt: skip
def test_referrers_are_limited(endpoint: Endpoint) -> None:
    """Web pages limit what browsers tell other sites about where they come from.

    Addresses of inner pages hold names, numbers of accounts, and now and then a token.

    Fix: send ``Referrer-Policy: strict-origin-when-cross-origin`` or ``no-referrer``.
    """

    def tells_others(page: Page) -> list[str]:
        # The last value that a browser knows counts.
        known = [one.strip() for one in _values(page, "referrer-policy").split(",") if one.strip() in _REFERRERS]
        return _lacks(page, good=bool(known) and known[-1] not in {"unsafe-url", "no-referrer-when-downgrade"})

    found = endpoint.pages("pages that tell where one comes from", tells_others)
    assert not found, f"Referrer-Policy: {listed(found)}"


def _hsts_age(page: Page) -> int | None:
    """Seconds of max-age; None where the header is missing, says nothing, or says it twice (RFC 6797, section 6.1)."""
    first = next(iter(page.headers.get("strict-transport-security", ())), "")
    parts = [part.strip().partition("=") for part in first.split(";")]
    ages = [value.strip().strip('"') for name, _, value in parts if name.strip().lower() == "max-age"]
    return int(ages[0][:12]) if len(ages) == 1 and ages[0].isdecimal() else None


def _is_external_https(endpoint: Endpoint) -> bool:
    return endpoint.is_external and endpoint.speaks_tls and endpoint.speaks_http and endpoint.has_page(_is_normal)


def _is_normal(page: Page) -> bool:
    return 200 <= page.status < 400


@requirement(
    "NET-304", severity="medium", expected="at least the profile's exposure.hsts_min_age", uses=[HSTS_AGE],
    controls=[*_CONTROLS, "pci-dss-4.0.1:4.2.1"], where=_is_external_https, active="connect", method="TEST",
    population="every endpoint that gives pages by https to the outside",
    limitations=f"{_SEEN} Pages of errors are left out: many servers add headers to none of them. The rule is ours.",
)  # fmt: skip
def test_browsers_stay_with_tls(endpoint: Endpoint, policy: Policy) -> None:
    """Browsers are told to come back by TLS only (HSTS), for long enough.

    Without it the first request of each visit can be led astray before TLS begins.

    Fix: send ``Strict-Transport-Security: max-age=31536000`` with every answer by https.
    """
    least = policy[HSTS_AGE]

    def forgets(page: Page) -> list[str]:
        age = _hsts_age(page)
        return [f"max-age {age}"] if _is_normal(page) and (age is None or age < least) else []

    found = endpoint.pages("pages without HSTS", forgets)
    assert not found, f"Strict-Transport-Security with at least {least} s: {listed(found)}".replace("None", "not sent")
