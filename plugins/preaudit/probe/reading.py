"""The probe's log read as hostile input: whole, of our version, about what was asked, and nothing besides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

import preaudit
from preaudit.collect.wording import clean
from preaudit.endpoint import Endpoint
from preaudit.probe.client import Fault
from preaudit.probe.words import MAX_LINE, Begun, Ended, Knocked, Line, Looked, Plan
from preaudit.reachability import Answered

_MAX_TEXT = 32 * 1024
_MAX_LIST = 4000
_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


@dataclass(slots=True)
class Told:
    """What the probe said.

    Attributes:
        before: answers of the controls, before the questions.
        question: answers to the questions.
        after: answers of the controls, after the questions.
        looked: what was seen at each spot.
    """

    before: dict[int, Knocked] = field(default_factory=dict)
    question: dict[int, Knocked] = field(default_factory=dict)
    after: dict[int, Knocked] = field(default_factory=dict)
    looked: dict[int, Endpoint] = field(default_factory=dict)

    def answer(self, index: int) -> Knocked:
        """What came back from a question."""
        nothing = Knocked("question", index, Answered.UNKNOWN, "the probe did not say")
        return self.question.get(index, nothing)

    def held(self, index: int) -> bool:
        """A control answered before and after."""
        return all(
            index in part and part[index].answered is Answered.OPEN for part in (self.before, self.after)
        )


def read_log(text: bytes, plan: Plan) -> Told:
    """What a log says about a plan.

    Raises:
        Fault: it is cut, or holds anything that the probe does not print.
    """
    lines = text.split(b"\n")
    if lines[-1]:
        raise Fault("the probe's log is cut: its last line has no end")
    parsed = [_line(number, one) for number, one in enumerate(lines[:-1], 1)]
    if not parsed or not isinstance(parsed[0], Begun):
        raise Fault("the probe's log is cut: its first line is missing")
    if parsed[0].version != preaudit.__version__:
        raise Fault(f"the probe's image holds preaudit {clean(parsed[0].version, 40)}, and this is "
                    f"{preaudit.__version__}: name an image of the same version")  # fmt: skip
    end = parsed[-1]
    if not isinstance(end, Ended) or end.lines != len(parsed) - 1:
        raise Fault("the probe's log is cut: lines of it are missing")
    told = Told()
    for one in parsed[1:-1]:
        if not _taken(told, one, plan):
            raise Fault("the probe's log answers what was not asked, or twice")
    return told


def _line(number: int, text: bytes) -> Line:
    if len(text) > MAX_LINE:
        raise Fault(f"line {number} of the probe's log is longer than {MAX_LINE} bytes")
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        shown = clean(text[:400].decode("utf-8", "replace"), 120)
        raise Fault(f"line {number} of the probe's log is nothing that the probe prints: {shown}") from None


def _taken(told: Told, one: Line, plan: Plan) -> bool:
    """Take a line; False where it does not belong to the plan."""
    if isinstance(one, Looked):
        if one.index >= len(plan.spots) or one.index in told.looked:
            return False
        if one.endpoint is not None:
            if not _sound(msgspec.to_builtins(one.endpoint)):
                return False
            told.looked[one.index] = one.endpoint
        return True
    if isinstance(one, Knocked):
        part: dict[int, Knocked] = getattr(told, one.part)
        asked = plan.questions if one.part == "question" else plan.controls
        if one.index >= len(asked) or one.index in part:
            return False
        part[one.index] = msgspec.structs.replace(one, cause=clean(one.cause))
        return True
    return False


def _sound(value: Any) -> bool:
    """Texts are printable and of a length that a look gives; lists are too."""
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT and value.isprintable()
    if isinstance(value, dict):
        return len(value) <= _MAX_LIST and all(_sound(key) and _sound(part) for key, part in value.items())
    if isinstance(value, list | tuple):
        return len(value) <= _MAX_LIST and all(map(_sound, value))
    return True
