"""On paper everything is unfolded: every open record, heads on each page, nothing beyond the edge."""

from __future__ import annotations

import re
import subprocess

import pytest

_A4 = (595, 842)
_NUMBER = 1_000


def printed(page, path):
    page.pdf(path=path, format="A4", prefer_css_page_size=True)
    return subprocess.run(
        ["pdftotext", "-raw", str(path), "-"], capture_output=True, text=True, timeout=60, check=True
    ).stdout


def words_of(path):
    """``(page width, page height, [(x from, x to, word)])`` of each page, in points."""
    told = subprocess.run(["pdftotext", "-bbox", str(path), "-"], capture_output=True, text=True, timeout=60, check=True).stdout
    for part in told.split("<page ")[1:]:
        width, height = map(float, re.match(r'width="([\d.]+)" height="([\d.]+)"', part).groups())
        yield width, height, [
            (float(one[1]), float(one[2]), one[3])
            for one in re.finditer(r'<word xMin="([\d.-]+)" yMin="[\d.-]+" xMax="([\d.-]+)" yMax="[\d.-]+">(.*?)</word>', part)
        ]  # fmt: skip


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_thousand_open_records_are_all_on_paper(opened, pack, tmp_path, script):
    with opened(pack(_NUMBER) / "report.html", java_script_enabled=script) as one:
        assert one.locator("details:not([open])").count() > 3
        text = printed(one, tmp_path / "report.pdf")
        # Printing leaves the page as it was.
        assert one.locator("details:not([open])").count() > 3
    pages = text.split("\f")
    rows = "".join(pages[next(number for number, page in enumerate(pages) if "every record that is open" in page) :])
    whole = re.sub(r"\s+", "", rows)
    assert [number for number in range(_NUMBER) if f"service-{number:06}" not in whole] == []
    # Each page in the midst of a table starts with its head.
    heads = [page for page in pages if re.search(r"^Subject Verdict +Why, and what was observed", page, re.MULTILINE)]
    holding = [page for page in pages if page.count("expected no hostPath") + page.count("expected false") > 5]
    assert len(holding) > 10
    assert [page for page in holding if page not in heads] == []
    figures = list(words_of(tmp_path / "report.pdf"))
    print(f"{len(figures)} pages, {(tmp_path / 'report.pdf').stat().st_size:,} bytes")
    for width, height, words in figures:
        assert (round(width), round(height)) == _A4
        assert [word for start, end, word in words if start < 20 or end > width - 20] == []


@pytest.mark.parametrize("page", ["report", "controls"])
@pytest.mark.parametrize("kind", ["everything", "hostile"])
def test_nothing_is_cut_and_no_fold_stays(opened, pack, tmp_path, kind, page):
    with opened(pack(kind) / f"{page}.html", java_script_enabled=False, color_scheme="dark") as one:
        whole = one.evaluate(
            """() => [...document.querySelectorAll("main :is(bdi, td:not(.bars), th, caption, dt, h2, h3, summary)")].filter((one) =>
            one.checkVisibility({contentVisibilityAuto: false}) || one.closest("details:not([open])"))
            .map((one) => one.textContent.replace(/\\s+/g, "")).filter((one) => /^[!-~]+$/.test(one))"""
        )
        text = re.sub(r"\s+", "", printed(one, tmp_path / "page.pdf"))
        ground = one.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert [word for word in set(whole) if word not in text] == []
    assert ground != "rgb(255, 255, 255)", "the dark scheme is for the screen; paper stays white (report.css)"
    for width, _, words in words_of(tmp_path / "page.pdf"):
        assert [word for start, end, word in words if start < 20 or end > width - 20] == []
