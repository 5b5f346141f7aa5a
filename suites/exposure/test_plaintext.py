"""Plaintext: what an endpoint says to those who do not ask for TLS."""

from preaudit import Endpoint, Page, requirement

_CONTROLS = ("nist-800-53r5:sc-8", "nist-800-53r5:sc-8(1)")


def _redirects(page: Page) -> bool:
    """It sends to https; a request that names no host may be turned away instead."""
    if not page.host and 400 <= page.status < 500:
        return True
    return page.status in {301, 308} and page.location.startswith("https://")


def _is_plain(endpoint: Endpoint) -> bool:
    """It speaks without TLS, and more than the word that sends a browser to TLS.

    Raises:
        NotObservable: it is not known, or some page was not answered.
    """
    if not endpoint.fact("plaintext"):
        return False
    if not endpoint.seen.pages or endpoint.seen.tls is not None:
        return True  # pages of an endpoint that speaks TLS as well came within TLS
    return bool(endpoint.pages("pages in plain text", lambda page: [] if _redirects(page) else [str(page.status)]))


@requirement(
    "NET-101", severity="high", expected="no plain text, or a redirect to https and nothing else", active="connect",
    controls=[*_CONTROLS, "pci-dss-4.0.1:4.2.1"], where=lambda endpoint: endpoint.is_external,
    population="every endpoint that is reached from outside", method="TEST",
)  # fmt: skip
def test_nothing_outside_is_plain_text(endpoint: Endpoint) -> None:
    """Endpoints that are reached from outside speak TLS only.

    Everybody on the way reads and changes what is sent without TLS.

    Fix: switch the listener off, or have it answer 301 or 308 to https and nothing else.
    """
    assert not _is_plain(endpoint), f"port {endpoint.seen.port} speaks {endpoint.seen.protocol} without TLS"


@requirement(
    "NET-102", severity="medium", expected="no plain text", active="connect", controls=_CONTROLS, method="TEST",
    where=lambda endpoint: not endpoint.is_external, population="every endpoint inside the cluster",
    limitations="A mesh that encrypts between sidecars is not seen from a pod's own loopback: waive with its proof.",
)  # fmt: skip
def test_nothing_inside_is_plain_text(endpoint: Endpoint) -> None:
    """Endpoints inside the cluster speak TLS only.

    The cluster's network carries what pods of all tenants and all nodes send; one of them is enough to listen.

    Fix: give the server a certificate (cert-manager) and its probes the scheme HTTPS, or prove that a mesh encrypts.
    """
    assert not _is_plain(endpoint), f"port {endpoint.seen.port} speaks {endpoint.seen.protocol} without TLS"
