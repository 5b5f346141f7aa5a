"""Certificates that no endpoint sends: by what the API server trusts others, what it issued, and our kubeconfig's."""

from datetime import timedelta

from preaudit import ManagedCertificate, Policy, StoredCertificates, requirement

from .test_certificates import DAYS_LEFT, EC_BITS, RSA_BITS, SHARE_LEFT, small_key

_CONTROLS = ("nist-800-53r5:sc-12", "nist-800-53r5:sc-17")
_LIMITS = (
    "Certificates in Secrets are not read, as the right to do so reads private keys too. Of kubeconfigs the one in use "
    "is looked at, and of its log-in program's answer what the run itself uses: a token, where it gives one beside a "
    "certificate. The client's certificate is that of whoever ran the audit, so it is judged at level warn at most."
)


@requirement(
    "TLS-701", severity="medium", expected="a certificate that is valid now", controls=_CONTROLS, limitations=_LIMITS,
)  # fmt: skip
def test_stored_certificates_are_valid(stored_certificates: StoredCertificates, policy: Policy) -> None:
    """CA bundles and issued certificates are valid now.

    With an expired bundle the API server trusts no certificate of the webhook: it is skipped, or all wait for it. With
    an expired certificate of its own, a client is locked out.

    Fix: put the present CA's certificate into the ``caBundle`` (cert-manager's CA injector does), or delete the object;
    make the kubeconfig anew.
    """
    found = stored_certificates.violations(
        lambda one: not one.not_before <= policy.now <= one.not_after, one_will_do=True
    )
    which = "none is" if stored_certificates.is_bundle else "not"
    ends = ", ".join(f"{one.name} ends {one.not_after:%Y-%m-%d}" for one in found[:3])
    assert not found, f"{which} valid at {policy.now:%Y-%m-%d}: {ends}"


@requirement(
    "TLS-702", severity="medium", expected="a certificate that does not end within the profile's tls.days_left",
    controls=_CONTROLS, uses=[DAYS_LEFT, SHARE_LEFT], limitations=_LIMITS,
)  # fmt: skip
def test_stored_certificates_do_not_end_soon(stored_certificates: StoredCertificates, policy: Policy) -> None:
    """CA bundles and issued certificates are renewed well before they end.

    A webhook's CA that nobody renews stops deployments on a date that nobody knows.

    Fix: renew the CA, put the new certificate beside the old one, then issue the server's certificate anew; renew the
    kubeconfig's certificate (``kubeadm certs renew``, or log in again).
    """
    share, days = policy[SHARE_LEFT] / 100, timedelta(days=policy[DAYS_LEFT])
    found = stored_certificates.violations(
        lambda one: one.not_after - policy.now < min(days, (one.not_after - one.not_before) * share), one_will_do=True
    )
    assert not found, f"ends soon: {', '.join(f'{one.name} at {one.not_after:%Y-%m-%d}' for one in found[:3])}"


@requirement(
    "TLS-703", severity="medium", expected="no key below the profile's tls.min_rsa_bits and tls.min_ec_bits",
    controls=_CONTROLS, uses=[RSA_BITS, EC_BITS], limitations=_LIMITS,
)  # fmt: skip
def test_stored_certificates_have_large_keys(stored_certificates: StoredCertificates, policy: Policy) -> None:
    """Keys in CA bundles and issued certificates have at least 112 bits of strength.

    Whoever computes the key of a CA that the API server trusts answers for the webhook.

    Fix: make a new CA with a P-256 or an RSA 3072 key, and replace the bundle; make the client's key anew as well.
    """
    least = policy[RSA_BITS], policy[EC_BITS]
    found = stored_certificates.violations(lambda one: bool(small_key(one, *least)))
    assert not found, f"small keys: {', '.join(f'{one.name}: {small_key(one, *least)}' for one in found[:3])}"


@requirement(
    "TLS-704", severity="medium", expected="Ready, and not past its end", controls=_CONTROLS,
    limitations="What cert-manager says of it; the certificate itself stands in a Secret, which is not read.",
)  # fmt: skip
def test_managed_certificates_are_renewed(managed_certificate: ManagedCertificate, policy: Policy) -> None:
    """Certificates that cert-manager looks after are issued and up to date.

    One that is not ready is renewed by nobody, and its server goes on with the old one until that ends.

    Fix: see ``kubectl describe certificate``; the issuer, the DNS challenge or its quota usually is the cause.
    """
    assert managed_certificate.is_ready, "cert-manager does not call it Ready"
    ends = managed_certificate.ends
    assert ends > policy.now, f"it ended at {ends:%Y-%m-%d}"
