"""The ``@requirement`` decorator, the metadata it keeps, and the checks made when a suite is loaded."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from preaudit.errors import UsageError
from preaudit.parameter import Parameter
from preaudit.source import source_named
from preaudit.subjects import kinds
from preaudit.verdict import Severity

ID = re.compile(r"[A-Z][A-Z0-9]{1,11}-[0-9]{1,5}")
CONTROL = re.compile(r"[a-z0-9][a-z0-9.-]*:[A-Za-z0-9][A-Za-z0-9./()_-]*")
METHODS = ("EXAMINE", "TEST", "INTERVIEW")
ACTIVE_GROUPS = ("connect", "port-forward", "scan", "in-cluster", "credentials", "dry-run")
_MARK = "__preaudit_requirement__"
_Check = TypeVar("_Check", bound=Callable[..., None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What the decorator was given; it becomes a `Requirement` when its file is loaded."""

    id: str
    severity: Severity
    expected: str
    controls: tuple[str, ...]
    reads: tuple[str, ...]
    where: Callable[[Any], bool] | None
    population: str
    uses: tuple[Parameter[Any], ...]
    method: str
    limitations: str
    aliases: tuple[str, ...]
    active: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One requirement with its check.

    Attributes:
        id: ``POD-101``.
        area: the folder that holds it, ``pod_security``.
        title: the secure state as a sentence.
        why: the paragraph after the title.
        fix: what to do about a violation.
        subject: the subject kind that the check's first parameter names.
        sources: every source that it reads: those of its subject kind, then its own ``reads``.
        file: path of its file relative to the suites' root.
        sha256: hash of that file.
    """

    id: str
    area: str
    title: str
    why: str
    fix: str
    severity: Severity
    expected: str
    controls: tuple[str, ...]
    subject: kinds.SubjectKind
    check: Callable[..., None]
    takes_policy: bool
    where: Callable[[Any], bool] | None
    population: str
    reads: tuple[str, ...]
    sources: tuple[str, ...]
    uses: tuple[Parameter[Any], ...]
    method: str
    limitations: str
    aliases: tuple[str, ...]
    active: str
    file: str
    sha256: str

    @property
    def prefix(self) -> str:
        """The part of the id before the number: ``POD``."""
        return self.id.rpartition("-")[0]


def requirement(  # noqa: PLR0913 - this is the one place where a requirement's metadata is said
    id: str,  # noqa: A002 - the word of the field
    *,
    severity: str,
    expected: str,
    controls: Sequence[str] = (),
    reads: Sequence[str] = (),
    where: Callable[[Any], bool] | None = None,
    population: str = "",
    uses: Sequence[Parameter[Any]] = (),
    method: str = "EXAMINE",
    limitations: str = "",
    aliases: Sequence[str] = (),
    active: str = "",
) -> Callable[[_Check], _Check]:
    """Declare that a function checks a requirement.

    The function's first parameter names the subject kind (``container``, ``pod``, ``namespace`` ...), an optional
    second one is ``policy``. It asserts; it returns nothing. Its docstring is: the secure state as a sentence of at
    most 90 characters, why, and a paragraph that starts with ``Fix:``.

    Args:
        id: stable id, ``POD-101``.
        severity: critical, high, medium, low, or info.
        expected: the expectation in words, as it ends the sentence "is true, expected ...".
        controls: ``framework:id`` each, ``pss:baseline/privileged``.
        reads: sources read beside those of the subject kind, ``poddisruptionbudgets.policy``.
        where: narrows the population; it may read the subject, and is no part of the verdict's evidence.
        population: the population in words, needed with `where`.
        uses: the profile parameters that the check takes from ``policy``.
        method: EXAMINE, TEST or INTERVIEW (NIST SP 800-53A).
        limitations: what a pass does not prove.
        aliases: ids that this requirement had before.
        active: the active group that it needs, "" for none.

    Raises:
        UsageError: something of this is not as it must be.
    """

    def declare(check: _Check) -> _Check:
        line = check.__code__.co_firstlineno
        where_is = f"{check.__code__.co_filename}:{line}"
        if not ID.fullmatch(id):
            raise UsageError(f"{where_is}: {id!r} is no requirement id; write it like POD-101")
        if severity not in {known.value for known in Severity}:
            raise UsageError(f"{where_is}: unknown severity {severity!r}; known: {', '.join(Severity)}")
        for control in controls:
            if not CONTROL.fullmatch(control):
                raise UsageError(f"{where_is}: {control!r} is no control; write it like nist-800-53r5:ac-6")
        if method not in METHODS:
            raise UsageError(f"{where_is}: unknown method {method!r}; known: {', '.join(METHODS)}")
        if active and active not in ACTIVE_GROUPS:
            raise UsageError(f"{where_is}: unknown active group {active!r}; known: {', '.join(ACTIVE_GROUPS)}")
        if (where is None) != (not population):
            raise UsageError(f"{where_is}: where= and population= go together: say in words what the filter keeps")
        declaration = Declaration(
            id=id, severity=Severity(severity), expected=expected, controls=tuple(controls), reads=tuple(reads),
            where=where, population=population, uses=tuple(uses), method=method, limitations=limitations,
            aliases=tuple(aliases), active=active, line=line,
        )  # fmt: skip
        setattr(check, _MARK, declaration)
        return check

    return declare


def declared(candidate: object) -> Declaration | None:
    """The declaration of a decorated function, None for anything else."""
    found = getattr(candidate, _MARK, None) if inspect.isfunction(candidate) else None
    return found if isinstance(found, Declaration) else None


def requirement_of(check: Callable[..., None], *, area: str, file: str) -> Requirement:
    """The requirement that a decorated function declares, its signature and docstring checked.

    Raises:
        UsageError: with file and line, and what is allowed.
    """
    declaration = declared(check)
    if declaration is None:
        raise ValueError(f"{check!r} is not decorated with @requirement")
    where = f"{check.__code__.co_filename}:{declaration.line}"
    names = list(inspect.signature(check).parameters)
    kind = kinds.SUBJECTS.get(names[0]) if names else None
    if kind is None or names[1:] not in ([], ["policy"]):
        raise UsageError(
            f"{where}: {check.__name__}({', '.join(names)}) must take one subject ({', '.join(kinds.SUBJECTS)}) "
            "and, if it needs the profile's parameters, policy"
        )
    title, why, fix = _docstring(inspect.getdoc(check) or "", where)
    for source in declaration.reads:
        source_named(source)
    sources = tuple(dict.fromkeys((*kind.sources, *declaration.reads)))
    return Requirement(
        id=declaration.id, area=area, title=title, why=why, fix=fix, severity=declaration.severity,
        expected=declaration.expected, controls=declaration.controls, subject=kind, check=check,
        takes_policy=len(names) > 1, where=declaration.where,
        population=declaration.population or kind.population + kind.added, reads=declaration.reads, sources=sources,
        uses=declaration.uses, method=declaration.method, limitations=declaration.limitations,
        aliases=declaration.aliases, active=declaration.active, file=file,
        sha256=hashlib.sha256(Path(check.__code__.co_filename).read_bytes()).hexdigest(),
    )  # fmt: skip


def _docstring(text: str, where: str) -> tuple[str, str, str]:
    """Title, why and fix of a check's docstring."""
    head, _, rest = text.partition("\n")
    title = head.strip()
    if not title.endswith(".") or len(title) > 90 or title.startswith("Ensure"):
        raise UsageError(
            f"{where}: the docstring must start with the secure state as a sentence of at most 90 characters "
            f"that ends with a full stop and does not start with Ensure, not {title[:100]!r}"
        )
    paragraphs = [" ".join(paragraph.split()) for paragraph in rest.split("\n\n")]
    fixes = [paragraph.removeprefix("Fix:").strip() for paragraph in paragraphs if paragraph.startswith("Fix:")]
    why = " ".join(paragraph for paragraph in paragraphs if paragraph and not paragraph.startswith("Fix:"))
    if len(fixes) != 1 or not why:
        raise UsageError(f"{where}: the docstring needs a paragraph that says why, and one that starts with 'Fix:'")
    return title, why, fixes[0]


def by_id(requirements: Iterable[Requirement]) -> dict[str, Requirement]:
    """Requirements by id and by their former ids.

    Raises:
        UsageError: two have the same id.
    """
    table: dict[str, Requirement] = {}
    for one in requirements:
        for name in (one.id, *one.aliases):
            other = table.setdefault(name, one)
            if other is not one:
                raise UsageError(f"{one.file}: {name} is declared twice, also in {other.file}; give one a new id")
    return table
