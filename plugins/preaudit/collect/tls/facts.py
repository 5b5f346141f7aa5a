"""What accepting answers and handshakes show beyond suites: extensions, compression, DH sizes, client certificates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from preaudit.collect.tls.hello import Shape
from preaudit.collect.tls.modern import Shaken
from preaudit.collect.tls.registry import SSL3, STANDARD_FIELD_BITS, SUITES, TLS10, TLS12, TLS13
from preaudit.collect.tls.reply import Picked
from preaudit.collect.tls.versions import Spoken
from preaudit.endpoint import Answer, Fact

_NONE_SEEN = "no answer of TLS 1.2 or older was seen that could show it"


@dataclass(frozen=True)
class Facts:
    """Facts of the answers; see `preaudit.endpoint.Tls`."""

    secure_renegotiation: Fact
    extended_master_secret: Fact
    encrypt_then_mac: Fact
    compression: Fact
    dh_bits: tuple[int, ...]


def _fact(picks: Sequence[Picked], shows: Callable[[Picked], bool], *, good: bool) -> Fact:
    """The fact over all answers: one that shows the bad state decides."""
    values = {shows(pick) for pick in picks}
    if not values:
        return Fact(None, _NONE_SEEN)
    return Fact(good if values == {good} else not good)


def of_answers(seen: Sequence[tuple[Shape, Picked]]) -> Facts:
    """Reduce all accepting answers; extensions are read of those whose hello offered them."""
    extended = [(shape, pick) for shape, pick in seen if TLS10 <= pick.version <= TLS12]
    full = [pick for shape, pick in extended if shape is Shape.FULL]
    blocks = [pick for pick in full if "_CBC_" in SUITES[pick.suite].name]
    packed = [pick for shape, pick in seen if shape is Shape.FULL and SSL3 <= pick.version <= TLS12]
    return Facts(
        secure_renegotiation=_fact([pick for _, pick in extended], lambda pick: pick.renegotiation, good=True),
        extended_master_secret=_fact(full, lambda pick: pick.master_secret, good=True),
        encrypt_then_mac=_fact(blocks, lambda pick: pick.encrypt_then_mac, good=True),
        compression=_fact(packed, lambda pick: pick.compression != 0, good=False),
        dh_bits=_finite_fields(seen),
    )


def _finite_fields(seen: Sequence[tuple[Shape, Picked]]) -> tuple[int, ...]:
    """Sizes of finite fields, sorted.

    Plain hellos offer the standard fields, and a server that knows them then leaves its own, weaker one alone
    (RFC 7919): where no other hello brought a size, a standard one tells nothing.
    """
    plain = {pick.dh_bits for shape, pick in seen if pick.dh_bits and shape is Shape.PLAIN}
    other = {pick.dh_bits for shape, pick in seen if pick.dh_bits and shape is not Shape.PLAIN}
    return tuple(sorted(plain | other if other else plain - STANDARD_FIELD_BITS))


def client_certificate(seen: Sequence[tuple[Shape, Picked]], modern: Sequence[bool | None]) -> Fact:
    """Whether it asks for a client certificate, in every answer and handshake of TLS 1.3.

    Servers send no CertificateRequest with suites that need no server certificate, so those answers do not count.
    """
    classic = [pick.asks_certificate for _, pick in seen if SSL3 <= pick.version < TLS13 and pick.chain]
    values = {value for value in (*classic, *modern) if value is not None}
    if len(values) == 1:
        return Fact(values.pop())
    return Fact(None, "it asks some clients and not others" if values else "no handshake went far enough to show it")


def without_certificate(last: tuple[int, Shaken] | None, spoken: dict[int, Spoken]) -> tuple[Answer, str]:
    """What a handshake without client certificate came to."""
    if last is None:
        old = all(one.answer in {Answer.REFUSED, Answer.CUT_OFF} for code, one in spoken.items() if code >= TLS10)
        return Answer.INCONCLUSIVE, "no handshake of SSLv2 or SSLv3 is done" if old else "no handshake was done"
    _, shaken = last
    if shaken.refused:
        return Answer.REFUSED, shaken.refused
    if shaken.finished and shaken.quiet and not shaken.failure:
        return Answer.ACCEPTED, ""
    return Answer.INCONCLUSIVE, shaken.failure
