"""Pictures of the pages for people to look at, in the folder that PREAUDIT_SCREENSHOTS names; none is ever empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_PLACES = {
    "report": {"first": "body", "finding": "#findings", "unseen": "#unseen", "waivers": "#waivers", "area": "#area-1"},
    "controls": {"first": "body", "framework": "#framework-1"},
}
_WIDTHS = {"360": (360, 800), "1280": (1280, 1600), "a4": (794, 1123)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    named = os.environ.get("PREAUDIT_SCREENSHOTS")
    found = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    found.mkdir(parents=True, exist_ok=True)
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", _WIDTHS)
@pytest.mark.parametrize("kind", ["demo", "everything"])
def test_pages_are_pictured(opened, pack, folder, kind, width, scheme):
    size = dict(zip(("width", "height"), _WIDTHS[width], strict=True))
    for page, places in _PLACES.items():
        with opened(pack(kind) / f"{page}.html", viewport=size, color_scheme=scheme) as one:
            if width == "a4":
                one.emulate_media(media="print", color_scheme=scheme)
            for place, selector in places.items():
                one.locator(selector).evaluate("(one) => scrollTo(0, one.getBoundingClientRect().top + scrollY)")
                path = folder / f"{kind}-{page}-{place}-{width}-{scheme}.png"
                one.screenshot(path=path, caret="hide", animations="disabled")
                assert path.stat().st_size > 10_000
