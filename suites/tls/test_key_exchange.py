"""Key exchange: groups and sizes."""

from preaudit import Endpoint, Policy, listed, parameter, requirement

from .settings import TLS, is_listed, speaks_tls

GROUPS = parameter(
    "tls.allowed_groups", list[str], meaning="Allowed groups for key exchange, by IANA name; * for any letters."
)
WANTED_GROUPS = parameter("tls.wanted_groups", list[str], meaning="Groups of which one must be offered, by IANA name.")
DH_BITS = parameter("tls.min_dh_bits", int, unit="bit", meaning="Least size of a finite field for key exchange.")
_CONTROLS = ("nist-800-53r5:sc-12", "nist-800-53r5:sc-13", "pci-dss-4.0.1:4.2.1")


def _uses_finite_fields(endpoint: Endpoint) -> bool:
    if not endpoint.speaks_tls:
        return False
    return bool(endpoint.suites("DHE", lambda version, suite: version != "TLSv1.3" and suite.finite_field))


@requirement(
    "TLS-301", severity="high", expected="no group outside the profile's tls.allowed_groups", controls=_CONTROLS,
    uses=[GROUPS], where=speaks_tls, population=TLS, active="connect", method="TEST",
    limitations="Groups of the server's own making show in TLS-304 only.",
)  # fmt: skip
def test_groups_are_allowed(endpoint: Endpoint, policy: Policy) -> None:
    """Endpoints agree on keys only in groups that the profile allows.

    In a small or odd group the key can be computed from what everybody sees.

    Fix: limit the server's groups to X25519, P-256 and P-384, with X25519MLKEM768 before them.
    """
    found = endpoint.groups("groups outside the list", lambda name: not is_listed(name, policy[GROUPS]))
    assert not found, f"it agrees on keys in groups outside the profile's list: {listed(found)}"


@requirement(
    "TLS-302", severity="medium", expected="one of the profile's tls.wanted_groups", controls=_CONTROLS[:2],
    uses=[WANTED_GROUPS], where=speaks_tls, population=TLS, active="connect", method="TEST",
)  # fmt: skip
def test_a_wanted_group_is_offered(endpoint: Endpoint, policy: Policy) -> None:
    """Endpoints offer a group that approved clients can use (P-256 or P-384).

    A client in FIPS mode cannot speak to a server that offers X25519 alone.

    Fix: add P-256 to the server's groups.
    """
    assert endpoint.offers_group("wanted groups", lambda name: name in policy[WANTED_GROUPS])


@requirement(
    "TLS-303", severity="info", expected="one that holds ML-KEM", controls=_CONTROLS[:2], where=speaks_tls,
    population=TLS, active="connect", method="TEST",
    limitations="No standard that these profiles follow demands it yet: the rule is ours.",
)  # fmt: skip
def test_a_post_quantum_group_is_offered(endpoint: Endpoint) -> None:
    """Endpoints offer a hybrid group that withstands quantum computers.

    What is recorded today can be read once such a computer exists; that concerns data that stays secret for years.

    Fix: use a library that knows X25519MLKEM768 (OpenSSL 3.5, Go 1.24, BoringSSL, rustls) and offer TLS 1.3.
    """
    assert endpoint.offers_group("post-quantum groups", lambda name: "MLKEM" in name, ["TLSv1.3"])


@requirement(
    "TLS-304", severity="high", expected="no field below the profile's tls.min_dh_bits", controls=_CONTROLS,
    uses=[DH_BITS], where=_uses_finite_fields, population="every endpoint that accepts DHE suites up to TLS 1.2",
    active="connect", method="TEST",
)  # fmt: skip
def test_finite_fields_are_large(endpoint: Endpoint, policy: Policy) -> None:
    """Finite fields for key exchange (DHE) are large enough.

    Fields of 1024 bits and less are broken for whole groups of servers at once (Logjam).

    Fix: leave out the suites that start with TLS_DHE_, or give the server ffdhe2048 or ffdhe3072.
    """
    found = endpoint.fields_below(policy[DH_BITS])
    assert not found, f"it uses finite fields of {listed(found)} bits, at least {policy[DH_BITS]} wanted"
