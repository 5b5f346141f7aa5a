"""Reading and writing TLS's vectors, with bounds."""

from __future__ import annotations

import struct
from collections.abc import Sequence


class Garbage(ValueError):  # noqa: N818 - it names what was received
    """Bytes that are no well-formed answer; the text says what is wrong with them."""


class Reader:
    """A cursor over received bytes; every read is checked against their end.

    Raises:
        Garbage: from each method, where the bytes end too early.
    """

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._end = data, 0, len(data)

    def left(self) -> int:
        """Bytes not yet read."""
        return self._end - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        start = self._at
        if count > self._end - start:
            raise Garbage("a length points past the message's end")
        self._at = start + count
        return self._data[start : self._at]

    def number(self, size: int) -> int:
        """A big-endian number of `size` bytes."""
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> bytes:
        """A vector with a length of `size` bytes before it."""
        return self.take(self.number(size))

    def done(self) -> None:
        """Nothing may be left."""
        if self._at != self._end:
            raise Garbage("bytes are left over at a message's end")


def vector(size: int, data: bytes) -> bytes:
    """`data` with its length in `size` bytes before it."""
    return len(data).to_bytes(size) + data


def numbers(values: Sequence[int]) -> bytes:
    """Two bytes for each value."""
    return struct.pack(f">{len(values)}H", *values)
