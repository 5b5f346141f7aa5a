"""The terminal's last page: fits every width, adds up, names what was not seen, and steers nothing."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from preaudit.evidence.manifest import Gate
from preaudit.evidence.record import in_order
from preaudit.render.table import MOST_LINES, subject_table
from preaudit.render.terminal import render_terminal
from preaudit.snapshot import SourceStatus, Status
from preaudit.verdict import Level, Verdict

from .sample import manifest_for, record, sample_records, workload
from .strategies import records

PACK = "preaudit-20261122T120000Z/"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def text_of(found, *, width=110, colour=False, pack=PACK, **given_):
    return render_terminal(found, manifest_for(found, **given_), width=width, colour=colour, pack=pack)


def sum_of(text):
    """``(total, terms)`` of the line that adds up, which may be wrapped."""
    words = " ".join(COLOUR.sub("", text).split())
    term = r"[\d,]+ (?:pass|fail|unknown|manual|waived|not applicable)"
    line = re.search(rf"([\d,]+) verdicts? = ({term}(?: \+ {term})*)", words)
    return int(line[1].replace(",", "")), [int(one.replace(",", "")) for one in re.findall(r"[\d,]+", line[2])]


@given(records(), st.integers(20, 200), st.booleans())
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_line_is_wider_than_asked_and_nothing_steers(found, width, colour):
    text = text_of(found, width=width, colour=colour)
    plain = COLOUR.sub("", text) if colour else text
    assert all(cell_len(line) <= width for line in plain.split("\n"))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", plain)
    total, terms = sum_of(text)
    assert total == sum(terms) == len(found)


def test_the_sample_reads_as_designed():
    text = text_of(sample_records())
    lines = text.splitlines()
    assert lines[0] == (
        "preaudit 0.1.0 · profile bank · cluster 7f3c9a52 (v1.35.4, 2 nodes) as system:serviceaccount:audit:reader"
    )
    assert lines[1] == "collected 3 sources in 2 s · not seen: pods in payments (forbidden), nodes/configz (forbidden)"
    assert lines[3].split() == ["area", "pass", "fail", "unknown", "manual", "waived", "n/a"]
    heads = [line.split()[0] for line in lines if re.match(r" [A-Z]+-\d+ ", line)]
    assert heads == ["POD-101", "RBAC-201", "POD-102", "POD-103", "POD-110", "POD-111"]
    assert "   … 3 more subjects" in lines
    assert "   5 verdicts in payments, because pods is forbidden" in lines
    assert "   Grant it with: preaudit preflight --rbac | kubectl apply -f -" in lines
    assert " 279 verdicts = 236 pass + 29 fail + 7 unknown + 1 manual + 1 waived + 5 not applicable" in lines
    assert lines[-1].startswith(f" pack  {PACK}   report.html  junit.xml  records.jsonl ")
    assert lines[-1].endswith(" 1: something fails")
    assert len(lines[-1]) == 110
    assert "Traceback" not in text


def test_the_manual_column_stands_only_where_it_is_used():
    text = text_of([record("POD-101", Verdict.PASS)])
    assert "manual" not in text
    assert " 1 verdict = 1 pass + 0 fail + 0 unknown + 0 waived + 0 not applicable" in text.splitlines()


def test_one_gap_is_told_in_one_line():
    found = [one for one in sample_records() if one.area == "pod_security"]
    text = text_of(found, width=160)
    assert (
        " not looked at: 5 verdicts in payments, because pods is forbidden. "
        "Grant it with: preaudit preflight --rbac | kubectl apply -f -"
    ) in text.splitlines()


def test_after_ten_requirements_the_rest_is_counted():
    names = [f"POD-{number}" for number in range(101, 114)]
    one = workload("POD-101", Verdict.FAIL, "shop", "Pod", "a")
    found = in_order(msgspec.structs.replace(one, requirement=name) for name in names)
    text = text_of(found, catalogue=())
    assert " … 3 more requirements fail (report.html, or: preaudit explain POD-111)" in text.splitlines()


def test_requirements_that_do_not_close_the_gate_come_last_and_say_why():
    found = in_order([
        workload("POD-101", Verdict.FAIL, "kube-system", "DaemonSet", "proxy", level=Level.INFO),
        workload("POD-110", Verdict.FAIL, "shop", "Deployment", "api"),
    ])  # fmt: skip
    text = text_of(found)
    assert text.index("POD-110 medium") < text.index("POD-101 critical (level info)")
    assert "of the 2 fails, 1 does not close the gate" in text


def test_marks_and_the_gate_are_printed():
    gate = Gate(exit_code=0, meaning="nothing is open", allow=("unknown",), gate_severity="high")
    text = text_of([record("POD-101", Verdict.PASS)], demo=True, partial=("3 items were deselected",), gate=gate)
    assert "DEMO: " in text
    assert "PARTIAL: 3 items were deselected" in text
    assert "--gate-severity high" in text
    assert "--allow unknown" in text
    assert text.splitlines()[-1].endswith(" 0: nothing is open")


def test_colour_changes_nothing_but_colour():
    found = sample_records()
    assert COLOUR.sub("", text_of(found, colour=True)) == text_of(found)
    assert "\x1b" in text_of(found, colour=True)


def test_without_a_pack_the_meaning_still_stands():
    assert text_of([record("POD-101", Verdict.PASS)], pack=None).splitlines()[-1] == " 1: something fails"


def test_a_long_list_is_cut_after_five_subjects():
    found = [workload("POD-101", Verdict.FAIL, "shop", "Pod", f"pod-{number:03}") for number in range(9)]
    text = text_of(in_order(found))
    assert text.count("shop/Pod/pod-") == 5
    assert "… 4 more subjects" in text
    assert "9 subjects" in text


def test_the_table_of_a_failing_item_is_a_line_a_subject():
    found = [workload("POD-101", Verdict.FAIL, "shop", "Pod", f"pod-{number:03}") for number in range(25)]
    lines = subject_table([*found, workload("POD-101", Verdict.PASS, "shop", "Pod", "good")]).split("\n")
    assert len(lines) == MOST_LINES + 1
    assert lines[0] == "shop/Pod/pod-000  containers[app]  securityContext.privileged is true, expected false or unset"
    assert lines[-1] == "… and 5 more lines like these (25 subjects in all)"
    assert subject_table([record("POD-101", Verdict.PASS)]) == ""


def test_the_table_names_the_verdict_where_there_are_several():
    table = subject_table([
        record("POD-101", Verdict.UNKNOWN, reason="pods in shop: forbidden"),
        workload("POD-101", Verdict.FAIL, "shop", "Pod", "名前"),
    ])  # fmt: skip
    first, second = table.split("\n")
    assert first.startswith("fail     shop/Pod/名前  containers[app]  ")
    assert second.startswith("unknown  shop")
    assert cell_len(first[: first.index("securityContext")]) == cell_len(second[: second.index("pods in")])


@pytest.mark.parametrize("width", [0, 1, 19])
def test_absurd_widths_are_taken_as_the_least(width):
    assert all(cell_len(line) <= 20 for line in text_of(sample_records(), width=width).splitlines())


def test_files_are_not_called_a_collection():
    sources = (SourceStatus(source="pods", status=Status.GIVEN, count=3),)
    line = text_of([record("POD-101", Verdict.PASS)], sources=sources).splitlines()[1]
    assert line == "3 objects from files · what they do not hold proves nothing"
