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
    from collections.abc import Iterable

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
    for source in grouped:
        served = groups.get(source.group, [])
        version = next((version for version in source.versions if version in served), "")
        if not version:
            found[source.name] = _unserved(source, served)
        elif source.builtin:
            found[source.name] = Served(version)
        else:
            key = (source.group, version)
            if key not in resources:
                try:
                    resources[key] = _resources(api, source.group, version, budget)
                except _NotDiscovered as fault:
                    resources[key] = str(fault)
            found[source.name] = _by_resources(source, version, resources[key])
    return found


def _unserved(source: Source, served: list[str]) -> Served:
    if source.builtin:
        return Served(source.versions[0])  # every Kubernetes serves it; the list itself will tell what is wrong
    if served:
        return Served("", Status.ERROR, f"{source.group} is served as {', '.join(served)[:100]}: not known here")
    return Served("", Status.ABSENT, f"the server has no API group {source.group}")


def _by_resources(source: Source, version: str, resources: set[str] | str) -> Served:
    if isinstance(resources, str):
        return Served("", Status.ERROR, f"the resources of {source.group}/{version} are not known: {resources}")
    if source.resource in resources:
        return Served(version)
    return Served("", Status.ABSENT, f"{source.group}/{version} has no resource {source.resource}")


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
