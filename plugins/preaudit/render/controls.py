"""controls.html: which controls of which framework this run evidences, how far, by what, and which not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from markupsafe import Markup

from preaudit.controls import RELATIONSHIPS, Framework, Mapping
from preaudit.render.page import ICONS, content_policy, encoded, environment
from preaudit.render.summary import COLUMNS, WORDS, Counts, RequirementSummary, Summary
from preaudit.text import plural

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from preaudit.evidence.manifest import Manifest

TOLD: dict[str, str] = {"full": "fully", "partial": "partly", "supports": "in support"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One requirement that speaks to a control.

    Attributes:
        id: the requirement.
        relationship: how far it evidences the control.
        rationale: why, "" where only a suite names the control.
        counts: its records by verdict.
    """

    id: str
    relationship: str
    rationale: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Covered:
    """One control that something speaks to: its best relationship, the requirements, and all their records."""

    id: str
    relationship: str
    evidence: tuple[Evidence, ...]
    counts: Counts


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a run evidences of one framework.

    Attributes:
        framework: its list and our table; None for one that only a suite of a user's own names.
        name: ``nist-800-53r5``.
        covered: in the order of the list.
        missing: the controls that nothing speaks to, in the order of the list.
    """

    framework: Framework | None
    name: str
    covered: tuple[Covered, ...]
    missing: tuple[str, ...]

    def number(self, relationship: str) -> int:
        """Number of controls with this relationship at best."""
        return sum(one.relationship == relationship for one in self.covered)


def coverage(summary: Summary, mapping: Mapping) -> tuple[Coverage, ...]:
    """The coverage of every framework of the mapping, then of those that only suites of a user's own name.

    What is covered follows from the manifest's catalogue, so from the requirements of this very run; the mapping adds
    the lists and the reasons.
    """
    found: dict[str, dict[str, list[tuple[RequirementSummary, str]]]] = {}
    for requirement in summary.requirements:
        for control in requirement.entry.controls:
            of = found.setdefault(control.framework, {}).setdefault(control.id.lower(), [])
            of.append((requirement, control.relationship))
    known = [_coverage(one.name, one, found.pop(one.name, {})) for one in mapping.frameworks]
    return (*known, *(_coverage(name, None, found[name]) for name in sorted(found)))


def _coverage(
    name: str, framework: Framework | None, found: dict[str, list[tuple[RequirementSummary, str]]]
) -> Coverage:
    spelled = {one.lower(): one for one in (framework.ids if framework else ())}
    order = {key: number for number, key in enumerate(spelled)}
    keys = sorted(found, key=lambda key: (order.get(key, len(order)), key))
    missing = tuple(one for one in (framework.counted if framework else ()) if one.lower() not in found)
    covered = tuple(_covered(spelled.get(key, key), found[key], framework) for key in keys)
    return Coverage(framework, name, covered, missing)


def _covered(
    identifier: str, found: Sequence[tuple[RequirementSummary, str]], framework: Framework | None
) -> Covered:
    rows = framework.by_requirement if framework else {}
    evidence = []
    for requirement, relationship in sorted(found, key=lambda one: (_rank(one[1]), one[0].entry.id)):
        row = rows.get(requirement.entry.id, {}).get(identifier)
        evidence.append(
            Evidence(requirement.entry.id, relationship, row.rationale if row else "", requirement.counts)
        )
    totals = {verdict: sum(one.counts[verdict] for one in evidence) for verdict in COLUMNS}
    return Covered(identifier, min((one.relationship for one in evidence), key=_rank), tuple(evidence), Counts(totals))


def _rank(relationship: str) -> int:
    """Position from the most to the least; what nobody knows counts as the least."""
    return RELATIONSHIPS.index(relationship) if relationship in RELATIONSHIPS else len(RELATIONSHIPS)


def render_controls(
    summary: Summary, manifest: Manifest, stream: IO[bytes], *, mapping: Mapping, reports: Path
) -> None:
    """Write controls.html: one self-contained page without any script.

    Args:
        summary: the summary of the records of the pack.
        manifest: its manifest.
        stream: where to write.
        mapping: the frozen lists and our tables.
        reports: the folder that holds ``html/`` with the template and the style sheets.
    """
    folder = reports / "html"
    style = "".join((folder / name).read_text(encoding="utf-8") for name in ("report.css", "controls.css"))
    page = environment(folder).get_template("controls.html.j2").stream(
        manifest=manifest,
        coverages=coverage(summary, mapping),
        style=Markup(style),  # noqa: S704 - our own file
        policy=content_policy(style),
        columns=COLUMNS,
        words=WORDS,
        icons=ICONS,
        told=TOLD,
        relationships=RELATIONSHIPS,
        plural=plural,
    )
    for piece in encoded(page):
        stream.write(piece)
