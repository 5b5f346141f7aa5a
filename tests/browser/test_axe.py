"""axe-core finds nothing that keeps a reader out: in both schemes, on a phone, a desk and paper, folded and unfolded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import AXE

_RUN = """(without) => axe.run(document, {resultTypes: ["violations"], iframes: false,
    rules: Object.fromEntries(without.map((rule) => [rule, {enabled: false}]))}).then((found) => ({
    rules: found.violations.length + found.passes.length + found.incomplete.length,
    violations: found.violations.map((one) => `${one.id}: ${one.help}: ` + one.nodes.slice(0, 3).map((node) =>
        node.html.slice(0, 200) + " " + node.failureSummary.slice(0, 300)).join(" | ") + ` (${one.nodes.length})`)}))"""
_SITUATIONS = (
    {"color_scheme": "light", "media": "screen", "width": 1280},
    {"color_scheme": "dark", "media": "screen", "width": 360},
    {"color_scheme": "light", "media": "print", "width": 794},
    {"color_scheme": "dark", "media": "screen", "width": 1280},
    {"color_scheme": "light", "media": "screen", "width": 360},
)
"""What the fullest pages are read in; the others, which have the same style sheet, in the first three."""
_UNFOLD = """() => document.querySelectorAll("details").forEach((one) => { one.open = true; })"""
# Past the first, all have the same colours; axe takes 10 s for those of the demo's 25,000 elements.
_COLOURS = ("color-contrast", "link-in-text-block")
_THIN = """() => [".requirement:nth-of-type(n+4)", "tbody tr:nth-child(n+7)", "article:nth-of-type(n+5)", ".area ~ .area ~ .area ~ .area"]
    .forEach((far) => document.querySelectorAll(far).forEach((one) => one.remove()))"""


@pytest.fixture(scope="module")
def engine():
    return (Path(AXE) / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


def violations(page, *, color_scheme="light", media="screen", width=1280, without=()):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=color_scheme, media=media)
    found = page.evaluate(_RUN, list(without))
    assert found["rules"] > 10
    return found["violations"]


@pytest.mark.parametrize("page", ["report", "controls"])
@pytest.mark.parametrize("kind", ["demo", "hostile", "everything", "empty"])
def test_there_are_no_violations(opened, pack, engine, kind, page):
    with opened(pack(kind) / f"{page}.html") as one:
        one.evaluate(engine)
        one.evaluate(_UNFOLD)
        found = {"whole": violations(one, without=_COLOURS)}
        one.evaluate(_THIN)
        for situation in _SITUATIONS if kind == "everything" else _SITUATIONS[:3]:
            found[str(situation)] = violations(one, **situation)
        if kind == "everything":
            one.evaluate("""() => document.querySelectorAll("details").forEach((one) => { one.open = false; })""")
            found["folded"] = violations(one)
        assert {situation: told for situation, told in found.items() if told} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_would_find_what_it_shall_find(opened, pack, engine, scheme):
    with opened(pack("empty") / "report.html") as one:
        one.evaluate(engine)
        one.emulate_media(color_scheme=scheme)
        one.evaluate(
            """() => { const table = document.querySelector("#identity");
            table.insertAdjacentHTML("beforeend", '<p class="faint">Too faint to read.</p><button></button>');
            const page = getComputedStyle(document.body).backgroundColor;
            const faint = document.querySelector(".faint");
            faint.style.color = page.replace(/\\d+/g, (part) => part > 99 ? part - 40 : Number(part) + 40); }"""
        )
        told = " ".join(violations(one, color_scheme=scheme, width=360))
        assert "color-contrast: " in told
        assert "button-name: " in told
