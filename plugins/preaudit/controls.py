"""The control mapping: which controls of which framework a requirement speaks to, how far, and why.

The tables stand in ``profiles/frameworks``: for each framework a frozen list of its ids (``NAME.txt``) and a table of
our own (``NAME.yaml``). They are the one source of relationships; what a suite names in ``controls=`` is the part of
it that every record carries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from preaudit.errors import UsageError
from preaudit.evidence.manifest import Control
from preaudit.requirement import ID
from preaudit.yamlfile import Document, load

RELATIONSHIPS = ("full", "partial", "supports")
"""From the most to the least: alone evidence of the whole control, of a part of it, or of something it rests on."""

_HEAD = {"framework", "title", "version", "controls", "source", "verified_on", "rows", "none"}
_ROW = {"id", "relationship", "requirements", "rationale"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        id: the control, spelled as in the frozen list.
        requirements: ids, in full: a glob would claim requirements that nobody has looked at.
        relationship: one of `RELATIONSHIPS`.
        rationale: why, in words of our own.
    """

    id: str
    requirements: tuple[str, ...]
    relationship: str
    rationale: str


@dataclass(frozen=True)
class Framework:
    """One framework with its frozen ids and our table.

    Attributes:
        name: ``nist-800-53r5``, as it stands before the colon in ``controls=``.
        title: the framework's name.
        version: its version.
        source: where the ids and the mapping are from.
        verified_on: when the table was last compared with the list.
        ids: every id of the list in its order, retired ones left out.
        counted: those of them that are controls, not headings.
        rows: the table.
        none: ``(area, rationale)`` of the areas that the framework has no control for, or that nothing evidences.
    """

    name: str
    title: str
    version: str
    source: str
    verified_on: date
    ids: tuple[str, ...]
    counted: tuple[str, ...]
    rows: tuple[Row, ...]
    none: tuple[tuple[str, str], ...]

    @cached_property
    def by_requirement(self) -> dict[str, dict[str, Row]]:
        """For each requirement the rows that speak of it, by control, in the order of the table."""
        found: dict[str, dict[str, Row]] = {}
        for row in self.rows:
            for requirement in row.requirements:
                found.setdefault(requirement, {})[row.id] = row
        return found

    def written(self, identifier: str) -> str:
        """A control's id as records write it: NIST's in lower case, as OSCAL does, others as they stand."""
        return identifier.lower() if self.name.startswith("nist-") else identifier


@dataclass(frozen=True)
class Mapping:
    """The tables of all frameworks, sorted by name."""

    frameworks: tuple[Framework, ...]

    def controls(self, requirement: str, named: Iterable[str] = ()) -> tuple[Control, ...]:
        """What a requirement speaks to.

        Args:
            requirement: its id.
            named: what its suite names (``framework:id``); first in the result. What the tables do not hold, in a
                suite of a user's own, supports its control and says no more.

        Returns:
            Each control once, with the relationship of the tables.
        """
        known = {
            (framework.name, identifier.lower()): (framework.written(identifier), row.relationship)
            for framework in self.frameworks
            for identifier, row in framework.by_requirement.get(requirement, {}).items()
        }
        controls = []
        for text in named:
            framework, _, identifier = text.partition(":")
            _, relationship = known.pop((framework, identifier.lower()), ("", "supports"))
            controls.append(Control(framework=framework, id=identifier, relationship=relationship))
        for (framework, _), (identifier, relationship) in known.items():
            controls.append(Control(framework=framework, id=identifier, relationship=relationship))
        return tuple(controls)


def load_mapping(folder: Path) -> Mapping:
    """The mapping of a folder of frameworks (``profiles/frameworks``).

    Raises:
        UsageError: with file and line: a table is not as it must be, an id is not in the frozen list, a row stands
            twice, or the list is missing.
    """
    return Mapping(tuple(_framework(path) for path in sorted(folder.glob("*.yaml"))))


def _framework(path: Path) -> Framework:
    document = load(path)
    data = document.data
    if not isinstance(data, dict) or set(data) - _HEAD or not _HEAD - {"none"} <= set(data):
        raise document.fault(f"a table of controls has the keys {', '.join(sorted(_HEAD))}; only none may be missing")
    if data["framework"] != path.stem:
        raise document.fault(f"the framework is {path.stem}, as the file's name", "framework")
    for key in ("title", "version", "controls", "source"):
        if not isinstance(data[key], str) or not data[key].strip():
            raise document.fault(f"{key} must be a text", key)
    ids = _frozen(path.with_suffix(".txt"))
    return Framework(
        name=path.stem, title=data["title"], version=data["version"], source=data["source"],
        verified_on=_date(document), ids=ids, counted=_counted(document, ids), rows=tuple(_rows(document, ids)),
        none=tuple(_none(document)),
    )  # fmt: skip


def _date(document: Document) -> date:
    try:
        return date.fromisoformat(str(document.data["verified_on"]))
    except ValueError:
        raise document.fault("verified_on must be a date such as 2026-11-22", "verified_on") from None


def _counted(document: Document, ids: tuple[str, ...]) -> tuple[str, ...]:
    try:
        pattern = re.compile(document.data["controls"])
    except re.error as error:
        raise document.fault(f"controls is no regular expression: {error}", "controls") from None
    return tuple(one for one in ids if pattern.fullmatch(one))


def _frozen(path: Path) -> tuple[str, ...]:
    """The ids of a list: the first words of its lines, without those that its header calls retired."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: the list of ids cannot be read: {error}; install preaudit again") from None
    retired = {word for line in lines if line.startswith("#") for word in line.partition("retired:")[2].split()}
    # "Article 9" and "Recital 3" are two words; a second id of another kind beside the first is not part of it.
    ids = (line.strip() if line.startswith(("Article ", "Recital ", "TITLE ")) else line.split()[0]
           for line in lines if line.strip() and not line.startswith("#"))  # fmt: skip
    return tuple(one for one in ids if one not in retired)


def _rows(document: Document, ids: tuple[str, ...]) -> Iterator[Row]:
    spelled = {one.lower(): one for one in ids}
    seen: set[tuple[str, str]] = set()
    rows = document.data["rows"]
    if not isinstance(rows, list):
        raise document.fault("rows must be a list", "rows")
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or set(row) != _ROW:
            raise document.fault(f"a row has the keys {', '.join(sorted(_ROW))}", "rows", number)
        identifier, requirements = spelled.get(str(row["id"]).lower()), row["requirements"]
        if identifier is None:
            raise document.fault(f"{row['id']} is not in the frozen list of ids, or is retired", "rows", number)
        if row["relationship"] not in RELATIONSHIPS:
            raise document.fault(f"relationship must be one of {', '.join(RELATIONSHIPS)}", "rows", number)
        if not isinstance(row["rationale"], str) or len(row["rationale"].strip()) < 10:
            raise document.fault("a row needs a rationale in words", "rows", number)
        if not isinstance(requirements, list) or not all(ID.fullmatch(str(one)) for one in requirements or [""]):
            raise document.fault("requirements must be a list of ids such as POD-101", "rows", number)
        for requirement in requirements:
            if (identifier, requirement) in seen:
                raise document.fault(f"{identifier} and {requirement} stand in two rows", "rows", number)
            seen.add((identifier, requirement))
        yield Row(identifier, tuple(requirements), row["relationship"], row["rationale"])


def _none(document: Document) -> Iterator[tuple[str, str]]:
    entries: Any = document.data.get("none") or []
    if not isinstance(entries, list):
        raise document.fault("none must be a list", "none")
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or set(entry) != {"area", "rationale"} or not all(entry.values()):
            raise document.fault("an entry of none has the keys area and rationale", "none", number)
        yield str(entry["area"]), str(entry["rationale"])
