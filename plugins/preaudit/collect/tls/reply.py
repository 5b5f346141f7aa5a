"""What came back for one hello, as a value; `Flight` and `sslv2` make it, the reduction reads it."""

from __future__ import annotations

from dataclasses import dataclass, field

ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}


def alert_words(code: int) -> str:
    """The alert by its name ("alert handshake_failure"), or by number where it has none."""
    return f"alert {ALERTS.get(code, code)}"


@dataclass(frozen=True)
class Picked:
    """A well-formed yes: a version and suite of the hello's, up to ServerHelloDone where the version has one.

    Attributes:
        version: on the wire.
        suite: its code.
        group: the key exchange group's code; None where none was named.
        dh_bits: size of the finite-field group; 0 without one.
        compression: code of the method.
        renegotiation: renegotiation_info was sent.
        master_secret: extended_master_secret was sent.
        encrypt_then_mac: that extension was sent.
        chain: DER, leaf first, as far as kept.
        unread: certificates beyond those.
        asks_certificate: a CertificateRequest was sent (None: not seen at this version).
        kinds: all cipher kinds in common (SSLv2 only).
    """

    version: int
    suite: int
    group: int | None = None
    dh_bits: int = 0
    compression: int = 0
    renegotiation: bool = False
    master_secret: bool = False
    encrypt_then_mac: bool = False
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    unread: int = 0
    asks_certificate: bool | None = None
    kinds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Declined:
    """A no in so many words.

    Attributes:
        words: what said it ("alert protocol_version", "TLSv1.0 picked").
        sure: it can mean nothing else; handshake_failure and insufficient_security are not, until a differently shaped
            hello gets them too.
        version: the other version that was picked, or None.
        suite: the suite that was picked before the alert came, or None.
        spoken: the version of the record that an alert came in; 0 where it was none.
    """

    words: str
    sure: bool
    version: int | None = None
    suite: int | None = None
    spoken: int = 0

    @property
    def said(self) -> str:
        """The words without the suite that they came after."""
        return self.words.partition(" after ")[0]


@dataclass(frozen=True)
class Lost:
    """Nothing is known.

    Attributes:
        words: what happened.
        repeats: it would mean something if it were the same every time (a reset, close or alert, not a time-out).
        final: asking again is no use (stopped, out of budget, nothing listens).
        suite: the suite that was picked before, or None.
    """

    words: str
    repeats: bool = False
    final: bool = False
    suite: int | None = None


Reply = Picked | Declined | Lost
