"""The real cluster that live tests look at; where there is none, they are left out and say so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "PREAUDIT_TESTBED_KUBECONFIG"


@pytest.fixture(scope="session")
def kubeconfig() -> str:
    """The path of an administrator's kubeconfig of a cluster made for tests."""
    named = os.environ.get(VARIABLE, "")
    if not named:
        pytest.skip(f"{VARIABLE} names no cluster to test against (make testbed brings one up)")
    if not Path(named).is_file():
        pytest.fail(f"{VARIABLE} names {named}, which does not exist")
    return named
