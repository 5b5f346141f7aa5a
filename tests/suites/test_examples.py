"""Every requirement has examples, and each example gets the verdict that its name promises."""

from pathlib import Path

import pytest

from preaudit.example import Example, examples_of, judge_example
from preaudit.suites import data_folder, load_builtin
from preaudit.verdict import Verdict, worst

CATALOGUE = load_builtin()
PROFILES: dict = {}
NEVER_FAILS = {"endpoint_coverage"}
"""Kinds that tell what was not seen: where others fail, they are unknown."""
EXAMPLES = list(examples_of(data_folder("suites")))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one.requirement}-{one.path.stem}")
def test_the_example_gets_the_verdict_of_its_name(example: Example, tmp_path: Path):
    records = judge_example(example, CATALOGUE, tmp_path, PROFILES)
    told = "\n".join(f"{one.verdict.value}: {one.reason}" for one in records)
    assert worst(one.verdict for one in records) is example.expected, told


@pytest.mark.parametrize("requirement", CATALOGUE.requirements, ids=lambda one: one.id)
def test_the_requirement_has_a_passing_and_a_failing_example(requirement):
    have = {one.expected for one in EXAMPLES if one.requirement == requirement.id}
    need = {Verdict.PASS, Verdict.UNKNOWN if requirement.subject.name in NEVER_FAILS else Verdict.FAIL}
    if not requirement.subject.must_exist:
        need.add(Verdict.NOT_APPLICABLE)
    assert need <= have, f"{requirement.id} lacks: {', '.join(one.value for one in need - have)}"


def test_every_example_belongs_to_a_requirement():
    assert {one.requirement for one in EXAMPLES} <= CATALOGUE.table.keys()
