"""Endpoints that the user names, without any cluster: a whole run, judged again, and what it leaves out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PREAUDIT = Path(sys.executable).with_name("preaudit")
TARGET = ("--target", "127.0.0.1:1")


def run(*words, cwd):
    plain = {**os.environ, "NO_COLOR": "1", "COLUMNS": "160", "KUBECONFIG": "/no/such/file"}
    return subprocess.run([PREAUDIT, *words], cwd=cwd, env=plain, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("targets")
    ended = run("run", "--profile", "bank", *TARGET, "--out", "pack", cwd=folder)
    assert ended.returncode == 6, ended.stdout + ended.stderr
    return folder / "pack"


def test_no_cluster_is_asked_and_what_is_about_one_is_listed(pack):
    manifest = json.loads((pack / "manifest.json").read_bytes())
    assert manifest["snapshot"]["mode"] == "targets"
    assert {one["source"] for one in manifest["sources"]} == {"endpoints/connect"}
    left_out = {one["requirement"]: one["reason"] for one in manifest["left_out"]}
    assert left_out["POD-101"] == left_out["TLS-601"] == "it is about a cluster, and only --target was given"
    assert manifest["partial"] == []
    records = [json.loads(line) for line in (pack / "records.jsonl").read_bytes().splitlines()]
    assert {one["verdict"] for one in records} == {"unknown"}


def test_it_is_judged_again_to_the_same(pack):
    told = run("verify", "pack", "--reperform", cwd=pack.parent)
    assert "0 differ" in told.stdout, told.stdout
    ended = run("run", "--profile", "bank", "--snapshot", "pack", "--out", "again", cwd=pack.parent)
    assert ended.returncode == 6
    assert (pack.parent / "again" / "records.jsonl").read_bytes() == (pack / "records.jsonl").read_bytes()


@pytest.mark.parametrize(("words", "told"), [
    (("--target", "nowhere"), "no host and port"),
    (("--target", "127.0.0.1:1,ca=/no/such"), "cannot be read"),
    ((*TARGET, "--ca", "/no/such"), "cannot be read"),
    ((*TARGET, "--snapshot", "x"), "goes with a live run"),
    ((*TARGET, "--active", "everything"), "unknown group"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(tmp_path, words, told):
    ended = run("run", "--profile", "bank", *words, "--out", "pack", cwd=tmp_path)
    assert (ended.returncode, told in ended.stderr) == (4, True), ended.stderr
    assert not (tmp_path / "pack").exists()
