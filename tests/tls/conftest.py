"""One zoo and one undisturbed look at it, for all tests here."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from preaudit.endpoint import Tls
from tests.tls.look import look_at_all
from tests.tls.zoo import Zoo, running

SECONDS: dict[str, float] = {}
"""What took how long, told at the end."""


@pytest.fixture(scope="session")
def zoo() -> Iterator[Zoo]:
    with running() as started:
        SECONDS["start of the zoo"] = started.seconds
        yield started


@pytest.fixture(scope="session")
def surveys(zoo: Zoo) -> dict[str, Tls]:
    """What an undisturbed survey says, by server."""
    began = time.monotonic()
    seen = look_at_all(zoo)
    SECONDS[f"{len(seen)} undisturbed surveys"] = time.monotonic() - began
    return seen


@pytest.fixture(scope="session")
def told() -> dict[str, float]:
    """Figures that the summary prints."""
    return SECONDS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for what, value in SECONDS.items():
        terminalreporter.write_line(f"{what}: {value:.1f} s" if isinstance(value, float) else f"{what}: {value}")
