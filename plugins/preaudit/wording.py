"""How values and errors are worded in a record: short, exact, and without Python in them."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

MAX_VALUE = 2048
MAX_SENTENCE = 600
_SURELY_SHORT = (MAX_VALUE - 2) // 6
"""Characters of a text that JSON cannot make too long: six bytes each, and the quotation marks."""
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


def shown(value: Any) -> str:
    """A value inside a sentence: JSON for what is short, a cut of it otherwise; "not set" for None."""
    if value is None:
        return "not set"
    if isinstance(value, str) and value.endswith((" items", " objects")):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    text = _ENCODE(value).decode(errors="replace")
    return text if len(text) <= 160 else f"{text[:150]}… ({len(text)} characters)"


def bounded(value: Any) -> Any:
    """The value as it may stand in a record: itself, or its size, hash and beginning where it is too long."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if type(value) is str and len(value) <= _SURELY_SHORT:
        return value
    raw = _ENCODE(value)
    if len(raw) <= MAX_VALUE:
        return value
    begins = raw[:200].decode(errors="replace")
    return {"$cut": {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest(), "begins": begins}}


def sentence_of(error: BaseException) -> str:
    """What an error says, on one line; the explanation that pytest adds to a rewritten assert is left out."""
    text = str(error)
    if isinstance(error, AssertionError):
        text = "" if text.startswith("assert ") else text.partition("\nassert ")[0]
    text = " ".join(text.split())
    return text if len(text) <= MAX_SENTENCE else text[:MAX_SENTENCE] + "…"
