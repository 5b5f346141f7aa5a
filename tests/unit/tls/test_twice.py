"""Which two noes are a refusal."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from preaudit.collect.tls.reply import Declined, Lost, Picked
from preaudit.collect.tls.steady import YES, Alive
from preaudit.collect.tls.twice import Claim, No, Twice

FAILURE, VERSION = "alert handshake_failure", "alert protocol_version"
NO = Declined(FAILURE, sure=False)


class Told(SimpleNamespace):
    """What was said on each connection, one word a piece; the control says yes for as long as `controls` last."""

    def __init__(self, *told: str, controls: int = 9) -> None:
        super().__init__(noted=[(number, words) for number, words in enumerate(told, 1)], connections=len(told), dead=None, controls=controls)

    def say(self, words: str) -> None:
        self.connections += 1
        self.noted.append((self.connections, words))

    def alive(self) -> Alive:
        self.controls -= 1
        self.say(YES if self.controls >= 0 else FAILURE)
        return Alive.GOOD if self.controls >= 0 else Alive.DEAD

    def no(self) -> Declined:
        self.say(FAILURE)
        return NO


def claim(first: int, second: int = 0, words: str = FAILURE) -> Claim:
    return Claim(first, words, lambda: NO, second)


@pytest.mark.parametrize(
    ("told", "first", "second", "holds"),
    [
        ((YES, FAILURE, YES, FAILURE, YES), 2, 4, False),  # every other connection fails
        ((YES, YES, FAILURE, YES, YES, FAILURE, YES), 3, 6, False),  # every third
        ((YES, FAILURE, VERSION, YES, FAILURE, YES, YES), 2, 5, False),  # every third, nothing else on its beat
        ((YES, FAILURE, VERSION, YES, FAILURE, YES, YES, YES), 2, 5, True),  # the last yes is on the beat
        ((YES, YES, FAILURE, YES, FAILURE, YES), 3, 5, True),
        ((YES, YES, FAILURE, VERSION, FAILURE, YES), 3, 5, True),  # another no tells as well that the server speaks
        ((YES, YES, FAILURE, FAILURE, YES), 3, 4, False),  # nothing in between
        ((YES, YES, FAILURE, FAILURE, FAILURE, YES), 3, 5, False),  # the same in between
        ((YES, YES, FAILURE, YES, FAILURE), 3, 5, False),  # no yes after it
        ((YES, YES, FAILURE, YES, FAILURE, VERSION), 3, 5, False),  # a no does not vouch
        ((YES, YES, FAILURE, YES, YES), 3, 0, False),  # asked once only
    ],
)
def test_a_refusal(told, first, second, holds) -> None:
    assert Twice(Told(*told)).holds(claim(first, second)) is holds


def test_a_yes_refutes() -> None:
    told = Told(YES, YES, FAILURE, YES)
    one = Claim(3, FAILURE, lambda: told.say(YES) or Picked(0x0303, 0xC02F))
    Twice(told).ask_again([one])
    assert one.refuted
    told.say(YES)
    assert not Twice(told).holds(one)


def test_second_questions_are_put_where_no_rhythm_fits() -> None:
    told = Told(YES, YES, YES, FAILURE, FAILURE, FAILURE, YES)
    claims = [Claim(first, FAILURE, told.no) for first in (4, 5, 6)]
    twice = Twice(told)
    twice.ask_again(claims)
    told.say(YES)
    assert all(map(twice.holds, claims))
    assert told.connections == 11, "no control was needed"


def test_the_other_one_of_two_servers_in_turn_is_asked_where_that_can_be() -> None:
    told = Told(*[YES] * 7, FAILURE, YES, YES, FAILURE, YES)
    claims = [Claim(first, FAILURE, told.no) for first in (11, 8)]
    Twice(told).ask_again(claims)
    assert [(one.first, one.second) for one in claims] == [(11, 14), (8, 13)]


def test_a_control_makes_room_where_no_order_does() -> None:
    told = Told(YES, FAILURE, YES)
    one, twice = Claim(2, FAILURE, told.no), Twice(told)
    twice.ask_again([one])
    told.say(YES)
    assert twice.holds(one)
    assert one.second > 4


def test_only_a_ripe_question_is_put_on_the_way() -> None:
    told = Told(YES, YES, YES, FAILURE)
    one, twice = Claim(4, FAILURE, told.no), Twice(told)
    for words in (VERSION, VERSION):
        twice.ask_again([one], ripe=True)
        assert not one.second, "nothing lies between, or a balancer would send it to the same server"
        told.say(words)
    twice.ask_again([one], ripe=True)
    assert one.second == 7


def test_insisting_runs_controls_until_a_no_counts() -> None:
    told = Told(YES, YES, FAILURE)
    assert Twice(told).insist(No(3, FAILURE), told.no) is NO
    assert told.noted[3:] == [(4, YES), (5, FAILURE)]
    lonely = Told(FAILURE)
    assert Twice(lonely).insist(No(1, FAILURE), lonely.no) is NO
    assert lonely.connections == 6, "five connections on, which no rhythm of up to four reaches"


@pytest.mark.parametrize("controls", [0, 1])
def test_a_failing_control_leaves_a_no_unknown(controls) -> None:
    told = Told(FAILURE, controls=controls)
    assert isinstance(Twice(told).insist(No(1, FAILURE), told.no), Lost)


def test_what_was_picked_instead_is_told() -> None:
    told, pick = Told(YES, YES, FAILURE, YES), Picked(0x0303, 0xC02F)
    assert Twice(told).insist(No(3, FAILURE), lambda: pick) is pick


def test_a_no_after_a_pick_is_in_the_words_of_its_alert() -> None:
    """Else the same fault at two suites would be two different answers, each of which proves the other."""
    after = Declined("alert handshake_failure after TLS_RSA_WITH_AES_128_CBC_SHA was picked", sure=False, suite=0x002F)
    assert No.of(3, after) == No(3, "alert handshake_failure", picked=True)
    assert No.of(4, Declined("alert handshake_failure", sure=False)) == No(4, "alert handshake_failure")
