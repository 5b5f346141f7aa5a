"""Profile parameters: declared once, in the suite that uses them, read by a check through ``policy``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from preaudit.errors import UsageError

T = TypeVar("T")
_MOST = 10**8
"""No count, size or time of a profile is larger, and none is less than 0."""
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """One value that a profile gives.

    Attributes:
        name: ``certificate.days_left``.
        type: what the value must convert to: int, str, bool, list[str], or a msgspec.Struct.
        unit: "d", "MB"; "" where there is none.
        meaning: one sentence.
        among: what a text may be, or each text of a list; () for any text. A word that means nothing would forbid
            nothing, and nobody would be told.
    """

    name: str
    type: type[T]
    unit: str
    meaning: str
    among: tuple[str, ...] = ()

    def convert(self, value: Any) -> T:
        """The value as `type`.

        Raises:
            UsageError: it is of another shape; the message says which is wanted.
        """
        try:
            found = msgspec.convert(value, self.type, strict=True)
        except (msgspec.ValidationError, ValueError) as error:
            raise UsageError(f"{self.name}: {error}".replace("`", "")) from None
        if self.type is int and not 0 <= int(value) <= _MOST:
            raise UsageError(f"{self.name}: {value} is not from 0 to {_MOST}")
        for word in (found if isinstance(found, list) else [found]) if self.among else []:
            if word not in self.among:
                raise UsageError(f"{self.name}: {word!r} is none of {', '.join(self.among)}")
        return found


def parameter(
    name: str,
    type: type[T],  # noqa: A002 - the word
    *,
    meaning: str,
    unit: str = "",
    among: tuple[str, ...] = (),
) -> Parameter[T]:
    """Declare a profile parameter at the head of a suite's file.

    Raises:
        UsageError: the name is not of the form ``area.what``.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no parameter name; write it like certificate.days_left")
    return Parameter(name, type, unit, meaning, among)


class Policy:
    """What a check may know beside its subject: the profile's values and the run's clock.

    Args:
        values: effective values by parameter name, as the profile gives them.
        now: the run's recorded UTC time, the only clock.
    """

    __slots__ = ("_converted", "_values", "now")

    def __init__(self, values: Mapping[str, Any], now: datetime) -> None:
        self._values = values
        self._converted: dict[str, Any] = {}
        self.now = now

    def __getitem__(self, wanted: Parameter[T]) -> T:
        """The profile's value of a parameter.

        Raises:
            UsageError: the profile has no value for it, or one of another shape.
        """
        if wanted.name not in self._converted:
            if wanted.name not in self._values:
                raise UsageError(f"the profile gives no value for {wanted.name}, which a requirement needs")
            self._converted[wanted.name] = wanted.convert(self._values[wanted.name])
        found: T = self._converted[wanted.name]
        return found
