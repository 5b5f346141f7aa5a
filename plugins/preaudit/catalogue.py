"""The catalogue as the manifest, ``list`` and ``explain`` tell it: what belongs to a requirement, in full."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from preaudit.controls import Mapping, load_mapping
from preaudit.evidence.manifest import CatalogueEntry
from preaudit.profile import Profile
from preaudit.requirement import Requirement
from preaudit.suites import data_folder


def entries(requirements: Iterable[Requirement], profile: Profile) -> tuple[CatalogueEntry, ...]:
    """Catalogue entries of requirements under a profile, in their order."""
    return tuple(entry(one, profile) for one in requirements)


def entry(one: Requirement, profile: Profile) -> CatalogueEntry:
    """The catalogue entry of one requirement."""
    return CatalogueEntry(
        id=one.id, title=one.title, area=one.area, severity=one.severity, level=profile.level(one.id), why=one.why,
        fix=one.fix, expected=one.expected, method=one.method, population=one.population, sources=one.sources,
        controls=shipped_mapping().controls(one.id, one.controls),
        reperform=f"preaudit run --profile {profile.name} --snapshot PACK/snapshot --select {one.id}",
        file=one.file, sha256=one.sha256, limitations=one.limitations,
        parameters=tuple(wanted.name for wanted in one.uses),
    )  # fmt: skip


def shipped_mapping() -> Mapping:
    """The control mapping that ships with preaudit."""
    return _mapping_of(data_folder("profiles") / "frameworks")


@lru_cache(maxsize=1)
def _mapping_of(folder: Path) -> Mapping:
    """Read once: the files of an installation do not change while it runs."""
    return load_mapping(folder)
