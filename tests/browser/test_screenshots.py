"""Pictures of the pages for people to look at, in the folder that PREAUDIT_SCREENSHOTS names; none is ever empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_PLACES = {
    ("demo", "report"): {"first": "body", "finding": "#findings", "area": "#area-1"},
    ("demo", "controls"): {"first": "body", "framework": "#framework-1"},
    ("everything", "report"): {"first": "body", "unseen": "#unseen", "waivers": "#waivers"},
}
_WIDTHS = {"360": (360, 800), "1280": (1280, 1600), "a4": (794, 1123)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    named = os.environ.get("PREAUDIT_SCREENSHOTS")
    found = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    found.mkdir(parents=True, exist_ok=True)
    return found


@pytest.mark.parametrize("width", _WIDTHS)
@pytest.mark.parametrize("which", _PLACES, ids="-".join)
def test_pages_are_pictured(opened, pack, folder, which, width):
    kind, page = which
    size = dict(zip(("width", "height"), _WIDTHS[width], strict=True))
    with opened(pack(kind) / f"{page}.html", viewport=size) as one:
        for scheme in ("light", "dark"):
            one.emulate_media(media="print" if width == "a4" else "screen", color_scheme=scheme)
            for place, selector in _PLACES[which].items():
                one.evaluate("(name) => scrollTo(0, document.querySelector(name).getBoundingClientRect().top + scrollY)", selector)
                path = folder / f"{kind}-{page}-{place}-{width}-{scheme}.png"
                one.screenshot(path=path, caret="hide", animations="disabled")
                assert path.stat().st_size > 10_000
