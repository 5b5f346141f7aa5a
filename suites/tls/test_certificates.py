"""Certificates: keys, signatures and dates, as the certificates say themselves."""

from datetime import timedelta

from preaudit import Certificate, Endpoint, NotObservable, Policy, Presented, listed, parameter, requirement

from .settings import TLS, speaks_tls

RSA_BITS = parameter("tls.min_rsa_bits", int, unit="bit", meaning="Least size of an RSA key.")
EC_BITS = parameter("tls.min_ec_bits", int, unit="bit", meaning="Least size of an elliptic curve's key.")
STRONG_RSA_BITS = parameter("tls.strong_rsa_bits", int, unit="bit", meaning="RSA key of 128 bits' strength.")
STRONG_EC_BITS = parameter("tls.strong_ec_bits", int, unit="bit", meaning="Curve's key of 128 bits' strength.")
DAYS_LEFT = parameter("tls.days_left", int, unit="d", meaning="Days that a certificate must still be valid, at most.")
SHARE_LEFT = parameter(
    "tls.share_left", int, unit="%", meaning="Share of its lifetime that a certificate must still be valid, if shorter."
)
LIFETIME = parameter("tls.max_lifetime", int, unit="d", meaning="Longest lifetime of a server's certificate.")
_WEAK_HASHES = frozenset({"md5", "md4", "md2", "sha1"})
_CONTROLS = ("nist-800-53r5:sc-12", "nist-800-53r5:sc-17", "pci-dss-4.0.1:4.2.1")


def small_key(one: Certificate, rsa: int, curve: int) -> str:
    """Kind and size of a certificate's key where it is below what is wanted, "" where it is not.

    Raises:
        NotObservable: it is of a kind that is not known here.
    """
    kind, bits = one.key
    least = {"RSA": rsa, "DSA": rsa, "EC": curve, "Ed25519": 0, "Ed448": 0}.get(kind)
    if least is None:
        raise NotObservable(f"the key of {one.name}", f"the strength of {kind} is not known here")
    return f"{kind} {bits} bits" if bits < least else ""


def _is_small(one: Presented, rsa: int, curve: int) -> str:
    return small_key(one.certificate, rsa, curve)


@requirement(
    "TLS-401", severity="high", expected="no key below the profile's tls.min_rsa_bits and tls.min_ec_bits",
    controls=_CONTROLS, uses=[RSA_BITS, EC_BITS], where=speaks_tls, population=TLS, active="connect", method="TEST",
    limitations="Roots that are not sent are not read.",
)  # fmt: skip
def test_keys_are_large_enough(endpoint: Endpoint, policy: Policy) -> None:
    """Keys of certificates have at least 112 bits of strength (RSA 2048, EC 224).

    A smaller key can be computed, and whoever has it is taken for the server, or issues certificates.

    Fix: issue the certificate anew for a P-256 or an RSA 3072 key.
    """
    found = endpoint.certificates("small keys", lambda one: _is_small(one, policy[RSA_BITS], policy[EC_BITS]))
    assert not found, f"small keys: {listed(found)}"


@requirement(
    "TLS-402", severity="low", expected="no key below the profile's tls.strong_rsa_bits and tls.strong_ec_bits",
    controls=_CONTROLS[:2], uses=[STRONG_RSA_BITS, STRONG_EC_BITS], where=speaks_tls, population=TLS,
    active="connect", method="TEST",
)  # fmt: skip
def test_server_keys_are_strong(endpoint: Endpoint, policy: Policy) -> None:
    """Keys of servers have 128 bits of strength (RSA 3072, EC 256).

    112 bits are good until 2030; certificates for years to come are made now.

    Fix: issue the next certificate for a P-256 or an RSA 3072 key.
    """
    least = policy[STRONG_RSA_BITS], policy[STRONG_EC_BITS]
    found = endpoint.certificates("keys below 128 bits of strength", lambda one: _is_small(one, *least), leaves=True)
    assert not found, f"keys below 128 bits of strength: {listed(found)}"


def _weak_hash(one: Presented) -> str:
    return one.certificate.signature_hash if not one.is_root and one.certificate.signature_hash in _WEAK_HASHES else ""


@requirement(
    "TLS-403", severity="high", expected="no signature with SHA-1 or MD5", controls=_CONTROLS, where=speaks_tls,
    population=TLS, active="connect", method="TEST",
    limitations="A root's own signature is left out: nobody checks it.",
)  # fmt: skip
def test_signatures_are_strong(endpoint: Endpoint) -> None:
    """No certificate of a chain is signed with SHA-1 or MD5.

    Two certificates with one such signature can be made: an honest one to be signed, and another.

    Fix: issue the certificate anew, signed with SHA-256; that of an intermediate CA as well.
    """
    found = endpoint.certificates("weak signatures", _weak_hash)
    assert not found, f"weak signatures: {listed(found)}"


@requirement(
    "TLS-404", severity="high", expected="no certificate past its end",
    controls=[*_CONTROLS, "pci-dss-4.0.1:4.2.1.1"], where=speaks_tls, population=TLS, active="connect",
    method="TEST",
)  # fmt: skip
def test_certificates_are_not_expired(endpoint: Endpoint, policy: Policy) -> None:
    """No certificate of a chain has expired.

    Clients that check stop working, and those that go on working do not check.

    Fix: renew the certificate, and let cert-manager or the like renew it from now on.
    """

    def is_expired(one: Presented) -> str:
        until = one.certificate.not_after
        return f"since {until:%Y-%m-%d}" if until < policy.now and not one.is_root else ""

    found = endpoint.certificates("expired certificates", is_expired)
    assert not found, f"expired: {listed(found)}"


@requirement(
    "TLS-405", severity="medium", expected="no certificate before its beginning", controls=_CONTROLS[1:],
    where=speaks_tls, population=TLS, active="connect", method="TEST",
)  # fmt: skip
def test_certificates_are_valid_already(endpoint: Endpoint, policy: Policy) -> None:
    """No certificate of a chain is valid only in the future.

    Clients refuse it; where it is seen, a clock is wrong, the issuer's, the server's or ours.

    Fix: correct the clock, or take the certificate that is valid now.
    """

    def is_early(one: Presented) -> str:
        since = one.certificate.not_before
        return f"from {since:%Y-%m-%d %H:%M}" if since > policy.now and not one.is_root else ""

    found = endpoint.certificates("certificates of the future", is_early)
    assert not found, f"not valid yet: {listed(found)}"


@requirement(
    "TLS-411", severity="medium", expected="no end within the profile's tls.days_left or tls.share_left",
    controls=[*_CONTROLS[1:], "pci-dss-4.0.1:4.2.1.1"], uses=[DAYS_LEFT, SHARE_LEFT], where=speaks_tls,
    population=TLS, active="connect", method="TEST",
    limitations="The rule is ours; certificates of a few days, as a mesh has them, are measured by their share.",
)  # fmt: skip
def test_certificates_do_not_expire_soon(endpoint: Endpoint, policy: Policy) -> None:
    """Certificates are renewed well before they expire.

    A certificate that nobody renews is an outage with a date.

    Fix: renew it now, and find out why it was not renewed by itself.
    """
    share, days = policy[SHARE_LEFT] / 100, timedelta(days=policy[DAYS_LEFT])

    def ends_soon(one: Presented) -> str:
        begins, ends = one.certificate.not_before, one.certificate.not_after
        soon = ends - policy.now < min(days, (ends - begins) * share)
        return f"until {ends:%Y-%m-%d}" if soon and not one.is_root else ""

    found = endpoint.certificates("certificates that expire soon", ends_soon)
    assert not found, f"to be renewed: {listed(found)}"


@requirement(
    "TLS-412", severity="low", expected="no lifetime above the profile's tls.max_lifetime", controls=_CONTROLS[:2],
    uses=[LIFETIME], where=speaks_tls, population=TLS, active="connect", method="TEST",
    limitations="kubeadm dates certificates back to the first day of their CA: they look older at each renewal.",
)  # fmt: skip
def test_certificates_do_not_live_long(endpoint: Endpoint, policy: Policy) -> None:
    """Certificates of servers live no longer than the profile allows.

    A stolen key is good for as long as its certificate; private CAs seldom revoke.

    Fix: let the CA issue for a year or less, and have certificates renewed by a program.
    """

    def lives_long(one: Presented) -> str:
        life = one.certificate.not_after - one.certificate.not_before
        return f"{life.days} days" if life > timedelta(days=policy[LIFETIME]) else ""

    found = endpoint.certificates("long-lived certificates", lives_long, leaves=True)
    assert not found, f"more than {policy[LIFETIME]} days: {listed(found)}"


@requirement(
    "TLS-413", severity="medium", expected="no certificate for other purposes", controls=_CONTROLS[1:2],
    where=speaks_tls, population=TLS, active="connect", method="TEST",
    limitations="A certificate without the extension is for all purposes, and passes.",
)  # fmt: skip
def test_certificates_are_for_servers(endpoint: Endpoint) -> None:
    """Certificates of servers are issued for servers (extended key usage serverAuth).

    A client's or a person's certificate in a server's place tells of a CA that does not look at what it signs.

    Fix: issue the certificate with the extended key usage serverAuth.
    """
    found = endpoint.certificates(
        "certificates for other purposes", lambda one: "" if one.certificate.serves else "not for servers", leaves=True
    )
    assert not found, f"issued for other purposes: {listed(found)}"
