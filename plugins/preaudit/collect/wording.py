"""How texts of servers and times are written into a snapshot."""

from __future__ import annotations

from datetime import UTC, datetime


def clean(text: object, limit: int = 300) -> str:
    """A server's text made fit for a cause: printable, on one line, at most `limit` characters."""
    shown = "".join(char if char.isprintable() else " " for char in str(text)[: 4 * limit])
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def utc(moment: datetime) -> str:
    """A time as RFC 3339 UTC with seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
