"""The record: one verdict about one subject with the facts it rests on. Records are the only source of truth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from preaudit.subjects.ref import Subject
from preaudit.verdict import Level, Severity, Verdict

__all__ = ["Observation", "Record", "Subject", "decode", "encode", "in_order"]


class Observation(msgspec.Struct, frozen=True):
    """One fact that a check read: the path within the subject and the (redacted) value found there."""

    path: str
    value: Any


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict; the keys are described in the pack's schema.

    Attributes:
        namespace: the item's namespace: a namespace's name, "cluster" for cluster-wide subjects.
        subject: None where there is none (not-applicable) or where it was not seen (unknown).
        pods: running pods that share this spec; None where the subject is no workload.
        spec: sha256 over the redacted, normalised form of everything a check may read; "" where there is no subject.
        source: "template", "pods", or the source's name.
        population: what was looked through, and how complete it was.
        note: what a reader should know beside the reason (a template that differs from its pods).
        waiver: id of the waiver that holds, None where there is none.
        attestation: id of the attestation that turned a manual verdict into this pass or fail: a person's word, not
            something observed; every count tells it apart.
    """

    requirement: str
    title: str
    area: str
    severity: Severity
    controls: tuple[str, ...]
    namespace: str
    subject: Subject | None
    verdict: Verdict
    level: Level
    scope: str
    source: str
    pods: int | None = None
    spec: str = ""
    reason: str
    observed: tuple[Observation, ...] = ()
    expected: str
    population: str = ""
    note: str = ""
    waiver: str | None = None
    attestation: str | None = None

    @property
    def sort_key(self) -> tuple[str, ...]:
        """Total order of the records of a pack: the same facts always stand in the same order."""
        subject = self.subject
        return (
            self.requirement,
            self.namespace,
            *((subject.kind, subject.name, subject.within, subject.api_version) if subject else ("", "", "", "")),
            self.source,
            self.spec,
            self.verdict.value,
            self.reason,
        )


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """One line of records.jsonl without its line break."""
    return _ENCODER.encode(record)


def decode(line: bytes) -> Record:
    """The record of one line.

    Raises:
        msgspec.DecodeError: the line is no record.
    """
    return _DECODER.decode(line)


def in_order(records: Iterable[Record]) -> list[Record]:
    """The records in the order of a pack."""
    return sorted(records, key=lambda record: record.sort_key)
