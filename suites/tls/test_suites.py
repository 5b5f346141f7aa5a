"""Cipher suites: which ones an endpoint accepts, in every version that it speaks."""

from preaudit import (
    CIPHER_CLASSES,
    CIPHER_HASHES,
    CIPHERS,
    CipherSuite,
    Endpoint,
    Policy,
    listed,
    parameter,
    requirement,
)

from .settings import TLS, is_listed, speaks_tls

BANNED = parameter(
    "tls.banned_suites", list[str],
    meaning="Classes of broken cipher suites: NULL, anon, EXPORT, RC4, RC2, DES, 3DES, IDEA, SEED, MD5.",
    among=CIPHER_CLASSES,
)  # fmt: skip
CBC_HASHES = parameter(
    "tls.refused_cbc_hashes", list[str], meaning="Hashes of the CBC suites that are refused.", among=CIPHER_HASHES
)
UNAPPROVED = parameter(
    "tls.unapproved_ciphers", list[str], meaning="Ciphers that the regulation has not approved.", among=CIPHERS
)
LISTED = parameter(
    "tls.listed_suites", list[str], meaning="Cipher suites that are known and allowed, by IANA name; * for any letters."
)
_CONTROLS = ("nist-800-53r5:sc-8", "nist-800-53r5:sc-13", "pci-dss-4.0.1:4.2.1")
_OURS = "PCI DSS names no suites: the list is the profile's."


@requirement(
    "TLS-201", severity="critical", expected="no broken cipher suite",
    controls=[*_CONTROLS, "pci-dss-4.0.1:12.3.3"], uses=[BANNED], where=speaks_tls, population=TLS,
    active="connect", method="TEST", limitations=_OURS,
)  # fmt: skip
def test_no_broken_suite_is_accepted(endpoint: Endpoint, policy: Policy) -> None:
    """Endpoints accept no broken cipher suite.

    With such a suite others read the connection (NULL, EXPORT, RC4, DES, 3DES), or are taken for the server (anon).

    Fix: limit the server's cipher suites to ECDHE with AES-GCM; never take a list that names what to leave out.
    """
    banned = policy[BANNED]
    found = endpoint.suites("broken cipher suites", lambda _, suite: not suite.classes.isdisjoint(banned))
    assert not found, f"it accepts broken cipher suites: {listed(found)}"


@requirement(
    "TLS-202", severity="high", expected="no cipher suite without forward secrecy", controls=_CONTROLS,
    where=speaks_tls, population=TLS, active="connect", method="TEST", limitations=_OURS,
)  # fmt: skip
def test_suites_have_forward_secrecy(endpoint: Endpoint) -> None:
    """Endpoints accept only cipher suites with forward secrecy.

    Without it, whoever gets the server's key one day reads everything that was recorded before.

    Fix: leave out the suites that start with TLS_RSA_, TLS_DH_, TLS_ECDH_ or TLS_PSK_; keep TLS_ECDHE_.
    """
    found = endpoint.suites(
        "cipher suites without forward secrecy",
        lambda version, suite: version != "TLSv1.3" and not suite.forward_secret,
    )
    assert not found, f"it accepts cipher suites without forward secrecy: {listed(found)}"


@requirement(
    "TLS-203", severity="low", expected="no such suite in CBC mode", controls=_CONTROLS, uses=[CBC_HASHES],
    where=speaks_tls, population=TLS, active="connect", method="TEST", limitations=_OURS,
)  # fmt: skip
def test_no_cbc_suite_is_accepted(endpoint: Endpoint, policy: Policy) -> None:
    """Endpoints accept no cipher suite in CBC mode.

    Padding and MAC of such suites have leaked the text time and again (BEAST, Lucky 13, POODLE).

    Fix: limit the server's cipher suites to those with GCM, CCM or ChaCha20-Poly1305.
    """
    hashes = policy[CBC_HASHES]
    found = endpoint.suites("cipher suites in CBC mode", lambda _, suite: suite.cbc and suite.hash in hashes)
    assert not found, f"it accepts cipher suites in CBC mode: {listed(found)}"


@requirement(
    "TLS-204", severity="medium", expected="no cipher suite outside the profile's tls.listed_suites",
    controls=_CONTROLS, uses=[LISTED, BANNED, UNAPPROVED], where=speaks_tls, population=TLS, active="connect",
    method="TEST", limitations=f"{_OURS} What TLS-201 and TLS-205 tell of is not told again.",
)  # fmt: skip
def test_no_unlisted_suite_is_accepted(endpoint: Endpoint, policy: Policy) -> None:
    """Endpoints accept no cipher suite that the profile does not list.

    ARIA, Camellia, SM4, GOST, SRP or shared keys are there because nobody said no, and nobody watches over them.

    Fix: give the server a list of cipher suites with those that clients need, and nothing else.
    """
    allowed, banned, unapproved = policy[LISTED], policy[BANNED], policy[UNAPPROVED]

    def is_unlisted(_: str, suite: CipherSuite) -> bool:
        if is_listed(suite.name, allowed):
            return False
        told = suite.is_known and (not suite.classes.isdisjoint(banned) or suite.cipher in unapproved)
        return not told

    found = endpoint.suites("cipher suites outside the list", is_unlisted)
    assert not found, f"it accepts cipher suites outside the profile's list: {listed(found)}"


@requirement(
    "TLS-205", severity="medium", expected="no cipher of the profile's tls.unapproved_ciphers",
    controls=["nist-800-53r5:sc-13", "nist-800-53r5:sc-8"], uses=[UNAPPROVED], where=speaks_tls, population=TLS,
    active="connect", method="TEST",
    limitations="A look from outside cannot prove that the module behind an approved suite is validated.",
)  # fmt: skip
def test_no_unapproved_cipher_is_accepted(endpoint: Endpoint, policy: Policy) -> None:
    """Endpoints accept no cipher that is not approved, ChaCha20-Poly1305 above all.

    FIPS 140-3 approves AES; data that ChaCha20 protects counts as unprotected there, however strong it is.

    Fix: run programs written in Go with ``GODEBUG=fips140=on`` (Go 1.24 or newer; its suites of TLS 1.3 cannot be
    set otherwise), give OpenSSL's ``Ciphersuites`` the AES suites only, or end TLS at a proxy that does.
    """
    refused = policy[UNAPPROVED]
    found = endpoint.suites("ciphers that are not approved", lambda _, suite: suite.cipher in refused)
    assert not found, f"it accepts ciphers that are not approved: {listed(found)}"


@requirement(
    "TLS-206", severity="medium", expected="true", controls=["nist-800-53r5:sc-13"], active="connect",
    method="TEST",
    where=lambda endpoint: endpoint.speaks_tls and bool(endpoint.suites("CBC", lambda _, suite: suite.cbc)),
    population="every endpoint that accepts cipher suites in CBC mode",
)  # fmt: skip
def test_cbc_suites_encrypt_before_the_mac(endpoint: Endpoint) -> None:
    """Endpoints that accept CBC suites encrypt first and authenticate what they encrypted.

    In the older order, how long a refusal takes tells about the padding, and so about the text.

    Fix: leave out the CBC suites, or let the TLS library negotiate encrypt_then_mac (RFC 7366; Go cannot).
    """
    assert endpoint.fact("encrypt_then_mac")
