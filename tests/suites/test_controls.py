"""The control mapping: ids from frozen lists, requirements that exist, reasons, and one truth with the suites."""

from __future__ import annotations

import collections
import datetime as dt
import re

import pytest

from preaudit.catalogue import shipped_mapping
from preaudit.controls import RELATIONSHIPS, load_mapping
from preaudit.errors import UsageError
from preaudit.suites import data_folder, load_builtin

CATALOGUE = load_builtin()
FOLDER = data_folder("profiles") / "frameworks"
MAPPING = shipped_mapping()
FRAMEWORKS = {one.name: one for one in MAPPING.frameworks}
AREAS = {
    "audit", "licensing", "tls", "pod_security", "backup_restore", "exposure", "secrets", "observability",
    "operations", "availability", "remote_access", "access", "storage",
}  # fmt: skip


def test_every_list_has_a_table_and_every_table_a_list():
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(FRAMEWORKS) == {path.stem for path in FOLDER.glob("*.yaml")}
    assert len(FRAMEWORKS) == 11


@pytest.mark.parametrize("requirement", CATALOGUE.requirements, ids=lambda one: one.id)
def test_what_a_suite_names_is_a_part_of_the_table(requirement):
    for control in requirement.controls:
        framework, _, identifier = control.partition(":")
        assert framework in FRAMEWORKS, control
        found = {one.lower() for one in FRAMEWORKS[framework].by_requirement.get(requirement.id, {})}
        assert identifier.lower() in found, control
    assert len(set(requirement.controls)) == len(requirement.controls)
    assert FRAMEWORKS["nist-800-53r5"].by_requirement.get(requirement.id), "each speaks to at least one control of NIST"


@pytest.mark.parametrize("framework", MAPPING.frameworks, ids=lambda one: one.name)
def test_each_row_is_about_requirements_that_exist_and_gives_a_reason(framework):
    known = set(CATALOGUE.table)
    pairs = [(row.id, requirement) for row in framework.rows for requirement in row.requirements]
    assert {requirement for _, requirement in pairs} <= known
    assert max(collections.Counter(pairs).values()) == 1
    assert all(row.relationship in RELATIONSHIPS for row in framework.rows)
    assert all(row.rationale.endswith(".") and 10 < len(row.rationale) < 300 for row in framework.rows)
    assert {row.id for row in framework.rows} <= set(framework.counted), "headings are no controls"
    assert framework.source
    assert framework.version
    assert dt.date(2026, 1, 1) <= framework.verified_on <= dt.date(2026, 12, 31)
    assert {area for area, _ in framework.none} <= AREAS


@pytest.mark.parametrize("framework", MAPPING.frameworks, ids=lambda one: one.name)
def test_full_is_said_only_of_single_settings(framework):
    """The broad frameworks speak of organisations; no reading of a cluster alone evidences one of their controls."""
    full = [row for row in framework.rows if row.relationship == "full"]
    if framework.name in {"cis-kubernetes-2.0.1", "stig-kubernetes", "pss"}:
        assert all(len(row.requirements) == 1 for row in full)
        assert full
    else:
        assert not full


def test_a_full_row_rests_on_no_list_or_number_of_the_profile():
    """Where a parameter decides, the control asks for its own value, so that the evidence is partial."""
    for name in ("cis-kubernetes-2.0.1", "stig-kubernetes"):
        for row in FRAMEWORKS[name].rows:
            if row.relationship == "full":
                used = {one.name for one in CATALOGUE.table[row.requirements[0]].uses}
                assert not used, (row.id, used)


def test_the_lists_are_read():
    assert {"AC-6", "SC-8(1)"} <= set(FRAMEWORKS["nist-800-53r5"].ids)
    assert "AC" not in FRAMEWORKS["nist-800-53r5"].counted
    assert "1.2.17" in FRAMEWORKS["cis-kubernetes-2.0.1"].counted
    assert "V-242390" in FRAMEWORKS["stig-kubernetes"].ids
    assert "V-242439" not in FRAMEWORKS["stig-kubernetes"].ids, "it is retired"
    assert {one.partition("/")[0] for one in FRAMEWORKS["pss"].ids} == {"baseline", "restricted"}


def test_each_pod_security_standard_has_one_check():
    rows = FRAMEWORKS["pss"].rows
    assert {row.id for row in rows} == set(FRAMEWORKS["pss"].ids)
    assert len(rows) == len(FRAMEWORKS["pss"].ids)


def test_controls_come_with_their_relationship():
    found = {(one.framework, one.id): one.relationship
             for one in MAPPING.controls("AUD-201", ("nist-800-53r5:ac-14", "acme:X-1"))}  # fmt: skip
    assert found["cis-kubernetes-2.0.1", "1.2.1"] == "full"
    assert found["nist-800-53r5", "ac-14"] == "partial"
    assert found["nist-800-53r5", "ia-2"] == "supports"
    assert found["acme", "X-1"] == "supports", "what only a user's own suite says is never more"
    assert MAPPING.controls("ACME-1", ("nist-800-53r5:ac-6",))[0].relationship == "supports"
    assert not MAPPING.controls("ACME-1")


TABLE = """\
framework: acme
title: Acme rules
version: "1"
controls: '\\d+'
source: Acme
verified_on: 2026-11-22
rows:
- {id: "1", relationship: partial, requirements: [POD-101], rationale: It looks at a part.}
none:
- {area: tls, rationale: The rules do not speak of it.}
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id: "1"', 'id: "9"', "acme.yaml:8: 9 is not in the frozen list"),
        ('id: "1"', 'id: "2"', "acme.yaml:8: 2 is not in the frozen list of ids, or is retired"),
        ("partial", "most", "acme.yaml:8: relationship must be one of full"),
        ("It looks at a part.", '""', "acme.yaml:8: a row needs a rationale"),
        ("[POD-101]", "[POD-1*]", "acme.yaml:8: requirements must be a list of ids"),
        ("[POD-101]", "[]", "acme.yaml:8: requirements must be a list of ids"),
        ("[POD-101]", "[POD-101, POD-101]", "acme.yaml:8: 1 and POD-101 stand in two rows"),
        ("framework: acme", "framework: other", "acme.yaml:1: the framework is acme"),
        ("2026-11-22", "soon", "acme.yaml:6: verified_on must be a date"),
        ("'\\d+'", "'('", "acme.yaml:4: controls is no regular expression"),
        ("title: Acme rules", "title: ''", "acme.yaml:2: title must be a text"),
        ("source: Acme\n", "", "a table of controls has the keys"),
        ("{area: tls,", "{areas: tls,", "acme.yaml:10: an entry of none has the keys area and rationale"),
    ],
)
def test_a_table_that_is_not_as_it_must_be_is_named_with_its_line(tmp_path, old, new, told):
    (tmp_path / "acme.txt").write_text("# a list; retired: 2\n1\n2\n")
    (tmp_path / "acme.yaml").write_text(TABLE)
    assert load_mapping(tmp_path).frameworks[0].ids == ("1",)
    assert old in TABLE
    (tmp_path / "acme.yaml").write_text(TABLE.replace(old, new, 1))
    with pytest.raises(UsageError, match=re.escape(told)):
        load_mapping(tmp_path)


def test_a_table_without_its_list_is_an_error(tmp_path):
    (tmp_path / "acme.yaml").write_text(TABLE)
    with pytest.raises(UsageError, match="the list of ids cannot be read"):
        load_mapping(tmp_path)
