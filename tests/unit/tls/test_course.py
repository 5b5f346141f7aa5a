"""Few connections, and no fault that says the same for a while, or in a rhythm, passes for a refusal."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from preaudit.collect.tls.connection import Reset
from preaudit.collect.tls.registry import BEYOND_MODERN, SUITES, VERSION_CODES
from preaudit.endpoint import Answer, Tls
from tests.unit.tls.scripted import Network, Script, Weak, alert, read_hello, record
from tests.unit.tls.test_faults import WEAK, honest, look

GOOD = Weak({0x0303: (0xC02F, 0xC030, 0xCCA8), 0x0304: (0x1302, 0x1303, 0x1301)}, groups=(29, 23, 24))
OWN = Weak({0x0303: (0xC030, 0xC02F, 0xCCA8, 0x009E, 0x002F), 0x0304: (0x1302, 0x1303, 0x1301)}, groups=(29, 23, 24, 30), own_order=True)
LEAN = Weak({0x0303: (0xC030,), 0x0304: (0x1302,)}, groups=(24,))
ONLY_13 = Weak({0x0304: (0x1302, 0x1301, 0x1303)}, groups=(29, 23), refusal=71)
SIBLINGS = Weak({0x0303: (0xC030, 0xC02F)}, groups=(29, 24), own_order=True)
SERVERS = {"good": GOOD, "own order": OWN, "lean": LEAN, "TLS 1.3 only": ONLY_13, "siblings": SIBLINGS, "weak": WEAK}
BANNED = ("TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_AES_128_GCM_SHA256")
WANTED: dict[str, dict[str, object]] = {"inventory": {}, "verdicts": {"depth": "verdicts", "banned": BANNED}}
FAILURE_OF_SSL3 = record(21, b"\2\x28", 0x0300)

every_server = pytest.mark.parametrize("name", SERVERS)
every_depth = pytest.mark.parametrize("depth", WANTED)


def seen_through(weak: Weak, script: Script, depth: str = "inventory") -> tuple[Tls, int]:
    network = Network(weak, script)
    return look(network, **WANTED[depth]), network.connections


@every_server
@every_depth
@pytest.mark.parametrize("fault", [alert(40), alert(80), Reset("connection reset")], ids=["failure", "internal", "reset"])
def test_an_outage_of_any_length_makes_no_lie(name, depth, fault) -> None:
    weak = SERVERS[name]
    _, count = seen_through(weak, lambda _, __: None, depth)
    for length, first in itertools.product((1, 2, 3, 5, 9), range(1, count + 4, 1 if fault == alert(40) else 3)):
        seen, _ = seen_through(weak, lambda number, _, first=first, length=length: fault if first <= number < first + length else None, depth)
        honest(seen, weak)


@every_server
@every_depth
@pytest.mark.parametrize("period", [2, 3, 4])
def test_a_fault_with_a_rhythm_makes_no_lie(name, depth, period) -> None:
    for beat in range(period):
        seen, _ = seen_through(SERVERS[name], lambda number, _, beat=beat: alert(40) if number % period == beat else None, depth)
        honest(seen, SERVERS[name])


def chokes_on_long_hellos(hello: bytes) -> bytes | Exception | None:
    return Reset("connection reset") if len(hello) - 5 > 255 else None


def knows_no_encrypt_then_mac(hello: bytes) -> bytes | Exception | None:
    return alert(40) if b"\0\x16\0\0" in hello[-200:] else None


@pytest.mark.parametrize("habit", [chokes_on_long_hellos, knows_no_encrypt_then_mac])
@pytest.mark.parametrize("name", ["good", "siblings"])
def test_a_server_with_a_habit_that_fails_for_a_while(name, habit) -> None:
    def script(fails: Callable[[int], bool]) -> Script:
        return lambda number, hello: alert(40) if fails(number) else habit(hello)

    seen, count = seen_through(SERVERS[name], script(lambda _: False))
    assert seen.offer("TLSv1.2").suites_complete
    for length, first in itertools.product((1, 2, 3, 9), range(2, count)):
        honest(seen_through(SERVERS[name], script(lambda number, first=first, length=length: first <= number < first + length))[0], SERVERS[name])
    for period, beat in [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (4, 0), (4, 1), (4, 2), (4, 3)]:
        honest(seen_through(SERVERS[name], script(lambda number, period=period, beat=beat: number % period == beat))[0], SERVERS[name])


@every_server
def test_what_is_kept_back_is_found_or_refused(name) -> None:
    seen, _ = seen_through(SERVERS[name], lambda _, __: None)
    honest(seen, SERVERS[name])
    for offer in seen.offers:
        assert offer.answer in {Answer.ACCEPTED, Answer.REFUSED}
        assert offer.answer is Answer.REFUSED or (offer.suites_complete and (offer.groups_complete or offer.version == "TLSv1.0"))


def test_a_good_server_is_asked_little() -> None:
    """No handshake comes to its end here, which tells that TLS 1.3 is spoken and vouches for the noes elsewhere."""
    seen, count = seen_through(Weak({0x0303: GOOD.suites[0x0303]}, GOOD.groups), lambda _, __: None)
    assert seen.offer("TLSv1.2").groups_complete
    assert count <= 20
    assert seen_through(GOOD, lambda _, __: None, "verdicts")[1] <= 14


@pytest.mark.parametrize("own_order", [False, True])
@pytest.mark.parametrize("groups", [(29,), (29, 23), (29, 23, 24, 25, 30)])
def test_whose_order_counts_is_seen_on_the_way(own_order, groups) -> None:
    for count in (2, 3, 4):
        for suites in itertools.permutations((0xC02F, 0xC030, 0xCCA8, 0x002F), count):
            seen, _ = seen_through(Weak({0x0303: suites}, groups, own_order=own_order), lambda _, __: None)
            assert set(seen.offer("TLSv1.2").suites) == {SUITES[code].name for code in suites}
            assert seen.offer("TLSv1.2").server_order is own_order, [hex(code) for code in suites]


@pytest.mark.parametrize("alike", [(0xC02F, 0xC030, 0xCCA8), (0x002F, 0x0035, 0x009C), (0xC02B, 0xC02C), (0x009E, 0x009F)])
def test_groups_are_known_in_full_or_not_at_all(alike) -> None:
    weak = Weak({0x0303: alike}, groups=(29, 24))
    offer = seen_through(weak, lambda _, __: None)[0].offer("TLSv1.2")
    assert offer.suites_complete
    if alike[0] == 0xC02F:
        assert (set(offer.groups), offer.groups_complete) == ({"x25519", "secp384r1"}, True)
    elif alike[0] == 0xC02B:
        assert not offer.groups_complete, "the certificate cannot be read here, so its curve is not known"


def sorted_by_version(hello: bytes) -> bytes | None:
    """What a balancer does that sends each version to a server of its own; none of them speaks TLS 1.0 and 1.1."""
    seen = read_hello(hello)
    return alert(70) if seen is not None and seen.version in {0x0301, 0x0302} else None


def test_ssl3_is_not_judged_by_its_neighbours_alone() -> None:
    weak = Weak({0x0300: (0x0005,), 0x0303: (0xC02F, 0xC030)})
    assert seen_through(weak, lambda _, hello: sorted_by_version(hello))[0].offer("SSLv3").answer is Answer.ACCEPTED
    for stray in range(1, 12):
        seen, _ = seen_through(weak, lambda number, hello, stray=stray: alert(40) if number == stray else sorted_by_version(hello))
        assert seen.offer("SSLv3").answer is not Answer.REFUSED, stray


@pytest.mark.parametrize(("no", "hellos"), [(FAILURE_OF_SSL3, 1), (alert(40), 3)])
def test_a_no_of_ssl3_itself_needs_no_further_hello(no, hellos) -> None:
    weak = Weak({0x0303: (0xC02F, 0xC030)})
    network = Network(weak, lambda _, hello: no if _is_ssl3(hello) else None)
    assert look(network).offer("SSLv3").answer is Answer.REFUSED
    assert sum(map(_is_ssl3, network.hellos)) == hellos


def _is_ssl3(hello: bytes) -> bool:
    seen = read_hello(hello)
    return seen is not None and seen.version == 0x0300


WIDE = (0xC02F, 0xC030, 0xCCA8, 0x009E, 0x009F, 0x002F, 0x0035, 0x0033, 0x0039, 0x003C, 0x003D, 0xC013, 0xC014, 0xC027, 0xC028, 0x0067, 0x006B)


@pytest.mark.parametrize("suites", [{0x0303: WIDE}, {0x0303: WIDE, 0x0304: (0x1302,)}])
def test_few_connections_tell_every_version_and_then_what_they_can(suites) -> None:
    weak = Weak(suites, own_order=True)
    network = Network(weak)
    seen = look(network, depth="verdicts", banned=BEYOND_MODERN, max_connections=19, chains=True)
    honest(seen, weak)
    assert network.connections == 19
    assert all(one.answer is (Answer.ACCEPTED if VERSION_CODES[one.version] in suites else Answer.REFUSED) for one in seen.offers)
    assert len(seen.offer("TLSv1.2").suites) >= 8


def test_versions_that_give_no_clear_answer_keep_no_suite_from_being_seen() -> None:
    weak = Weak({0x0303: (0xC02F, 0x002F)}, own_order=True)

    def script(_: int, hello: bytes) -> bytes | None:
        seen = read_hello(hello)
        return alert(80) if seen is None or seen.version < 0x0303 else None

    seen = look(Network(weak, script), depth="verdicts", banned=BEYOND_MODERN, max_connections=19, chains=True)
    assert "TLS_RSA_WITH_AES_128_CBC_SHA" in seen.offer("TLSv1.2").suites
