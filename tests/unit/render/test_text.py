"""Foreign text is inert, bounded, and still recognisable."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from preaudit.render.budget import Budget
from preaudit.render.text import short_reason, value_text
from preaudit.text import cut, inert, prose, shown
from preaudit.verdict import Verdict

from .sample import record, workload


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain-name.v2", "plain-name.v2"),
        ("名前", "名前"),
        ("\x1b[31mred", "␛[31mred"),
        ("a\nb\tc", "a␊b␉c"),
        ("\x7f\x9b", "␡⟨U+009B⟩"),
        ("abc\u202edcba", "abc⟨U+202E⟩dcba"),
        ("zero\u200bwidth\ufeff", "zero⟨U+200B⟩width⟨U+FEFF⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("a" + "\u0301" * 5, "a\u0301\u0301\u0301⟨U+0301⟩⟨U+0301⟩"),
        ("<script>&", "<script>&"),
    ],
)
def test_what_could_steer_a_reader_is_visible(text, expected):
    assert inert(text) == expected


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_nothing_that_steers_is_left_and_doing_it_twice_changes_nothing(text):
    result = inert(text)
    assert all(unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in result)
    assert inert(result) == result
    result.encode()


@given(st.text(), st.integers(1, 40))
def test_a_cut_text_keeps_both_ends_and_the_limit(text, limit):
    result = cut(text, limit)
    assert len(result) <= limit
    if len(text) > limit:
        assert text.startswith(result.partition("…")[0])
        assert "…" in result


def test_the_whole_of_a_cut_name_is_kept_beside_it():
    name = "x" * 200 + "-end"
    one = shown(name, 40)
    assert len(one.text) == 40
    assert one.text.endswith("-end")
    assert one.whole == name
    assert shown("short", 40).whole == ""
    assert "5000000 characters in all" in shown("y" * 5_000_000, 40).whole


def test_a_redacted_value_is_named_and_not_printed():
    assert value_text({"$redacted": {"length": 24, "token": "t-77"}}) == "(redacted, length 24)"
    assert value_text({"$redacted": "no mark of ours"}) == '{"$redacted":"no mark of ours"}'
    assert value_text([1, None]) == "[1,null]"


def test_the_reason_does_not_repeat_the_part_beside_it():
    told = workload("POD-101", Verdict.FAIL, "shop", "DaemonSet", "agent")
    assert told.reason.startswith("containers[app].securityContext")
    assert short_reason(told) == "securityContext.privileged is true, expected false or unset"
    assert short_reason(record("POD-101", Verdict.UNKNOWN, reason="why")) == "why"


def test_prose_is_one_line_without_marks():
    assert prose("set ``a: b``\n   and go") == "set a: b and go"


@given(st.lists(st.text(min_size=1, max_size=400), max_size=60))
def test_a_budget_bounds_what_comes_after_it_is_used_up(texts):
    budget = Budget(1_000)
    for text in texts:
        tight = budget.tight
        one = budget.take(text, 300, least=60)
        if tight:
            assert not one.whole
            assert len(str(escape(one.text)).encode()) <= 60
