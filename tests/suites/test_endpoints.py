"""Endpoints in three values: whatever is taken from an observation, no verdict becomes better."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from preaudit.endpoint import VERSIONS, Endpoint
from preaudit.example import NOW, Example, examples_of, judge_example
from preaudit.judge import _judge_subject
from preaudit.parameter import Policy
from preaudit.profile import load_profile
from preaudit.subjects.component_endpoint import ClosedPort, ComponentEndpoint
from preaudit.subjects.endpoint import Endpoint as Subject
from preaudit.suites import data_folder, load_builtin
from preaudit.verdict import Verdict

CATALOGUE = load_builtin()
PROFILES: dict = {}
KINDS = {"endpoint": Subject, "component_endpoint": ComponentEndpoint, "closed_port": ClosedPort}
NEEDS_THE_ESTATE = {"TLS-414"}
REQUIREMENTS = [one for one in CATALOGUE.requirements
                if one.subject.name in KINDS and one.id not in NEEDS_THE_ESTATE]  # fmt: skip
POLICIES = {
    name: Policy(load_profile(name, data_folder("profiles"), CATALOGUE.requirements, CATALOGUE.parameters).values, NOW)
    for name in ("baseline", "bank", "government")
}
EXAMPLES = [one for one in examples_of(data_folder("suites")) if one.requirement.startswith(("TLS-", "NET-"))]
SPECS = {
    msgspec.json.encode(document["spec"], order="deterministic"): document["spec"]
    for example in EXAMPLES for document in example.objects if document["kind"] == "Endpoint"
}  # fmt: skip
CAUSE = "a fault"
PLACE = {
    "owner_kind": "Deployment",
    "owner": "web",
    "namespace": "shop",
    "port": 443,
    "reached": "open",
    "protocol": "tls",
}
OPEN = {Verdict.FAIL, Verdict.UNKNOWN}


def verdict(requirement, spec: dict[str, Any], policy: Policy) -> Verdict | None:
    """The verdict on one endpoint; None where it is not of the population, or is told by TLS-001."""
    seen = msgspec.convert(spec, Endpoint)
    if requirement.subject.name != "closed_port" and not seen.understood:
        return None
    subject = KINDS[requirement.subject.name](None, "endpoints/connect", seen)
    outcome = _judge_subject(requirement, subject, policy)
    return outcome and outcome.verdict


def faults(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same endpoint, each time with something of it not seen."""

    def changed(change) -> dict[str, Any]:
        other = copy.deepcopy(spec)
        change(other)
        return other

    for name in ("plaintext", "http"):
        yield changed(lambda one, name=name: one.update({name: {"cause": CAUSE}}))
    yield changed(lambda one: one.update(names=[], server_name=""))
    yield changed(lambda one: one.update(tls=None, tls_cause=CAUSE, pages=[], http={"cause": CAUSE}))
    yield changed(lambda one: one.update(pages=[]))
    yield changed(lambda one: one.update(pages=[], protocol="tls"))
    for index, page in enumerate(spec.get("pages", ())):
        silent = {key: page[key] for key in ("method", "path")} | {"cause": CAUSE}
        yield changed(lambda one, index=index, silent=silent: one["pages"].__setitem__(index, silent))
        if page.get("origin"):
            yield changed(lambda one, index=index: one["pages"][index].pop("origin"))
    if spec.get("role") == "kubelet-read-only":
        yield changed(lambda one: one.update(reached="unreachable", cause=CAUSE))
        yield changed(lambda one: one.update(reached="not-dialled", cause=CAUSE))
    if spec.get("tls"):
        for change in faults_of_tls(spec["tls"]):
            yield changed(lambda one, change=change: change(one["tls"]))


def faults_of_tls(seen: dict[str, Any]) -> Iterator[Callable[[dict[str, Any]], object]]:
    """Changes after which something of TLS is not seen."""
    for index, offer in enumerate(seen["offers"]):
        for answer in ("inconclusive", "cut-off", "not-asked"):
            lost = {"version": offer["version"], "answer": answer, "cause": CAUSE}
            yield (lambda tls, index=index, lost=lost: tls["offers"].__setitem__(index, lost))
        yield (lambda tls, index=index: tls["offers"].pop(index))
        for kind in ("suites", "groups"):
            for kept in range(len(offer.get(kind, ()))):
                part = {kind: offer[kind][:kept], f"{kind}_complete": False}
                yield (lambda tls, index=index, part=part: tls["offers"][index].update(part))
    for name in (
        "secure_renegotiation",
        "extended_master_secret",
        "encrypt_then_mac",
        "compression",
        "client_certificate",
    ):
        yield (lambda tls, name=name: tls.update({name: {"cause": CAUSE}}))
    yield (lambda tls: tls.update(without_certificate="inconclusive"))
    yield (lambda tls: tls.update(dh_bits=[]))
    yield (lambda tls: tls.update(chains=[], chains_cause=CAUSE))
    for index, chain in enumerate(seen.get("chains", ())):
        yield (lambda tls, index=index: (tls["chains"].pop(index), tls.update(chains_complete=False)))
        yield (lambda tls, index=index: tls["chains"][index].update(paths=[]))
        for number, _ in enumerate(chain["certificates"]):
            yield (lambda tls, i=index, n=number: tls["chains"][i]["certificates"].__setitem__(n, "AAAA"))
            if number:
                yield (lambda tls, i=index, n=number: tls["chains"][i].update(
                    certificates=tls["chains"][i]["certificates"][:n], unread=1))  # fmt: skip
        for number, path in enumerate(chain.get("paths", ())):
            untried = {"anchor": path["anchor"], "trusted": None, "private": path.get("private", True)}
            yield (lambda tls, i=index, n=number, u=untried: tls["chains"][i]["paths"].__setitem__(n, u))


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda one: one.id)
def test_no_fault_makes_a_verdict_better(requirement):
    compared, wrong = 0, []
    for policy_name, policy in POLICIES.items():
        for spec in SPECS.values():
            before = verdict(requirement, spec, policy)
            if before not in OPEN:
                continue
            for other in faults(spec):
                if not msgspec.convert(other, Endpoint).understood and requirement.subject.name != "closed_port":
                    continue
                after = verdict(requirement, other, policy)
                compared += 1
                if after not in OPEN:
                    wrong.append((policy_name, before, after, spec, other))
    assert compared
    assert not wrong, wrong[0]


@pytest.mark.parametrize(
    "requirement", [one for one in REQUIREMENTS if one.subject.name != "closed_port"], ids=lambda one: one.id
)
def test_what_nobody_looked_at_is_unknown_for_all(requirement):
    """TLS was heard of and nothing more."""
    base = {"owner_kind": "Node", "owner": "n", "port": 1, "reached": "open", "protocol": "tls"}
    offers = [{"version": one, "answer": "inconclusive"} for one in VERSIONS]
    found = {
        verdict(requirement, base | tls | {"role": role, "exposure": exposure}, POLICIES["government"])
        for tls in ({"tls_cause": CAUSE}, {"tls": {"offers": []}}, {"tls": {"offers": offers}})
        for role in ("", "apiserver", "kubelet", "etcd-client")
        for exposure in ("external", "cluster")
    }
    assert found - {None} == {Verdict.UNKNOWN}, "None is for those whom the requirement is not about"


def test_a_cut_off_sslv3_is_a_warning_and_a_cut_off_tls_1_0_is_not(tmp_path):
    levels = {}
    for example in EXAMPLES:
        if example.path.stem == "unknown-cut-off":
            folder = tmp_path / example.requirement
            folder.mkdir()
            (record,) = judge_example(example, CATALOGUE, folder, PROFILES)
            levels[example.requirement] = record.level.value
    assert levels == {"TLS-101": "warn", "TLS-102": "warn", "TLS-103": "fail", "TLS-104": "fail"}


def test_government_tells_of_chacha20_once():
    """Go's suites cannot be set: one finding an endpoint, by the requirement that says what to do."""
    (go,) = [one for one in EXAMPLES if one.requirement == "TLS-205" and one.path.stem == "fail"]
    spec = next(one["spec"] for one in go.objects)
    about_suites = [one for one in REQUIREMENTS if one.id.startswith("TLS-20")]
    failing = [one.id for one in about_suites if verdict(one, spec, POLICIES["government"]) is Verdict.FAIL]
    assert failing == ["TLS-205"]


@pytest.mark.parametrize(
    ("others", "level"),
    [
        ({}, "warn"),
        ({"TLSv1.0": "inconclusive"}, "fail"),
        ({"TLSv1.0": "cut-off"}, "fail"),
        ({"SSLv2": "cut-off"}, "warn"),
    ],
)
def test_an_unknown_is_as_mild_as_the_worst_of_its_gaps(others, level, tmp_path):
    answers = dict.fromkeys(VERSIONS, "refused") | {"SSLv3": "cut-off", "TLSv1.3": "accepted"} | others
    offers = [{"version": one, "answer": answer, "suites_complete": True} for one, answer in answers.items()]
    (record,) = judged("TLS-201", tmp_path, [{**PLACE, "tls": {"offers": offers}}])
    assert (record.verdict, record.level.value) == (Verdict.UNKNOWN, level)


@pytest.mark.parametrize(
    "hidden",
    [{"tls_cause": CAUSE}, {"tls": {"offers": [], "chains_cause": CAUSE}}, {"reached": "closed", "served": True}],
)
def test_a_key_is_in_one_place_only_where_all_were_seen(hidden, tmp_path):
    stored = yaml.safe_load((data_folder("suites") / "tls" / "examples" / "certificates.yaml").read_text())
    chain = {"certificates": ["".join(stored["web"].split())], "paths": []}
    seen = {**PLACE, "tls": {"offers": [], "chains": [chain], "chains_complete": True}}
    other = {**PLACE, "owner": "api", "namespace": "pay"} | hidden
    (found,) = judged("TLS-414", tmp_path, [seen, other])
    assert (found.verdict, found.subject) == (Verdict.UNKNOWN, None)


def judged(requirement: str, folder, specs):
    """The records of a requirement over some endpoints."""
    lines = tuple({"apiVersion": "preaudit/v1", "kind": "Endpoint", "spec": one} for one in specs)
    return judge_example(Example(Path(requirement) / "x.yaml", Verdict.UNKNOWN, lines), CATALOGUE, folder, PROFILES)
