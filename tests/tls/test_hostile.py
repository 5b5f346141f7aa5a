"""Hostile servers cost bounded time and memory, raise nothing, and become no good answer."""

from __future__ import annotations

import time
import tracemalloc

import msgspec
import pytest

from preaudit.collect.tls.pace import Pace
from preaudit.collect.tls.survey import survey
from preaudit.collect.tls.trust import Anchor
from preaudit.endpoint import VERSIONS, Answer, Tls
from tests.tls import hostile, hostile_chains
from tests.tls.hostile_floods import FLOODS
from tests.tls.hostile_lies import LIES
from tests.tls.look import dial

PACE = Pace(at_once=0, per_second=0, connection_seconds=0.5, endpoint_seconds=3, back_offs=(0.02,), read_seconds=0.1)
SECONDS = PACE.endpoint_seconds + 3 * PACE.connection_seconds
PEAK_BYTES = 48 << 20
# These answer as TLS servers do, only oddly: a yes of theirs is a yes.
ANSWERING = {"any_suite", "same_suite_always"}


def _look(port, anchor):
    tracemalloc.start()
    began = time.monotonic()
    try:
        seen = survey(dial(port), server_name="zoo.example", pace=PACE, anchors=[anchor])
        return seen, time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _tell(told, seconds, peak):
    """The worst of all, for the summary."""
    told["slowest hostile server"] = max(told.get("slowest hostile server", 0.0), seconds)
    told["most memory for a hostile server, kB"] = max(told.get("most memory for a hostile server, kB", 0), peak >> 10)


@pytest.fixture(scope="module")
def anchor(zoo):
    return Anchor("the zoo's CA", (zoo.folder / "ca.pem").read_bytes())


@pytest.mark.parametrize("serve", [*FLOODS, *LIES], ids=lambda one: one.__name__)
def test_hostile_server(serve, anchor, told):
    with hostile.serving(serve) as port:
        seen, seconds, peak = _look(port, anchor)
    _tell(told, seconds, peak)
    assert seconds < SECONDS
    assert peak < PEAK_BYTES
    # It can be stored: no lone surrogate, no bytes that JSON cannot hold.
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Tls) == seen
    for version in VERSIONS:
        offer = seen.offer(version)
        assert offer.cause
        if serve.__name__ not in ANSWERING:
            assert offer.answer in {Answer.INCONCLUSIVE, Answer.CUT_OFF}, f"{version}: {offer.answer} ({offer.cause})"
            assert not offer.suites_complete
    assert all(len(offer.cause) < 400 for offer in seen.offers)


@pytest.mark.parametrize("make", hostile_chains.MAKERS, ids=lambda one: one.__name__)
def test_hostile_chain(make, anchor, told):
    with hostile.serving(hostile_chains.sending(make())) as port:
        seen, seconds, peak = _look(port, anchor)
    _tell(told, seconds, peak)
    assert seconds < SECONDS
    assert peak < PEAK_BYTES
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Tls) == seen
    assert len(msgspec.json.encode(seen)) < 4 << 20
    assert all(path.trusted is not True for chain in seen.chains for path in chain.paths)
    offer = seen.offer("TLSv1.2")
    assert offer.answer is not Answer.REFUSED
    assert offer.answer is Answer.ACCEPTED or offer.cause
