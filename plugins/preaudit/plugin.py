"""The pytest plugin: its options, and the hooks of an audit where a profile is named."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator
from pathlib import Path

import msgspec
import pytest

from preaudit.errors import PreauditError
from preaudit.options import DEMO, QUIET, RUN_OPTIONS, Options

PREFIX = "--preaudit-"
_HELD = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options under their long names, which no other plugin has."""
    group = parser.getgroup("preaudit", "preaudit: compliance requirements as tests")
    for one in RUN_OPTIONS:
        group.addoption(PREFIX + one.name, **one.keywords)
    for dest in (QUIET, DEMO):
        group.addoption("--" + dest.replace("_", "-"), dest=dest, action="store_true", help=argparse.SUPPRESS)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser) -> Generator[None, None, None]:
    """The short names, last of all plugins and conftests: a name that another one holds is left to it."""
    yield
    groups = [*parser._groups, parser._anonymous]  # noqa: SLF001 - pytest has no public list of options
    taken = {name for group in groups for option in group.options for name in option.names()}
    group = parser.getgroup("preaudit")
    held: dict[str, str] = {}
    for one in RUN_OPTIONS:
        if f"--{one.name}" in taken:
            held[one.name] = f"--{one.name} belongs to another pytest plugin here; write {PREFIX}{one.name}"
            continue
        group.addoption(f"--{one.name}", **{**one.keywords, "help": argparse.SUPPRESS, "default": argparse.SUPPRESS})
    early_config.stash[_HELD] = held


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Prepare an audit where a profile is named; otherwise this plugin does nothing."""
    worker = getattr(config, "workerinput", {}).get("preaudit")
    options = msgspec.json.decode(worker["options"], type=Options) if worker else Options.of(config.option)
    if options.profile is None:
        _refuse_orphans(config, options)
        return
    if sys.flags.optimize:
        raise pytest.UsageError("Python runs with -O, which drops every assert: each check would pass; run without -O")
    # Imported only now, so that pytest runs that are no audits do not pay for it.
    from preaudit.hooks import AuditHooks  # noqa: PLC0415
    from preaudit.session import Session  # noqa: PLC0415

    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args[:] = []  # neither testpaths nor the folder: the built-in suites and nothing else
    own = [Path(argument.partition("::")[0]) for argument in config.args]
    try:
        session = Session(options, own, demo=config.getoption(DEMO))
    except PreauditError as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(AuditHooks(session, quiet=config.getoption(QUIET)), "preaudit.hooks")


def _refuse_orphans(config: pytest.Config, options: Options) -> None:
    """Options of an audit without a profile would silently do nothing."""
    given = [one.name for one in RUN_OPTIONS if getattr(options, one.field)]
    if given:
        held = config.stash.get(_HELD, {}).get("profile", "add --profile baseline (or bank, government, or a file)")
        raise pytest.UsageError(f"--{given[0]} belongs to an audit, and no profile is named: {held}")
