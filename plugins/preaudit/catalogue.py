"""The catalogue as the manifest, ``list`` and ``explain`` tell it: what belongs to a requirement, in full."""

from __future__ import annotations

from collections.abc import Iterable

from preaudit.evidence.manifest import CatalogueEntry, Control
from preaudit.profile import Profile
from preaudit.requirement import Requirement


def entries(requirements: Iterable[Requirement], profile: Profile) -> tuple[CatalogueEntry, ...]:
    """Catalogue entries of requirements under a profile, in their order."""
    return tuple(entry(one, profile) for one in requirements)


def entry(one: Requirement, profile: Profile) -> CatalogueEntry:
    """The catalogue entry of one requirement."""
    return CatalogueEntry(
        id=one.id, title=one.title, area=one.area, severity=one.severity, level=profile.level(one.id), why=one.why,
        fix=one.fix, expected=one.expected, method=one.method, population=one.population, sources=one.sources,
        controls=tuple(_control(text) for text in one.controls),
        reperform=f"preaudit run --profile {profile.name} --snapshot PACK/snapshot --select {one.id}",
        file=one.file, sha256=one.sha256, limitations=one.limitations,
        parameters=tuple(wanted.name for wanted in one.uses),
    )  # fmt: skip


def _control(text: str) -> Control:
    framework, _, id_ = text.partition(":")
    return Control(framework=framework, id=id_)
