"""Every server of the zoo, by every fault of the way: what is weak may become unknown, and never good."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from preaudit.collect.tls.pace import Pace
from preaudit.endpoint import Answer
from tests.tls.comparing import falsely_good
from tests.tls.look import look_through
from tests.tls.proxies import FAULTS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name.replace(" ", "-"))
def test_no_false_green(fault, surveys, spoiled, told):
    wrong = [f"{name}: {said}" for name in surveys for said in falsely_good(surveys[name], spoiled[name, fault])]
    accepted = sum(offer.answer is Answer.ACCEPTED for seen in surveys.values() for offer in seen.offers)
    answers = Counter(offer.answer for name in surveys for offer in spoiled[name, fault].offers)
    still = sum(set(offer.suites) == set(spoiled[name, fault].offer(offer.version).suites) and spoiled[name, fault].offer(offer.version).suites_complete
                for name, seen in surveys.items() for offer in seen.offers if offer.suites_complete)  # fmt: skip
    told[fault.name] = f"of {accepted} accepted versions {answers[Answer.ACCEPTED]} still seen, {still} with every suite"
    assert not wrong, f"{len(wrong)} false answers with {fault.name}:\n" + "\n".join(wrong)


def test_a_delay_changes_nothing(zoo, surveys):
    """Where the way is only slow, all is still found: being careful is no excuse for being blind."""
    sample = [name for name in surveys if name.startswith(("nginx", "go", "envoy"))][:12]
    patient = Pace(at_once=0, per_second=0, connection_seconds=5, endpoint_seconds=60)
    with ThreadPoolExecutor(len(sample)) as pool:
        for name, seen in zip(sample, pool.map(lambda name: look_through(zoo, name, FAULTS[0], patient), sample), strict=True):
            assert [offer.suites for offer in seen.offers] == [offer.suites for offer in surveys[name].offers], name
