"""One weak or odd server, and what is known to be true of it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from preaudit.endpoint import Answer

Suites = frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a server's configuration determines.

    Attributes:
        suites: IANA names of the accepted suites, by version; a version that is absent is not spoken.
        groups: IANA names of the accepted groups, by version; a version that is absent is not determined by the
            configuration, but by the library's defaults.
        silent: versions that it neither takes nor refuses in so many words: it resets, closes, or sends an alert that
            means something else.
        identities: names of the certificates that it sends (`tests.tls.zoo.pki`), for the server's name.
        trusted: the zoo's CA vouches for them, dates and names left aside.
        client_certificate: it asks for one; None for an anonymous server, which may not.
        without_certificate: what comes of a handshake without one; None where no handshake can be completed.
        secure_renegotiation: it sends renegotiation_info; None where it speaks TLS 1.3 or SSL only.
        extended_master_secret: it sends that extension; None as before.
        ca_sent: it sends the zoo's CA after the leaf.
        encrypt_then_mac: it sends that extension where it picks a suite in CBC mode.
        compression: it picks a compression method other than null; None as before.
        dh_bits: sizes of its finite-field groups up to TLS 1.2.
        server_order: it picks by its own order; None where nothing determines it.
    """

    suites: Mapping[str, Suites]
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    identities: tuple[str, ...] = ("rsa",)
    trusted: bool = True
    ca_sent: bool = False
    client_certificate: bool | None = False
    without_certificate: Answer | None = Answer.ACCEPTED
    secure_renegotiation: bool | None = True
    extended_master_secret: bool | None = True
    encrypt_then_mac: bool = True
    compression: bool | None = False
    dh_bits: tuple[int, ...] = ()
    server_order: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server of the zoo.

    Attributes:
        name: unique; begins with the library's name.
        library: the name of the module's `LIBRARY` that starts it.
        truth: what is known of it.
        settings: how it is started; the library's module knows the words.
        server_name: sent as SNI.
        starttls: the protocol that TLS is begun in.
        no_sslyze: why sslyze cannot judge it, "" where it can.
    """

    name: str
    library: str
    truth: Truth
    settings: Mapping[str, object] = field(default_factory=dict)
    server_name: str = "zoo.example"
    starttls: str = ""
    no_sslyze: str = ""
