"""Small clusters on disk: fixtures of the tests of the engine and of whole runs."""

import textwrap
from pathlib import Path

import pytest
import yaml

from preaudit.audit import Audit, make_plan
from preaudit.example import write_snapshot
from preaudit.options import Options
from preaudit.snapshot import Snapshot


@pytest.fixture
def snapshot(tmp_path):
    """Writes a snapshot of the objects in a YAML text; its folder."""

    def write(text="", name="snapshot", sources=None):
        folder = tmp_path / name
        folder.mkdir()
        objects = [one for one in yaml.safe_load_all(textwrap.dedent(text)) if one]
        write_snapshot(folder, objects, sources)
        return folder

    return write


@pytest.fixture
def judged(snapshot):
    """The records of one requirement over the objects in a YAML text."""

    def judge(requirement, text="", sources=None, **options):
        folder = snapshot(text, sources=sources)
        plan = make_plan(Options(profile=options.pop("profile", "bank"), select=requirement, **options), [])
        audit = Audit(plan, Snapshot(folder))
        return [one for wanted in plan.selected for item in audit.items(wanted) for one in audit.judge(item)]

    return judge


@pytest.fixture
def written(tmp_path):
    """Writes a text file; its path."""

    def write(text, name="file.yaml"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text))
        return path

    return write


PRIVILEGED = """
apiVersion: v1
kind: Pod
metadata: {name: bad, namespace: shop}
spec: {containers: [{name: c, image: "i:1", securityContext: {privileged: true}}]}
"""
GOOD = """
apiVersion: v1
kind: Pod
metadata: {name: good, namespace: shop}
spec: {containers: [{name: c, image: "i:1"}]}
"""


@pytest.fixture
def privileged():
    return PRIVILEGED


@pytest.fixture
def good():
    return GOOD


@pytest.fixture
def root():
    return Path(__file__).parents[1]
