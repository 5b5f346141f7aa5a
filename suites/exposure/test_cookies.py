"""Cookies and other origins: what a browser hands out on a site's behalf."""

from preaudit import Endpoint, Page, Policy, listed, parameter, requirement

from .settings import HTTP, speaks_http

READABLE = parameter(
    "exposure.script_cookies", list[str], meaning="Names of cookies that scripts must be able to read."
)
_CONTROLS = ("nist-800-53r5:sc-23",)
_SETS_COOKIES = "every endpoint that sets a cookie on a page that was asked for"


def _sets_cookies(endpoint: Endpoint) -> bool:
    return endpoint.speaks_http and endpoint.has_page(lambda page: bool(page.cookies))


@requirement(
    "NET-401", severity="medium", expected="no such cookie", controls=[*_CONTROLS, "nist-800-53r5:sc-8"],
    where=_sets_cookies, population=_SETS_COOKIES, active="connect", method="TEST",
)  # fmt: skip
def test_cookies_travel_by_tls(endpoint: Endpoint) -> None:
    """Cookies are marked Secure.

    Without the mark a browser sends them without TLS as well, and whoever has a session's cookie has the session.

    Fix: set the attribute Secure on every cookie.
    """
    found = endpoint.pages("cookies without Secure", lambda page: [one.name for one in page.cookies if not one.secure])
    assert not found, f"without Secure: {listed(found)}"


@requirement(
    "NET-402", severity="medium", expected="no such cookie", controls=_CONTROLS, uses=[READABLE],
    where=_sets_cookies, population=_SETS_COOKIES, active="connect", method="TEST",
)  # fmt: skip
def test_cookies_are_hidden_from_scripts(endpoint: Endpoint, policy: Policy) -> None:
    """Cookies are marked HttpOnly, unless the profile says that a script must read them.

    One hole in one script is otherwise enough to carry every session away.

    Fix: set the attribute HttpOnly on every cookie; name those that scripts need in exposure.script_cookies.
    """

    def readable(page: Page) -> list[str]:
        return [one.name for one in page.cookies if not one.http_only and one.name not in policy[READABLE]]

    found = endpoint.pages("cookies without HttpOnly", readable)
    assert not found, f"without HttpOnly: {listed(found)}"


@requirement(
    "NET-403", severity="low", expected="no such cookie", controls=_CONTROLS, where=_sets_cookies,
    population=_SETS_COOKIES, active="connect", method="TEST",
    limitations="Tokens in forms protect as well, and are not seen from outside.",
)  # fmt: skip
def test_cookies_stay_on_their_site(endpoint: Endpoint) -> None:
    """Cookies are marked SameSite=Lax or SameSite=Strict.

    Otherwise another site's page acts with the session of whoever looks at it (CSRF).

    Fix: set the attribute SameSite=Lax on every cookie, Strict on those of sessions of administrators.
    """
    found = endpoint.pages(
        "cookies without SameSite",
        lambda page: [one.name for one in page.cookies if one.same_site not in {"lax", "strict"}],
    )
    assert not found, f"without SameSite: {listed(found)}"


@requirement(
    "NET-404", severity="high", expected="no page open to any site", controls=["nist-800-53r5:ac-4"],
    where=speaks_http, population=HTTP, active="connect", method="TEST",
    limitations="Asked from one origin only: a list that is too long is not seen.",
)  # fmt: skip
def test_strangers_read_nothing(endpoint: Endpoint) -> None:
    """Pages do not let every other site read them with the visitor's credentials (CORS).

    Any site that a person opens could otherwise read what that person may see here.

    Fix: allow named origins only, and never send Access-Control-Allow-Credentials with a wildcard or an echo.
    """
    found = endpoint.answers_to_strangers("pages open to any site", _open_to)
    assert not found, f"open to any site: {listed(found)}"


def _open_to(page: Page) -> list[str]:
    said = page.headers.get("access-control-allow-credentials", ())
    with_credentials = "true" in {one.strip().lower() for one in said}
    allowed = {one.strip().lower() for one in page.headers.get("access-control-allow-origin", ())}
    bad = sorted(allowed & {"*", "null", page.origin.lower()}) if with_credentials else []
    return [f"{one} with credentials" for one in bad]
