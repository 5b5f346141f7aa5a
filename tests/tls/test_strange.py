"""Weak servers with odd habits: what they accept is found, or not known; it is never refused or complete without."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from preaudit.collect.tls.pace import Pace
from preaudit.collect.tls.survey import survey
from preaudit.endpoint import VERSIONS, Answer
from tests.tls import hostile, strange
from tests.tls.look import dial

PACE = Pace(at_once=4, per_second=0, connection_seconds=2, endpoint_seconds=12, back_offs=(0.02, 0.05), read_seconds=0.1)


@pytest.fixture(scope="module")
def seen(zoo):
    """What the survey says of each; side by side, as most of the time is waiting."""
    der = zoo.identities["rsa"].der

    def look(one):
        with hostile.serving(strange.serving(one, der)) as port:
            return survey(dial(port), server_name="zoo.example", pace=PACE)

    with ThreadPoolExecutor(8) as pool:
        return dict(zip(strange.ALL, pool.map(look, strange.ALL), strict=True))


@pytest.mark.parametrize("one", strange.ALL, ids=lambda one: one.name.replace(" ", "-"))
def test_strange_server(one, seen, told):
    said = seen[one]
    offer = said.offer(one.version)
    assert offer.answer in {Answer.ACCEPTED, Answer.INCONCLUSIVE, Answer.CUT_OFF}, f"{offer.answer} ({offer.cause})"
    assert set(offer.suites) <= one.true
    missed = one.true - set(offer.suites)
    if offer.suites_complete:
        assert not missed, f"called complete without {sorted(missed)}"
    for version in VERSIONS:
        if version != one.version:
            assert said.offer(version).answer is not Answer.ACCEPTED, version
    if not missed:
        told["strange servers seen through"] = told.get("strange servers seen through", 0) + 1
