"""The judges here can go red: each false answer that they exist for is told."""

from __future__ import annotations

import msgspec
import pytest

from preaudit.endpoint import Answer, Chain, Fact, Offer, Tls
from tests.tls.comparing import falsely_good

WEAK = Tls(
    offers=(
        Offer(version="SSLv3", answer=Answer.ACCEPTED, suites=("TLS_RSA_WITH_RC4_128_SHA",), suites_complete=True),
        Offer(version="TLSv1.2", answer=Answer.ACCEPTED, suites=("TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_NULL_SHA"),
              suites_complete=True, groups=("secp256r1",), groups_complete=True),
        Offer(version="TLSv1.3", answer=Answer.REFUSED),
    ),
    chains=(Chain(certificates=("AA==",)), Chain(certificates=("AQ==",))),
    chains_complete=True,
    secure_renegotiation=Fact(False),
    compression=Fact(True),
    client_certificate=Fact(False),
    without_certificate=Answer.ACCEPTED,
    dh_bits=(1024,),
)  # fmt: skip
OLD, NEW, NEWEST = WEAK.offers


def _with(old: Offer = OLD, new: Offer = NEW, newest: Offer = NEWEST, **more: object) -> Tls:
    return msgspec.structs.replace(WEAK, offers=(old, new, newest), **more)


def _but(offer: Offer, **more: object) -> Offer:
    return msgspec.structs.replace(offer, **more)


@pytest.mark.parametrize(
    "spoiled",
    [
        _with(old=Offer(version="SSLv3", answer=Answer.REFUSED, cause="reset")),
        _with(old=Offer(version="SSLv3", answer=Answer.NOT_ASKED, cause="needless")),
        _with(old=Offer(version="SSLv3", answer=Answer.INCONCLUSIVE)),
        _with(old=_but(OLD, suites=())),
        _with(new=_but(NEW, suites=NEW.suites[:1])),
        _with(new=_but(NEW, suites=(*NEW.suites, "TLS_RSA_WITH_IDEA_CBC_SHA"))),
        _with(new=_but(NEW, suites=(), suites_complete=False, refused=NEW.suites[1:])),
        _with(new=_but(NEW, groups=())),
        _with(newest=Offer(version="TLSv1.3", answer=Answer.ACCEPTED)),
        _with(chains=WEAK.chains[:1]),
        _with(secure_renegotiation=Fact(True)),
        _with(compression=Fact(False)),
        _with(client_certificate=Fact(True)),
        _with(without_certificate=Answer.REFUSED),
        _with(dh_bits=(2048,)),
    ],
)
def test_false_answers_are_told(spoiled):
    assert list(falsely_good(WEAK, spoiled))


@pytest.mark.parametrize(
    "spoiled",
    [
        WEAK,
        _with(old=Offer(version="SSLv3", answer=Answer.INCONCLUSIVE, cause="timed out")),
        _with(old=Offer(version="SSLv3", answer=Answer.CUT_OFF, cause="reset 3 times between good controls")),
        _with(new=_but(NEW, suites=(), suites_complete=False)),
        _with(new=_but(NEW, groups=(), groups_complete=False)),
        _with(chains=(), chains_complete=False, dh_bits=(), without_certificate=Answer.INCONCLUSIVE),
        _with(secure_renegotiation=Fact(None, "not seen"), compression=Fact(None, "not seen")),
    ],
)
def test_honest_ignorance_is_not(spoiled):
    assert not list(falsely_good(WEAK, spoiled))
