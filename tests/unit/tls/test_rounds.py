"""One version's questions, one by one: what is made of each answer."""

from __future__ import annotations

import time

import pytest

from preaudit.collect.tls.asking import Asking
from preaudit.collect.tls.connection import Reset
from preaudit.collect.tls.pace import HostGate
from preaudit.collect.tls.registry import SUITES, TLS12, suites_of
from preaudit.collect.tls.rounds import Round, sibling
from preaudit.collect.tls.steady import Alive, Steady
from preaudit.collect.tls.twice import Twice
from tests.unit.tls.scripted import Network, Script, Weak, alert
from tests.unit.tls.test_faults import QUICK

THREE = Weak({TLS12: (0xC02F, 0xC030, 0xCCA8)}, groups=(29, 23, 24))
OTHER_ORDER = Weak({TLS12: (0xC030, 0xC02F)}, groups=(29, 24), own_order=True)


def begun(weak: Weak, script: Script = lambda _, __: None) -> tuple[Round, Twice, Steady]:
    """A round after its first noes."""
    network = Network(weak, script)
    steady = Steady(Asking(network.dial, pace=QUICK, gate=HostGate(QUICK), ends=time.monotonic() + 20, stop=None), "")
    first = steady.find((TLS12,))
    twice = Twice(steady)
    one = Round(steady, twice, TLS12, first, suites_of(TLS12), whole=True)
    one.ask()
    return one, twice, steady


def ended(one: Round, twice: Twice, steady: Steady) -> Round:
    one.ask_held()
    steady.alive()
    twice.ask_again(one.claims)
    steady.alive()
    return one


def test_a_suite_and_a_group_are_learnt_at_once() -> None:
    one, twice, steady = begun(THREE)
    assert steady.connections == 4
    assert (set(one.picks), one.groups) == ({0xC02F, 0xCCA8}, [29, 24])
    assert (one.held.suite, one.held.group) == (0xC030, 23)
    swept, grouped = ended(one, twice, steady).result()
    assert {pick.suite for pick in swept.picks} == set(THREE.suites[TLS12])
    assert swept.complete
    assert swept.server_order is False
    assert (set(grouped.groups), grouped.complete) == ({29, 23, 24}, True)
    assert not set(swept.refused) & set(THREE.suites[TLS12])


def test_nothing_is_known_before_what_was_kept_back() -> None:
    one, twice, steady = begun(THREE)
    steady.alive()
    twice.ask_again(one.claims)
    steady.alive()
    assert all(map(twice.holds, one.claims))
    assert one.result() is None
    one.ask_held()
    assert one.result() is not None


def test_nothing_is_known_of_a_server_whose_control_has_failed() -> None:
    one, twice, steady = begun(THREE, lambda count, _: Reset("connection reset") if count == 4 else None)
    assert steady.alive() is Alive.RECOVERED
    ended(one, twice, steady)
    assert all(map(twice.holds, one.claims))
    assert one.result() is None


@pytest.mark.parametrize("answer", [Reset("connection reset"), b"", alert(70), alert(80), alert(47)])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_anything_but_a_plain_no_breaks_the_round(answer, number) -> None:
    one, twice, steady = begun(THREE, lambda count, _: answer if count == number else None)
    assert one.broken
    assert ended(one, twice, steady).result() is None


def test_a_no_and_a_yes_to_the_same_group_break_the_round() -> None:
    one, _, _ = begun(Weak(THREE.suites, (29, 24)), lambda count, _: alert(40) if count == 1 else None)
    assert one.broken


def test_what_was_kept_back_says_nothing_about_an_offer_without_it() -> None:
    """Its sibling was not on offer when the groups were refused, as nothing else was accepted: that was no no to them."""
    one, _, steady = begun(OTHER_ORDER)
    assert (set(one.picks), one.groups) == ({0xC030, 0xC02F}, [29, 24])
    assert [claim.first for claim in one.claims] == [5, 7]
    assert steady.connections == 7


def test_what_was_kept_back_and_is_refused_is_asked_for_among_all_others() -> None:
    one, twice, steady = begun(Weak({TLS12: (0xC02F, 0xCCA8)}, groups=(29, 24)))
    assert one.held
    assert not one.ask_held()
    assert not one.held
    swept, grouped = ended(one, twice, steady).result()
    assert {0xC030} <= set(swept.refused)
    assert set(grouped.groups) == {29, 24}


@pytest.mark.parametrize(("name", "other"), [
    ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"), ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"), ("TLS_RSA_WITH_AES_256_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ("TLS_RSA_WITH_RC4_128_SHA", None)])  # fmt: skip
def test_siblings(name, other) -> None:
    code = next(code for code, suite in SUITES.items() if suite.name == name)
    found = sibling(code)
    assert (SUITES[found].name if found is not None else None) == other
