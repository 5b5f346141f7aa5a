"""Whatever the network does, nothing that was not seen becomes a good answer."""

from __future__ import annotations

import random
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preaudit.collect.tls.connection import Broken, Reset, TimedOut
from preaudit.collect.tls.facts import of_answers
from preaudit.collect.tls.hello import Shape
from preaudit.collect.tls.pace import Pace
from preaudit.collect.tls.registry import GROUPS, SUITES, VERSION_CODES
from preaudit.collect.tls.reply import Picked
from preaudit.collect.tls.survey import Wanted, survey
from preaudit.endpoint import Answer, Tls
from tests.unit.tls.scripted import CERTIFICATE, Network, Weak, alert, read_hello

QUICK = Pace(at_once=0, per_second=0, connection_seconds=0.02, endpoint_seconds=20, back_offs=(0.001, 0.002), read_seconds=0.001)
WEAK = Weak({0x0301: (0x0005, 0x002F, 0x0033), 0x0303: (0xC02F, 0xC030, 0x009E, 0x002F), 0x0304: (0x1301, 0x1303)}, groups=(29, 23, 24))
STRONG = Weak({0x0303: (0xC02F, 0xCCA8), 0x0304: (0x1301,)})


def look(network: Network, **wanted: object) -> Tls:
    return survey(network.dial, server_name="x.test", pace=QUICK, wanted=Wanted(**wanted))


def honest(seen: Tls, weak: Weak) -> None:
    """No lie: what is said to be refused or complete is so."""
    for offer in seen.offers:
        code = VERSION_CODES[offer.version]
        truth = {SUITES[suite].name for suite in weak.suites.get(code, ())}
        if offer.answer is Answer.REFUSED:
            assert not truth, f"{offer.version} was called refused: {offer.cause}"
        if offer.answer is Answer.ACCEPTED:
            assert truth
        assert set(offer.suites) <= truth
        if offer.suites_complete:
            assert set(offer.suites) == truth, offer
        if offer.groups_complete and any(SUITES[suite].key_exchange == "ec" or code == 0x0304 for suite in weak.suites[code]):
            assert set(offer.groups) == {GROUPS[group] for group in weak.groups}, offer
        assert not set(offer.refused) & truth


@pytest.mark.parametrize("own_order", [False, True])
def test_a_quiet_network_shows_everything(own_order) -> None:
    weak = Weak(WEAK.suites, WEAK.groups, own_order=own_order, bits=1024)
    seen = look(Network(weak))
    honest(seen, weak)
    for version in ("TLSv1.0", "TLSv1.2", "TLSv1.3"):
        offer = seen.offer(version)
        assert offer.answer is Answer.ACCEPTED
        assert offer.suites_complete, offer
        assert offer.groups_complete or version == "TLSv1.0"
        assert offer.server_order is own_order
    assert {one.version for one in seen.offers if one.answer is Answer.REFUSED} == {"SSLv2", "SSLv3", "TLSv1.1"}
    assert seen.dh_bits == (1024,)
    assert len(seen.chains) == 1


@pytest.mark.parametrize("death", range(0, 60, 2))
def test_a_server_that_dies_in_the_middle_leaves_no_lie(death) -> None:
    network = Network(WEAK, refuse_from=death)
    seen = look(network)
    honest(seen, WEAK)
    assert network.connections <= death + 1, "a refused connection is final"


@pytest.mark.parametrize("fault", [Reset("connection reset"), b"", TimedOut("timed out"), alert(80), b"HTTP/1.1 503 \r\n"])
@pytest.mark.parametrize("served", [0, 1, 2, 5, 7, 9, 12, 17, 23, 31])
def test_the_first_connections_only(served, fault) -> None:
    network = Network(WEAK, lambda number, _: fault if number >= served else None)
    seen = look(network)
    honest(seen, WEAK)
    assert not [one for one in seen.offers if one.answer is Answer.CUT_OFF]
    assert network.connections < served + 16, "it gives up when the control is dead"
    if not served:
        assert {one.answer for one in seen.offers} == {Answer.INCONCLUSIVE}
        assert all(one.cause for one in seen.offers)


@pytest.mark.parametrize("fault", [Reset("connection reset"), b"", alert(80), TimedOut("timed out")])
@pytest.mark.parametrize(("burst", "seconds"), [(10, 0.004), (5, 0.002), (25, 0.02)])
def test_a_throttled_server_is_right_or_unknown(burst, seconds, fault) -> None:
    times: list[float] = []

    def throttle(_number: int, _hello: bytes) -> bytes | Exception | None:
        now = time.monotonic()
        times[:] = [one for one in times if one > now - seconds]
        times.append(now)
        return fault if len(times) > burst else None

    honest(look(Network(WEAK, throttle)), WEAK)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.02, 0.6), st.sampled_from([WEAK, STRONG]))
def test_random_faults_make_no_lie(seed, rate, weak) -> None:
    chance = random.Random(seed)
    faults = (Reset("connection reset"), b"", alert(80), alert(10), alert(0, 1), b"\x16\x03\x03\x40\x01", b"\0" * 9, b"\x15\x03\x03\x00\x02\x02")

    def script(_number: int, _hello: bytes) -> bytes | Exception | None:
        return chance.choice(faults) if chance.random() < rate else None

    honest(look(Network(weak, script)), weak)


@pytest.mark.parametrize("fault", [Reset("connection reset"), b"", alert(80)])
@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302])
def test_a_version_that_is_cut_off_each_time(version, fault) -> None:
    weak = Weak({0x0300: (0x0005,), **WEAK.suites})

    def middlebox(_number: int, hello: bytes) -> bytes | Exception | None:
        seen = read_hello(hello)
        return fault if seen is not None and seen.version == version else None

    seen = look(Network(weak, middlebox))
    answers = {VERSION_CODES[one.version]: one for one in seen.offers}
    assert answers[version].answer is Answer.CUT_OFF
    assert "between good controls" in answers[version].cause
    del answers[version]
    assert answers[0x0303].suites_complete
    honest(Tls(offers=tuple(answers.values())), weak)


def test_a_version_that_hangs_is_unknown() -> None:
    def script(_number: int, hello: bytes) -> bytes | Exception | None:
        seen = read_hello(hello)
        return TimedOut("timed out") if seen is not None and seen.version == 0x0301 else None

    offer = look(Network(STRONG, script)).offer("TLSv1.0")
    assert offer.answer is Answer.INCONCLUSIVE
    assert offer.cause == "timed out"


def test_differing_cuts_are_unknown() -> None:
    turns = iter([Reset("connection reset"), b"", Reset("connection reset"), b""] * 9)

    def script(_number: int, hello: bytes) -> bytes | Exception | None:
        seen = read_hello(hello)
        return next(turns) if seen is not None and seen.version == 0x0300 else None

    assert look(Network(STRONG, script)).offer("SSLv3").answer is Answer.INCONCLUSIVE


@pytest.mark.parametrize("fault", [TimedOut("timed out"), Reset("connection reset"), b""])
def test_long_hellos_that_choke_a_server_are_asked_again_in_short(fault) -> None:
    seen = look(Network(WEAK, lambda _, hello: fault if len(hello) - 5 > 255 else None))
    honest(seen, WEAK)
    assert seen.offer("TLSv1.2").suites_complete, seen.offer("TLSv1.2")
    assert seen.offer("TLSv1.0").suites_complete


def test_a_suite_that_crashes_the_server_makes_only_a_few_suites_unknown() -> None:
    def script(_number: int, hello: bytes) -> bytes | Exception | None:
        seen = read_hello(hello)
        return Reset("connection reset") if seen is not None and 0xC100 in seen.suites and seen.version == 0x0303 and 0x1301 not in seen.suites else None

    seen = look(Network(WEAK, script))
    honest(seen, WEAK)
    offer = seen.offer("TLSv1.2")
    assert offer.answer is Answer.ACCEPTED
    assert set(offer.suites) == {SUITES[suite].name for suite in WEAK.suites[0x0303]}
    assert not offer.suites_complete
    assert offer.suites_cause == "connection reset"


def test_a_handshake_failure_for_the_shape_is_no_refusal() -> None:
    def picky(_number: int, hello: bytes) -> bytes | Exception | None:
        # Compression or encrypt_then_mac on offer: this server calls that a failure.
        return alert(40) if b"\0\x16\0\0" in hello[-200:] else None

    seen = look(Network(WEAK, picky))
    honest(seen, WEAK)
    assert seen.offer("TLSv1.2").suites_complete
    assert seen.offer("TLSv1.0").answer is Answer.ACCEPTED


def test_a_pick_that_ends_in_an_alert_is_no_acceptance() -> None:
    from tests.unit.tls.scripted import record, server_hello

    def script(_number: int, hello: bytes) -> bytes | Exception | None:
        seen = read_hello(hello)
        if seen is not None and seen.version == 0x0303 and not seen.versions and 0xC02B in seen.suites:
            return record(22, server_hello(0x0303, 0xC02B)) + alert(40)
        return None

    seen = look(Network(STRONG, script))
    honest(seen, STRONG)
    assert seen.offer("TLSv1.2").suites_complete


def test_a_standard_field_in_answer_to_a_plain_hello_tells_nothing() -> None:
    own, standard, small = (Picked(0x0303, 0x009E, dh_bits=bits) for bits in (1024, 2048, 512))
    assert of_answers([(Shape.FULL, own), (Shape.PLAIN, standard)]).dh_bits == (1024, 2048)
    assert of_answers([(Shape.PLAIN, standard)]).dh_bits == ()
    assert of_answers([(Shape.PLAIN, small), (Shape.PLAIN, standard)]).dh_bits == (512,)
    assert of_answers([(Shape.SMALL, standard)]).dh_bits == (2048,)


def test_verdicts_need_few_connections() -> None:
    banned = ("TLS_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA")
    network = Network(STRONG)
    seen = look(network, depth="verdicts", banned=banned)
    honest(seen, STRONG)
    assert set(seen.offer("TLSv1.2").refused) == set(banned)
    assert network.connections <= 10
    weak = look(Network(WEAK), depth="verdicts", banned=banned)
    honest(weak, WEAK)
    assert "TLS_RSA_WITH_RC4_128_SHA" in weak.offer("TLSv1.0").suites
    assert "TLS_RSA_WITH_AES_128_CBC_SHA" in weak.offer("TLSv1.2").suites


@pytest.mark.parametrize("most", range(1, 40, 3))
def test_a_budget_of_connections_is_kept(most) -> None:
    network = Network(WEAK)
    seen = look(network, max_connections=most)
    assert network.connections <= most
    honest(seen, WEAK)


def test_versions_left_out_are_not_asked_for() -> None:
    network = Network(WEAK)
    seen = look(network, skip=("SSLv2", "SSLv3", "TLSv1.0"))
    assert seen.offer("TLSv1.0").answer is Answer.NOT_ASKED
    assert not [hello for hello in network.hellos if read_hello(hello) is None or read_hello(hello).version < 0x0302]


def test_stop_ends_a_hanging_survey_within_a_second() -> None:
    class Hanging:
        def send(self, data, deadline) -> None: ...

        def receive(self, limit, deadline) -> bytes:
            time.sleep(max(0, deadline - time.monotonic()))
            raise TimedOut("timed out")

        def close(self) -> None: ...

    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    begun = time.monotonic()
    seen = survey(lambda _: Hanging(), stop=stop, pace=Pace(connection_seconds=30))
    assert time.monotonic() - begun < 1.0
    assert {one.answer for one in seen.offers} == {Answer.INCONCLUSIVE}


def test_a_slow_drip_meets_the_deadline() -> None:
    class Drip:
        def send(self, data, deadline) -> None: ...

        def receive(self, limit, deadline) -> bytes:
            time.sleep(0.01)
            return b"\x16" if not hasattr(self, "begun") and not setattr(self, "begun", True) else b"\3"

        def close(self) -> None: ...

    begun = time.monotonic()
    survey(lambda _: Drip(), pace=Pace(connection_seconds=0.2, endpoint_seconds=1))
    assert time.monotonic() - begun < 1.5


def test_an_endless_answer_is_given_up() -> None:
    class Endless:
        sent = 0

        def send(self, data, deadline) -> None: ...

        def receive(self, limit, deadline) -> bytes:
            Endless.sent += limit
            return (b"\x16\3\3\x40\0" + b"\x0b\3\xff\xff" + bytes(0x3FFC))[:limit]

        def close(self) -> None: ...

    seen = survey(lambda _: Endless(), pace=QUICK)
    assert {one.answer for one in seen.offers} == {Answer.INCONCLUSIVE}
    assert Endless.sent < 8 * 330 * 1024


def test_a_dial_that_breaks_is_inconclusive() -> None:
    def dial(_deadline: float) -> None:
        raise Broken("STARTTLS was refused")

    seen = survey(dial, pace=QUICK)
    assert {one.cause for one in seen.offers} == {"STARTTLS was refused"}
    assert not seen.chains
    assert CERTIFICATE
