"""Every control that a requirement names stands in the frozen list of its framework, and is not retired."""

from __future__ import annotations

import re
from functools import cache

import pytest

from preaudit.suites import data_folder, load_builtin

CATALOGUE = load_builtin()
FOLDER = data_folder("profiles") / "frameworks"
POD_SECURITY = "pss"
"""Its ids are the names of the checks of Kubernetes' own library, which a test of that suite compares."""


@cache
def identifiers(framework: str) -> frozenset[str]:
    """The ids of a framework in lower case, without those that its header calls retired."""
    lines = (FOLDER / f"{framework}.txt").read_text("utf-8").splitlines()
    retired = {word for line in lines if line.startswith("#") for word in line.partition("retired:")[2].split()}
    return frozenset(
        line.split()[0].lower() for line in lines if line.strip() and line[0] != "#" and line.split()[0] not in retired
    )


@pytest.mark.parametrize("requirement", CATALOGUE.requirements, ids=lambda one: one.id)
def test_every_control_of_the_requirement_exists(requirement):
    for control in requirement.controls:
        framework, _, identifier = control.partition(":")
        if framework == POD_SECURITY:
            assert re.fullmatch(r"(baseline|restricted)/[A-Za-z_]+", identifier), control
        else:
            assert (FOLDER / f"{framework}.txt").is_file(), f"{control}: there is no list of {framework}"
            assert identifier.lower() in identifiers(framework), control
    assert len(set(requirement.controls)) == len(requirement.controls)


def test_the_lists_are_read():
    assert {"ac-6", "sc-8(1)"} <= identifiers("nist-800-53r5")
    assert "1.2.17" in identifiers("cis-kubernetes-2.0.1")
    assert "v-242390" in identifiers("stig-kubernetes")
    assert "v-242439" not in identifiers("stig-kubernetes"), "it is retired"
