"""A balancer before servers of which one says no to everything: its noes come by chance, and none of them is believed."""

from __future__ import annotations

import random

import pytest

from preaudit.collect.tls.asking import Hello2
from preaudit.collect.tls.fickle import belied, contradiction, doubted
from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.registry import TLS12, TLS13
from preaudit.collect.tls.reply import Declined, Picked
from preaudit.endpoint import Answer, Offer
from tests.unit.tls.scripted import Network, alert
from tests.unit.tls.test_course import SERVERS, WANTED, seen_through
from tests.unit.tls.test_faults import honest, look

NO = Declined("alert handshake_failure", sure=False)
ACCEPTED = Hello(TLS12, (0xC02F, 0xC030), (29, 23))
YES = Picked(TLS12, 0xC02F, group=29)


@pytest.mark.parametrize(
    "refused",
    [
        ACCEPTED,
        Hello(TLS12, (0xC030, 0xC02F), (23, 29)),
        Hello(TLS12, (0xC02F,), (29, 23)),
        Hello(TLS12, (0x002F, 0xC02F), (24, 23, 29)),
    ],
    ids=["the same", "in another order", "the accepted suite alone", "and more"],
)
def test_a_no_to_what_was_accepted(refused) -> None:
    for told in ([(ACCEPTED, YES), (refused, NO)], [(refused, NO), (ACCEPTED, YES)]):
        assert (
            contradiction(told)
            == "it said yes and no (alert handshake_failure) to the same offer: its noes are not believed"
        )


@pytest.mark.parametrize(
    "refused",
    [
        Hello(TLS12, (0xC030,), (29, 23)), Hello(TLS12, (0xC02F, 0xC030), (23,)), Hello(TLS12, (0xC02F, 0xC030), (29, 23), Shape.PLAIN),
        Hello(TLS13, (0xC02F, 0xC030), (29, 23)), Hello(TLS12, (0xC02F, 0xC030), (29, 23), server_name="other.test"), Hello2(),
    ],
    ids=["other suites", "fewer groups", "another shape", "another version", "another name", "SSLv2"],
)  # fmt: skip
def test_a_no_to_something_else(refused) -> None:
    assert not contradiction([(ACCEPTED, YES), (refused, NO)])


def test_a_no_to_a_suite_of_its_own_choice_is_about_that_suite() -> None:
    assert not contradiction(
        [(ACCEPTED, YES), (ACCEPTED, Declined("alert handshake_failure after …", sure=False, suite=0xC030))]
    )


def test_sslv2_says_yes_and_no() -> None:
    assert contradiction([(Hello2(), Picked(2, 1)), (Hello2(), NO)])
    assert not contradiction([(Hello2(), Picked(2, 1)), (Hello2(plain=True), NO)])


def test_a_doubted_offer_keeps_what_was_accepted() -> None:
    offer = Offer(version="TLSv1.2", answer=Answer.ACCEPTED, suites=("A",), suites_complete=True, refused=("B",), unasked=("C",),
                  groups=("x25519",), groups_complete=True, server_order=True)  # fmt: skip
    seen = doubted(offer, "why")
    assert (seen.answer, seen.suites, seen.groups, seen.server_order) == (Answer.ACCEPTED, ("A",), ("x25519",), True)
    assert (seen.suites_complete, seen.groups_complete, seen.refused, seen.unasked) == (False, False, (), ())
    assert (seen.suites_cause, seen.groups_cause) == ("why", "why")
    for answer in (Answer.REFUSED, Answer.CUT_OFF):
        assert doubted(Offer(version="SSLv3", answer=answer), "why") == Offer(
            version="SSLv3", answer=Answer.INCONCLUSIVE, cause="why"
        )
    left_out = Offer(version="SSLv3", answer=Answer.NOT_ASKED)
    assert doubted(left_out, "why") == left_out


def test_who_was_once_refused_what_it_accepts_is_not_called_good() -> None:
    """The positive control itself is refused once, long after it was accepted."""
    _, count = seen_through(SERVERS["weak"], lambda _, __: None)
    doubtful = 0
    for stray in range(count):
        seen, _ = seen_through(SERVERS["weak"], lambda number, _, stray=stray: alert(40) if number == stray else None)
        honest(seen, SERVERS["weak"])
        doubtful += "yes and no" in seen.offer("SSLv3").cause
    assert doubtful


def one_of(servers: int, code: int, name: str, dice: random.Random) -> Network:
    """A way by a balancer that takes one of so many servers by chance, the first of which refuses all."""
    return Network(SERVERS[name], lambda _, __: alert(code) if dice.randrange(servers) == 0 else None)


@pytest.mark.parametrize("code", [40, 70, 71])
@pytest.mark.parametrize("servers", [2, 3, 10])
def test_one_server_of_many_refuses_all(code, servers) -> None:
    """Two noes in a row by chance cannot be told from a refusal; but hardly ever is that all that comes."""
    runs = [(name, depth, turn) for name in ("good", "lean", "weak") for depth in WANTED for turn in range(15)]
    lies = []
    for name, depth, turn in runs:
        seen = look(one_of(servers, code, name, random.Random(f"{name} {depth} {turn}")), **WANTED[depth])
        try:
            honest(seen, SERVERS[name])
        except AssertionError:
            lies.append((name, depth, turn))
    assert len(lies) <= len(runs) / 15, lies


def test_one_offer_refused_in_different_words() -> None:
    other = Declined("alert protocol_version", sure=True)
    turned = Hello(TLS12, (0xC030, 0xC02F), (23, 29))
    said = "it refused the same offer in different words (alert handshake_failure, alert protocol_version): its noes are not believed"
    assert contradiction([(ACCEPTED, NO), (turned, other)]) == said
    assert not contradiction([(ACCEPTED, NO), (turned, NO), (Hello(TLS12, (0xC030,), (23, 29)), other)])


def test_another_version_is_a_no_as_well() -> None:
    older = Declined("TLSv1.0 picked", sure=True, version=0x0301, suite=0xC02F)
    assert contradiction([(ACCEPTED, YES), (ACCEPTED, older)])


@pytest.mark.parametrize(
    ("offer", "lost"),
    [
        (Offer(version="TLSv1.2", answer=Answer.REFUSED), True), (Offer(version="TLSv1.2", answer=Answer.CUT_OFF), True),
        (Offer(version="TLSv1.2", answer=Answer.ACCEPTED, suites=("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",), suites_complete=True), False),
        (Offer(version="TLSv1.2", answer=Answer.ACCEPTED, suites=("TLS_RSA_WITH_AES_128_CBC_SHA",), suites_complete=True), True),
        (Offer(version="TLSv1.2", answer=Answer.ACCEPTED, refused=("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",)), True),
        (Offer(version="TLSv1.2", answer=Answer.ACCEPTED), False), (Offer(version="TLSv1.1", answer=Answer.REFUSED), False),
    ],
)  # fmt: skip
def test_what_was_picked_was_not_refused(offer, lost) -> None:
    said = belied(offer, [(ACCEPTED, YES), (ACCEPTED, NO)])
    assert said == ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 was picked and refused: its noes are not believed" if lost else "")
