"""Versions: the broken ones are refused, the newest is offered."""

from preaudit import Endpoint, requirement

from .settings import TLS, speaks_tls

_OLD = (
    "nist-800-53r5:sc-8", "nist-800-53r5:sc-13", "nist-800-53r5:cm-7", "pci-dss-4.0.1:4.2.1", "pci-dss-4.0.1:2.2.7",
)  # fmt: skip
_CUT = (
    "Proxies that know neither SSLv2 nor SSLv3 reset such connections each time; so does what only hides a server "
    "that speaks them. That is unknown, at level warn."
)


@requirement(
    "TLS-101", severity="critical", expected="refused", controls=_OLD, where=speaks_tls, population=TLS,
    active="connect", method="TEST", limitations=_CUT,
)  # fmt: skip
def test_sslv2_is_refused(endpoint: Endpoint) -> None:
    """Endpoints refuse SSLv2.

    It gives away the keys of other connections of the same server as well, those of TLS 1.2 among them (DROWN).

    Fix: remove SSLv2 from the server's protocols, on every server that uses the same key.
    """
    assert not endpoint.accepts("SSLv2")


@requirement(
    "TLS-102", severity="critical", expected="refused", controls=_OLD, where=speaks_tls, population=TLS,
    active="connect", method="TEST", limitations=_CUT,
)  # fmt: skip
def test_sslv3_is_refused(endpoint: Endpoint) -> None:
    """Endpoints refuse SSLv3.

    Whoever sits in between reads cookies and passwords out of it byte by byte (POODLE).

    Fix: remove SSLv3 from the server's protocols.
    """
    assert not endpoint.accepts("SSLv3")


@requirement(
    "TLS-103", severity="high", expected="refused", controls=_OLD, where=speaks_tls, population=TLS,
    active="connect", method="TEST",
)  # fmt: skip
def test_tls_1_0_is_refused(endpoint: Endpoint) -> None:
    """Endpoints refuse TLS 1.0.

    Its signatures rest on MD5 and SHA-1 and its encryption on a guessable start; RFC 8996 forbids it since 2021.

    Fix: set the server's lowest version to TLS 1.2.
    """
    assert not endpoint.accepts("TLSv1.0")


@requirement(
    "TLS-104", severity="high", expected="refused", controls=_OLD, where=speaks_tls, population=TLS,
    active="connect", method="TEST",
)  # fmt: skip
def test_tls_1_1_is_refused(endpoint: Endpoint) -> None:
    """Endpoints refuse TLS 1.1.

    Its signatures rest on MD5 and SHA-1, and it has no authenticated encryption; RFC 8996 forbids it since 2021.

    Fix: set the server's lowest version to TLS 1.2.
    """
    assert not endpoint.accepts("TLSv1.1")


@requirement(
    "TLS-105", severity="low", expected="accepted", controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-13"],
    where=speaks_tls, population=TLS, active="connect", method="TEST",
    limitations="PCI DSS asks for no version by name; NIST SP 800-52r2 asks for this one since 2024.",
)  # fmt: skip
def test_tls_1_3_is_offered(endpoint: Endpoint) -> None:
    """Endpoints offer TLS 1.3.

    It leaves out everything that was broken before, and hides the certificates of client and server.

    Fix: let the server offer TLS 1.3 beside TLS 1.2.
    """
    assert endpoint.accepts("TLSv1.3")
