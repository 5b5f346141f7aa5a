"""A page asks for nothing, does nothing by itself, and shows what others wrote as text and nothing else."""

from __future__ import annotations

import pytest

from preaudit.text import inert
from tests.browser.packs import LONG, PAYLOADS

PAGES = [(kind, page) for kind in ("demo", "everything", "empty", "hostile") for page in ("report", "controls")]


@pytest.mark.parametrize(("kind", "page"), PAGES)
def test_no_page_asks_for_anything_or_says_anything(opened, pack, kind, page):
    with opened(pack(kind) / f"{page}.html") as one:
        policy, language, scripts, foreign = one.evaluate(
            """(names) => [document.querySelector("meta[http-equiv=Content-Security-Policy]").content,
                document.documentElement.lang, document.scripts.length, document.querySelectorAll(names).length]""",
            "img, iframe, object, embed, link, base, form, [style], [src], [onerror]",
        )
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert (language, scripts, foreign) == ("en", page == "report", 0)


def test_a_page_that_let_markup_through_would_be_noticed(opened, pack, tmp_path):
    text = (pack("empty") / "report.html").read_text()
    (tmp_path / "report.html").write_text(text.replace("<main", "<img src=x onerror=alert(1)><script>alert(2)</script><main"))
    with opened(tmp_path / "report.html", allow=("console: ", "request: ")) as one:
        told = " ".join(one.faults)
        assert "Content Security Policy" in told
        assert "dialog" not in told


@pytest.mark.parametrize("page", ["report", "controls"])
def test_hostile_names_are_text_in_isolation(opened, pack, page):
    with opened(pack("hostile") / f"{page}.html") as one:
        found = one.evaluate(
            """() => [...document.querySelectorAll("bdi")].map((one) => [one.innerHTML, one.textContent, one.title,
                getComputedStyle(one).unicodeBidi, one.querySelector(":not(wbr)") !== null])"""
        )
        assert not [inner for inner, _, _, _, holds in found if holds]
        assert {bidi for _, _, _, bidi, _ in found} == {"isolate"}
        seen = {text for _, text, _, _, _ in found} | {title for _, _, title, _, _ in found}
        for word in PAYLOADS:
            assert inert(word) in seen, word
        body = one.locator("body").inner_text()
        assert not set(body) & {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\x1b", "\u200b"}
        # What stays of hovering and focusing everything: nothing.
        one.evaluate("""() => document.querySelectorAll("*").forEach((one) => {
            one.dispatchEvent(new MouseEvent("mouseover", {bubbles: true})); one.focus?.(); })""")


def test_a_long_name_is_cut_in_the_middle_and_whole_in_the_title(opened, pack):
    with opened(pack("hostile") / "report.html") as one:
        shown = one.locator(f'.records bdi[title="{LONG}"]').first
        assert "…" in shown.inner_text()
        assert len(shown.inner_text()) < 80
        assert shown.inner_text()[0] == "n"
        assert shown.inner_text()[-1] == "m"


def test_a_megabyte_of_reason_is_bounded(pack):
    assert (pack("hostile") / "report.html").stat().st_size < 8_000_000
