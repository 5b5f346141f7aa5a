"""HDF: valid for its schema, one class of result a control, impact never 0, hostile text inert, bounded."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from preaudit.evidence.manifest import AttestationUse
from preaudit.evidence.record import in_order
from preaudit.render.hdf import MOST_NAMESPACES, MOST_RESULTS, render_hdf
from preaudit.render.summary import summarise
from preaudit.verdict import Level, Verdict

from .sample import manifest_for, record, sample_records, workload
from .strategies import records

SCHEMAS = Path(os.environ.get("PREAUDIT_SCHEMAS") or Path(__file__).parents[4] / "shared/data/schemas")
SCHEMA = "hdf-exec-json.schema.json"
INVISIBLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]")


def hdf_of(found, **given_):
    manifest = manifest_for(found, **given_)
    stream = io.BytesIO()
    render_hdf(summarise(found, manifest), manifest, stream)
    return stream.getvalue()


def controls_of(raw):
    return {one["id"]: one for one in json.loads(raw)["profiles"][0]["controls"]}


def hold_the_rules(raw):
    """What the schema asks for and what readers turn green otherwise."""
    document = json.loads(raw)
    assert set(document) == {"platform", "profiles", "statistics", "version"}
    (profile,) = document["profiles"]
    assert {"name", "sha256", "supports", "attributes", "groups", "controls"} <= set(profile)
    for control in profile["controls"]:
        assert {"id", "impact", "refs", "tags", "source_location", "results"} <= set(control)
        assert 0.1 <= control["impact"] <= 1
        statuses = {one["status"] for one in control["results"]}
        assert len(statuses) == 1
        assert statuses <= {"passed", "failed", "skipped", "error"}
        assert all(one["code_desc"] and one["message"] and one["start_time"] for one in control["results"])
        assert all(("skip_message" in one) == (one["status"] == "skipped") for one in control["results"])
        assert len(control["results"]) <= MOST_RESULTS + 1
        assert not control.get("waiver_data", {}).get("skipped_due_to_waiver")
    told = document["statistics"]["controls"]
    assert sum(one["total"] for one in told.values()) == len(profile["controls"])


def schema():
    if not (SCHEMAS / SCHEMA).is_file():
        pytest.skip(f"{SCHEMA} is not at hand: set PREAUDIT_SCHEMAS to the folder that holds it")
    raw = json.loads((SCHEMAS / SCHEMA).read_text("utf-8"))
    kind = jsonschema.validators.validator_for(raw)
    kind.check_schema(raw)
    return kind(raw)


@given(records())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_records_hold_the_rules(found):
    raw = hdf_of(found)
    hold_the_rules(raw)
    assert not INVISIBLE.search(json.dumps(json.loads(raw), ensure_ascii=False))
    assert raw == hdf_of(found)


@pytest.mark.reference
def test_the_schema_accepts_the_sample_and_hostile_records():
    judge = schema()

    @given(records())
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    def accepted(found):
        judge.validate(json.loads(hdf_of(found)))

    judge.validate(json.loads(hdf_of(sample_records())))
    judge.validate(json.loads(hdf_of([])))
    accepted()


@given(records())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_control_is_green_only_where_everything_passed_or_did_not_apply(found):
    worst = {}
    for one in found:
        worst.setdefault(one.requirement, set()).add(one.verdict)
    green = sum(verdicts <= {Verdict.PASS, Verdict.NOT_APPLICABLE} and Verdict.PASS in verdicts for verdicts in worst.values())
    document = json.loads(hdf_of(found))
    assert document["statistics"]["controls"]["passed"]["total"] == green
    failed = sum(Verdict.FAIL in verdicts for verdicts in worst.values())
    assert document["statistics"]["controls"]["failed"]["total"] == failed


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.PASS, "passed"), (Verdict.FAIL, "failed"), (Verdict.UNKNOWN, "error"), (Verdict.MANUAL, "skipped"),
        (Verdict.WAIVED, "skipped"), (Verdict.NOT_APPLICABLE, "skipped"),
    ],
)  # fmt: skip
def test_each_verdict_has_its_status(verdict, status):
    waiver = "W-7" if verdict is Verdict.WAIVED else None
    control = controls_of(hdf_of([record("POD-101", verdict, reason="why", waiver=waiver, level=Level.INFO)]))["POD-101"]
    assert [one["status"] for one in control["results"]] == [status]
    assert ("waiver_data" in control) == (verdict is Verdict.WAIVED)
    assert control["results"][0]["start_time"] == "2026-11-22T12:00:00Z"


def test_the_sample_tells_what_was_found():
    raw = hdf_of(sample_records(), demo=True, partial=("4 items were deselected: --select",))
    hold_the_rules(raw)
    controls = controls_of(raw)
    assert len(controls) == 9
    first = controls["POD-101"]
    assert first["impact"] == 0.9
    assert first["tags"]["nist"] == ["CM-6"]
    assert first["tags"]["pss"] == ["baseline/privileged"]
    assert {one["status"] for one in first["results"]} == {"failed"}
    assert re.search(r"; beside it \d+ pass, 1 unknown, 1 waived, 1 not applicable$", first["results"][0]["message"])
    assert "securityContext.privileged = true" in first["results"][0]["message"]
    assert first["waiver_data"]["expiration_date"] == "2027-03-31"
    assert "CISO" in first["waiver_data"]["justification"]
    assert controls["AUD-301"]["results"][0]["status"] == "error"
    assert controls["RBAC-202"]["results"] == [
        {"code_desc": "cluster", "start_time": "2026-11-22T12:00:00Z", "status": "passed", "message": "1 record pass"}
    ]
    told = json.loads(raw)["profiles"][0]["summary"]
    assert "DEMO" in told
    assert "4 items were deselected" in told
    assert "1 requirement left out" in told


def test_a_requirement_without_records_is_no_pass():
    control = controls_of(hdf_of([]))["POD-101"]
    assert [one["status"] for one in control["results"]] == ["skipped"]
    assert "not judged" in control["results"][0]["message"]


def test_a_persons_word_is_told_apart_from_what_was_observed():
    use = AttestationUse(id="A-1", requirement="AUD-302", subject={}, verdict="pass", author="Kim Lee", role="CISO",
                         statement="seen in the store's settings", attested_on="2026-11-01", expires="2027-02-01",
                         state="live", days_left=71)  # fmt: skip
    found = [record("AUD-302", Verdict.PASS, namespace="cluster", reason="stated", attestation="A-1"),
             record("AUD-302", Verdict.PASS, namespace="shop")]  # fmt: skip
    control = controls_of(hdf_of(in_order(found), attestations=(use,)))["AUD-302"]
    assert control["attestation_data"] == {
        "control_id": "AUD-302", "explanation": "A-1: 1 record; seen in the store's settings", "frequency": "92d",
        "status": "passed", "updated": "2026-11-01", "updated_by": "Kim Lee, CISO",
    }  # fmt: skip
    told = {one["code_desc"]: one["message"] for one in control["results"]}
    assert told == {"shop": "1 record pass", "cluster": "pass (attested in A-1, not observed): stated"}
    unknown = record("AUD-302", Verdict.UNKNOWN, namespace="edge", reason="forbidden")
    assert "attestation_data" not in controls_of(hdf_of(in_order([*found, unknown]), attestations=(use,)))["AUD-302"]


def test_very_many_namespaces_are_summed():
    found = [record("POD-101", Verdict.PASS, namespace=f"ns-{number:03}") for number in range(MOST_NAMESPACES + 20)]
    results = controls_of(hdf_of(in_order(found)))["POD-101"]["results"]
    assert len(results) == MOST_NAMESPACES + 1
    assert (results[-1]["code_desc"], results[-1]["message"]) == ("20 further namespaces", "20 records pass")


def test_very_many_failures_are_counted_not_listed():
    found = [workload("POD-101", Verdict.FAIL, "shop", "Pod", f"pod-{number}") for number in range(MOST_RESULTS + 30)]
    found.append(msgspec.structs.replace(record("POD-101", Verdict.PASS), namespace="edge"))
    raw = hdf_of(in_order(found))
    hold_the_rules(raw)
    results = controls_of(raw)["POD-101"]["results"]
    assert len(results) == MOST_RESULTS + 1
    assert results[-1]["message"] == "30 further records fail, in records.jsonl"
