"""Whole runs, as a user starts them: exit codes, packs, what is said, and what is never overwritten."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command import START, preaudit

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


SLOW = "    import time; open('started', 'w').close(); time.sleep(60)\n"


def records(pack):
    return [json.loads(line) for line in (Path(pack) / "records.jsonl").read_text().splitlines()]


def test_a_fail_is_1_a_pass_is_0_and_an_unknown_is_6(snapshot, tmp_path, privileged, good):
    bad, fine = snapshot(privileged, "bad"), snapshot(good, "fine")
    hidden = snapshot(good, "hidden", {"jobs.batch": "forbidden"})
    nothing = snapshot("", "nothing")
    for folder, code in ((bad, 1), (fine, 0), (hidden, 6), (nothing, 5)):
        run = ("run", "--profile", "bank", "--select", "POD-101", "--snapshot", folder, "--out", f"{folder}-pack")
        preaudit(*run, cwd=tmp_path, code=code)
    allowed = ("run", "--select", "POD-101", "--snapshot", hidden, "--out", "allowed", "--allow", "unknown")
    assert "--allow unknown" in preaudit(*allowed, cwd=tmp_path, code=0).stdout.replace("allow: unknown", "--allow unknown")
    severe = ("run", "--select", "POD-303", "--profile", "bank", "--snapshot", fine, "--gate-severity", "high", "--out", "severe")
    preaudit(*severe, cwd=tmp_path, code=0)


def test_the_counts_of_a_pack_add_up_and_its_files_are_named(snapshot, tmp_path, privileged, good):
    folder = snapshot(privileged + "---" + good)
    preaudit("run", "--profile", "bank", "--snapshot", folder, "--out", "pack", cwd=tmp_path, code=1)
    told = json.loads((tmp_path / "pack/manifest.json").read_text())
    found = records(tmp_path / "pack")
    assert told["totals"]["records"] == len(found) == sum(told["totals"]["verdicts"].values())
    assert told["totals"]["items_collected"] == told["totals"]["items_executed"]
    names = {one["name"] for one in told["files"]} | {"manifest.json"}
    assert names == {str(one.relative_to(tmp_path / "pack")) for one in (tmp_path / "pack").rglob("*") if one.is_file()}
    assert found == sorted(found, key=lambda one: (one["requirement"], one["namespace"]))


def test_every_way_to_run_gives_the_same_bytes(snapshot, tmp_path, privileged, good):
    folder = snapshot(privileged + "---" + good)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/test_own.py").write_text(OWN)
    common = ("--profile", "bank", "--snapshot", folder)
    preaudit("run", *common, "--out", "a", "own", cwd=tmp_path, code=1)
    preaudit("run", *common, "--out", "b", "-n", "2", "own", cwd=tmp_path, code=1)
    preaudit("run", *common[:2], "--snapshot", "a", "--out", "c", "own", cwd=tmp_path, code=1)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *map(str, common), "--out", "d", "own"], cwd=tmp_path, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    first = (tmp_path / "a/records.jsonl").read_bytes()
    assert b"OWN-1" in first
    for other in "bcd":
        assert (tmp_path / other / "records.jsonl").read_bytes() == first


def test_what_pytest_leaves_out_stays_in_the_denominator(snapshot, tmp_path, privileged):
    folder = snapshot(privileged)
    for name, extra in (("one", ()), ("two", ("-n", "2"))):
        run = ("run", "--profile", "bank", "--snapshot", folder, "--out", name, "-k", "POD-101", *extra)
        assert "PARTIAL" in preaudit(*run, cwd=tmp_path, code=1).stdout
        told = json.loads((tmp_path / name / "manifest.json").read_text())
        totals = told["totals"]
        assert totals["items_executed"] == 1
        assert totals["items_collected"] == 1 + totals["items_deselected"]
        assert totals["items_deselected"] == len(told["deselected"]) > 20


def test_what_failed_last_time_is_judged_alone(snapshot, tmp_path, privileged, good):
    folder = snapshot(privileged + "---" + good, "cluster")
    run = ("run", "--profile", "bank", "--select", "POD-101,POD-109", "--snapshot", folder, "--lf")
    preaudit(*run, "--out", "all", cwd=tmp_path, code=1)
    preaudit(*run, "--out", "failed", cwd=tmp_path, code=1)
    first, again = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("all", "failed"))
    assert first["totals"]["items_deselected"] == 0 < again["totals"]["items_deselected"]


def test_a_command_line_that_cannot_be_read_is_4(tmp_path):
    """2 is the exit code of what was interrupted."""
    for words in ((), ("nonsense",), ("keygen",), ("verify",), ("diff", "x"), ("run", "--nonsense")):
        preaudit(*words, cwd=tmp_path, code=4)


def test_what_a_stopped_run_did_not_reach_is_unknown(snapshot, tmp_path, privileged):
    folder = snapshot(privileged)
    preaudit("run", "--profile", "bank", "--snapshot", folder, "--out", "pack", "--select", "POD", "-x", cwd=tmp_path, code=1)
    found = records(tmp_path / "pack")
    lost = [one for one in found if one["reason"].startswith("not judged")]
    assert lost
    assert all(one["verdict"] == "unknown" for one in lost)
    assert json.loads((tmp_path / "pack/manifest.json").read_text())["partial"]


def test_ctrl_c_leaves_a_pack_that_says_so(snapshot, tmp_path, privileged):
    (tmp_path / "test_slow.py").write_text(OWN.replace("    assert", SLOW + "    assert"))
    run = ["run", "--profile", "bank", "--snapshot", str(snapshot(privileged)), "--out", "pack", "test_slow.py"]
    process = subprocess.Popen([*START, *run], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for _ in range(600):
            if (tmp_path / "started").exists():
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 2, told
    assert json.loads((tmp_path / "pack/manifest.json").read_text())["run"]["interrupted"] is True
    assert any(one["requirement"] == "OWN-1" and one["verdict"] == "unknown" for one in records(tmp_path / "pack"))


def test_a_pack_is_never_overwritten(snapshot, tmp_path, good):
    (tmp_path / "pack").mkdir()
    done = preaudit("run", "--profile", "bank", "--snapshot", snapshot(good), "--out", "pack", cwd=tmp_path, code=4)
    assert "never overwritten" in done.stderr
    assert list((tmp_path / "pack").iterdir()) == []


def test_a_full_disk_is_one_sentence(snapshot, tmp_path, good):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", mount], check=True)
    try:
        run = ("run", "--profile", "bank", "--snapshot", snapshot(good), "--out", mount / "pack")
        done = preaudit(*run, cwd=tmp_path, code=4)
        assert "the disk is full" in done.stderr + done.stdout
    finally:
        subprocess.run(["umount", mount], check=True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--profile", "bnak"), "did you mean bank"),
        (("--profile", "bank", "--snapshot", "nowhere"), "no snapshot here"),
        (("--profile", "bank", "--kubeconfig", "nowhere"), "nowhere"),
        (("--profile", "bank", "--waivers", "nowhere"), "nowhere"),
        (("--profile", "bank", "--read", "everything"), "unknown word"),
    ],
)
def test_a_mistake_of_the_user_is_4_and_one_sentence(tmp_path, arguments, sentence):
    done = preaudit("run", *arguments, cwd=tmp_path, code=4, env={"KUBECONFIG": "/nonexistent"})
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not [one for one in tmp_path.iterdir() if "preaudit" in one.name or "pack" in one.name]


def test_a_changed_snapshot_is_refused(snapshot, tmp_path, good):
    folder = snapshot(good)
    with (folder / "pods.jsonl").open("a") as stream:
        stream.write("{}\n")
    assert "changed" in preaudit("run", "--snapshot", folder, cwd=tmp_path, code=4).stderr


def test_files_are_judged_and_what_they_cannot_tell_is_left_out(tmp_path, privileged):
    (tmp_path / "chart.yaml").write_text(privileged + "\n---\napiVersion: x.example/v1\nkind: Odd\nmetadata: {name: o}\n")
    preaudit("run", "--profile", "bank", "--manifests", "chart.yaml", "--out", "pack", cwd=tmp_path, code=1)
    found = records(tmp_path / "pack")
    assert any(one["requirement"] == "POD-101" and one["verdict"] == "fail" for one in found)
    assert not [one for one in found if one["verdict"] == "not-applicable"]
    told = json.loads((tmp_path / "pack/manifest.json").read_text())
    assert told["left_out"]
    assert any("Odd" in one for one in told["snapshot"]["notes"])


def test_a_patch_without_a_pod_template_is_unknown_and_not_left_out(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base/patch.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 3}\n"
    )
    run = ("run", "--profile", "bank", "--select", "POD-101,POD-102", "--manifests", "base", "--out", "pack")
    preaudit(*run, cwd=tmp_path, code=6)
    found = [(one["requirement"], one["verdict"], one["subject"]["name"]) for one in records(tmp_path / "pack")]
    assert sorted(found) == [("POD-101", "unknown", "web"), ("POD-102", "unknown", "web")]


def test_a_failing_test_of_the_users_own_keeps_pytests_exit(snapshot, tmp_path, good):
    (tmp_path / "test_mine.py").write_text("def test_mine():\n    assert False\n")
    run = ("run", "--select", "POD-101", "--snapshot", snapshot(good), "--out", "pack", "test_mine.py")
    preaudit(*run, cwd=tmp_path, code=1)
    assert {one["verdict"] for one in records(tmp_path / "pack")} == {"pass"}


def test_the_other_commands_work(snapshot, tmp_path, good, root):
    assert "POD-101" in preaudit("list", "--profile", "bank", cwd=tmp_path, code=0).stdout
    assert "privileged" in preaudit("explain", "POD-101", cwd=tmp_path, code=0).stdout
    assert "did you mean POD-101?" in preaudit("explain", "POD-1O1", cwd=tmp_path, code=4).stderr
    preaudit("run", "--select", "POD-101", "--snapshot", snapshot(good), "--out", "pack", cwd=tmp_path, code=0)
    before = (tmp_path / "pack/report.html").read_bytes()
    preaudit("report", "pack", cwd=tmp_path, code=0)
    assert (tmp_path / "pack/report.html").read_bytes() == before
    assert "no pack" in preaudit("report", "nowhere", cwd=tmp_path, code=4).stderr
    (tmp_path / "chart.yaml").write_text(good)
    preaudit("snapshot", "--manifests", "chart.yaml", "--out", "taken", cwd=tmp_path, code=0)
    assert (tmp_path / "taken/collection.json").is_file()


def test_the_demo_ends_0_and_leaves_a_pack(tmp_path):
    assert "DEMO" in preaudit("demo", "--out", "pack", cwd=tmp_path, code=0).stdout
    assert (tmp_path / "pack/report.html").is_file()


def test_the_readme_names_the_commands_as_help_does(root, tmp_path):
    told = preaudit("--help", cwd=tmp_path, code=0).stdout
    listed = root.joinpath("README.md").read_text().partition("<!-- commands -->")[2].partition("<!-- end -->")[0]
    commands = [line.split(maxsplit=1) for line in listed.splitlines() if line and not line.startswith("```")]
    plain = " ".join(told.split())
    for name, what in commands:
        assert f"{name} {what}" in plain
    assert "{" not in told
    assert sum(line.startswith("    ") and line[4] != " " for line in told.splitlines()) == len(commands)


def test_an_audit_option_without_a_profile_is_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--snapshot", "x"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert "no profile is named" in done.stderr


def test_an_option_that_another_plugin_holds_is_left_to_it(snapshot, tmp_path, good):
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--profile', action='store_true', dest='theirs')\n"
    )
    base = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run([*base, "--profile"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5, done.stdout + done.stderr
    ours = ["--preaudit-profile", "bank", "--select", "POD-101", "--snapshot", str(snapshot(good)), "--out", "pack"]
    done = subprocess.run([*base, *ours], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_pytest_never_met_is_unknown(snapshot, tmp_path, good):
    """One of two requirements is named on the command line: the other was planned, and is not silently gone."""
    two = OWN + OWN.replace("OWN-1", "OWN-2").replace("test_has_a_name", "test_has_a_name_too").partition("requirement\n")[2]
    (tmp_path / "test_own.py").write_text(two)
    done = preaudit("run", "--profile", "bank", "--snapshot", snapshot(good), "--select", "OWN-*", "--out", "pack",
                    "test_own.py::test_has_a_name", cwd=tmp_path)  # fmt: skip
    found = {one["requirement"]: (one["verdict"], one["reason"]) for one in records(tmp_path / "pack")}
    assert found["OWN-1"][0] == "pass"
    assert found["OWN-2"] == ("unknown", "not judged: pytest did not collect it")
    assert done.returncode == 6
    assert "PARTIAL" in done.stdout


def test_a_snapshot_that_cannot_be_read_is_one_sentence(snapshot, tmp_path, good):
    folder = snapshot(good)
    pods = folder / "pods.jsonl"
    pods.write_text('{"metadata": 5}\n')
    collection = json.loads((folder / "collection.json").read_text())
    stored = next(one for one in collection["files"] if one["name"] == "pods.jsonl")
    stored |= {"bytes": 16, "lines": 1, "sha256": hashlib.sha256(pods.read_bytes()).hexdigest()}
    (folder / "collection.json").write_text(json.dumps(collection))
    run = ("run", "--profile", "bank", "--snapshot", folder, "--out", "pack")
    said = preaudit(*run, cwd=tmp_path, code=4)
    assert "the snapshot's pods, line 1: no object that can be read" in said.stdout + said.stderr
    assert len((said.stdout + said.stderr).strip().splitlines()) == 1
    (folder / "collection.json").unlink()
    os.mkfifo(folder / "collection.json")
    assert "it is no regular file" in preaudit(*run, cwd=tmp_path, code=4).stderr
