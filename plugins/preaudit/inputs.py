"""What a run was given, as its pack stores it, and the plan that follows from what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from preaudit import yamlfile
from preaudit.audit import Plan, make_plan
from preaudit.errors import UsageError
from preaudit.evidence import manifest as manifests
from preaudit.evidence.pack import PackFolder
from preaudit.options import Options, words
from preaudit.profile import Layer, matching
from preaudit.requirement import Requirement

FOLDER = "inputs"
_SELECTION = f"{FOLDER}/selection.json"
_WAIVERS = f"{FOLDER}/waivers.yaml"
_ATTESTATIONS = f"{FOLDER}/attestations.yaml"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The options that decide what is judged, and how: everything of the command line that a record depends on."""

    select: str | None = None
    exclude: str | None = None
    at: str | None = None
    namespace: list[str] | None = None
    set: list[str] | None = None
    active: str | None = None
    read: str | None = None
    allow: str | None = None
    gate_severity: str | None = None
    no_builtin: bool = False


def write_inputs(plan: Plan, pack: PackFolder) -> None:
    """Store the profile's files, the effective profile, the suites' hashes, the selection, waivers, attestations."""
    for layer in plan.profile.layers:
        pack.write(_layer_file(layer.name), layer.raw)
    pack.write(f"{FOLDER}/effective-profile.json", manifests.pretty(plan.profile.described))
    pack.write(f"{FOLDER}/suites.json", manifests.pretty({one.file: one.sha256 for one in plan.catalogue.requirements}))
    options = plan.options
    chosen = Selection(**{name: getattr(options, name) for name in Selection.__struct_fields__})
    pack.write(_SELECTION, manifests.pretty(chosen))
    if options.waivers:
        pack.write(_WAIVERS, Path(options.waivers).read_bytes())
    if options.attestations:
        pack.write(_ATTESTATIONS, Path(options.attestations).read_bytes())


def stored_plan(folder: Path, manifest: manifests.Manifest, own_paths: Sequence[Path]) -> Plan:
    """The plan of a pack's run, made of what the pack stores; no code comes from the pack.

    Args:
        folder: the pack.
        manifest: its manifest; it names the profile's layers.
        own_paths: suites of a user's own that the run was given.

    Raises:
        UsageError: what is stored makes no plan.
    """
    try:
        chosen = msgspec.json.decode((folder / _SELECTION).read_bytes(), type=Selection)
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"{folder / _SELECTION} cannot be read: {error}") from None
    layers = [_layer(folder, str(one.get("name", ""))) for one in manifest.profile.layers]
    if not layers:
        raise UsageError(f"{folder / 'manifest.json'} names no profile, so nothing can be judged again")
    waivers, attestations = folder / _WAIVERS, folder / _ATTESTATIONS
    options = Options(
        profile=layers[0].name, snapshot=str(folder / "snapshot"),
        waivers=str(waivers) if waivers.is_file() else None,
        attestations=str(attestations) if attestations.is_file() else None,
        **msgspec.structs.asdict(chosen),
    )  # fmt: skip
    plan = make_plan(msgspec.structs.replace(options, select=None, exclude=None), own_paths, layers)
    known = {
        name: _known(name, getattr(chosen, name), plan.catalogue.table) for name in ("select", "exclude")
    }
    return replace(plan, options=msgspec.structs.replace(options, **known))


def _known(option: str, text: str | None, table: Mapping[str, Requirement]) -> str | None:
    """The words of an option that name a requirement here; a suite that was not given has none.

    Raises:
        UsageError: none of them does, so nothing of what was judged is known here.
    """
    found = [word for word in words(text) if matching(word, table)]
    if words(text) and not found and option == "select":
        raise UsageError(f"--{option} {text}: no requirement of that name is known here; give the suite's path")
    return ",".join(found) or None


def _layer_file(name: str) -> str:
    return f"{FOLDER}/profile-{name}.yaml"


def _layer(folder: Path, name: str) -> Layer:
    if "/" in name or "\0" in name:
        raise UsageError(f"{folder / 'manifest.json'} names a profile {name!r}, which no file can have")
    path = folder / _layer_file(name)
    return Layer(name, path, yamlfile.load(path), path.read_bytes())
