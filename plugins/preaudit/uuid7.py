"""UUID version 7 (RFC 9562, section 5.7): a run id that sorts by time; the standard library has none before 3.14."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime


def uuid7(moment: datetime) -> str:
    """A new UUIDv7 for a moment (48 bits of milliseconds, 74 random bits)."""
    milliseconds = int(moment.timestamp() * 1000) & (2**48 - 1)
    value = (milliseconds << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (2 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=value))
