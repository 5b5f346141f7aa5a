"""Profiles: which requirements, at which level, with which values, and where each value comes from."""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from preaudit import yamlfile
from preaudit.errors import UsageError
from preaudit.evidence import manifest
from preaudit.parameter import Parameter
from preaudit.requirement import ACTIVE_GROUPS, Requirement
from preaudit.verdict import Level

KINDS = ("regulation", "benchmark", "our-default")
SETTINGS: dict[str, tuple[str, ...]] = {
    "manual": ("block", "allow"),
    "manifests": ("leave-out", "unknown"),
    "control_plane": ("unknown", "manual"),
}
"""Settings of a profile that take one word: what a manual verdict does to the gate, what a run on files does with
questions that files cannot answer, and what a hidden control plane is."""
_KEYS = ("profile", "title", "version", "extends", "requirements", "levels", "active", "parameters", *SETTINGS)
_MAX_LAYERS = 8
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""A profile's name is a part of a file name in the pack."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One profile file of a chain."""

    name: str
    path: Path
    document: yamlfile.Document
    raw: bytes

    @property
    def sha256(self) -> str:
        """Hash of the file as it was read."""
        return hashlib.sha256(self.raw).hexdigest()

    def fault(self, sentence: str, *keys: str | int) -> UsageError:
        """An error at the line of a key path."""
        return self.document.fault(sentence, *keys)

    def section(self, key: str, kind: type[Any]) -> Any:
        """The value of a top-level key, checked to be of a type; None where it is not there."""
        value = self.document.data.get(key)
        if value is not None and not isinstance(value, kind):
            wanted = "a list" if kind is list else "a mapping" if kind is dict else "text"
            raise self.fault(f"{key} must be {wanted}", key)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An effective profile: every question about it answered.

    Attributes:
        name: of the profile that was asked for.
        layers: the named profile first, its ancestors after it.
        included: ids of the requirements that it holds.
        levels: level by requirement id; "fail" where it is not named.
        parameters: every effective value.
        active: active groups that it includes.
        settings: the words of `SETTINGS`.
    """

    name: str
    title: str
    version: str
    layers: tuple[Layer, ...]
    included: frozenset[str]
    levels: Mapping[str, Level]
    parameters: tuple[manifest.Parameter, ...]
    active: tuple[str, ...]
    settings: Mapping[str, str]

    @property
    def values(self) -> dict[str, Any]:
        """Values by parameter name, as a `Policy` takes them."""
        return {one.name: one.value for one in self.parameters}

    def level(self, requirement: str) -> Level:
        """The level of a requirement."""
        return self.levels.get(requirement, Level.FAIL)

    @property
    def described(self) -> manifest.Profile:
        """The profile as the manifest tells it."""
        layers = tuple({"name": one.name, "file": one.path.name, "sha256": one.sha256} for one in self.layers)
        return manifest.Profile(
            name=self.name, title=self.title, version=self.version, layers=layers, parameters=self.parameters
        )


def load_profile(  # noqa: PLR0913 - each is said by name at its one or two callers
    wanted: str,
    folder: Path,
    requirements: Sequence[Requirement],
    parameters: Mapping[str, Parameter[Any]],
    *,
    overrides: Sequence[str] = (),
    own: Iterable[str] = (),
    layers: Sequence[Layer] | None = None,
) -> Profile:
    """The effective profile of a name or file.

    Args:
        wanted: ``bank``, or the path of a file.
        folder: where the built-in profiles are.
        requirements: the catalogue that ids and globs are looked up in.
        parameters: every declared parameter by name.
        overrides: ``--set KEY=VALUE`` in order.
        own: ids of a user's own suites, given by path: they are part of every profile unless it excludes them.
        layers: the chain of files where it is known already (those that a pack stores), else it is looked up.

    Raises:
        UsageError: one sentence with file and line.
    """
    layers = list(layers or _chain(wanted, folder))
    table = {one.id: one for one in requirements}
    included: frozenset[str] = frozenset()
    levels: dict[str, Level] = {}
    values: dict[str, manifest.Parameter] = {}
    active: tuple[str, ...] = ()
    settings = {key: words[0] for key, words in SETTINGS.items()}
    excluded: set[str] = set()
    for layer in reversed(layers):
        included, dropped = _included(layer, included, table)
        excluded |= dropped
        levels |= _levels(layer, table)
        _values(layer, values, parameters)
        active = _active(layer, active)
        for key, words in SETTINGS.items():
            said = layer.section(key, str)
            if said is not None and said not in words:
                raise layer.fault(f"{key} is {said!r}; it takes {' or '.join(words)}", key)
            settings[key] = said or settings[key]
    for override in overrides:
        _override(override, values, parameters)
    named = layers[0]
    return Profile(
        name=named.name, title=str(named.document.data.get("title", "")),
        version=str(named.document.data.get("version", "")), layers=tuple(layers),
        included=included | (frozenset(own) - excluded), levels=levels,
        parameters=tuple(values[name] for name in sorted(values)), active=active, settings=settings,
    )  # fmt: skip


def _chain(wanted: str, folder: Path) -> list[Layer]:
    layers: list[Layer] = []
    path = _find(wanted, folder, None)
    while True:
        document = yamlfile.load(path)
        name = document.data.get("profile") if isinstance(document.data, dict) else None
        if not isinstance(name, str):
            raise UsageError(f"{path}:1: a profile starts with a line like 'profile: acme-bank'")
        layer = Layer(name, path, document, path.read_bytes())
        for key in document.data:
            if key not in _KEYS:
                raise layer.fault(f"unknown key {key!r}{near(str(key), _KEYS)}", key)
        if any(one.path == path for one in layers) or len(layers) >= _MAX_LAYERS:
            raise layer.fault(f"{name} extends itself, through {' -> '.join(one.name for one in layers)}", "profile")
        if not _NAME.fullmatch(name) or any(one.name == name for one in layers):
            sentence = f"the profile is called {name!r}; give it a name of its own, of letters, digits, dots and dashes"
            raise layer.fault(sentence, "profile")
        if path.parent != folder and (folder / f"{name}.yaml").is_file():
            sentence = f"{name} is a profile that preaudit ships; give yours a name of its own, with 'extends: {name}'"
            raise layer.fault(sentence, "profile")
        layers.append(layer)
        parent = layer.section("extends", str)
        if parent is None:
            return layers
        path = _find(parent, folder, layer)


def _find(wanted: str, folder: Path, layer: Layer | None) -> Path:
    """The file of a profile name or path; relative paths start at the file that names them."""
    builtin = folder / f"{wanted}.yaml"
    if "/" not in wanted and not wanted.endswith((".yaml", ".yml")):
        if builtin.is_file():
            return builtin
        known = sorted(path.stem for path in folder.glob("*.yaml"))
        sentence = f"unknown profile {wanted!r}{near(wanted, known)}; built in are {', '.join(known)}, or give a file"
        raise layer.fault(sentence, "extends") if layer else UsageError(sentence)
    path = (layer.path.parent / wanted) if layer else Path(wanted)
    if not path.is_file():
        raise layer.fault(f"{path}: no such file", "extends") if layer else UsageError(f"{path}: no such profile file")
    return path


def matching(pattern: str, table: Mapping[str, Requirement]) -> set[str]:
    """The ids that an area, a prefix, an id or a glob names."""
    return {
        id_
        for id_, one in table.items()
        if pattern in (one.area, one.prefix, *one.aliases) or fnmatch.fnmatchcase(id_, pattern)
    }


_LOOKALIKES = str.maketrans("OoIl", "0011")


def near(word: str, known: Iterable[str]) -> str:
    """The end of a sentence that names the nearest known word, "" where none is near."""
    words = list(known)
    alike = [one for one in words if one.translate(_LOOKALIKES) == word.translate(_LOOKALIKES)]
    found = alike or difflib.get_close_matches(word, words, 1)
    return f", did you mean {found[0]}?" if found else ""


def unknown_requirement(word: str, table: Mapping[str, Requirement]) -> str:
    """The sentence for an id, prefix, area or glob that names nothing."""
    words = {*table, *(one.prefix for one in table.values()), *(one.area for one in table.values())}
    return f"unknown requirement {word}{near(word, words)}"


def _words(layer: Layer, *keys: str) -> list[str]:
    value: Any = layer.document.data
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise layer.fault(f"{'.'.join(keys)} must be a list of words", *keys)
    return value


def _included(
    layer: Layer, parent: frozenset[str], table: Mapping[str, Requirement]
) -> tuple[frozenset[str], set[str]]:
    section = layer.section("requirements", dict) or {}
    for key in section:
        if key not in ("include", "exclude"):
            raise layer.fault(f"unknown key {key!r}; requirements takes include and exclude", "requirements", key)
    chosen: dict[str, set[str]] = {"include": set(), "exclude": set()}
    for key in chosen:
        for index, word in enumerate(_words(layer, "requirements", key)):
            found = matching(word, table)
            if not found:
                raise layer.fault(unknown_requirement(word, table), "requirements", key, index)
            chosen[key] |= found
    start = frozenset(chosen["include"]) if "include" in section else parent
    return start - chosen["exclude"], chosen["exclude"]


def _levels(layer: Layer, table: Mapping[str, Requirement]) -> dict[str, Level]:
    levels: dict[str, Level] = {}
    words = [level.value for level in Level]
    for pattern, word in (layer.section("levels", dict) or {}).items():
        found = matching(str(pattern), table)
        if not found:
            raise layer.fault(unknown_requirement(str(pattern), table), "levels", pattern)
        if word not in words:
            raise layer.fault(f"unknown level {word!r}; it is one of {', '.join(words)}", "levels", pattern)
        levels |= dict.fromkeys(found, Level(word))
    return levels


def _values(layer: Layer, values: dict[str, manifest.Parameter], declared: Mapping[str, Parameter[Any]]) -> None:
    for name, entry in (layer.section("parameters", dict) or {}).items():
        known = declared.get(name)
        if known is None:
            raise layer.fault(f"unknown parameter {name}{near(str(name), declared)}", "parameters", name)
        if not isinstance(entry, dict) or entry.keys() != {"value", "source", "source_date", "kind"}:
            raise layer.fault(f"{name} needs exactly value, source, source_date and kind", "parameters", name)
        if entry["kind"] not in KINDS:
            raise layer.fault(f"kind is {entry['kind']!r}; it is one of {', '.join(KINDS)}", "parameters", name, "kind")
        try:
            date.fromisoformat(str(entry["source_date"]))
        except ValueError:
            sentence = f"source_date is {entry['source_date']!r}; write it like 2026-05-01"
            raise layer.fault(sentence, "parameters", name, "source_date") from None
        try:
            known.convert(entry["value"])
        except UsageError as error:
            raise layer.fault(str(error), "parameters", name, "value") from None
        before = values.get(name)
        values[name] = manifest.Parameter(
            name=name, value=entry["value"], unit=known.unit, meaning=known.meaning, source=str(entry["source"]),
            source_date=str(entry["source_date"]), kind=entry["kind"], layer=layer.path.name,
            overrides=(before.layer, *before.overrides) if before else (),
        )  # fmt: skip


def _override(text: str, values: dict[str, manifest.Parameter], declared: Mapping[str, Parameter[Any]]) -> None:
    name, equals, raw = text.partition("=")
    known = declared.get(name)
    if not equals or known is None:
        hint = near(name, declared) if equals else "; write it like --set certificate.days_left=60"
        raise UsageError(f"--set {text}: unknown parameter {name}{hint}")
    try:
        value = yaml.safe_load(raw)
    except yaml.YAMLError:
        raise UsageError(f"--set {text}: {raw!r} is no value that can be read; quote it like a YAML value") from None
    if known.type is str and isinstance(value, (int, float)):
        value = raw  # 1.34 is a version here, not a number
    try:
        known.convert(value)
    except UsageError as error:
        raise UsageError(f"--set {text}: {error}") from None
    before = values.get(name)
    values[name] = manifest.Parameter(
        name=name, value=value, unit=known.unit, meaning=known.meaning, source="command line", source_date="",
        kind="our-default", layer="--set", overrides=(before.layer, *before.overrides) if before else (),
    )  # fmt: skip


def _active(layer: Layer, parent: tuple[str, ...]) -> tuple[str, ...]:
    groups = _words(layer, "active")
    for index, group in enumerate(groups):
        if group not in ACTIVE_GROUPS:
            raise layer.fault(f"unknown active group {group}{near(group, ACTIVE_GROUPS)}", "active", index)
    return tuple(groups) if layer.section("active", list) is not None else parent
