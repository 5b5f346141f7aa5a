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
SUITES = f"{FOLDER}/suites.json"
SELECTION = f"{FOLDER}/selection.json"
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
    """Store what a run was given."""
    for name, content in written_inputs(plan).items():
        pack.write(name, content)


def written_inputs(plan: Plan) -> dict[str, bytes]:
    """The profile's files, effective profile, suites' hashes, selection, waivers, attestations: content by name."""
    options = plan.options
    chosen = Selection(**{name: getattr(options, name) for name in Selection.__struct_fields__})
    found = {_layer_file(layer.name): layer.raw for layer in plan.profile.layers}
    found[f"{FOLDER}/effective-profile.json"] = manifests.pretty(plan.profile.described)
    found[SUITES] = manifests.pretty({one.file: one.sha256 for one in plan.catalogue.requirements})
    found[SELECTION] = manifests.pretty(chosen)
    for name, given in ((_WAIVERS, options.waivers), (_ATTESTATIONS, options.attestations)):
        if given:
            found[name] = Path(given).read_bytes()
    return found


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
        chosen = msgspec.json.decode((folder / SELECTION).read_bytes(), type=Selection)
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        raise UsageError(f"{folder / SELECTION} cannot be read: {error}") from None
    layers = [_layer(folder, one) for one in manifest.profile.layers]
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


def _layer(folder: Path, told: Mapping[str, str]) -> Layer:
    """One file of the profile, under the name that it had there: every value tells the file that set it."""
    name, file = str(told.get("name", "")), str(told.get("file", ""))
    if any("/" in one or "\0" in one or not one for one in (name, file)):
        raise UsageError(f"{folder / 'manifest.json'} names a profile {name!r} in {file!r}, which no file can have")
    path = folder / _layer_file(name)
    return Layer(name, path.with_name(file), yamlfile.load(path), path.read_bytes())
