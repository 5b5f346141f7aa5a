"""Finding and loading suites: the built-in ones, and files of a user's own that declare requirements."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import preaudit
from preaudit.errors import UsageError
from preaudit.parameter import Parameter
from preaudit.requirement import Requirement, by_id, declared, requirement_of
from preaudit.rules import CORE

_PACKAGE = "preaudit_suites"
_OWN = "preaudit_own"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What suites declare.

    Attributes:
        requirements: sorted by id.
        parameters: every declared parameter by name, those that belong to no suite included.
    """

    requirements: tuple[Requirement, ...]
    parameters: dict[str, Parameter[Any]]

    @property
    def table(self) -> dict[str, Requirement]:
        """Requirements by id."""
        return {one.id: one for one in self.requirements}

    @property
    def names(self) -> dict[str, str]:
        """Ids by every name that a requirement has or had."""
        return {name: one.id for one in self.requirements for name in (one.id, *one.aliases)}


def data_folder(name: str) -> Path:
    """``suites``, ``profiles`` or ``reports``: beside the package where it is installed, else the checkout's."""
    package = Path(preaudit.__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent.parent / name


def load_builtin() -> Catalogue:
    """The requirements that ship with preaudit.

    Raises:
        UsageError: a file of a suite is not as it must be.
    """
    root = data_folder("suites")
    if not root.is_dir():
        raise UsageError(f"{root}: the built-in suites are missing; install preaudit again")
    _package(_PACKAGE, root)
    modules = []
    for path in sorted(root.glob("*/test_*.py")):
        _package(f"{_PACKAGE}.{path.parent.name}", path.parent)
        modules.append((_load(f"{_PACKAGE}.{path.parent.name}.{path.stem}", path), path))
    return _catalogue((module, path, path.relative_to(root).as_posix()) for module, path in modules)


def load_own(paths: Sequence[Path], builtin: Catalogue) -> Catalogue:
    """The built-in catalogue together with what a user's own files declare.

    Args:
        paths: files and folders given on the command line; in folders, ``test_*.py`` at any depth.
        builtin: the catalogue to add to.

    Raises:
        UsageError: an id or parameter is declared twice, or a file cannot be imported.
    """
    _package(_OWN, Path())
    own = []
    for path in dict.fromkeys(found.resolve() for given in paths for found in _python_files(given)):
        if b"@requirement" not in path.read_bytes():
            continue
        name = f"{_OWN}.{path.stem}_{abs(hash(path)):x}"
        own.append((_load(name, path), path, path.name))
    found = _catalogue(own)
    requirements = (*builtin.requirements, *found.requirements)
    by_id(requirements)
    return Catalogue(tuple(sorted(requirements, key=lambda one: one.id)), builtin.parameters | found.parameters)


def _python_files(given: Path) -> Iterator[Path]:
    if given.is_dir():
        yield from sorted(given.rglob("test_*.py"))
    elif given.suffix == ".py":
        yield given


def _package(name: str, folder: Path) -> None:
    """A package without a file of its own, so that a suite's files can import one another relatively."""
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


def _load(name: str, path: Path) -> ModuleType:
    """Import one file by its path, past every import hook: a check's bare assert needs no rewriting."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except Exception as error:
        line = _line_in(path, error)
        raise UsageError(f"{path}:{line}: cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _line_in(path: Path, error: BaseException) -> int:
    line = getattr(error, "lineno", None) or 1
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def requirements_of(module: ModuleType, path: Path, file: str) -> Iterator[Requirement]:
    """The requirements that a module declares itself (not those it imports), in the order of the file."""
    for value in list(vars(module).values()):
        declaration = declared(value)
        if declaration is not None and value.__code__.co_filename == str(path):
            yield requirement_of(value, area=path.parent.name, file=file)


def _catalogue(modules: Iterable[tuple[ModuleType, Path, str]]) -> Catalogue:
    requirements: list[Requirement] = []
    parameters: dict[str, Parameter[Any]] = dict(CORE)
    for module, path, file in modules:
        requirements += requirements_of(module, path, file)
        for value in vars(module).values():
            if isinstance(value, Parameter) and parameters.setdefault(value.name, value) != value:
                raise UsageError(f"{path}:1: the parameter {value.name} is declared elsewhere with another meaning")
    by_id(requirements)
    return Catalogue(tuple(sorted(requirements, key=lambda one: one.id)), parameters)
