"""The commands that judge nothing: preflight, snapshot, list, explain."""

from __future__ import annotations

import argparse
import secrets
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from preaudit.audit import Plan, make_plan
from preaudit.catalogue import entry
from preaudit.errors import UsageError
from preaudit.observe import observe, read_words
from preaudit.options import RUN_OPTIONS, Options, words
from preaudit.parameter import Policy
from preaudit.probe.parameters import NAMESPACE
from preaudit.profile import unknown_requirement
from preaudit.snapshot import Snapshot
from preaudit.text import inert
from preaudit.verdict import Exit


def preflight(parsed: argparse.Namespace, out: IO[str]) -> int:
    """Print which requirements would be unknown with these credentials, or the least RBAC that removes that."""
    from preaudit.collect.least_rbac import least_rbac  # noqa: PLC0415 - brings the kubernetes package
    from preaudit.collect.preflight import preflight as ask  # noqa: PLC0415

    plan = _plan(parsed)
    options = plan.options
    read = read_words(options.read)
    wanted = frozenset(one for one in plan.sources if one != "secrets" or "secrets-metadata" in read)
    groups = frozenset({*plan.profile.active, *words(options.active)})
    probe = Policy(plan.profile.values, datetime.now(UTC))[NAMESPACE]
    found = ask(
        sources=wanted, kubeconfig=options.kubeconfig, context=options.context, namespaces=options.namespace,
        now=datetime.now(UTC), groups=groups, probe_namespace=probe,
    )  # fmt: skip
    if parsed.rbac:
        out.write(least_rbac(wanted, options.namespace, found.identity, groups, probe))
        return Exit.OK.value
    denied = {one.source: one for one in found.findings if one.allowed is not True}
    out.write(f"{_who(found.identity.user)} at {found.target.api_url}, profile {plan.profile.name}\n")
    for one in sorted(found.findings, key=lambda finding: (finding.source, finding.namespace)):
        answer = {True: "allowed", False: "forbidden", None: "not known"}[one.allowed]
        why = f"  {inert(one.why)}" if one.why and one.allowed is not True else ""
        out.write(f"  {one.verb:<5} {one.source:<60} {one.namespace:<20} {answer}{why}\n")
    hidden = [one for one in plan.selected if denied.keys() & set(one.sources) or set(one.sources) - wanted]
    if not hidden:
        out.write("every requirement of the profile can be looked at\n")
        return Exit.OK.value
    out.write(f"\n{len(hidden)} of {len(plan.selected)} requirements would be unknown, in whole or in part:\n")
    for requirement in hidden:
        causes = [one for one in requirement.sources if one in denied or one not in wanted]
        out.write(f"  {requirement.id:<10} {requirement.title}  (needs {', '.join(causes)})\n")
    out.write("grant the least that removes this with: preaudit preflight --rbac | kubectl apply -f -\n")
    return Exit.UNKNOWN.value


def _who(user: str) -> str:
    return inert(user) if user else "an identity that the API server did not confirm"


def snapshot(parsed: argparse.Namespace, out: IO[str]) -> int:
    """Collect only, into a folder that does not exist yet."""
    plan = _plan(parsed)
    now = datetime.now(UTC)
    folder = Path(plan.options.out or f"snapshot-{now:%Y%m%dT%H%M%SZ}")
    incomplete = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.incomplete"
    if folder.exists():
        raise UsageError(f"{folder} exists already; a snapshot is never overwritten, give another --out")
    try:
        incomplete.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}") from None
    observe(plan, incomplete, now)
    incomplete.rename(folder)
    taken = Snapshot(folder).collection
    objects = sum(stored.lines for stored in taken.files)
    unseen = [one for one in taken.sources if one.cause]
    out.write(f"{folder}: {objects} objects of {len({one.source for one in taken.sources})} sources\n")
    for one in unseen:
        out.write(f"  not seen: {one.source} in {inert(one.namespace)}: {one.status.value}: {inert(one.cause)}\n")
    return Exit.OK.value


def list_catalogue(parsed: argparse.Namespace, out: IO[str]) -> int:
    """Print the requirements of a profile and every value with its source and layer."""
    plan = _plan(parsed)
    profile = plan.profile
    console = Console(file=out, highlight=False, width=_width(out))
    out.write(f"profile {profile.name} {profile.version}: {len(plan.in_profile)} requirements\n\n")
    table = Table("id", "severity", "level", "requirement", box=None, pad_edge=False)
    for one in plan.in_profile:
        table.add_row(one.id, one.severity.value, profile.level(one.id).value, one.title)
    console.print(table)
    out.write("\n")
    for value in profile.parameters:
        layers = " over ".join((value.layer, *value.overrides))
        unit = f" {value.unit}" if value.unit else ""
        dated = f", {value.source_date}" if value.source_date else ""
        out.write(f"{value.name} = {inert(_plain(value.value))}{unit}\n")
        out.write(f"    {value.kind}: {inert(value.source)}{dated} ({layers})\n")
    for one in plan.inactive:
        out.write(f"{one.id} is not judged: it needs --active {one.active}\n")
    return Exit.OK.value


def explain(parsed: argparse.Namespace, out: IO[str]) -> int:
    """Print one requirement in full."""
    plan = _plan(parsed)
    table = plan.catalogue.table | {name: one for one in plan.catalogue.requirements for name in one.aliases}
    if parsed.id not in table:
        raise UsageError(unknown_requirement(parsed.id, table))
    one = entry(table[parsed.id], plan.profile)
    values = {value.name: value for value in plan.profile.parameters}
    held = "" if one.id in plan.profile.included else f" (profile {plan.profile.name} does not hold it)"
    lines = [f"{one.id}  {one.severity.value}, level {one.level.value}{held}", one.title, ""]
    for word, text in (
        ("why", one.why), ("fix", one.fix), ("about", one.population), ("expected", one.expected),
        ("method", f"{one.method}, reads {', '.join(one.sources)}"), ("limits", one.limitations),
        ("controls", ", ".join(f"{each.framework} {each.id} ({each.relationship})" for each in one.controls)),
        ("again", one.reperform),
    ):  # fmt: skip
        if text:
            lines.append(textwrap.fill(text, _width(out), initial_indent=f"{word:<10}", subsequent_indent=" " * 10))
    for name in one.parameters:
        value = values[name]
        said = f"{name} = {_plain(value.value)}{' ' + value.unit if value.unit else ''}: {value.source} ({value.layer})"
        lines.append(textwrap.fill(said, _width(out), initial_indent=f"{'value':<10}", subsequent_indent=" " * 10))
    out.write("\n".join(lines) + "\n")
    return Exit.OK.value


def _plan(parsed: argparse.Namespace) -> Plan:
    given = vars(parsed)
    values: dict[str, Any] = {one.field: given.get(one.dest) for one in RUN_OPTIONS if not one.flag}
    values["profile"] = values["profile"] or given.get("profile") or "baseline"
    values["set"] = values["set"] or given.get("set")
    return make_plan(Options(**values), [Path(path) for path in given.get("paths", ())])


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_plain(part)}" for key, part in value.items()) or "none"
    return str(value)


def _width(out: IO[str]) -> int:
    return Console(file=out).width if out.isatty() else 120


