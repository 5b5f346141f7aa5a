"""Asking for verdicts only: every banned suite that is accepted is found, in few connections, and none is called refused."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from preaudit.collect.tls.survey import Wanted, survey
from preaudit.endpoint import Answer
from tests.tls.comparing import falsely_good
from tests.tls.look import HASTY, INVENTORY, THOROUGH, dial, look_through
from tests.tls.proxies import FAULTS, Fault, Over

THREADS = 16
_BANNED = re.compile(r"NULL|EXPORT|_anon_|RC4|RC2|_DES|3DES|IDEA|SEED|MD5|TLS_RSA_WITH_|GOST|CBC_SHA$")
SPOILT = (*FAULTS[1:3], Fault(name="answers 6, then resets", first=6), Fault(name="answers 5, then fails", first=5, over=Over.FAILURE),
          Fault(name="a pause of two", first=8, outage=2), Fault(name="fails five times", first=3, outage=5, over=Over.FAILURE),
          *(Fault(name=f"fails each third time from {one} on", first=one, every=3, over=Over.FAILURE) for one in range(3)))  # fmt: skip


@pytest.fixture(scope="module")
def wanted(zoo):
    """What a strict profile would ban, of all that the zoo speaks."""
    names = {one for server in zoo.servers.values() for taken in server.truth.suites.values() for one in taken}
    return Wanted(depth="verdicts", banned=tuple(sorted(name for name in names if _BANNED.search(name))))


def _counted(zoo, name, asked):
    """A survey and its number of connections."""
    count = [0]
    opens = dial(zoo.ports[name], zoo.servers[name].starttls)

    def counting(deadline):
        count[0] += 1
        return opens(deadline)

    seen = survey(counting, server_name=zoo.servers[name].server_name, wanted=asked, pace=THOROUGH)
    return seen, count[0]


def test_verdicts_equal_truth(zoo, wanted, told):
    began, wrong, banned = time.monotonic(), [], set(wanted.banned)
    with ThreadPoolExecutor(THREADS) as pool:
        found = dict(zip(zoo.servers, pool.map(lambda name: _counted(zoo, name, wanted), zoo.servers), strict=True))
    for name, (seen, _) in found.items():
        for version, taken in zoo.servers[name].truth.suites.items():
            offer = seen.offer(version)
            if offer.answer is not Answer.ACCEPTED:
                wrong.append(f"{name} {version}: {offer.answer} ({offer.cause})")
            if version != "SSLv2" and (missed := (taken & banned) - set(offer.suites)):
                wrong.append(f"{name} {version}: missed {sorted(missed)} ({offer.suites_cause})")
            if taken & set(offer.refused):
                wrong.append(f"{name} {version}: refused {sorted(taken & set(offer.refused))}")
    told["connections of verdicts on a server, mean"] = f"{sum(count for _, count in found.values()) / len(found):.0f}"
    told["verdicts on all servers"] = time.monotonic() - began
    assert not wrong, "\n".join(wrong)


def test_connections_are_few(zoo, wanted, told):
    """A good server is asked little; the figures are what a port-forward of 26 ms a connection pays."""
    for name, verdicts, inventory in (("nginx-server-order", 8, 20), ("nginx-first-host", 8, 20), ("go-default", 10, 24), ("nginx-permissive", 95, 140)):
        if name not in zoo.servers:
            continue
        few, many = _counted(zoo, name, wanted)[1], _counted(zoo, name, INVENTORY)[1]
        told[f"connections to {name}"] = f"{few} for verdicts, {many} for everything"
        assert few <= verdicts
        assert many <= inventory


def test_no_false_verdict(zoo, surveys, wanted, told):
    began = time.monotonic()
    pairs = [(name, fault) for name in surveys for fault in SPOILT]
    with ThreadPoolExecutor(THREADS * 2) as pool:
        seen = pool.map(lambda pair: look_through(zoo, *pair, HASTY, wanted), pairs)
        wrong = [f"{name}, {fault.name}: {said}" for (name, fault), one in zip(pairs, seen, strict=True) for said in falsely_good(surveys[name], one)]
    told[f"{len(pairs)} verdicts through faults"] = time.monotonic() - began
    assert not wrong, f"{len(wrong)} false verdicts:\n" + "\n".join(wrong)
