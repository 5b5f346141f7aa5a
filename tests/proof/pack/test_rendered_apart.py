"""A process beside the run renders the same bytes as the run itself, and what it does not bring is made by the run."""

import hashlib
import json

import pytest

from preaudit import run as running
from preaudit.evidence.manifest import with_files
from preaudit.evidence.pack import read_manifest
from preaudit.render.apart import APART, Apart
from tests.command import preaudit

from .killed import audit


@pytest.fixture(params=[(), ("--pseudonyms",)], ids=["plain", "pseudonyms"])
def pack(request, recorded, tmp_path):
    preaudit("run", "--profile", "bank", "--snapshot", recorded, "--select", "POD-1*,RBAC,TLS", "--out", "pack", *request.param, cwd=tmp_path, code=1)
    return tmp_path / "pack"


def begun(folder):
    apart = Apart(folder)
    apart.begin(with_files(read_manifest(folder), ()), hashlib.sha256((folder / "records.jsonl").read_bytes()).hexdigest())
    return apart


def test_it_makes_no_difference_who_renders(pack):
    before = {name: (pack / name).read_bytes() for name in APART}
    for name in APART:
        (pack / name).unlink()
    assert list(begun(pack).made()) == list(APART)
    assert {name: (pack / name).read_bytes() for name in APART} == before


def test_what_a_process_left_half_done_is_removed_and_not_told_of(pack):
    """The second file stands in its way; the first is whole."""
    (pack / APART[0]).unlink()
    assert list(begun(pack).made()) == [APART[0]]
    assert not (pack / APART[1]).exists()


def test_a_process_that_died_before_it_was_told_has_made_nothing(pack):
    apart = Apart(pack)
    apart.close()
    apart.begin(read_manifest(pack), "")
    assert list(apart.made()) == []


@pytest.mark.parametrize("dies", [False, True])
def test_a_large_run_writes_the_same_pack_with_such_a_process_and_when_it_dies(recorded, keys, tmp_path, monkeypatch, dies):
    audit(str(recorded), tmp_path / "alone", str(keys[0]))
    monkeypatch.setattr(running, "WORTH_A_PROCESS", 1)
    made, whole = [], Apart.made
    monkeypatch.setattr(Apart, "made", lambda self: (made.append(name) or name for name in whole(self)))
    if dies:
        monkeypatch.setattr(Apart, "begin", lambda self, *_: self.close())
    audit(str(recorded), tmp_path / "shared", str(keys[0]))
    assert made == ([] if dies else list(APART))
    one, two = (json.loads((tmp_path / name / "manifest.json").read_text())["files"] for name in ("alone", "shared"))
    told = {"report.html", "summary.md"}  # they tell when the run was
    assert [file for file in one if file["name"] not in told] == [file for file in two if file["name"] not in told]
    assert {file["name"] for file in one} == {file["name"] for file in two}
