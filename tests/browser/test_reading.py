"""Script only helps: without it all is readable and every link leads somewhere; a keyboard is enough."""

from __future__ import annotations

import pytest

KINDS = ["demo", "everything", "empty", "hostile"]
_LINKS = """() => [...document.querySelectorAll("a")].map((one) => one.getAttribute("href"))"""
_IDS = """() => [...document.querySelectorAll("[id]")].map((one) => one.id)"""
_OVERFLOW = """() => [document.documentElement.scrollWidth, innerWidth]"""


@pytest.mark.parametrize("page", ["report", "controls"])
@pytest.mark.parametrize("kind", KINDS)
def test_without_script_every_link_leads_somewhere_in_the_page(opened, pack, kind, page):
    with opened(pack(kind) / f"{page}.html", java_script_enabled=False) as one:
        links, ids = one.evaluate(_LINKS), one.evaluate(_IDS)
        assert len(ids) == len(set(ids))
        assert {link[:1] for link in links} == {"#"}
        assert {link[1:] for link in links} <= set(ids)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_link_goes_to_a_requirement(opened, pack, script):
    with opened(pack("everything") / "report.html", java_script_enabled=script) as one:
        one.locator("#findings a").first.click()
        at = one.evaluate("() => location.hash.slice(1)")
        assert at.startswith("req-")
        assert one.locator(f"#{at} > summary h3").is_visible()
        assert one.evaluate("(id) => document.getElementById(id).getBoundingClientRect().top", at) < 900


def test_without_script_everything_can_be_unfolded_and_nothing_waits_for_script(opened, pack):
    path = pack("everything") / "report.html"
    with opened(path, java_script_enabled=False) as one:
        assert not one.locator("#filter").is_visible()
        folded = one.locator("details:not([open]) > summary")
        while folded.count():
            folded.first.click()
        without = one.locator("main").inner_text()
        hidden = one.evaluate(
            """() => [...document.querySelectorAll("main :is(p, td, th, li, dt, dd)")]
            .filter((one) => one.checkVisibility && !one.checkVisibility() && !one.closest(".filter")).length"""
        )
        assert hidden == 0
    with opened(path) as one:
        one.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        one.evaluate("() => { document.querySelector('#filter').hidden = true; }")
        assert one.locator("main").inner_text() == without


@pytest.mark.parametrize("page", ["report", "controls"])
def test_the_keyboard_is_enough(opened, pack, page):
    with opened(pack("demo") / f"{page}.html") as one:
        one.keyboard.press("Tab")
        skip = one.locator("a.skip")
        assert skip.evaluate("(one) => one === document.activeElement")
        box = skip.bounding_box()
        assert box["x"] >= 0
        assert box["width"] > 50
        one.keyboard.press("Enter")
        assert one.evaluate("() => location.hash") == "#main"
        one.keyboard.press("Tab")
        assert one.evaluate("() => document.querySelector('main').contains(document.activeElement)")
        summary = one.locator("details:not([open]) > summary").first.element_handle()
        summary.focus()
        one.keyboard.press("Enter")
        assert summary.evaluate("(one) => one.parentElement.open")
        one.keyboard.press("Space")
        assert not summary.evaluate("(one) => one.parentElement.open")


@pytest.mark.parametrize(("page", "scheme"), [("report", "light"), ("report", "dark"), ("controls", "light")])
def test_focus_can_be_seen_wherever_it_stands(opened, pack, page, scheme):
    with opened(pack("everything") / f"{page}.html", color_scheme=scheme) as one:
        order = []
        for _ in range(40):
            one.keyboard.press("Tab")
            where = one.evaluate(
                """() => { const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
                return [one.tagName, style.outlineStyle, parseFloat(style.outlineWidth), style.outlineColor, box.top, box.bottom]; }"""
            )
            if where[0] == "BODY":
                break
            order.append(where)
        assert len(order) > 10
        for tag, style, width, colour, top, bottom in order:
            assert style != "none", tag
            assert width >= 2, tag
            assert colour not in {"rgba(0, 0, 0, 0)", "transparent"}, tag
            assert bottom > 0, tag
            assert top < 900, tag


def test_the_filter_narrows_and_gives_all_back(opened, pack):
    with opened(pack("everything") / "report.html") as one:
        rows = one.locator(".records tbody tr")
        whole = rows.count()
        opened_before = one.locator("details[open]").count()
        box = one.get_by_label("Show only rows that hold")
        box.fill("payments")
        one.wait_for_function("() => document.querySelector('#filter output').textContent")
        left = one.locator(".records tbody tr:not([hidden])")
        assert 0 < left.count() < whole
        assert all("payments" in text for text in left.all_inner_texts())
        assert one.locator("#filter output").inner_text() == f"{left.count()} of {whole} rows"
        box.fill("no such thing")
        one.wait_for_function("() => document.querySelector('#filter output').textContent.startsWith('0 of')")
        assert one.locator(".requirement:not([hidden])").count() == 0
        box.fill("")
        one.wait_for_function("() => document.querySelector('#filter output').textContent === ''")
        assert one.locator(".records tbody tr[hidden]").count() == 0
        assert one.locator(".requirement[hidden]").count() == 0
        assert one.locator("details[open]").count() == opened_before


@pytest.mark.parametrize("page", ["report", "controls"])
@pytest.mark.parametrize("kind", ["demo", "everything", "hostile"])
def test_nothing_stands_outside_the_window(opened, pack, kind, page):
    with opened(pack(kind) / f"{page}.html") as one:
        one.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for width in (320, 360, 768, 1280):
            one.set_viewport_size({"width": width, "height": 800})
            wide, window = one.evaluate(_OVERFLOW)
            assert wide <= window == width
