"""JUnit: valid for both schemas, one case a subject, failure and error only for what closes the gate."""

from __future__ import annotations

import hashlib
import io
import os
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from junitparser import Error, Failure, JUnitXml, Skipped
from lxml import etree

from preaudit.evidence.manifest import Gate
from preaudit.evidence.record import encode, in_order
from preaudit.render.junit import render_junit
from preaudit.verdict import Level, Severity, Verdict

from .sample import manifest_for, record, sample_records, workload
from .strategies import records

SCHEMAS = Path(os.environ.get("PREAUDIT_SCHEMAS") or Path(__file__).parents[4] / "shared/data/schemas")


def junit_of(found, *, attachments=None, most_bytes=29 * 10**6, **given_):
    stream = io.BytesIO()
    render_junit(found, manifest_for(found, **given_), stream, attachments=attachments, most_bytes=most_bytes)
    return stream.getvalue()


def cases_of(raw):
    return {case.name: case for suite in JUnitXml.fromstring(raw) for case in suite}


def outcome_of(case):
    return case.result[0] if case.result else None


def hold_the_rules(raw):
    """What both schemas ask for, written out, so that it is proved where they are not at hand."""
    root = etree.fromstring(raw)
    assert root.tag == "testsuites"
    assert not root.attrib
    for number, suite in enumerate(root):
        assert set(suite.attrib) == {
            "errors", "failures", "hostname", "id", "name", "package", "skipped", "tests", "time", "timestamp",
        }  # fmt: skip
        assert suite.get("id") == str(number)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))
        assert all(suite.get(name).strip() for name in ("name", "package", "hostname"))
        tags = [one.tag for one in suite]
        cases = suite.findall("testcase")
        assert tags == ["properties", *["testcase"] * len(cases), "system-out", "system-err"]
        assert all(set(one.attrib) == {"name", "value"} and one.get("name") for one in suite[0])
        assert len({one.get("name") for one in suite[0]}) == len(suite[0])
        assert all(set(case.attrib) == {"name", "classname", "time"} and len(case) <= 1 for case in cases)
        assert len({" ".join(case.get("name").split()) for case in cases}) == len(cases) == int(suite.get("tests"))
        for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            found = suite.findall(f"testcase/{tag}")
            assert len(found) == int(suite.get(count))
            needed = {"message"} if tag == "skipped" else {"message", "type"}
            assert all(set(one.attrib) == needed and len(one) == 0 for one in found)


def schema(name):
    if not (SCHEMAS / name).is_file():
        pytest.skip(f"{name} is not at hand: set PREAUDIT_SCHEMAS to the folder that holds it")
    return etree.XMLSchema(etree.parse(SCHEMAS / name))


@given(records())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_records_hold_the_rules(found):
    raw = junit_of(found)
    hold_the_rules(raw)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", raw.decode())


@pytest.mark.reference
@pytest.mark.parametrize("name", ["junit-10.xsd", "junit-windyroad.xsd"])
def test_both_schemas_accept_the_sample(name):
    schema(name).assertValid(etree.fromstring(junit_of(sample_records(), attachments="/srv/pack")))
    schema(name).assertValid(etree.fromstring(junit_of([])))


@pytest.mark.reference
@pytest.mark.parametrize("name", ["junit-10.xsd", "junit-windyroad.xsd"])
def test_both_schemas_accept_hostile_records(name):
    judge = schema(name)

    @given(records())
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def accepted(found):
        judge.assertValid(etree.fromstring(junit_of(found)))

    accepted()


def test_the_sample_reads_back_with_its_numbers():
    found = sample_records()
    raw = junit_of(found)
    hold_the_rules(raw)
    suites = {suite.name: suite for suite in JUnitXml.fromstring(raw)}
    assert len(suites) == 9
    suite = suites["RBAC-201"]
    assert (suite.tests, suite.failures, suite.errors) == (3, 3, 0)
    properties = {one.name: one.value for one in suite.properties()}
    assert properties["controls"] == "nist-800-53r5:ac-6 (full), nist-800-53r5:cm-6 (supports)"
    assert properties["profile"] == "bank 2026.11"
    assert properties["timestamp"] == "2026-11-22T12:00:00Z"
    assert properties["evidence"] == "records.jsonl"
    assert suite.timestamp == "2026-11-22T12:00:00"
    assert suites["AUD-302"].skipped == 1


def test_the_evidence_hash_is_the_one_of_the_records_file():
    found = sample_records()
    whole = b"".join(encode(one) + b"\n" for one in found)
    properties = {one.name: one.value for one in next(iter(JUnitXml.fromstring(junit_of(found)))).properties()}
    assert properties["evidence.sha256"] == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize(
    ("verdict", "level", "kind", "message"),
    [
        (Verdict.PASS, Level.FAIL, None, None),
        (Verdict.FAIL, Level.FAIL, Failure, "why"),
        (Verdict.FAIL, Level.WARN, Skipped, "fail at level warn, severity critical: why"),
        (Verdict.FAIL, Level.INFO, Skipped, "fail at level info, severity critical: why"),
        (Verdict.UNKNOWN, Level.FAIL, Error, "why"),
        (Verdict.UNKNOWN, Level.INFO, Skipped, "unknown at level info, severity critical: why"),
        (Verdict.WAIVED, Level.FAIL, Skipped, "waived by W-7: why"),
        (Verdict.NOT_APPLICABLE, Level.FAIL, Skipped, "not-applicable: why"),
        (Verdict.MANUAL, Level.FAIL, Skipped, "manual: why"),
    ],
)
def test_only_what_closes_the_gate_is_a_failure_or_an_error(verdict, level, kind, message):
    waiver = "W-7" if verdict is Verdict.WAIVED else None
    case = cases_of(junit_of([record("POD-101", verdict, level=level, reason="why", waiver=waiver)]))["shop"]
    result = outcome_of(case)
    assert (type(result) if result else None) is kind
    assert (result.message if result else None) == message
    assert (result.type if kind in {Failure, Error} else None) == {Failure: "fail", Error: "unknown"}.get(kind)


def test_a_severity_below_the_gate_is_skipped():
    found = [record("POD-110", Verdict.FAIL, reason="why"), record("POD-101", Verdict.FAIL, reason="why")]
    raw = junit_of(found, gate=Gate(exit_code=1, meaning="something fails", gate_severity=Severity.HIGH.value))
    kinds = {suite.name: type(outcome_of(next(iter(suite)))) for suite in JUnitXml.fromstring(raw) if suite.tests}
    assert kinds == {"POD-101": Failure, "POD-110": Skipped}


def test_a_case_is_a_subject_and_its_worst_record_decides():
    def part(verdict, within, level=Level.FAIL):
        one = workload("POD-101", verdict, "shop", "Deployment", "api", level=level)
        return msgspec.structs.replace(one, subject=msgspec.structs.replace(one.subject, within=within))

    raw = junit_of(in_order([part(Verdict.PASS, "containers[a]"), part(Verdict.FAIL, "containers[b]")]))
    cases = cases_of(raw)
    assert list(cases) == ["shop/Deployment/api"]
    assert isinstance(outcome_of(cases["shop/Deployment/api"]), Failure)
    # A fail that does not count must not hide an unknown that does.
    raw = junit_of(in_order([part(Verdict.FAIL, "containers[a]", Level.INFO), part(Verdict.UNKNOWN, "containers[b]")]))
    assert isinstance(outcome_of(cases_of(raw)["shop/Deployment/api"]), Error)


def test_too_many_passes_are_folded_and_the_file_says_so():
    found = [workload("POD-101", Verdict.PASS, f"ns-{number % 3}", "Pod", f"pod-{number}") for number in range(600)]
    found.append(workload("POD-101", Verdict.FAIL, "shop", "Pod", "bad"))
    raw = junit_of(in_order(found), most_bytes=20_000)
    hold_the_rules(raw)
    cases = cases_of(raw)
    assert len(raw) <= 20_000
    assert set(cases) == {"shop/Pod/bad", *(f"ns-{number}: 200 subjects pass" for number in range(3))}
    suite = next(suite for suite in JUnitXml.fromstring(raw) if suite.name == "POD-101")
    assert "passes" in {one.name: one.value for one in suite.properties()}["folded"]


def test_too_many_failures_are_folded_last_and_stay_failures():
    found = [workload("POD-101", Verdict.FAIL, "shop", "Pod", f"pod-{number}") for number in range(300)]
    raw = junit_of(in_order(found), most_bytes=20_000)
    hold_the_rules(raw)
    (case,) = cases_of(raw).values()
    assert case.name == "shop: 300 subjects fail"
    assert isinstance(outcome_of(case), Failure)


def test_attachment_marks_are_off_unless_a_folder_is_given():
    assert b"ATTACHMENT" not in junit_of(sample_records())
    assert b"[[ATTACHMENT|/srv/pack/records.jsonl]]" in junit_of(sample_records(), attachments="/srv/pack/")
