"""Foreign text made safe to show: control characters visible, lengths bounded, values on one line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import msgspec

_LONGEST_TITLE = 1_000
_STACKED_MARKS = 3
_TOLD = 6
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
_ODD = re.compile(r"[^\x20-\x7e]+")
_LITERAL = re.compile(r"``(.+?)``", re.DOTALL)


def inert(text: str) -> str:
    r"""The text with everything visible that could steer a terminal, a parser or the reading order.

    C0 control characters become their pictures (ESC is "␛"); every other character that is not printable (C1, bidi
    overrides and isolates, zero-width and tag characters, surrogates, odd spaces) becomes ``⟨U+202E⟩``. Of combining
    marks piled on one letter only the first three stay marks. Markup is left as it is: escaping belongs to the format.
    """
    return text if text.isascii() and text.isprintable() else _ODD.sub(_visible, text)


def _visible(found: re.Match[str]) -> str:
    """A run of characters outside printable ASCII with everything in it visible."""
    parts: list[str] = []
    marks = 0
    for character in found[0]:
        code = ord(character)
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if code < 0x20:
            parts.append(chr(0x2400 + code))
        elif code == 0x7F:
            parts.append("\u2421")
        elif not character.isprintable() or character in _INVISIBLE_LETTERS or marks > _STACKED_MARKS:
            parts.append(f"⟨U+{code:04X}⟩")
        else:
            parts.append(character)
    return "".join(parts)


def prose(text: str) -> str:
    """A paragraph on one line: white space collapsed, literal marks (double backticks) gone, then `inert`."""
    line = " ".join(text.split())
    return inert(_LITERAL.sub(r"\1", line) if "``" in line else line)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters: what is too long loses its middle, because names differ at both ends."""
    if len(text) <= limit:
        return text
    head = limit // 2
    tail = limit - 1 - head
    return f"{text[:head]}…{text[len(text) - tail :] if tail else ''}"


def listed(found: Sequence[str]) -> str:
    """A list inside a sentence, cut where it is long; the record's evidence holds all of it."""
    more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return ", ".join(found[:_TOLD]) + more


class Shown(msgspec.Struct, frozen=True):
    """A foreign text as it is shown, and the whole of it where the shown one was cut.

    Attributes:
        text: inert and at most as long as was asked.
        whole: inert, "" when `text` is all there is; itself bounded, and says so.
    """

    text: str
    whole: str = ""


def shown(text: str, limit: int) -> Shown:
    """`text` for display in at most `limit` characters."""
    if len(text) <= limit:
        short = inert(text)
        if len(short) <= limit:
            return Shown(short)
        return Shown(cut(short, limit), cut(short, _LONGEST_TITLE))
    # Cut before it is made inert as well: a value of megabytes must not be walked through character by character.
    whole = text if len(text) <= _LONGEST_TITLE else cut(text, _LONGEST_TITLE) + f" ({len(text)} characters in all)"
    return Shown(cut(inert(cut(text, limit)), limit), inert(whole))


def plural(number: int, noun: str) -> str:
    """``1 subject``, ``1,204 subjects``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def unique(name: str, names: set[str]) -> str:
    """A name that is not in `names` yet: numbered where it must be, since GitLab keeps only the first of two."""
    found, number = name, 1
    while found in names:
        number += 1
        found = f"{name} #{number}"
    names.add(found)
    return found
