"""The wheel, installed alone in a fresh environment outside the checkout, works."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command, cwd, code=0):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The bin folder of an environment that holds the wheel and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("packaging")
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT, cwd=folder)
    wheel = next((folder / "dist").glob("*.whl"))
    assert list((folder / "dist").glob("*.tar.gz"))
    venv.create(folder / "env", with_pip=True)
    run(folder / "env/bin/pip", "install", "--quiet", wheel, cwd=folder)
    return folder / "env/bin"


def test_the_demo_leaves_a_pack(installed, tmp_path):
    told = run(installed / "preaudit", "demo", "--out", "pack", cwd=tmp_path)
    assert "verdicts =" in told
    assert {"manifest.json", "records.jsonl", "report.html", "junit.xml"} <= {one.name for one in (tmp_path / "pack").iterdir()}


def test_plain_pytest_gives_the_same_records(installed, tmp_path):
    run(installed / "preaudit", "demo", "--out", "pack", cwd=tmp_path)
    (tmp_path / "test_mine.py").write_text("def test_of_my_own():\n    assert False\n")
    arguments = ("--profile", "bank", "--snapshot", "pack/snapshot", "--out", "again")
    run(installed / "python", "-m", "pytest", *arguments, cwd=tmp_path, code=1)
    assert (tmp_path / "again/records.jsonl").read_bytes() == (tmp_path / "pack/records.jsonl").read_bytes()
    told = (tmp_path / "again/junit.xml").read_text()
    assert "test_of_my_own" not in told


def test_the_catalogue_is_there(installed, tmp_path):
    assert "POD-101" in run(installed / "preaudit", "list", "--profile", "bank", cwd=tmp_path)
    assert "privileged" in run(installed / "preaudit", "explain", "POD-101", cwd=tmp_path)


def test_optimised_python_is_refused(installed, tmp_path):
    done = subprocess.run(
        [installed / "python", "-O", "-m", "pytest", "--profile", "bank", "--snapshot", "x"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert "-O" in done.stderr
