"""JSON from strangers: bounded, without duplicate keys, and in the one form that was written."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec

MAX_JSON = 32 * 2**20
"""Longest JSON document that is read as a whole, in bytes."""

_FORM = "is not in canonical form (other white space, order of keys, numbers or escapes)"


class NotStrict(ValueError):  # noqa: N818 - it says what the document is
    """A document that two readers could understand differently, or not at all; one clause that says why."""


def canonical(value: Any) -> bytes:
    """The one encoding of a JSON value that is signed: sorted keys, no white space, ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def pretty(value: Any) -> bytes:
    """The one encoding of the JSON files of a pack: sorted keys, indented by one space, a line break at the end."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1) + b"\n"


def read_canonical(raw: bytes) -> Any:
    """The value of bytes that `canonical` wrote.

    Raises:
        NotStrict: they are anything else.
    """
    value = _decoded(raw)
    if canonical(value) != raw:
        raise NotStrict("is not in canonical form (other white space, order of keys or escapes)")
    return value


def read_pretty(raw: bytes) -> Any:
    """The value of bytes that `pretty` wrote.

    Raises:
        NotStrict: they are anything else.
    """
    if len(raw) > MAX_JSON:
        raise NotStrict(f"is longer than {MAX_JSON} bytes")
    # The form is checked before a value is made: what is written without white space could become a hundred times as
    # large in memory.
    try:
        formed = msgspec.json.format(raw, indent=1) + b"\n" == raw
    except RecursionError:
        raise NotStrict("is nested too deeply") from None
    except msgspec.MsgspecError as error:
        raise NotStrict(f"is no JSON: {str(error)[:200]}") from None
    if not formed:
        raise NotStrict(_FORM)
    value = _decoded(raw)
    try:
        same = pretty(value) == raw
    except (RecursionError, ValueError, OverflowError):
        same = False
    if not same:
        raise NotStrict(_FORM)
    return value


def _decoded(raw: bytes) -> Any:
    if len(raw) > MAX_JSON:
        raise NotStrict(f"is longer than {MAX_JSON} bytes")
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except NotStrict:
        raise
    except RecursionError:
        raise NotStrict("is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise NotStrict(f"is no UTF-8 at byte {error.start}") from None
    except ValueError as error:
        raise NotStrict(f"is no JSON: {str(error)[:200]}") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise NotStrict(f"has the key {twice[:80]!r} twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise NotStrict(f"holds {name}, which is no JSON")
