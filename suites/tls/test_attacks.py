"""Attacks: known holes of TLS libraries, each tried once by sslyze (active group scan)."""

from preaudit import Endpoint, requirement

from .settings import TLS, speaks_tls

_CONTROLS = ("nist-800-53r5:si-2", "nist-800-53r5:sc-8")
_PCI = "pci-dss-4.0.1:6.3.3"
_SEEN = "Believed is a server that was heard to refuse; one that falls silent or hangs up is unknown."


@requirement(
    "TLS-801", severity="critical", expected="false", controls=[*_CONTROLS, _PCI], where=speaks_tls, population=TLS,
    active="scan", method="TEST", limitations=_SEEN,
)  # fmt: skip
def test_heartbeats_give_no_memory(endpoint: Endpoint) -> None:
    """Endpoints do not give away their memory to a forged heartbeat (Heartbleed).

    Anybody reads keys, passwords and sessions out of the process, and leaves no trace (CVE-2014-0160).

    Fix: update OpenSSL to 1.0.1g or newer, then replace the keys and certificates that were in use.
    """
    assert not endpoint.attack_succeeds("heartbleed")


@requirement(
    "TLS-802", severity="high", expected="false", controls=[*_CONTROLS, _PCI], where=speaks_tls, population=TLS,
    active="scan", method="TEST", limitations=_SEEN,
)  # fmt: skip
def test_ciphers_do_not_change_early(endpoint: Endpoint) -> None:
    """Endpoints refuse to change the cipher before there are keys (CCS injection).

    Somebody in between makes both sides use keys that he knows (CVE-2014-0224).

    Fix: update OpenSSL to 0.9.8za, 1.0.0m, 1.0.1h or newer.
    """
    assert not endpoint.attack_succeeds("ccs_injection")


@requirement(
    "TLS-803", severity="high", expected="false", controls=[*_CONTROLS, _PCI], where=speaks_tls, population=TLS,
    active="scan", method="TEST", limitations=f"{_SEEN} Differences in time are not measured.",
)  # fmt: skip
def test_rsa_errors_look_alike(endpoint: Endpoint) -> None:
    """Endpoints answer all malformed RSA key exchanges alike (ROBOT).

    Answers that differ tell an attacker, bit by bit, what was sent in recorded sessions.

    Fix: switch RSA key exchange off (suites TLS_RSA_…), and update the TLS library or the load balancer.
    """
    assert not endpoint.attack_succeeds("robot")


@requirement(
    "TLS-804", severity="medium", expected="false", controls=_CONTROLS, where=speaks_tls, population=TLS,
    active="scan", method="TEST", limitations=_SEEN,
)  # fmt: skip
def test_clients_do_not_renegotiate(endpoint: Endpoint) -> None:
    """Endpoints refuse handshakes that a client begins anew within a connection.

    One connection then keeps a processor busy: a handshake costs the server many times what it costs the client.

    Fix: switch it off (OpenSSL ``SSL_OP_NO_RENEGOTIATION``, s_server ``-no_renegotiation``, Java
    ``jdk.tls.rejectClientInitiatedRenegotiation=true``), or offer TLS 1.3 only.
    """
    assert not endpoint.attack_succeeds("client_renegotiation")
