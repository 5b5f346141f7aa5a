"""OSCAL: accepted by trestle's own models and validators, ids from the content, never satisfied on partial evidence."""

from __future__ import annotations

import io
import json
import logging
import re
import uuid
import warnings

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from preaudit.evidence.manifest import Control
from preaudit.evidence.record import in_order
from preaudit.render.oscal import MOST_NAMESPACES, MOST_OPEN, render_oscal
from preaudit.render.summary import summarise
from preaudit.verdict import Verdict

from .sample import entry, manifest_for, record, sample_records, workload
from .strategies import records

SHA = "5a" * 32
TOKEN = re.compile(r"[_A-Za-z][_A-Za-z0-9.-]*")
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]")


def oscal_of(found, sha=SHA, **given_):
    manifest = manifest_for(found, **given_)
    stream = io.BytesIO()
    render_oscal(summarise(found, manifest), manifest, stream, records_sha256=sha)
    return stream.getvalue()


def findings_of(raw):
    (result,) = json.loads(raw)["assessment-results"]["results"]
    return {one["target"]["target-id"]: one for one in result.get("findings", ())}


def hold_the_rules(raw):
    """What the schema and its references ask for, as far as our file can break it."""
    document = json.loads(raw)["assessment-results"]
    assert set(document) == {"uuid", "metadata", "import-ap", "results", "back-matter"}
    assert document["metadata"]["oscal-version"] == "1.2.1"
    resources = {one["uuid"]: one for one in document["back-matter"]["resources"]}
    assert document["import-ap"]["href"].removeprefix("#") in resources
    (result,) = document["results"]
    observations = {one["uuid"] for one in result.get("observations", ())}
    assert len(observations) == len(result.get("observations", ()))
    for one in result.get("findings", ()):
        assert one["related-observations"]
        assert {each["observation-uuid"] for each in one["related-observations"]} <= observations
        assert TOKEN.fullmatch(one["target"]["target-id"])
    every = [*observations, *resources, document["uuid"], result["uuid"], *(one["uuid"] for one in result.get("findings", ()))]
    assert len(set(every)) == len(every)
    assert {uuid.UUID(one).version for one in every} == {5}
    for one in (*result.get("observations", ()), *result.get("findings", ()), result, *resources.values()):
        assert one["title"]
        assert "\n" not in one["title"]
        assert all(prop["value"] == prop["value"].strip() != "" and TOKEN.fullmatch(prop["name"]) for prop in one.get("props", ()))


@pytest.fixture(scope="module")
def trestle():
    """Reads a document by trestle's models and asks its validators; complains in words."""
    # Its imports and its validators tell what is deprecated in them; that is not about us.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = pytest.importorskip("trestle.oscal.assessment_results")
        validators = pytest.importorskip("trestle.core.duplicates_validator")
        refs = pytest.importorskip("trestle.core.refs_validator")
    logging.getLogger("trestle").setLevel(logging.CRITICAL)

    def judge(raw):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = models.AssessmentResults(**json.loads(raw)["assessment-results"])
            for validator in (validators.DuplicatesValidator(), refs.RefsValidator()):
                assert validator.model_is_valid(model, quiet=True)
        return model

    return judge


def test_trestle_accepts_the_sample_and_reads_it_back(trestle):
    model = trestle(oscal_of(sample_records(), demo=True, partial=("4 items were deselected",)))
    assert str(model.metadata.oscal_version.root.root) == "1.2.1"
    assert len(model.results[0].findings) == 2
    trestle(oscal_of([]))
    trestle(oscal_of([], catalogue=()))


def test_trestle_refuses_what_is_wrong(trestle):
    raw = oscal_of(sample_records())
    with pytest.raises(ValueError, match="state"):
        trestle(raw.replace(b'"state":"not-satisfied"', b'"state":"perhaps"'))


def test_trestle_accepts_hostile_records(trestle):
    @given(records())
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    def accepted(found):
        trestle(oscal_of(found))

    accepted()


@given(records())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_records_hold_the_rules(found):
    raw = oscal_of(found)
    hold_the_rules(raw)
    assert raw == oscal_of(found)
    assert not any(STEERING.search(text) for text in re.findall(r'"((?:[^"\\]|\\.)*)"', json.dumps(json.loads(raw), ensure_ascii=False)))


def test_ids_follow_the_content():
    found = sample_records()
    first, second = (json.loads(oscal_of(found, sha))["assessment-results"] for sha in (SHA, "6b" * 32))
    assert first["uuid"] != second["uuid"]
    other = manifest_for(found).run
    moved = msgspec.structs.replace(other, id="another", finished="2027-01-01T00:00:00Z", operator="somebody")
    assert oscal_of(found, run=moved) == oscal_of(found), "nothing of the run itself is in it"


def about(*controls):
    return msgspec.structs.replace(entry("POD-101"), controls=tuple(Control(framework=f, id=i, relationship=r) for f, i, r in controls))


FULL = about(("nist-800-53r5", "AC-2(3)", "full"), ("cis-kubernetes-2.0.1", "1.2.1", "full"))


@pytest.mark.parametrize(
    ("verdicts", "state", "reason"),
    [
        ((Verdict.PASS,), "satisfied", "pass"),
        ((Verdict.PASS, Verdict.FAIL), "not-satisfied", "fail"),
        ((Verdict.PASS, Verdict.UNKNOWN), "not-satisfied", "other"),
        ((Verdict.UNKNOWN, Verdict.FAIL), "not-satisfied", "fail"),
        ((Verdict.PASS, Verdict.MANUAL), "not-satisfied", "other"),
        ((Verdict.PASS, Verdict.WAIVED), "not-satisfied", "other"),
        ((Verdict.PASS, Verdict.NOT_APPLICABLE), None, None),
        ((Verdict.NOT_APPLICABLE,), None, None),
        ((), None, None),
    ],
)
def test_the_state_of_a_control_that_is_evidenced_in_full(verdicts, state, reason):
    found = in_order([record("POD-101", one, waiver="W-7" if one is Verdict.WAIVED else None) for one in verdicts])
    raw = oscal_of(found, catalogue=(FULL,))
    hold_the_rules(raw)
    findings = findings_of(raw)
    assert set(findings) == ({"ac-2.3_obj"} if state else set())
    if state:
        status = findings["ac-2.3_obj"]["target"]["status"]
        assert (status["state"], status["reason"]) == (state, reason)
        if reason == "other" and Verdict.UNKNOWN in verdicts:
            assert "Not observed" in status["remarks"]
    selection = json.loads(raw)["assessment-results"]["results"][0]["reviewed-controls"]["control-selections"]
    assert selection == [{"include-controls": [{"control-id": "ac-2.3"}]}]


@pytest.mark.parametrize("relationship", ["partial", "supports"])
def test_partial_evidence_never_satisfies(relationship):
    one = about(("nist-800-53r5", "ac-6", relationship))
    assert findings_of(oscal_of([record("POD-101", Verdict.PASS)], catalogue=(one,))) == {}
    found = in_order([record("POD-101", Verdict.PASS), record("POD-102", Verdict.PASS)])
    both = (about(("nist-800-53r5", "ac-6", "full")), msgspec.structs.replace(one, id="POD-102"))
    assert findings_of(oscal_of(found, catalogue=both)) == {}


@pytest.mark.parametrize("banner", [{"partial": ("4 items were deselected",)}, {"interrupted": True}])
def test_a_run_that_did_not_see_all_satisfies_nothing(banner):
    found = [record("POD-101", Verdict.PASS)]
    if "interrupted" in banner:
        banner = {"run": msgspec.structs.replace(manifest_for(found).run, interrupted=True)}
    assert findings_of(oscal_of(found, catalogue=(FULL,), **banner)) == {}


@given(records())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_each_requirement_without_a_control_of_nist_that_fails_has_a_finding(found):
    """Records of requirements that the catalogue lacks: their controls are other frameworks' alone."""
    failing = {one.requirement for one in found if one.verdict in {Verdict.FAIL, Verdict.UNKNOWN}}
    states = [one["target"]["status"]["state"] for one in findings_of(oscal_of(found, catalogue=())).values()]
    assert states.count("satisfied") == 0 or {one.verdict for one in found} & {Verdict.PASS}
    names = {"preaudit-" + re.sub(r"[^A-Za-z0-9_.-]", "-", one)[:80] for one in failing}
    assert names <= set(findings_of(oscal_of(found, catalogue=())))


def test_requirements_whose_names_differ_in_odd_characters_alone_have_their_own_findings():
    found = [msgspec.structs.replace(record("POD-101", Verdict.FAIL), requirement=name) for name in ("A/1", "A-1", "A 1")]
    raw = oscal_of(in_order(found), catalogue=())
    hold_the_rules(raw)
    assert len(findings_of(raw)) == 3


def test_other_frameworks_are_properties():
    raw = oscal_of([record("POD-101", Verdict.FAIL, reason="why")], catalogue=(FULL,))
    (result,) = json.loads(raw)["assessment-results"]["results"]
    whole, single = result["observations"]
    assert {"name": "control", "ns": "urn:preaudit:oscal:1", "value": "cis-kubernetes-2.0.1:1.2.1"} in whole["props"]
    assert single["description"] == "why"
    assert b"AC-2(3)" not in raw


def test_passes_are_folded_and_open_records_bounded():
    found = [workload("POD-101", Verdict.FAIL, "shop", "Pod", f"pod-{number}") for number in range(MOST_OPEN + 7)]
    found += [workload("POD-101", Verdict.PASS, f"ns-{number % 80:02}", "Pod", f"pod-{number}") for number in range(800)]
    raw = oscal_of(in_order(found), catalogue=(FULL,))
    hold_the_rules(raw)
    (result,) = json.loads(raw)["assessment-results"]["results"]
    assert len(result["observations"]) == 1 + MOST_OPEN + 1 + MOST_NAMESPACES
    told = [{prop["name"]: prop["value"] for prop in one["props"]} for one in result["observations"]]
    assert sum(int(one["passes"]) for one in told if "passes" in one) == 800
    assert [one["count"] for one in told if "count" in one] == ["7"]
