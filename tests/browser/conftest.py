"""The system's Chromium, and a page in it that tells whatever a report must never do."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser import packs

CHROMIUM = os.environ.get("PREAUDIT_CHROMIUM", "")
AXE = os.environ.get("PREAUDIT_AXE", "")
_KINDS = {"demo": packs.demo, "everything": packs.everything, "empty": packs.empty, "hostile": packs.hostile}


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    left_out = pytest.mark.skip(reason="run it by tests/browser/with-chromium, which installs what it needs")
    for item in items:
        if not (CHROMIUM and AXE) and here in item.path.parents:
            item.add_marker(left_out)


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    # Chromium's own sandbox refuses root.
    arguments = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=30_000)
        yield one
        one.close()


@pytest.fixture(scope="session")
def pack(tmp_path_factory):
    """The folder with both pages of a kind of pack, made once."""
    made = {}

    def of(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp("packs") / str(kind)
            made[kind] = packs.large(folder, kind) if isinstance(kind, int) else _KINDS[kind](folder)
        return made[kind]

    return of


@pytest.fixture
def opened(browser):
    """Opens a file in a fresh context: ``with opened(path, **options) as page``; whatever it did wrong fails the test.

    Counted as wrong: any request but the one for the file itself, any console message, uncaught error, dialog, other
    window or download. ``page.faults`` holds them while the page is open.
    """

    @contextmanager
    def open_one(path, *, allow=(), **options):
        own = Path(path).resolve().as_uri()
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        context.set_default_timeout(20_000)
        faults = []
        asked = []

        def route(one):
            asked.append(one.request.url)
            if one.request.url.split("#")[0] == own:
                one.continue_()
            else:
                one.abort()

        context.route("**/*", route)
        page = context.new_page()
        page.on("request", lambda one: one.url.split("#")[0] != own and faults.append(f"request: {one.url}"))
        page.on("console", lambda one: faults.append(f"console: {one.text}"))
        page.on("pageerror", lambda one: faults.append(f"error: {one}"))
        page.on("popup", lambda one: faults.append(f"window: {one.url}"))
        page.on("download", lambda one: faults.append(f"download: {one.url}"))

        def dialog(one):
            faults.append(f"dialog: {one.message}")
            one.dismiss()

        page.on("dialog", dialog)
        page.faults = faults
        try:
            page.goto(own)
            yield page
            assert [one for one in faults if not one.startswith(tuple(allow))] == []
            assert asked == [own] * len(asked), "the file itself, and nothing else"
        finally:
            context.close()

    return open_one
