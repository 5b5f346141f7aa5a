"""How packs come to be: the same bytes each time, whole or not at all, and judged again to the same records."""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from preaudit.evidence import manifest as manifests
from preaudit.evidence.integrity import check
from preaudit.evidence.trust import load_trust
from preaudit.reperform import reperform
from tests.command import preaudit

KILLS = 50
TELLS_THE_RUN = {"manifest.json", "report.html", "summary.md"}
"""The files that may differ between two runs: they tell when and by whom."""
OWN = '''
from preaudit import requirement

@requirement("OWN-1", severity="low", expected="a name")
def test_has_a_name(container):
    """Containers have a name.

    Nobody finds a container without one.

    Fix: give it a name.
    """
    assert container.read("name")
'''


def contents(pack):
    return {path.relative_to(pack).as_posix(): path.read_bytes() for path in sorted(pack.rglob("*")) if path.is_file()}


def test_two_runs_on_one_snapshot_give_the_same_bytes(recorded, tmp_path):
    run = ("run", "--profile", "bank", "--snapshot", recorded)
    preaudit(*run, "--out", "one", cwd=tmp_path, code=1)
    preaudit(*run, "--out", "two", "-n", "2", "--nonce", "another", cwd=tmp_path, code=1)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one.keys() == two.keys()
    assert {name for name in one if one[name] != two[name]} <= TELLS_THE_RUN
    told = [json.loads(pack["manifest.json"]) for pack in (one, two)]
    for manifest in told:
        del manifest["run"]
        manifest["files"] = [one for one in manifest["files"] if one["name"] not in TELLS_THE_RUN]
    assert told[0] == told[1]


def test_a_killed_run_leaves_a_whole_pack_or_none(recorded, keys, tmp_path):
    script = Path(__file__).with_name("killed.py")
    command = [sys.executable, str(script), str(recorded), str(tmp_path), str(keys[0]), str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    whole, empty, absent = 0, 0, 0
    trusted = load_trust(keys[1])
    for number in range(KILLS):
        pack = tmp_path / str(number)
        if not pack.exists():
            absent += 1
        elif not any(pack.iterdir()):
            empty += 1
        else:
            assert not check(pack, trusted, now=datetime.now(UTC)).findings
            whole += 1
    unfinished = [one for one in tmp_path.glob(".*.incomplete") if one.is_dir()]
    assert all((one / "INCOMPLETE").exists() or (one / "manifest.json").exists() for one in unfinished if any(one.iterdir()))
    for one in unfinished[:5]:
        if (one / "INCOMPLETE").exists():
            preaudit("verify", one, "--trust", keys[1], cwd=tmp_path, code=1)
    print(f"{KILLS} kills: {absent} left nothing, {empty} a reserved folder, {whole} a whole pack; "
          f"{len(unfinished)} folders called incomplete")  # fmt: skip
    assert empty >= 10


def judged_again(pack, own=()):
    return reperform(pack, manifests.decode((pack / "manifest.json").read_bytes()), list(own))


@pytest.mark.parametrize("options", [
    ("--profile", "baseline"), ("--profile", "government"), ("--select", "POD,RBAC-2*", "--exclude", "POD-101"),
    ("--set", "pod_security.level=baseline"), ("--at", "2027-06-01T00:00:00Z"), ("-k", "not POD-10"),
])  # fmt: skip
def test_a_pack_is_judged_again_to_the_same_records(recorded, tmp_path, options):
    preaudit("run", *(() if "--profile" in options else ("--profile", "bank")), "--snapshot", recorded, "--out", "pack",
             *options, cwd=tmp_path)  # fmt: skip
    again = judged_again(tmp_path / "pack")
    total = len((tmp_path / "pack/records.jsonl").read_bytes().splitlines())
    assert (again.compared, again.differing, again.left_out) == (total, (), ())


def test_a_profile_of_ones_own_and_waivers_are_judged_again_from_what_is_stored(recorded, tmp_path):
    (tmp_path / "acme.yaml").write_text(
        "profile: acme\ntitle: Acme\nversion: '1'\nextends: bank\nrequirements: {exclude: [POD-2*]}\nlevels: {POD-101: warn}\n"
    )
    records = tmp_path / "first/records.jsonl"
    run = ("run", "--profile", "acme.yaml", "--snapshot", recorded)
    preaudit(*run, "--out", "first", cwd=tmp_path, code=1)
    failing = next(one for one in map(json.loads, records.read_text().splitlines()) if one["verdict"] == "fail" and one["subject"]["namespace"])
    subject = {key: failing["subject"][key] for key in ("kind", "namespace", "name")}
    (tmp_path / "waivers.yaml").write_text(json.dumps({"waivers": [{
        "id": "W-1", "requirement": failing["requirement"], "subject": subject, "owner": "o", "approver": "a", "reason": "r",
        "compensating_control": "c", "approved_on": "2026-11-01", "expires": "2027-10-31"}]}))  # fmt: skip
    preaudit(*run, "--waivers", "waivers.yaml", "--out", "pack", cwd=tmp_path, code=1)
    (tmp_path / "acme.yaml").unlink()
    (tmp_path / "waivers.yaml").unlink()
    again = judged_again(tmp_path / "pack")
    assert (again.differing, again.left_out) == ((), ())
    assert any(json.loads(line)["waiver"] == "W-1" for line in (tmp_path / "pack/records.jsonl").read_text().splitlines())


def test_a_waiver_under_an_older_name_of_its_requirement_is_judged_again(snapshot, tmp_path):
    (tmp_path / "test_own.py").write_text(
        OWN.replace('severity="low"', 'aliases=["OWN-0"], severity="low"').replace('read("name")', 'read("name") == "no"')
    )
    folder = snapshot("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: c}]}")
    (tmp_path / "waivers.yaml").write_text(json.dumps({"waivers": [{
        "id": "W-1", "requirement": "OWN-0", "subject": {"kind": "Pod", "namespace": "shop", "name": "web"}, "owner": "o",
        "approver": "a", "reason": "r", "compensating_control": "c", "approved_on": "2026-11-01",
        "expires": "2027-10-31"}]}))  # fmt: skip
    preaudit("run", "--profile", "bank", "--no-builtin", "--snapshot", folder, "--waivers", "waivers.yaml", "--out", "pack",
             "test_own.py", cwd=tmp_path, code=0)  # fmt: skip
    (use,) = json.loads((tmp_path / "pack/manifest.json").read_text())["waivers"]
    assert (use["state"], use["subjects"]) == ("live", 1)
    again = judged_again(tmp_path / "pack", [tmp_path / "test_own.py"])
    assert (again.compared, again.differing, again.left_out) == (1, (), ())


def test_what_was_not_judged_again_is_named(recorded, tmp_path, keys):
    (tmp_path / "test_own.py").write_text(OWN)
    preaudit("run", "--profile", "bank", "--snapshot", recorded, "--select", "POD-101,OWN", "--out", "pack", "test_own.py",
             cwd=tmp_path, code=1)  # fmt: skip
    pack = tmp_path / "pack"
    without = judged_again(pack)
    assert without.compared
    assert not without.differing
    assert "OWN-1: its suite test_own.py was not given" in without.left_out[0]
    told = preaudit("verify", pack, "--reperform", cwd=tmp_path, code=6)
    assert "OWN-1" in told.stdout
    given = judged_again(pack, [tmp_path / "test_own.py"])
    assert not given.left_out
    assert given.compared == len((pack / "records.jsonl").read_bytes().splitlines())
    (tmp_path / "test_own.py").write_text(OWN.replace("Nobody", "Somebody"))
    assert "is another one" in judged_again(pack, [tmp_path / "test_own.py"]).left_out[0]
    manifest = json.loads((pack / "manifest.json").read_text())
    manifest["tool"]["version"] = "0.0.9"
    (pack / "manifest.json").write_text(json.dumps(manifest))
    other = judged_again(pack)
    assert other.compared == 0
    assert "preaudit 0.0.9" in other.left_out[0]


def test_a_forged_verdict_is_found_by_judging_again(recorded, tmp_path):
    preaudit("run", "--profile", "bank", "--snapshot", recorded, "--select", "POD-101", "--out", "pack", cwd=tmp_path, code=1)
    records = tmp_path / "pack/records.jsonl"
    lines = records.read_bytes().splitlines()
    place = next(number for number, line in enumerate(lines) if b'"verdict":"fail"' in line)
    lines[place] = lines[place].replace(b'"verdict":"fail"', b'"verdict":"pass"')
    records.write_bytes(b"\n".join(lines) + b"\n")
    again = judged_again(tmp_path / "pack")
    assert sum(told.startswith("POD-101[") for told in again.differing) == 2
    assert "the pack says: pass" in again.differing[0]
    del lines[place]
    records.write_bytes(b"\n".join(lines) + b"\n")
    assert "judged again: fail" in judged_again(tmp_path / "pack").differing[0]


def test_a_previous_pack_and_a_nonce_stand_in_the_manifest(recorded, tmp_path):
    run = ("run", "--profile", "bank", "--snapshot", recorded, "--select", "POD-101")
    preaudit(*run, "--out", "one", cwd=tmp_path, code=1)
    preaudit(*run, "--out", "two", "--previous", "one", "--nonce", "ask 7", cwd=tmp_path, code=1)
    told = json.loads((tmp_path / "two/manifest.json").read_text())["run"]
    assert told["previous"] == hashlib.sha256((tmp_path / "one/manifest.json").read_bytes()).hexdigest()
    assert told["nonce"] == "ask 7"
    assert "--previous none" in preaudit(*run, "--previous", "none", cwd=tmp_path, code=4).stderr
