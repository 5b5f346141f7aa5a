"""Imports point one way: collect, snapshot, checks, records, pack, renderings; suites see the public face alone."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "plugins" / "preaudit"
NEVER = {
    "collect": {"evidence", "render", "judge", "audit", "suites", "run"},
    "subjects": {"collect", "render", "judge", "audit", "run"},
    "evidence": {"collect", "render", "judge", "audit", "run"},
    "render": {"collect", "judge", "audit", "run"},
}


def imported(path):
    """The modules of preaudit that a file imports, as the first name below the package; "" for the package itself."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module] if node.module != "preaudit" else [f"preaudit.{one.name}" for one in node.names]
        yield from (name.split(".")[1:2] for name in names if name.split(".")[0] == "preaudit")


@pytest.mark.parametrize("folder", NEVER)
def test_no_import_points_against_the_arrow(folder):
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in (PACKAGE / folder).rglob("*.py")
        for names in imported(path)
        for name in names
        if name in NEVER[folder]
    }
    assert found == set()


def test_suites_import_the_public_face_alone():
    public = set(ast.literal_eval(next(
        ast.unparse(node.value) for node in ast.parse((PACKAGE / "__init__.py").read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )))  # fmt: skip
    for path in (ROOT / "suites").rglob("*.py"):
        assert {name for names in imported(path) for name in names} <= public, path
