"""The verdicts about every server of the zoo, in every profile, are those of a table that a person has read.

``python -m tests.tls.test_verdict_table`` writes the table anew: read what changed before you keep it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from preaudit.verdict import Verdict
from tests.tls.judging import PROFILES, endpoint, judged
from tests.tls.look import look_at_all
from tests.tls.proxies import FAULTS
from tests.tls.zoo import running

TABLE = Path(__file__).with_name("verdicts.tsv")
SHOWN = {Verdict.FAIL: "fail", Verdict.UNKNOWN: "unknown"}
BETTER = {Verdict.PASS, Verdict.NOT_APPLICABLE, Verdict.WAIVED}


def endpoints(zoo, surveys):
    return [endpoint(name, tls, zoo.servers[name].server_name, zoo.servers[name].starttls) for name, tls in surveys.items()]


def rows(zoo, surveys):
    """Server, profile, what fails, what is unknown; all else passes or is not applicable."""
    for profile in PROFILES:
        found = judged(endpoints(zoo, surveys), profile)
        for name in sorted(found):
            told = [" ".join(sorted(one for one, verdict in found[name].items() if verdict is kind)) or "-" for kind in SHOWN]
            yield "\t".join((name, profile, *told))


def test_the_verdicts_are_those_of_the_table(zoo, surveys):
    expected = {tuple(row.split("\t")[:2]): row for row in TABLE.read_text().splitlines()[1:]}
    found = {tuple(row.split("\t")[:2]): row for row in rows(zoo, surveys)}
    wrong = [f"expected {expected.get(key)}\n   found {row}" for key, row in found.items() if expected.get(key) != row]
    assert not wrong, "\n".join(wrong)
    assert set(expected) - set(found) == {key for key in expected if key[0] in zoo.left_out}


def test_the_worst_servers_fail_everywhere(zoo, surveys):
    """Not one server that offers what no profile takes comes out without a fail."""
    for profile in PROFILES:
        found = judged(endpoints(zoo, surveys), profile)
        for name, tls in surveys.items():
            if any(offer.answer.value == "accepted" for offer in tls.offers[:4]):
                assert Verdict.FAIL in found[name].values(), (name, profile)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name.replace(" ", "-"))
def test_no_fault_makes_a_verdict_better(zoo, surveys, spoiled, told, fault):
    seen = {name: spoiled[name, fault] for name in surveys}
    better = []
    before, after = judged(endpoints(zoo, surveys), "bank"), judged(endpoints(zoo, seen), "bank")
    for name, verdicts in before.items():
        for requirement, verdict in verdicts.items():
            now = after[name].get(requirement, Verdict.UNKNOWN)
            if verdict in SHOWN and now in BETTER:
                better.append((name, requirement, verdict.value, now.value))
    told["verdicts behind faults that were compared"] = told.get("verdicts behind faults that were compared", 0) + sum(map(len, before.values()))
    assert not better, better[:20]


if __name__ == "__main__":
    with running() as started:
        lines = list(rows(started, look_at_all(started)))
    TABLE.write_text("server\tprofile\tfails\tunknown\n" + "\n".join(lines) + "\n")
