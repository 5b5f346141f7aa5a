"""The records of a pack: one a line, in canonical form, in order, each once, and as many as the manifest says."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from preaudit.evidence.finding import Fault, Finding, finding
from preaudit.evidence.outline import Totals
from preaudit.verdict import Verdict

_DECODE = msgspec.json.Decoder().decode
_ENCODE = msgspec.json.Encoder().encode
_MOST_TOLD = 3
MAX_LINE = 16 * 2**20
"""Longest record that is read, in bytes; the largest honest ones quote an object of 1.5 MB."""
_WORDS = frozenset(one.value for one in Verdict)
_ATTESTABLE = frozenset({Verdict.PASS.value, Verdict.FAIL.value})


class RecordCheck:
    """Reads records.jsonl as it comes, in pieces of any length."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._pending = 0
        self._number = 0
        self._verdicts: Counter[str] = Counter()
        self._attested = 0
        self._key: tuple[str, ...] = ()
        self._same: set[bytes] = set()
        self._previous = b""
        self._faults: list[Finding] = []
        self._given_up = False

    def feed(self, chunk: bytes) -> None:
        """Take the next piece."""
        if self._given_up:
            return
        lines = chunk.split(b"\n")
        if len(lines) == 1:
            self._keep(chunk)
            return
        self._rest.append(lines[0])
        self._line(b"".join(self._rest))
        for line in lines[1:-1]:
            self._line(line)
        self._rest, self._pending = [], 0
        self._keep(lines[-1])

    def findings(self, totals: Totals) -> list[Finding]:
        """What is wrong, after the last piece."""
        if self._given_up:
            return self._faults
        if self._pending:
            self._say(Fault.MALFORMED, "records.jsonl ends in the middle of a line")
        told = list(self._faults)
        if self._number != totals.records:
            sentence = f"records.jsonl holds {self._number} records, manifest.json says {totals.records}"
            told.append(finding(Fault.COUNT, sentence))
        for word in sorted(_WORDS):
            there, said = self._verdicts[word], totals.verdicts[word]
            if there != said:
                sentence = f"records.jsonl holds {there} records with the verdict {word}, manifest.json says {said}"
                told.append(finding(Fault.COUNT, sentence))
        if self._attested != totals.attested:
            sentence = f"{self._attested} records rest on an attestation, manifest.json says {totals.attested}"
            told.append(finding(Fault.COUNT, sentence))
        return told

    def _keep(self, piece: bytes) -> None:
        self._rest.append(piece)
        self._pending += len(piece)
        if self._pending > MAX_LINE:
            self._say(Fault.MALFORMED, f"records.jsonl has a line longer than {MAX_LINE} bytes")
            self._given_up = True
            self._rest = []

    def _line(self, line: bytes) -> None:
        self._number += 1
        try:
            value = _DECODE(line)
            if _ENCODE(value) != line:
                self._say(Fault.MALFORMED, f"line {self._number} of records.jsonl is not in canonical form")
                return
            verdict = value["verdict"]
            key = _sort_key(value)
        except (msgspec.DecodeError, RecursionError, ValueError, OverflowError):
            self._say(Fault.MALFORMED, f"line {self._number} of records.jsonl is no JSON")
            return
        except (KeyError, TypeError):
            self._say(Fault.MALFORMED, f"line {self._number} of records.jsonl is no record")
            return
        if type(verdict) is not str or verdict not in _WORDS:
            self._say(Fault.MALFORMED, f"line {self._number} of records.jsonl has no verdict that there is")
            return
        self._verdicts[verdict] += 1
        if verdict in _ATTESTABLE and value.get("attestation") is not None:
            self._attested += 1
        self._order(key, line)

    def _order(self, key: tuple[str, ...], line: bytes) -> None:
        if key == self._key:
            if not self._same:
                self._same.add(self._previous)
            if line in self._same:
                self._say(Fault.ORDER, f"line {self._number} of records.jsonl stands there twice")
            self._same.add(line)
        elif key < self._key:
            self._say(Fault.ORDER, f"line {self._number} of records.jsonl is out of order")
        elif self._same:
            self._same = set()
        self._key, self._previous = key, line

    def _say(self, fault: Fault, sentence: str) -> None:
        if len(self._faults) < _MOST_TOLD:
            self._faults.append(finding(fault, sentence))


def _sort_key(value: dict[str, Any]) -> tuple[str, ...]:
    """The order of `preaudit.evidence.record.Record.sort_key`, from a decoded line.

    Raises:
        KeyError: a part is missing.
        TypeError: a part is no text.
    """
    subject = value["subject"]
    named = ("", "", "", "")
    if subject is not None:
        named = (subject["kind"], subject["name"], subject.get("within", ""), subject.get("apiVersion", ""))
    key = (
        value["requirement"], value["namespace"], *named, value["source"], value["spec"], value["verdict"],
        value["reason"],
    )  # fmt: skip
    "".join(key)  # a TypeError where one of them is no text
    return key


def totals_findings(totals: Totals) -> list[Finding]:
    """Whether the manifest's own counts add up."""
    told = []
    kinds = totals.items_executed + totals.items_lost + totals.items_deselected
    if totals.items_collected != kinds:
        sentence = f"manifest.json: {totals.items_collected} items were collected, but {kinds} are accounted for"
        told.append(finding(Fault.COUNT, sentence))
    verdicts = sum(totals.verdicts.values())
    if totals.records != verdicts:
        sentence = f"manifest.json: {totals.records} records, but the verdicts add up to {verdicts}"
        told.append(finding(Fault.COUNT, sentence))
    if min(totals.verdicts.values()) < 0:
        told.append(finding(Fault.COUNT, "manifest.json counts less than nothing"))
    return told
