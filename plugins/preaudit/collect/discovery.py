"""Which versions the API server serves, and what is proved not to be served at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from preaudit.collect.listing import refusal
from preaudit.collect.transport import Api, Budget, NotAnswered
from preaudit.collect.wording import clean
from preaudit.snapshot import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from preaudit.source import Source


class _Version(Struct):
    version: str


class _Group(Struct):
    name: str
    versions: list[_Version]


class _Groups(Struct):
    kind: str
    groups: list[_Group]


class _Resource(Struct):
    name: str
    verbs: list[str] = []


class _Resources(Struct):
    kind: str
    resources: list[_Resource]


@dataclass(frozen=True, slots=True)
class Served:
    """The version in which a source is to be read, or why it is not to be."""

    version: str
    status: Status | None = None
    cause: str = ""


def discover(api: Api, sources: Iterable[Source], budget: Budget) -> dict[str, Served]:
    """Find the served version of each source.

    A source is ``absent`` only where whole answers of the server prove it; a built-in one never is. Where discovery
    itself fails, built-in sources are read in their preferred version and the others are errors.
    """
    wanted = list(sources)
    found: dict[str, Served] = {source.name: Served(source.versions[0]) for source in wanted}
    grouped = [source for source in wanted if source.group]
    if not grouped:
        return found
    try:
        groups = _groups(api, budget)
    except _NotDiscovered as fault:
        for source in grouped:
            if not source.builtin:
                found[source.name] = Served("", Status.ERROR, f"the server's API groups are not known: {fault}")
        return found
    resources: dict[tuple[str, str], set[str] | str] = {}

    def resources_of(group: str, version: str) -> set[str] | str:
        if (group, version) not in resources:
            try:
                resources[group, version] = _resources(api, group, version, budget)
            except _NotDiscovered as fault:
                resources[group, version] = str(fault)
        return resources[group, version]

    for source in grouped:
        served = groups.get(source.group, [])
        if source.builtin:  # every Kubernetes serves it; the list itself will tell what is wrong
            known = [version for version in source.versions if version in served]
            found[source.name] = Served(known[0] if known else source.versions[0])
        elif not served:
            found[source.name] = Served("", Status.ABSENT, f"the server has no API group {source.group}")
        else:
            found[source.name] = _served(source, served, resources_of)
    return found


def _served(source: Source, served: list[str], resources_of: Callable[[str, str], set[str] | str]) -> Served:
    """The best version that has the source's resource; one may have it alone of all that its group is served in."""
    unknown = [version for version in served if version not in source.versions]
    fault = ""
    for version in (*(version for version in source.versions if version in served), *unknown):
        resources = resources_of(source.group, version)
        if isinstance(resources, str):
            fault = fault or f"the resources of {source.group}/{version} are not known: {resources}"
        elif source.resource in resources:
            if version in source.versions:
                return Served(version)
            fault = fault or f"{source.name} is served as {clean(version, 100)}: not known here"
    if fault:
        return Served("", Status.ERROR, fault)
    versions = clean(", ".join(served), 100)
    return Served("", Status.ABSENT, f"{source.group} ({versions}) has no resource {source.resource}")


class _NotDiscovered(Exception):  # noqa: N818 - a state of the world
    """A part of the discovery that did not come whole."""


def _groups(api: Api, budget: Budget) -> dict[str, list[str]]:
    answer = _read(api, "/apis", budget, _Groups)
    if answer.kind != "APIGroupList":
        raise _NotDiscovered(f"the answer is {clean(answer.kind, 80)}, not APIGroupList")
    return {group.name: [version.version for version in group.versions] for group in answer.groups}


def _resources(api: Api, group: str, version: str, budget: Budget) -> set[str]:
    answer = _read(api, f"/apis/{group}/{version}", budget, _Resources)
    if answer.kind != "APIResourceList":
        raise _NotDiscovered(f"the answer is {clean(answer.kind, 80)}, not APIResourceList")
    return {resource.name for resource in answer.resources}


_Shape = TypeVar("_Shape", bound=Struct)


def _read(api: Api, path: str, budget: Budget, shape: type[_Shape]) -> _Shape:
    try:
        answer = api.get(path, budget=budget)
    except NotAnswered as error:
        raise _NotDiscovered(error.cause) from None
    if answer.status != 200:
        raise _NotDiscovered(refusal(answer).cause)
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _NotDiscovered(f"the answer cannot be read: {clean(error, 120)}") from None
