"""One zoo and one undisturbed look at it, for all tests here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from preaudit.endpoint import Tls
from tests.tls.look import look_at_all, look_through
from tests.tls.proxies import FAULTS, Fault
from tests.tls.zoo import Zoo, running

THREADS = 32
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


@pytest.fixture(scope="session")
def spoiled(zoo: Zoo, surveys: dict[str, Tls], told: dict[str, float]) -> dict[tuple[str, Fault], Tls]:
    """What is seen of every server through every fault; faults side by side, as most of the time is waiting."""
    began = time.monotonic()
    pairs = [(name, fault) for name in surveys for fault in FAULTS]
    with ThreadPoolExecutor(THREADS) as pool:
        seen = dict(zip(pairs, pool.map(lambda pair: look_through(zoo, *pair), pairs), strict=True))
    told[f"{len(pairs)} combinations of {len(surveys)} servers and {len(FAULTS)} faults"] = time.monotonic() - began
    return seen


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for what, value in SECONDS.items():
        terminalreporter.write_line(f"{what}: {value:.1f} s" if isinstance(value, float) else f"{what}: {value}")
