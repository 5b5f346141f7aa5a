"""Servers with habits that real ones have: what they have is found, or not denied, without any fault on the way."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from preaudit.collect.tls.facts import client_certificate
from preaudit.collect.tls.hello import Shape
from preaudit.collect.tls.registry import CLASSIC_SUITES, SUITES
from preaudit.collect.tls.reply import Picked
from preaudit.endpoint import Answer
from tests.unit.tls.scripted import CERTIFICATE, Network, Weak, alert, read_hello, record, server_hello
from tests.unit.tls.test_course import BANNED, WANTED
from tests.unit.tls.test_faults import honest, look

OLD = Weak({0x0301: (0x0005, 0x002F), 0x0302: (0x0005, 0x002F), 0x0303: (0x0005, 0xC02F, 0x002F)})
MODERN = Weak({**OLD.suites, 0x0304: (0x1301, 0x1302)})
MASTER_SECRET = b"\0\x17\0\0"

both_depths = pytest.mark.parametrize("depth", WANTED)


@both_depths
@pytest.mark.parametrize("weak", [OLD, MODERN], ids=["1.0 to 1.2", "1.0 to 1.3"])
@pytest.mark.parametrize("code", [40, 71])
@pytest.mark.parametrize("most", [64, 127, 150, 300])
def test_long_lists_of_suites_are_refused(weak, code, most, depth) -> None:
    """Old appliances do so; that a version is refused must not be concluded from the length of a list."""
    def script(_: int, hello: bytes) -> bytes | None:
        seen = read_hello(hello)
        return alert(code) if seen is not None and len(seen.suites) > most else None

    seen = look(Network(weak, script), **WANTED[depth])
    honest(seen, weak)
    assert [seen.offer(one).answer for one in ("TLSv1.0", "TLSv1.1", "TLSv1.2")] == [Answer.ACCEPTED] * 3


@both_depths
@pytest.mark.parametrize("most", [64, 100, 128, 200])
def test_the_head_of_a_list_is_read(most, depth) -> None:
    """Forwards and backwards, the broken suites that libraries have had stand within the first 64."""
    class Forgetful(Weak):
        def answer(self, data: bytes) -> bytes:
            seen = read_hello(data)
            known = {*seen.suites[:most]} if seen is not None and seen.suites else set()
            return Weak(replace_all(self.suites, known), self.groups, own_order=self.own_order).answer(data)

    for broken in (0xC011, 0xC012, 0xC010, 0xC018, 0x0018, 0x0034, 0x0096, 0x0009, 0x0003):
        weak = Forgetful({0x0303: (0xC030, broken)}, own_order=True)
        wanted = {**WANTED[depth], **({"banned": (*BANNED, SUITES[broken].name)} if depth == "verdicts" else {})}
        honest_of_accepted(look(Network(weak), **wanted), {SUITES[broken].name})


def replace_all(suites: dict[int, tuple[int, ...]], known: set[int]) -> dict[int, tuple[int, ...]]:
    return {version: tuple(one for one in accepted if one in known) for version, accepted in suites.items()}


def honest_of_accepted(seen, names: set[str]) -> None:
    offer = seen.offer("TLSv1.2")
    assert names <= {*offer.suites} or not (offer.suites_complete or names & {*offer.refused})


def test_broken_suites_stand_at_either_end() -> None:
    ends = {*CLASSIC_SUITES[:64], *CLASSIC_SUITES[-64:]}
    words = ("_WITH_RC4_", "_WITH_3DES_", "_WITH_DES_", "_WITH_NULL_", "_WITH_SEED_", "_WITH_IDEA_", "_WITH_RC2_")
    authenticated = tuple(f"TLS_{one}" for one in ("RSA", "DHE_RSA", "ECDHE_RSA", "ECDHE_ECDSA", "DH_anon", "ECDH_anon"))
    for code in CLASSIC_SUITES:
        name = SUITES[code].name
        if name.partition("_WITH_")[0].replace("_EXPORT1024", "").replace("_EXPORT", "") in authenticated and any(word in name for word in words):
            assert code in ends, name


@both_depths
@pytest.mark.parametrize("fault", [alert(40), alert(80)], ids=["failure", "internal"])
def test_extended_master_secret_is_demanded(fault, depth) -> None:
    """Without it no hello up to TLS 1.2 is answered; one hello is lost besides."""
    def demands(hello: bytes) -> bytes | None:
        seen = read_hello(hello)
        return alert(40) if seen is not None and not seen.versions and MASTER_SECRET not in hello else None

    for lost in range(-1, 30):
        seen = look(Network(MODERN, lambda number, hello, lost=lost: fault if number == lost else demands(hello)), **WANTED[depth])
        honest(seen, MODERN)


def no_signature(hello: bytes, weak: Weak) -> bytes:
    """The answer up to the Certificate, and then the alert of a server that cannot sign."""
    answer = weak.answer(hello)
    seen = read_hello(hello)
    if seen is None or answer[:1] != b"\x16" or seen.versions:
        return answer
    suite = next((one for one in seen.suites if one in weak.suites.get(seen.version, ()) and SUITES[one].key_exchange), None)
    return answer if suite is None else record(22, server_hello(seen.version, suite), seen.version) + alert(40)


@pytest.mark.parametrize("name", ["inventory", "verdicts"])
def test_who_cannot_sign_now_and_then_has_its_suites(name) -> None:
    weak = Weak({0x0303: (0xC02F, 0xC030, 0xC012, 0x002F)}, groups=(29, 23))
    for length, first in itertools.product((1, 2, 5), range(1, 20)):
        network = Network(weak, lambda number, hello, first=first, length=length: no_signature(hello, weak) if first <= number < first + length else None)
        honest(look(network, **WANTED[name]), weak)
    for period, beat in ((3, 0), (3, 1), (3, 2), (4, 0), (4, 1)):
        network = Network(weak, lambda number, hello, period=period, beat=beat: no_signature(hello, weak) if number % period == beat else None)
        honest(look(network, **WANTED[name]), weak)


def test_who_never_signs_has_no_such_suite() -> None:
    weak = Weak({0x0303: (0xC02F, 0xC030, 0x002F, 0x0035), 0x0304: (0x1301,)}, groups=(29, 23))
    offer = look(Network(weak, lambda _, hello: no_signature(hello, weak))).offer("TLSv1.2")
    assert (set(offer.suites), offer.suites_complete) == ({"TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA"}, True)


@pytest.mark.parametrize("code", [40, 70, 71])
def test_tls_13_is_spoken_beside_tls_12_only(code) -> None:
    def script(_: int, hello: bytes) -> bytes | None:
        seen = read_hello(hello)
        return alert(code) if seen is not None and seen.versions == (0x0304,) else None

    seen = look(Network(replace(MODERN, refusal=71), script))
    offer = seen.offer("TLSv1.3")
    honest(seen, MODERN)
    assert (offer.answer, offer.suites_complete, offer.groups_complete) == (Answer.ACCEPTED, False, False)
    assert offer.suites_cause == "it refuses hellos that offer TLS 1.3 alone, so that its other suites and groups cannot be asked for"


@pytest.mark.parametrize(("classic", "modern", "value"), [((True,), (True,), True), ((False,), (False, None), False), ((False,), (True,), None), ((), (True, False), None), ((), (None,), None)])
def test_who_asks_some_for_a_certificate_does_not_demand_it(classic, modern, value) -> None:
    picks = [(Shape.FULL, Picked(0x0303, 0xC02F, chain=(CERTIFICATE,), asks_certificate=asks)) for asks in classic]
    assert client_certificate(picks, modern).value is value
