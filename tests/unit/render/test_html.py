"""The HTML report: complete, adding up, inert, self-contained, and small enough."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from lxml import html

from preaudit.errors import UsageError
from preaudit.evidence.record import Observation, in_order
from preaudit.render.html import render_html
from preaudit.snapshot import SourceStatus, Status
from preaudit.text import inert
from preaudit.verdict import Level, Verdict

from .sample import manifest_for, record, sample_records, workload
from .strategies import records

REPORTS = Path(__file__).parents[3] / "reports"
TAGS = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "p", "h1", "h2", "h3", "div", "ul", "ol",
    "li", "nav", "main", "section", "dl", "dt", "dd", "strong", "br", "code", "pre", "bdi", "time", "svg",
    "rect", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "span", "small", "article",
    "details", "summary", "wbr", "label", "input", "output", "footer", "script",
}  # fmt: skip
SHOWN_IN_FULL = {Verdict.FAIL, Verdict.UNKNOWN, Verdict.WAIVED, Verdict.MANUAL}


def page_of(found, **given_):
    raw = render_html(found, manifest_for(found, **given_), reports=REPORTS)
    return raw.decode(), html.document_fromstring(raw.decode())


def text_of(element):
    return " ".join(element.text_content().split())


@given(records())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_records_are_all_there_and_inert(found):
    text, page = page_of(found)
    elements = [one for one in page.iter() if isinstance(one.tag, str)]
    assert {one.tag for one in elements} <= TAGS
    assert len(page.findall(".//script")) == 1
    assert not any(name.startswith("on") or name == "style" for one in elements for name in one.attrib)
    assert all(one.get("href", "#").startswith("#") and not one.get("src") for one in elements)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]", text)
    rows = page.xpath("//table[@class='records']/tbody/tr")
    assert len(rows) == sum(one.verdict in SHOWN_IN_FULL for one in found)
    whole = {bdi.text_content() for row in rows for bdi in row.iter("bdi")}
    whole |= {bdi.get("title") for row in rows for bdi in row.iter("bdi")}
    for one in found:
        if one.verdict in SHOWN_IN_FULL:
            assert inert(one.subject.name if one.subject else one.namespace) in whole


@given(records())
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_row_and_column_of_the_counts_adds_up(found):
    _, page = page_of(found)
    table = page.xpath("//table[@class='numbers']")[0]
    lines = [
        [int(cell.text_content().replace(",", "")) for cell in row.findall("td")[:-1]]
        for row in table.xpath("./tbody/tr | ./tfoot/tr")
    ]
    assert all(sum(line[:-1]) == line[-1] for line in lines)
    assert [sum(column) for column in zip(*lines[:-1], strict=True)] == (lines[-1] if lines[:-1] else [])
    assert lines[-1][-1] == len(found)


def test_the_sample_tells_everything_on_its_first_page():
    found = sample_records()
    text, page = page_of(found, partial=("only the area pod_security was selected",), demo=True)
    assert page.get("lang") == "en"
    heads = [one.get("id") for one in page.xpath("//main/section")]
    assert heads[:7] == ["identity", "counts", "unseen", "findings", "manual", "waivers", "check"]
    banners = [text_of(one) for one in page.xpath("//*[@class='banner']")]
    assert banners[0].startswith("DEMO.")
    assert "PARTIAL." in banners[1]
    assert "only the area pod_security was selected" in banners[1]
    gaps = [[text_of(cell) for cell in row.findall("td")] for row in page.xpath("//*[@id='unseen']//tbody/tr")]
    assert [(gap[0], gap[1], gap[3], gap[4]) for gap in gaps] == [
        ("pods", "payments", "5", "list pods in payments"),
        ("nodes/configz", "the whole cluster", "2", "get nodes/configz"),
    ]
    remedies = [text_of(one) for one in page.xpath("//*[@id='findings']//h3")]
    assert remedies[0] == "1. Remove securityContext.privileged and grant the single capability that the process needs"
    waivers = [text_of(one) for one in page.xpath("//*[@id='waivers']//tbody/tr")]
    assert "129" in waivers[0]
    assert "live" in waivers[0]
    assert "expired" in waivers[1]
    assert "UNSIGNED" not in text
    ids = {one.get("id") for one in page.iter() if one.get("id")}
    assert all(link.get("href")[1:] in ids for link in page.iter("a"))
    assert len(ids) == sum(1 for one in page.iter() if one.get("id"))


def test_a_requirement_carries_what_an_auditor_asks_for():
    _, page = page_of(sample_records())
    part = page.get_element_by_id("req-POD-103")
    told = text_of(part)
    for needed in (
        "Pods mount no path of the node.", "What is written to the node outlives the pod", "EXAMINE: every container",
        "pods (195): collected in edge, empty, kube-system, orders, shop; forbidden cluster-wide and in payments",
        'pod_security.version = "latest", from Kubernetes documentation (benchmark), set in baseline.yaml',
        "pss baseline/hostPathVolumes (full)", "Pods that ended before the collection are not seen.",
        "preaudit verify . --reperform --select POD-103", "Reviewer", "Conclusion", "a webhook added it",
    ):  # fmt: skip
        assert needed in told, needed
    long = "x" * 120 + "-the-end-of-a-long-name"
    assert any(bdi.get("title") == long and len(bdi.text) == 72 for bdi in part.iter("bdi"))


def test_passes_are_counted_by_requirement_and_namespace():
    found = sample_records()
    _, page = page_of(found)
    for name in ("POD-101", "POD-110"):
        told = text_of(page.get_element_by_id(f"req-{name}").xpath(".//p[@class='quiet']")[0])
        passes = Counter(one.namespace for one in found if one.requirement == name and one.verdict is Verdict.PASS)
        for namespace, count in passes.items():
            assert f"{namespace} {count} pass" in told
        assert "empty 1 n/a" in told


def test_tables_have_captions_and_scopes_and_the_page_landmarks():
    text, page = page_of(sample_records())
    assert all(table.find("caption") is not None for table in page.iter("table"))
    assert all(head.get("scope") in {"col", "row"} for head in page.iter("th"))
    assert page.xpath("//a[@class='skip']")[0].get("href") == "#main"
    assert {one.tag for one in page.iter() if one.tag in {"main", "header", "nav", "footer"}} == {
        "main", "header", "nav", "footer",
    }  # fmt: skip
    assert not re.search(r"(?:src|href)=.?(?:https?:)?//|url\(|@import", text)
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']")[0].get("content")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_colours_have_enough_contrast_in_both_schemes():
    style = (REPORTS / "html" / "report.css").read_text()
    light, dark = (dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", part)) for part in style.split("@media screen and")[:2])
    assert set(light) == set(dark)
    for scheme in (light, dark):
        for name, colour in scheme.items():
            if name not in {"page", "panel", "line"}:
                for ground in ("page", "panel"):
                    assert contrast(colour, scheme[ground]) >= 4.5, (name, ground)


def contrast(one, other):
    def luminance(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    "found",
    [[], [record("POD-101", Verdict.UNKNOWN, reason="pods in shop: timeout")], [record("POD-101", Verdict.PASS)]],
    ids=["nothing", "only unknown", "only pass"],
)
def test_small_runs_render(found):
    _, page = page_of(found, sources=(), waivers=(), left_out=())
    told = text_of(page.get_element_by_id("unseen"))
    assert ("Nothing was judged." in told) == (not found)
    assert "Nothing that was looked at fails." in text_of(page.get_element_by_id("findings"))
    if found and found[0].verdict is Verdict.UNKNOWN:
        assert "timeout" in told
        assert "completely" not in told


def test_the_same_pack_gives_the_same_page():
    found = sample_records()
    first = render_html(found, manifest_for(found), reports=REPORTS)
    assert first == render_html(list(found), manifest_for(found), reports=REPORTS)


def test_records_that_the_manifest_did_not_count_get_no_report():
    found = sample_records()
    with pytest.raises(UsageError, match="preaudit verify"):
        render_html(found[1:], manifest_for(found), reports=REPORTS)


@pytest.mark.parametrize("hostile", [False, True], ids=["as in a cluster", "hostile"])
def test_ten_thousand_open_records_stay_below_15_megabytes(hostile):
    found = [
        workload(f"POD-10{1 + number % 3}", Verdict.FAIL, f"ns-{number % 97}", "Deployment", f"service-{number:06}")
        for number in range(10_000)
    ]
    if hostile:
        observed = tuple(Observation("p<" * 150, "v&" * 500) for _ in range(9))
        found = [
            msgspec.structs.replace(
                one,
                reason="y<\u202e" * 300,
                observed=observed,
                note="&" * 900,
                subject=msgspec.structs.replace(one.subject, name=f"{number}" + "<" * 250, within="'" * 400),
            )
            for number, one in enumerate(found)
        ]
    found = in_order(found)
    raw = render_html(found, manifest_for(found), reports=REPORTS)
    assert len(raw) <= 15 * 10**6
    assert raw.count(b'class="v fail"') >= 10_000


def test_levels_that_do_not_close_the_gate_say_so():
    found = [workload("POD-101", Verdict.FAIL, "kube-system", "DaemonSet", "proxy", level=Level.INFO, scope="platform")]
    _, page = page_of(found)
    assert "does not close the gate" in text_of(page.get_element_by_id("findings"))
    assert "platform, level info" in text_of(page.get_element_by_id("req-POD-101"))


@pytest.mark.parametrize(
    ("state", "says"),
    [(Status.COLLECTED, "seen completely"), (Status.GIVEN, "what they do not hold proves nothing")],
)
def test_only_a_complete_look_is_called_complete(state, says):
    _, page = page_of([record("POD-101", Verdict.PASS)], sources=(SourceStatus(source="pods", status=state),))
    told = text_of(page.get_element_by_id("unseen"))
    assert says in told
    assert ("completely" in told) == (state is Status.COLLECTED)
