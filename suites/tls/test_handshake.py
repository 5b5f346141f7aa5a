"""Handshake: the extensions that close its known holes."""

from preaudit import Endpoint, requirement

_UP_TO_12 = "every endpoint that speaks TLS 1.2 or older (TLS 1.3 has it built in)"
_CONTROLS = ("nist-800-53r5:sc-8", "nist-800-53r5:sc-23")


def _speaks_up_to_12(endpoint: Endpoint) -> bool:
    return endpoint.speaks_tls and endpoint.accepts_any("TLSv1.2", "TLSv1.1", "TLSv1.0", "SSLv3")


@requirement(
    "TLS-501", severity="medium", expected="true", controls=_CONTROLS, where=_speaks_up_to_12, population=_UP_TO_12,
    active="connect", method="TEST",
)  # fmt: skip
def test_renegotiation_is_secure(endpoint: Endpoint) -> None:
    """Endpoints negotiate secure renegotiation.

    Without it somebody in between puts a request of their own before the victim's (RFC 5746).

    Fix: update the TLS library; every one has sent renegotiation_info since 2010.
    """
    assert endpoint.fact("secure_renegotiation")


@requirement(
    "TLS-502", severity="low", expected="true", controls=_CONTROLS, where=_speaks_up_to_12, population=_UP_TO_12,
    active="connect", method="TEST",
)  # fmt: skip
def test_master_secrets_are_extended(endpoint: Endpoint) -> None:
    """Endpoints bind their keys to the whole handshake (extended master secret).

    Without it a client that is led to a false server can be impersonated at the true one (RFC 7627).

    Fix: update the TLS library, and switch it on where an old configuration switched it off.
    """
    assert endpoint.fact("extended_master_secret")


@requirement(
    "TLS-503", severity="high", expected="false", controls=[*_CONTROLS, "pci-dss-4.0.1:4.2.1"],
    where=_speaks_up_to_12, population=_UP_TO_12, active="connect", method="TEST",
    limitations="TLS 1.3 has no compression.",
)  # fmt: skip
def test_nothing_is_compressed(endpoint: Endpoint) -> None:
    """Endpoints do not compress within TLS.

    The length of compressed data tells what is in it: cookies have been read that way (CRIME).

    Fix: switch compression off in the TLS library (``SSL_OP_NO_COMPRESSION``), or update it.
    """
    assert not endpoint.fact("compression")
