"""A pack is rendered again to the same bytes; where they would be others, a sealed pack stays as it is."""

import json

import pytest

from tests.command import preaudit

NAMES = ("report.html", "controls.html", "junit.xml", "hdf.json", "oscal.json", "records.csv", "summary.md")


@pytest.fixture(params=[(), ("--pseudonyms", "--junit-attachments", "/jenkins/audit")], ids=["plain", "pseudonyms"])
def pack(request, recorded, keys, tmp_path):
    preaudit("run", "--profile", "bank", "--snapshot", recorded, "--select", "POD-1*,RBAC", "--out", "pack", "--sign-key",
             keys[0], *request.param, cwd=tmp_path, code=1)  # fmt: skip
    return tmp_path / "pack"


def test_what_was_lost_or_changed_is_restored_and_the_seal_holds(pack, keys, tmp_path):
    before = {name: (pack / name).read_bytes() for name in NAMES}
    (pack / "junit.xml").unlink()
    (pack / "report.html").write_text("<h1>all is well</h1>")
    preaudit("verify", pack, "--trust", keys[1], cwd=tmp_path, code=1)
    told = preaudit("report", pack, cwd=tmp_path, code=0).stdout
    assert all(name in told for name in NAMES)
    assert {name: (pack / name).read_bytes() for name in NAMES} == before
    preaudit("verify", pack, "--trust", keys[1], cwd=tmp_path, code=0)


def test_other_bytes_go_beside_the_pack(pack, keys, tmp_path):
    said = preaudit("report", pack, "--junit-attachments", "/elsewhere", cwd=tmp_path, code=4).stderr
    assert "junit.xml: comes out other than the pack's manifest names it" in said
    assert "--out DIR" in said
    preaudit("verify", pack, "--trust", keys[1], cwd=tmp_path, code=0)
    preaudit("report", pack, "--junit-attachments", "/elsewhere", "--out", "beside", cwd=tmp_path, code=0)
    assert "[[ATTACHMENT|/elsewhere/" in (tmp_path / "beside/junit.xml").read_text()
    preaudit("report", pack, "--out", "beside", cwd=tmp_path, code=4)


def test_pseudonyms_stand_in_the_renderings_alone(recorded, tmp_path):
    preaudit("run", "--profile", "bank", "--snapshot", recorded, "--pseudonyms", "--out", "pack", cwd=tmp_path, code=1)
    pack = tmp_path / "pack"
    manifest = json.loads((pack / "manifest.json").read_text())
    host = manifest["target"]["api_url"].partition("//")[2].partition(":")[0]
    for secret in (host, manifest["identity"]["user"], "node1"):
        assert secret in (pack / "manifest.json").read_text()
        for name in NAMES:
            assert secret not in (pack / name).read_text(), (secret, name)


def test_a_manifest_that_no_run_writes_is_refused_in_a_sentence(pack, tmp_path):
    told = json.loads((pack / "manifest.json").read_text())
    told["snapshot"]["notes"] = 7
    (pack / "manifest.json").write_text(json.dumps(told))
    said = preaudit("report", pack, "--out", "beside", cwd=tmp_path, code=4).stderr
    assert "its manifest is not one that a run writes" in said
