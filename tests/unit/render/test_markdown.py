"""The summary as Markdown: banners, sums that add up, bounded, and nothing made of hostile names."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from preaudit.evidence.record import in_order
from preaudit.render.markdown import MOST_CHARACTERS, code, plain, render_markdown
from preaudit.render.summary import COLUMNS, summarise
from preaudit.snapshot import SourceStatus, Status
from preaudit.verdict import Verdict

from .sample import manifest_for, record, sample_records, workload
from .strategies import HOSTILE, records

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")
ALLOWED = {
    "heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "blockquote_open",
    "blockquote_close", "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close", "table_open",
    "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close", "th_open",
    "th_close", "td_open", "td_close",
}  # fmt: skip
INLINE = {"text", "code_inline", "softbreak", "strong_open", "strong_close"}
TURNED_INTO_SOMETHING = re.compile(r"[@<>&#~$!\\\[\]{}_`^%:]|www\.|\b[A-Z]+-\d|\b[0-9a-f]{7,}\b(?<!\d{7})")


def markdown_of(found, **given_):
    manifest = manifest_for(found, **given_)
    stream = io.BytesIO()
    render_markdown(summarise(found, manifest), manifest, stream)
    return stream.getvalue().decode()


def hold_the_rules(text):
    """Only our own structure, and no foreign text outside of code spans."""
    assert len(text) <= MOST_CHARACTERS
    for token in PARSER.parse(text):
        assert token.type in ALLOWED, token
        for part in token.children or ():
            assert part.type in INLINE, part
            if part.type == "text":
                told = re.sub(r"preaudit: |as of |fix: |help: |(fails|error|truncated|forbidden):|: |:$|^:", "", part.content)
                assert not TURNED_INTO_SOMETHING.search(told), part.content
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {len(COLUMNS) + 3}


@given(records())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_is_made_of_hostile_names(found):
    text = markdown_of(found, partial=HOSTILE[:3])
    hold_the_rules(text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", text)


HOOKS = ("@everyone", "#12", "!12", "~label", "GH-12", "JIRA-12", "![x](https://e.example/a.png)", "[a](javascript:x)",
         "<img src=x>", "a | b", "`tick`", "``two``", "/close", "www.e.example", "$`x`$", "*bold*", "_x_", ":smile:",
         "deadbeef00", "\\`", "&#64;all", "org/repo#1", "x@e.example", "`", "|", " ", "", "a\n\n# b", "- [ ] x", "\u202e")  # fmt: skip


@pytest.mark.parametrize("text", HOOKS)
def test_each_hook_is_a_code_span_or_plain_words(text):
    for told in (plain(text), code(text)):
        (paragraph,) = [one for one in PARSER.parse(f"is {told}.") if one.type == "inline"]
        kinds = [one.type for one in paragraph.children]
        assert kinds in (["text", "code_inline", "text"], ["text"]), told
    if text not in ("/close", "``two``"):  # plain words once the marks are gone
        assert plain(text).startswith("`")


@given(st.text(max_size=40))
def test_plain_words_hold_no_punctuation_that_means_something(text):
    told = plain(text)
    assert "\n" not in told
    assert told.startswith("`") or not TURNED_INTO_SOMETHING.search(told)


def test_the_sample_tells_the_sum_the_gaps_and_the_worst_first():
    found = sample_records()
    text = markdown_of(found, demo=True, partial=("4 items were deselected by the user.",))
    hold_the_rules(text)
    assert "> **DEMO**" in text
    assert "> **PARTIAL**: 4 items were deselected by the user." in text
    total, *numbers = re.search(r"\*\*(\d+) verdicts\*\* = (.*)", text).groups()
    assert int(total) == len(found) == sum(int(one) for one in re.findall(r"\d+", numbers[0]))
    rows = {line.split("|")[1].strip(): [int(cell) for cell in line.split("|")[2:-1]]
            for line in text.splitlines() if re.match(r"\| (?!area)[a-z]", line)}  # fmt: skip
    assert set(rows) == {"access", "audit", "pod security", "all"}
    assert all(sum(row[:-1]) == row[-1] for row in rows.values())
    assert [sum(column) for column in zip(*(row for name, row in rows.items() if name != "all"), strict=True)] == rows["all"]
    assert text.index("### Not looked at") < text.index("### What fails")
    assert "`pods in payments` forbidden:" in text
    assert text.index("`POD-101` **critical**") < text.index("`POD-102` **high**")
    assert "`W-3` expired" in text


def test_an_interrupted_run_says_so():
    found = sample_records()
    run = msgspec.structs.replace(manifest_for(found).run, interrupted=True)
    assert "> **INTERRUPTED**" in markdown_of(found, run=run)


def test_a_run_that_saw_all_and_found_nothing_is_short():
    seen = SourceStatus(source="pods", status=Status.COLLECTED, count=1)
    text = markdown_of([record("POD-101", Verdict.PASS)], sources=(seen,), waivers=(), left_out=())
    hold_the_rules(text)
    assert "What fails" not in text
    assert "Every read that was tried succeeded." in text
    assert "The manifest tells of no reads." in markdown_of([record("POD-101", Verdict.PASS)], sources=())


def test_files_prove_nothing_by_what_they_lack():
    given_ = SourceStatus(source="pods", status=Status.GIVEN, count=1)
    text = markdown_of([record("POD-101", Verdict.PASS)], sources=(given_,))
    assert "files were judged; what they do not hold proves nothing" in text
    assert "Every read" not in text


def test_hostile_numbers_do_not_make_it_longer_than_a_comment_may_be():
    found = [workload("POD-101", Verdict.FAIL, f"ns-{number}", "Pod", "\u202e" * 300) for number in range(300)]
    found = [msgspec.structs.replace(one, requirement=f"POD-{number:03}", title="#" * 500, reason="@" * 900)
             for number, one in enumerate(found)]  # fmt: skip
    text = markdown_of(in_order(found), partial=tuple("@" * 500 for _ in range(500)))
    hold_the_rules(text)
    assert "275 further requirements" in text
