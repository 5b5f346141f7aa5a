"""What active groups try, in three values: whatever is taken from an observation, no verdict becomes better."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from preaudit.endpoint import Endpoint
from preaudit.example import NOW, examples_of, judge_example
from preaudit.hostports import HostPorts
from preaudit.judge import _judge_subject
from preaudit.parameter import Policy
from preaudit.profile import load_profile
from preaudit.subjects.endpoint import Endpoint as Subject
from preaudit.subjects.hostports import HostPorts as Host
from preaudit.suites import data_folder, load_builtin
from preaudit.verdict import Verdict

CATALOGUE = load_builtin()
PROFILES: dict = {}
OF_ENDPOINTS = ("TLS-801", "TLS-802", "TLS-803", "TLS-804", "NET-701", "NET-702", "NET-801")
EXAMPLES = [one for one in examples_of(data_folder("suites")) if one.requirement in {*OF_ENDPOINTS, "NET-601"}]
OPEN = {Verdict.FAIL, Verdict.UNKNOWN}
CAUSE = "a fault"
Spec = dict[str, Any]


def judged(example, spec: Spec, kind: str) -> Verdict | None:
    overrides = [f"{name}={msgspec.json.encode(value).decode()}" for name, value in example.parameters.items()]
    profile = load_profile(example.profile, data_folder("profiles"), CATALOGUE.requirements, CATALOGUE.parameters, overrides=overrides)
    if kind == "Endpoint":
        subject: Any = Subject(None, "endpoints/connect", msgspec.convert(spec, Endpoint))
    else:
        subject = Host(msgspec.convert(spec, HostPorts))
    outcome = _judge_subject(CATALOGUE.table[example.requirement], subject, Policy(profile.values, NOW))
    return outcome and outcome.verdict


def faults(spec: Spec) -> Iterator[Spec]:
    """The same observation, each time with something of it not seen."""

    def changed(change: Callable[[Spec], object]) -> Spec:
        other = copy.deepcopy(spec)
        change(other)
        return other

    for kind in ("attacks", "credentials"):
        yield changed(lambda one, kind=kind: one.pop(kind, None))
        for name in spec.get(kind, {}):
            yield changed(lambda one, kind=kind, name=name: one[kind].pop(name))
            yield changed(lambda one, kind=kind, name=name: one[kind].__setitem__(name, {"cause": CAUSE}))
            yield changed(lambda one, kind=kind, name=name: one[kind].__setitem__(name, {}))
    yield changed(lambda one: one.pop("debug_paths", None))
    for index, path in enumerate(spec.get("debug_paths", ())):
        yield changed(lambda one, index=index: one["debug_paths"].pop(index))
        for lost in ({"cause": CAUSE}, {"status": 503}, {"status": 429}, {"status": 200, "cause": CAUSE}, {}):
            yield changed(lambda one, i=index, lost={"path": path["path"], **lost}: one["debug_paths"].__setitem__(i, lost))
    if "declared" in spec:
        for keep in range(len(spec.get("open", ())) + 1):
            yield changed(lambda one, keep=keep: one.update(open=one.get("open", [])[:keep], complete={"cause": CAUSE}))
        yield changed(lambda one: one.update(complete={}))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one.requirement}-{one.path.stem}")
def test_no_fault_makes_a_verdict_better(example):
    for document in example.objects:
        if document["kind"] not in {"Endpoint", "HostPorts"}:
            continue
        before = judged(example, document["spec"], document["kind"])
        for other in faults(document["spec"]):
            after = judged(example, other, document["kind"])
            lost_all = before is Verdict.PASS and after not in {*OPEN, Verdict.PASS}
            assert not (before in OPEN and after not in OPEN), (before, after, other)
            assert not lost_all, (before, after, other)


@pytest.mark.parametrize("requirement", OF_ENDPOINTS)
def test_a_pass_does_not_survive_that_nobody_tried(requirement):
    for example in EXAMPLES:
        if example.requirement == requirement and example.expected is Verdict.PASS:
            spec = {key: value for key, value in example.objects[0]["spec"].items() if key not in {"attacks", "debug_paths", "credentials"}}
            assert judged(example, spec, "Endpoint") is Verdict.UNKNOWN


def test_ports_that_nobody_scanned_are_unknown_in_every_place(tmp_path):
    """Without nmap there is a status and no line."""
    (example,) = [one for one in EXAMPLES if one.path.stem == "unknown-not-installed" and one.requirement == "NET-601"]
    records = judge_example(example, CATALOGUE, tmp_path, PROFILES)
    assert {one.verdict for one in records} == {Verdict.UNKNOWN}


def test_what_a_profile_does_not_include_is_listed_and_nothing_else():
    for name in ("baseline", "bank", "government"):
        profile = load_profile(name, data_folder("profiles"), CATALOGUE.requirements, CATALOGUE.parameters)
        assert {"NET-601", *OF_ENDPOINTS} <= profile.included
        assert not {"scan", "credentials"} & set(profile.active)
    assert {CATALOGUE.table[one].active for one in ("NET-601", *OF_ENDPOINTS)} == {"scan", "credentials"}


@pytest.mark.parametrize(("requirement", "levels"), [
    ("TLS-801", ["fail", "fail", "fail"]), ("TLS-804", ["warn", "fail", "warn"]), ("NET-601", ["warn", "fail", "fail"]),
    ("NET-701", ["fail", "fail", "fail"]), ("NET-702", ["info", "warn", "warn"]), ("NET-801", ["fail", "fail", "fail"]),
])  # fmt: skip
def test_levels_are_those_of_the_policy(requirement, levels):
    profiles = [load_profile(name, data_folder("profiles"), CATALOGUE.requirements, CATALOGUE.parameters) for name in ("baseline", "bank", "government")]
    assert [one.level(requirement).value for one in profiles] == levels
