"""Trust: whose certificate it is, and who says so."""

from preaudit import Endpoint, NotObservable, Policy, Presented, listed, parameter, requirement

from .settings import TLS, speaks_tls

TRUSTED_SELF_SIGNED = parameter(
    "tls.trusted_self_signed", bool, meaning="Whether a self-signed certificate passes that an anchor of yours names."
)
_CONTROLS = ("nist-800-53r5:sc-17", "nist-800-53r5:sc-23", "pci-dss-4.0.1:4.2.1")


def _is_trusted(one: Presented) -> bool:
    """Some set of anchors leads to it.

    Raises:
        NotObservable: none does, and not every set could be tried.
    """
    paths = one.chain.paths
    if any(path.trusted for path in paths):
        return True
    untried = [path for path in paths if path.trusted is None]
    if untried or not paths:
        why = "; ".join(f"{path.anchor}: {path.cause}" for path in untried) or "no anchors were tried"
        raise NotObservable(f"trust in {one.certificate.name}", why)
    return False


def _self_signed(one: Presented, *, passes_if_trusted: bool) -> str:
    if not one.certificate.self_signed or (passes_if_trusted and _is_trusted(one)):
        return ""
    return "signed by itself"


def _untrusted(one: Presented) -> str:
    if _is_trusted(one):
        return ""
    private = [path for path in one.chain.paths if path.private]
    if not private:
        raise NotObservable(
            f"trust in {one.certificate.name}",
            f"its issuer {one.certificate.issuer} is in no public store, and no anchor of yours was given (--ca FILE)",
        )
    return "; ".join(f"{path.anchor}: {path.cause or 'no path'}" for path in private)


def _has_an_issuer(endpoint: Endpoint) -> bool:
    """TLS-408 and TLS-409 tell of certificates that nobody but themselves signed."""
    if not endpoint.speaks_tls:
        return False
    return not endpoint.certificates("self-signed", lambda one: _self_signed(one, passes_if_trusted=True), leaves=True)


@requirement(
    "TLS-406", severity="high", expected="no certificate for other names alone", controls=_CONTROLS,
    where=speaks_tls, population=TLS, active="connect", method="TEST",
    limitations="The common name is no name; a wildcard stands for one whole label.",
)  # fmt: skip
def test_certificates_have_the_name(endpoint: Endpoint) -> None:
    """Certificates are for a name under which clients reach the endpoint.

    Clients that check refuse it, and the usual answer to that is to switch the check off.

    Fix: issue the certificate with the name of the Service or host (``web.shop.svc``) as a subjectAltName.
    """
    wanted = endpoint.client_names

    def other_names(one: Presented) -> str:
        if any(one.certificate.is_good_for(name) for name in wanted):
            return ""
        if endpoint.seen.more_names:
            raise NotObservable("its names", f"clients may have others than {listed(wanted)}, which nothing tells")
        return f"is for {listed([name for names in one.certificate.names for name in names]) or 'no name'}"

    found = endpoint.certificates("certificates for other names", other_names, leaves=True)
    assert not found, f"none of {listed(wanted)}: {listed(found)}"


@requirement(
    "TLS-407", severity="high", expected="no untrusted certificate", controls=_CONTROLS, where=_has_an_issuer,
    population="every endpoint that speaks TLS with a certificate that another certificate signed",
    active="connect", method="TEST",
    limitations="Revocation is not looked up. Dates are judged by TLS-404 and TLS-405.",
)  # fmt: skip
def test_certificates_are_trusted(endpoint: Endpoint) -> None:
    """Certificates lead to the cluster's CA, one that you name, or the system's store.

    If no anchor leads to it, a client cannot tell this server from any other.

    Fix: issue it by the CA that clients trust and send the whole chain, or name the CA to the audit (``--ca FILE``).
    """
    found = endpoint.certificates("untrusted certificates", _untrusted, leaves=True)
    assert not found, f"untrusted: {listed(found)}"


@requirement(
    "TLS-408", severity="medium", expected="no self-signed certificate", controls=_CONTROLS,
    uses=[TRUSTED_SELF_SIGNED], active="connect",
    where=lambda endpoint: not endpoint.is_external and endpoint.speaks_tls,
    population="every endpoint that speaks TLS inside the cluster", method="TEST",
)  # fmt: skip
def test_inner_certificates_have_an_issuer(endpoint: Endpoint, policy: Policy) -> None:
    """Certificates inside the cluster are signed by a CA, not by themselves.

    Nobody can check such a certificate but by having it beforehand, so in practice nobody checks.

    Fix: let a CA of the cluster issue it (cert-manager), or name the certificate itself as an anchor (``--ca FILE``).
    """
    passes = policy[TRUSTED_SELF_SIGNED]
    found = endpoint.certificates("self-signed", lambda one: _self_signed(one, passes_if_trusted=passes), leaves=True)
    assert not found, f"self-signed: {listed(found)}"


@requirement(
    "TLS-409", severity="high", expected="no self-signed certificate", controls=_CONTROLS,
    uses=[TRUSTED_SELF_SIGNED], active="connect",
    where=lambda endpoint: endpoint.is_external and endpoint.speaks_tls,
    population="every endpoint that speaks TLS and is reached from outside", method="TEST",
)  # fmt: skip
def test_outer_certificates_have_an_issuer(endpoint: Endpoint, policy: Policy) -> None:
    """Certificates that the outside sees are signed by a CA, not by themselves.

    Browsers and partners warn of it, and people learn to click the warning away.

    Fix: let the CA that your clients trust issue it; PCI DSS takes one of your own CA that clients verify.
    """
    passes = policy[TRUSTED_SELF_SIGNED]
    found = endpoint.certificates("self-signed", lambda one: _self_signed(one, passes_if_trusted=passes), leaves=True)
    assert not found, f"self-signed: {listed(found)}"


@requirement(
    "TLS-410", severity="low", expected="no fault", controls=_CONTROLS[:1], active="connect", method="TEST",
    where=lambda endpoint: endpoint.speaks_tls
    and bool(endpoint.certificates("issuers", lambda one: "" if one.is_leaf else "an issuer")),
    population="every endpoint that sends certificates of CAs",
    limitations="OpenSSL takes such a CA, newer libraries refuse it. CAs that are not sent are not read.",
)  # fmt: skip
def test_cas_conform(endpoint: Endpoint) -> None:
    """Certificates of CAs are made as RFC 5280 asks: critical basicConstraints, and keyUsage.

    Strict clients refuse everything below such a CA, from one update to the next.

    Fix: issue the CA's certificate anew for the same key, with critical basicConstraints and keyCertSign.
    """
    found = endpoint.certificates(
        "faults of CAs", lambda one: "" if one.is_leaf else " and ".join(one.certificate.ca_faults)
    )
    assert not found, f"not as RFC 5280 asks: {listed(found)}"
