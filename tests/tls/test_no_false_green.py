"""Every server of the zoo, by every fault of the way: what is weak may become unknown, and never good."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from preaudit.collect.tls.pace import Pace
from preaudit.endpoint import Answer
from tests.tls.comparing import falsely_good
from tests.tls.look import look
from tests.tls.proxies import FAULTS, before

HASTY = Pace(at_once=0, per_second=0, connection_seconds=0.4, endpoint_seconds=4, back_offs=(0.05,), read_seconds=0.1)
"""Small budgets: a scanner in a hurry is the one that is tempted to believe."""
THREADS = 16


@pytest.fixture(scope="module")
def base(surveys):
    """Undisturbed looks; what is not known there can prove nothing here."""
    return surveys


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name.replace(" ", "-"))
def test_no_false_green(fault, zoo, base, told):
    began = time.monotonic()

    def one(name):
        with before(zoo.address(name), fault) as port:
            return look(zoo, name, port=port, pace=HASTY)

    with ThreadPoolExecutor(THREADS) as pool:
        spoiled = dict(zip(base, pool.map(one, base), strict=True))
    wrong = [f"{name}: {said}" for name in base for said in falsely_good(base[name], spoiled[name])]
    answers = Counter(str(offer.answer) for seen in spoiled.values() for offer in seen.offers)
    accepted = sum(offer.answer is Answer.ACCEPTED for seen in base.values() for offer in seen.offers)
    told["combinations of server and fault"] = told.get("combinations of server and fault", 0) + len(spoiled)
    told[f"{fault.name}: {answers['accepted']} of {accepted} accepted versions still seen"] = time.monotonic() - began
    assert not wrong, f"{len(wrong)} false answers with {fault.name}:\n" + "\n".join(wrong[:60])


def test_a_delay_changes_nothing(zoo, base):
    """Where the way is only slow, all is still found: being careful is no excuse for being blind."""
    sample = [name for name in base if name.startswith(("nginx", "go", "envoy"))][:12]
    patient = Pace(at_once=0, per_second=0, connection_seconds=5, endpoint_seconds=60)

    def one(name):
        with before(zoo.address(name), FAULTS[0]) as port:
            return look(zoo, name, port=port, pace=patient)

    with ThreadPoolExecutor(len(sample)) as pool:
        for name, seen in zip(sample, pool.map(one, sample), strict=True):
            assert [offer.suites for offer in seen.offers] == [offer.suites for offer in base[name].offers], name
