"""The coverage page: sums that add up, nothing claimed beyond the table, self-contained, hostile names inert."""

from __future__ import annotations

import base64
import hashlib
import io
import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from lxml import html

from preaudit.catalogue import shipped_mapping
from preaudit.evidence.manifest import Control
from preaudit.evidence.record import in_order
from preaudit.render.controls import coverage, render_controls
from preaudit.render.summary import summarise
from preaudit.suites import data_folder, load_builtin
from preaudit.verdict import Verdict

from .sample import entry, manifest_for, record, sample_records
from .strategies import HOSTILE, records

MAPPING = shipped_mapping()
REPORTS = data_folder("reports")


def page_of(found, **given_):
    manifest = manifest_for(found, **given_)
    stream = io.BytesIO()
    render_controls(summarise(found, manifest), manifest, stream, mapping=MAPPING, reports=REPORTS)
    return stream.getvalue().decode()


def coverage_of(found, **given_):
    manifest = manifest_for(found, **given_)
    return {one.name: one for one in coverage(summarise(found, manifest), MAPPING)}


def with_controls(name, *controls):
    return msgspec.structs.replace(entry(name), controls=tuple(Control(framework=f, id=i, relationship=r) for f, i, r in controls))


def whole_catalogue():
    """The sample's entry for each built-in requirement, with the controls of the tables."""
    return tuple(
        msgspec.structs.replace(entry("POD-101"), id=one.id, area=one.area, controls=MAPPING.controls(one.id, one.controls))
        for one in load_builtin().requirements
    )


def hold_the_rules(text):
    page = html.document_fromstring(text)
    assert page.get("lang") == "en"
    assert [len(page.xpath(f"//{tag}")) for tag in ("header", "main", "footer", "h1", "nav")] == [1] * 5
    assert not page.xpath("//script | //img | //link | //iframe | //form | //object")
    assert not [name for one in page.iter() for name in one.attrib if name.startswith("on") or name in {"src", "style"}]
    ids = page.xpath("//@id")
    assert len(set(ids)) == len(ids)
    assert {one.removeprefix("#") for one in page.xpath("//@href")} <= set(ids), "links stay in the page"
    assert {one for value in page.xpath("//@aria-labelledby") for one in value.split()} <= set(ids)
    for table in page.xpath("//table"):
        assert table.xpath("caption")
        assert all(cell.get("scope") in {"col", "row"} for cell in table.xpath(".//th"))
    style = page.xpath("//style")[0].text
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}" in policy
    assert "default-src 'none'" in policy
    return page


def test_the_sample_is_a_whole_page():
    page = hold_the_rules(page_of(sample_records(), demo=True, partial=("4 items were deselected",)))
    told = " ".join(page.text_content().split())
    assert "DEMO" in told
    assert "PARTIAL" in told
    assert "It is no statement of conformity" in told
    titles = [one.text_content() for one in page.xpath("//section/h2")]
    assert len(titles) == 2 + len(MAPPING.frameworks) + 1, "one more that only the sample's own catalogue names"


def test_every_row_of_the_overview_adds_up():
    page = hold_the_rules(page_of([], catalogue=whole_catalogue()))
    rows = page.xpath("//section[@aria-labelledby='overview']//tbody/tr")
    assert len(rows) == len(MAPPING.frameworks)
    for row, framework in zip(rows, MAPPING.frameworks, strict=True):
        numbers = [int(cell.text_content().replace(",", "")) for cell in row.xpath("td")]
        assert sum(numbers[:-1]) == numbers[-1], framework.name
        extra = {"cis-kubernetes-2.0.1": 1}.get(framework.name, 0)
        assert numbers[-1] - len(framework.counted) in {0, extra}, framework.name


@pytest.mark.parametrize("framework", MAPPING.frameworks, ids=lambda one: one.name)
def test_the_whole_catalogue_covers_what_the_table_says(framework):
    found = coverage_of([], catalogue=whole_catalogue())[framework.name]
    table = {}
    for row in framework.rows:
        table.setdefault(row.id, set()).add(row.relationship)
    best = {one: min(told, key=["full", "partial", "supports"].index) for one, told in table.items()}
    named = {one.id: one.relationship for one in found.covered}
    assert {name: named[name] for name in best} == best
    assert set(named) - set(best) <= {"5.6.1"}, "only a suite names it"
    assert not set(found.missing) & set(named)


def test_relationships_and_verdicts_of_a_control_come_together():
    catalogue = (
        with_controls("POD-101", ("cis-kubernetes-2.0.1", "5.2.2", "partial"), ("acme", "X-1", "supports")),
        with_controls("POD-102", ("cis-kubernetes-2.0.1", "5.2.2", "supports")),
    )
    found = in_order([record("POD-101", Verdict.FAIL), record("POD-101", Verdict.PASS), record("POD-102", Verdict.UNKNOWN)])
    covered = coverage_of(found, catalogue=catalogue)
    (control,) = covered["cis-kubernetes-2.0.1"].covered
    assert (control.id, control.relationship) == ("5.2.2", "partial")
    assert [one.id for one in control.evidence] == ["POD-101", "POD-102"]
    assert control.evidence[0].rationale
    assert not control.evidence[1].rationale, "the table does not hold it"
    assert [control.counts[verdict] for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN)] == [1, 1, 1]
    assert covered["acme"].framework is None
    assert not covered["acme"].missing
    assert not covered["nist-800-53r5"].covered
    told = " ".join(hold_the_rules(page_of(found, catalogue=catalogue)).text_content().split())
    assert "Named by suites of your own; no list of its controls ships with preaudit" in told
    assert "No requirement of this run speaks to any of its controls." in told


def test_areas_without_a_control_are_printed():
    told = " ".join(hold_the_rules(page_of([])).text_content().split())
    assert "backup restore: The benchmark does not speak of backups." in told


@given(records())
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_names_are_inert(found):
    catalogue = tuple(
        with_controls(name, (hostile, hostile, hostile))
        for name, hostile in zip(("POD-101", "POD-102", "POD-103"), HOSTILE[:3], strict=True)
    )
    text = page_of(found, catalogue=catalogue, partial=HOSTILE)
    hold_the_rules(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert text == page_of(found, catalogue=catalogue, partial=HOSTILE)
