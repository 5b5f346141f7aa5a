"""A comparison of two packs as text for a terminal, JSON, JUnit and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from xml.etree import ElementTree as ET

import msgspec
from junit_xml import TestCase, TestSuite

from preaudit.evidence.comparison import Change, Comparison, Difference
from preaudit.evidence.manifest import Manifest, pretty
from preaudit.text import cut, inert, plural, prose, unique

_MOST_SUBJECTS = 5
_MOST_MARKDOWN = 60_000
_REASON = 300
_TOLD = (Change.NEW_FAILURE, Change.LOST, Change.CHANGED, Change.FIXED, Change.GONE, Change.WAIVED, Change.SEEN)
"""What is told subject by subject; what still fails is counted by requirement."""


def text(comparison: Comparison) -> str:
    """Plain text: what is worse first, each requirement with at most five subjects."""
    lines = [f"old  {_pack(comparison.old)}", f"new  {_pack(comparison.new)}"]
    lines += [f"note: {prose(limit)}" for limit in comparison.limits]
    lines.append("")
    for change in _TOLD:
        found = comparison.of(change)
        if not found:
            continue
        lines.append(f"{change.value}: {len(found):,}")
        for requirement, group in _by_requirement(found):
            first = group[0]
            lines.append(f"  {requirement} {first.severity.value}{_level(first)}  {prose(first.title)}")
            lines += [f"    {_line(one)}" for one in group[:_MOST_SUBJECTS]]
            if len(group) > _MOST_SUBJECTS:
                lines.append(f"    … {len(group) - _MOST_SUBJECTS:,} more")
    lines += _rest(comparison)
    lines.append(_sum(comparison))
    return "\n".join(lines) + "\n"


def markdown(comparison: Comparison) -> str:
    """A comment for a merge request; foreign text stands in code, where nothing in it can act."""
    lines = ["### preaudit: what changed", "", f"{_sum(comparison)}", ""]
    lines += [f"> {_code_free(prose(limit))}  " for limit in comparison.limits] + [""]
    size = sum(map(len, lines))
    for change in _TOLD:
        found = comparison.of(change)
        if found:
            lines += [f"**{change.value}** ({len(found):,})", ""]
        for number, one in enumerate(found):
            said = f"* {one.requirement} {one.severity.value}{_level(one)} {_code(one.subject)}: {_code(_reason(one))}"
            size += len(said)
            if size > _MOST_MARKDOWN:
                lines += [f"* … {len(found) - number:,} more"]
                break
            lines.append(said)
        lines += [""] if found else []
    lines += [f"* {_code_free(line)}" for line in _rest(comparison)]
    return "\n".join(lines) + "\n"


def json(comparison: Comparison) -> str:
    """Everything, as one object with sorted keys."""
    told = {
        "schema": "preaudit.diff/1",
        "old": _identity(comparison.old),
        "new": _identity(comparison.new),
        "counts": {change.value: len(comparison.of(change)) for change in Change},
        "worse": len(comparison.worse),
        "differences": comparison.differences,
        "populations": comparison.populations,
        "values": [{"name": name, "old": old, "new": new} for name, old, new in comparison.values],
        "requirements": [{"requirement": name, "change": change} for name, change in comparison.requirements],
        "waivers": [{"waiver": name, "state": state} for name, state in comparison.waivers],
        "limits": comparison.limits,
    }
    return pretty(told).decode()


def junit(comparison: Comparison) -> str:
    """One suite a requirement, one case a subject: what is worse fails, what cannot be seen any more is an error."""
    root = ET.Element("testsuites")
    wanted = [one for one in comparison.differences if one.change is not Change.STILL]
    wanted.sort(key=lambda one: (one.requirement, one.namespace, one.subject))
    for number, (requirement, group) in enumerate(_by_requirement(wanted)):
        names: set[str] = set()
        suite = TestSuite(inert(requirement), [_case(one, names) for one in group], package="preaudit.diff")
        element = suite.build_xml_doc()
        element.attrib.pop("disabled", None)
        element.set("id", str(number))
        root.append(element)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


RENDERED: dict[str, Callable[[Comparison], str]] = {
    "text": text,
    "json": json,
    "junit": junit,
    "markdown": markdown,
}


def _case(one: Difference, names: set[str]) -> TestCase:
    name = unique(inert(f"{one.subject} ({one.change.value})"), names)
    case = TestCase(name, classname=f"preaudit.diff.{inert(one.requirement)}")
    if one.change is Change.NEW_FAILURE:
        case.add_failure_info(_reason(one), failure_type="fail")
    elif one.change is Change.LOST:
        case.add_error_info(_reason(one), error_type="unknown")
    elif one.change in {Change.CHANGED, Change.WAIVED}:
        case.add_skipped_info(f"{one.change.value}: {_reason(one)}")
    return case


def _by_requirement(found: Iterable[Difference]) -> Iterator[tuple[str, list[Difference]]]:
    for requirement, group in groupby(found, lambda one: one.requirement):
        yield requirement, list(group)


def _pack(manifest: Manifest) -> str:
    profile = f"profile {inert(cut(manifest.profile.name, 80))}"
    cluster = f"cluster {inert(manifest.target.cluster_uid[:8]) or 'unknown'}"
    return f"{inert(manifest.now)}  {profile}  {cluster}  preaudit {inert(manifest.tool.get('version', ''))}"


def _identity(manifest: Manifest) -> dict[str, object]:
    return {
        "run": manifest.run.id, "now": manifest.now, "profile": manifest.profile.name,
        "cluster": manifest.target.cluster_uid, "tool": manifest.tool, "records": manifest.totals.records,
    }  # fmt: skip


def _level(one: Difference) -> str:
    return "" if one.level.value == "fail" else f" (level {one.level.value})"


def _line(one: Difference) -> str:
    old, new = (verdict.value if verdict else "no record" for verdict in (one.old, one.new))
    return f"{inert(cut(one.subject, 120))}  {old} -> {new}: {_reason(one)}"


def _reason(one: Difference) -> str:
    return prose(cut(" · ".join(part for part in (one.note, one.reason) if part), _REASON))


def _rest(comparison: Comparison) -> list[str]:
    lines = [
        f"profile: {name} was {prose(cut(old, 120))}, is {prose(cut(new, 120))}" for name, old, new in comparison.values
    ]
    lines += [f"requirement {inert(name)} {change}" for name, change in comparison.requirements]
    lines += [f"waiver {inert(name)} holds no more: {inert(state)}" for name, state in comparison.waivers]
    grouped: dict[tuple[int, int, int, int], list[str]] = {}
    for one in comparison.populations:
        grouped.setdefault((one.old, one.new, one.came, one.went), []).append(one.requirement)
    for (old, new, came, went), names in sorted(grouped.items(), key=lambda item: -len(item[1])):
        some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        lines.append(f"population of {some}: {old:,} -> {plural(new, 'subject')} ({came:,} came, {went:,} went)")
    return lines


def _sum(comparison: Comparison) -> str:
    return ", ".join(f"{len(comparison.of(change)):,} {change.value}" for change in Change)


def _code(value: str) -> str:
    """Foreign text as a code span that nothing in it can end."""
    return "`" + inert(value).replace("`", "'").replace("|", "¦") + "`"


def _code_free(value: str) -> str:
    """A sentence of ours with a foreign part: the signs that Markdown acts on are taken out."""
    return msgspec.json.encode(value).decode()[1:-1].translate({ord(sign): " " for sign in "`<>|*_[]@\\"})
