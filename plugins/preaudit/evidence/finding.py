"""What is wrong with a pack: one sentence each, with a word that tells the kinds apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from preaudit.text import cut, inert


class Fault(StrEnum):
    """The kinds of what can be wrong."""

    MISSING = "missing file"
    EXTRA = "extra file"
    CHANGED = "changed file"
    IRREGULAR = "no regular file"
    MALFORMED = "malformed"
    COUNT = "wrong count"
    ORDER = "wrong order"
    CONTRADICTION = "contradiction"
    UNSIGNED = "unsigned"
    SIGNATURE = "wrong signature"
    UNTRUSTED = "untrusted key"
    CERTIFICATE = "certificate refused"
    TIMESTAMP = "timestamp refused"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        fault: its kind.
        sentence: what is wrong where, inert, without a full stop.
    """

    fault: Fault
    sentence: str


def finding(fault: Fault, sentence: str) -> Finding:
    """A finding whose sentence may quote the pack: it is bounded and made inert."""
    return Finding(fault, inert(cut(sentence, 600)))
