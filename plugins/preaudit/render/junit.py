"""JUnit: one test suite a requirement, one test case a subject, valid for Jenkins and for the strictest schema."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from functools import lru_cache
from io import BytesIO
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import msgspec
from junit_xml import TestCase, TestSuite

from preaudit.evidence.record import Record, encode, in_order
from preaudit.gate import GateRules
from preaudit.render.summary import RequirementSummary, Summary, summarise
from preaudit.render.text import record_name, value_text
from preaudit.snapshot import parse_time
from preaudit.text import cut, inert, plural, prose, unique
from preaudit.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from preaudit.evidence.manifest import Manifest

MOST_BYTES = 29 * 10**6
_MOST_CASES = 200_000
"""GitLab reads at most 30 MB and 250,000 objects of a report; suites and properties count among them."""
"""GitLab refuses files of 30 MB."""

_NAME_CHARACTERS = 300
_REASON_CHARACTERS = 600
_VALUE_CHARACTERS = 200
_LINES_A_CASE = 20
_LEAST_CASE_BYTES = 60


class Fold(IntEnum):
    """How much is folded into one test case a namespace, so that the file stays small enough."""

    NOTHING = 0
    PASSES = 1
    ALL_BUT_OPEN = 2
    EVERYTHING = 3


class _Case(msgspec.Struct, frozen=True):
    """One test case before it is written: the records about one subject, the decisive one first."""

    name: str
    records: Sequence[Record]
    closes: bool

    @property
    def decisive(self) -> Record:
        return self.records[0]


def render_junit(  # noqa: PLR0913 - all but three are rarely given
    records: Sequence[Record],
    manifest: Manifest,
    stream: IO[bytes],
    *,
    attachments: str | None = None,
    most_bytes: int = MOST_BYTES,
    summary: Summary | None = None,
    evidence_sha256: str = "",
) -> None:
    """Write junit.xml, suite by suite.

    Args:
        records: the records of the pack.
        manifest: its manifest; the time of every suite is the run's clock, ``manifest.now``.
        stream: where to write.
        attachments: the folder under which Jenkins finds the pack, for its attachment marks; None for no marks.
        most_bytes: size that the file must not exceed; passes are folded first, then what is skipped, then all.
        summary: their summary, where it was made before.
        evidence_sha256: hash of records.jsonl, where it is known.

    Raises:
        UsageError: the manifest did not count these records.
    """
    summary = summary or summarise(records, manifest)
    by_requirement: dict[str, list[Record]] = {}
    for record in records:
        by_requirement.setdefault(record.requirement, []).append(record)
    gate = GateRules.of(manifest.gate)
    cases = {name: list(_grouped(found, gate)) for name, found in by_requirement.items()}
    facts = _pack_facts(records, manifest, evidence_sha256)
    for fold in Fold:
        if fold is not Fold.EVERYTHING and _is_too_much(cases.values(), fold, most_bytes):
            continue
        document = BytesIO()
        document.write(b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites>\n")
        for number, requirement in enumerate(summary.requirements):
            found = cases.get(requirement.entry.id, [])
            suite = _suite(number, requirement, found, manifest, fold, facts, attachments)
            document.write(ET.tostring(suite, encoding="utf-8", xml_declaration=False))
            document.write(b"\n")
            if document.tell() > most_bytes and fold is not Fold.EVERYTHING:
                break
        else:
            document.write(b"</testsuites>\n")
            stream.write(document.getbuffer())
            return


def _is_too_much(found: Iterable[Sequence[_Case]], fold: Fold, most_bytes: int) -> bool:
    """Whether a lower bound of the file's size is too much already, so that no file is built in vain."""
    total = written = 0
    for cases in found:
        for case in cases:
            if not _folds(case, fold):
                written += 1
                # Reasons stand twice where the case is no pass: as its message and in its text.
                told = 0 if _is_pass(case) else 2 * min(len(case.decisive.reason), _REASON_CHARACTERS)
                total += _LEAST_CASE_BYTES + len(case.name) + told
                if total > most_bytes or written > _MOST_CASES:
                    return True
    return False


def _pack_facts(records: Sequence[Record], manifest: Manifest, stored: str) -> dict[str, str]:
    """The properties that every suite carries: profile, clock, and the file that holds the evidence."""
    stored = stored or next((file.sha256 for file in manifest.files if file.name == "records.jsonl"), "")
    if not stored:
        digest = hashlib.sha256()
        for record in in_order(records):
            digest.update(encode(record) + b"\n")
        stored = digest.hexdigest()
    profile = manifest.profile
    facts = {
        "profile": f"{profile.name} {profile.version}".strip(),
        "profile.sha256": profile.layers[0].get("sha256", "") if profile.layers else "",
        "timestamp": manifest.now,
        "evidence": "records.jsonl",
        "evidence.sha256": stored,
        "allow": ",".join(manifest.gate.allow),
        "gate-severity": manifest.gate.gate_severity,
        "partial": " ".join(manifest.partial),
        "demo": "yes" if manifest.demo else "",
    }
    return {name: value for name, value in facts.items() if value}


def _suite(  # noqa: PLR0913, PLR0917 - one call, all of it needed
    number: int,
    requirement: RequirementSummary,
    cases: Sequence[_Case],
    manifest: Manifest,
    fold: Fold,
    facts: dict[str, str],
    attachments: str | None,
) -> ET.Element:
    entry = requirement.entry
    properties = {
        "requirement": entry.id,
        "title": entry.title,
        "requirement.sha256": entry.sha256,
        "severity": entry.severity.value,
        "level": entry.level.value,
        "controls": ", ".join(f"{one.framework}:{one.id} ({one.relationship})" for one in entry.controls),
        **facts,
        **{f"records.{verdict.value}": str(count) for verdict, count in requirement.counts.by_verdict.items() if count},
    }
    if fold is not Fold.NOTHING:
        properties["folded"] = _FOLDED[fold]
    suite = TestSuite(
        _word(entry.id),
        list(_cases(requirement, cases, fold)),
        hostname=_word(urlsplit(manifest.target.api_url).hostname or "localhost"),
        # The package leaves out an id of 0; it is set below.
        package=_word(entry.area),
        timestamp=parse_time(manifest.now).strftime("%Y-%m-%dT%H:%M:%S"),
        properties={name: _line(value, _REASON_CHARACTERS * 4) for name, value in properties.items() if value},
    )
    return _corrected(suite.build_xml_doc(), number, attachments)


_FOLDED = {
    Fold.PASSES: "passes: one test case a namespace with their number; each stands in records.jsonl",
    Fold.ALL_BUT_OPEN: "everything that does not close the gate: one test case a namespace and verdict with their "
    "number; each stands in records.jsonl",
    Fold.EVERYTHING: "all: one test case a namespace and verdict with their number; each stands in records.jsonl",
}


def _corrected(suite: ET.Element, number: int, attachments: str | None) -> ET.Element:
    """What the two schemas ask for and the package does not do.

    It adds ``disabled`` (unknown to Jenkins), drops an id of 0 and a time of 0, gives ``skipped`` a type, and puts the
    outputs, which the strict schema wants last and always there, before the test cases.
    """
    suite.attrib.pop("disabled", None)
    suite.set("id", str(number))
    suite.set("time", "0")
    for case in suite.iter("testcase"):
        case.set("time", "0")
        for skipped in case.iter("skipped"):
            skipped.attrib.pop("type", None)
    if suite.find("properties") is None:
        suite.insert(0, ET.Element("properties"))
    output = ET.SubElement(suite, "system-out")
    if attachments is not None:
        output.text = f"[[ATTACHMENT|{inert(attachments).rstrip('/')}/records.jsonl]]"
    ET.SubElement(suite, "system-err")
    return suite


def _cases(requirement: RequirementSummary, found: Sequence[_Case], fold: Fold) -> Iterator[TestCase]:
    names: set[str] = set()
    folded: dict[tuple[str, Verdict, bool], list[_Case]] = {}
    classname = _word(f"{requirement.entry.area}.{requirement.entry.id}")
    for case in found:
        if _folds(case, fold):
            key = case.decisive.namespace, case.decisive.verdict, case.closes
            folded.setdefault(key, []).append(case)
        else:
            yield _test_case(case, unique(case.name, names), classname)
    for (namespace, verdict, _), cases in folded.items():
        name = unique(f"{_word(namespace)}: {plural(len(cases), 'subject')} {verdict.value}", names)
        yield _folded_case(cases, name, classname)


def _grouped(records: Sequence[Record], gate: GateRules) -> Iterator[_Case]:
    """One case a subject, and one for each namespace's records that have none."""
    grouped: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        grouped.setdefault(_identity(record), []).append(record)
    for found in grouped.values():
        yield _case(found, gate)


def _identity(record: Record) -> tuple[str, ...]:
    subject = record.subject
    if subject is None:
        return ("", record.namespace)
    return (record.namespace, subject.api_version, subject.kind, subject.namespace, subject.name, subject.uid)


def _case(records: list[Record], gate: GateRules) -> _Case:
    """One subject's records; the decisive one is the worst of those that close the gate, else the worst."""
    ranked = records
    if len(records) > 1:
        ranked = sorted(records, key=lambda record: (not _red(record, gate), record.verdict.rank, record.sort_key))
    return _Case(
        name=_word(cut(record_name(ranked[0]), _NAME_CHARACTERS)) + (" (attested)" if ranked[0].attestation else ""),
        records=ranked,
        closes=_red(ranked[0], gate),
    )


def _red(record: Record, gate: GateRules) -> bool:
    """Whether a reader of JUnit shall see it as failure or error; what a person must attest is skipped there."""
    return gate.opens(record) in {"fail", "unknown"}


def _folds(case: _Case, fold: Fold) -> bool:
    if fold is Fold.EVERYTHING:
        return True
    return not case.closes and (fold is Fold.ALL_BUT_OPEN or (fold is Fold.PASSES and _is_pass(case)))


def _is_pass(case: _Case) -> bool:
    return case.decisive.verdict is Verdict.PASS


def _test_case(case: _Case, name: str, classname: str) -> TestCase:
    test = TestCase(name, classname=classname)
    if not _is_pass(case):
        _outcome(test, case, _message(case), "\n".join(_lines(case.records)))
    return test


def _folded_case(cases: Sequence[_Case], name: str, classname: str) -> TestCase:
    test = TestCase(name, classname=classname)
    if not _is_pass(cases[0]):
        first = "\n".join(f"{one.name}: {_message(one)}" for one in cases[:_LINES_A_CASE])
        message = f"{plural(len(cases), 'subject')}, the first: {_message(cases[0])}"
        _outcome(test, cases[0], message, first)
    return test


def _outcome(test: TestCase, case: _Case, message: str, text: str) -> None:
    """Failure and error only for what closes the gate; everything else that is no pass is skipped."""
    add: Callable[..., None] = test.add_skipped_info
    kind = {}
    if case.closes and case.decisive.verdict is Verdict.FAIL:
        add, kind = test.add_failure_info, {"failure_type": "fail"}
    elif case.closes:
        add, kind = test.add_error_info, {"error_type": "unknown"}
    add(message, text, **kind)


def _message(case: _Case) -> str:
    record = case.decisive
    reason = _line(record.reason, _REASON_CHARACTERS) or "no reason given"
    if case.closes:
        return reason
    if record.verdict is Verdict.WAIVED:
        return f"waived by {_line(record.waiver or 'a waiver', _NAME_CHARACTERS)}: {reason}"
    if record.verdict in {Verdict.FAIL, Verdict.UNKNOWN}:
        return f"{record.verdict.value} at level {record.level.value}, severity {record.severity.value}: {reason}"
    return f"{record.verdict.value}: {reason}"


def _lines(records: Iterable[Record]) -> Iterator[str]:
    """What was seen of a subject: a line a record, then the values it rests on."""
    for count, record in enumerate(records):
        if count == _LINES_A_CASE:
            yield "… more in records.jsonl"
            return
        within = f"{record.subject.within}: " if record.subject and record.subject.within else ""
        text = f"{record.verdict.value}: {within}{_line(record.reason, _REASON_CHARACTERS)}"
        yield f"{_line(text, _REASON_CHARACTERS * 2)} (expected {_line(record.expected, _VALUE_CHARACTERS)})"
        for seen in record.observed[:_LINES_A_CASE]:
            value = _line(value_text(seen.value), _VALUE_CHARACTERS)
            yield f"  {_line(seen.path, _VALUE_CHARACTERS)} = {value}"


@lru_cache(maxsize=4_096)
def _line(text: str, limit: int) -> str:
    return cut(prose(cut(text, limit * 2)), limit)


@lru_cache(maxsize=4_096)
def _word(text: str) -> str:
    """A non-empty token: white space collapsed, so that a reader that collapses it sees the same name."""
    return inert(" ".join(text.split())) or "(no name)"
