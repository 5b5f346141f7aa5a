"""Paths that strangers should find nothing at: asked for without credentials, recognised, and never kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from preaudit.collect.endpoints.pages import Ask
from preaudit.collect.endpoints.reader import Reader
from preaudit.endpoint import DebugPath, Page
from preaudit.errors import UsageError

MISSING = "/preaudit-nothing-is-here"
_SIGNS: tuple[tuple[str, str], ...] = (
    (r".*/metrics", r"^# (HELP|TYPE) \S"),
    (r"/debug/pprof/?", r"(?i)types of profiles available|/debug/pprof/|\bfull goroutine stack"),
    (r"/debug/vars", r'"memstats"\s*:'),
    (r".*/env", r'"(propertySources|activeProfiles)"\s*:'),
    (r".*/actuator", r'"_links"\s*:'),
    (r"/server-status", r"(?i)apache server status|^Active connections: \d"),
    (r".*/\.git/HEAD", r"\A(ref: refs/|[0-9a-f]{40}\s*\Z)"),
    (r".*/\.env", r"\A\s*(#.*\n\s*)*[A-Z][A-Z0-9_]*="),
    (r".*/(api-docs|openapi\.json)", r'"(swagger|openapi)"\s*:'),
    (r".*swagger.*", r"(?i)swagger"),
    (r".*phpinfo\.php", r"(?i)phpinfo\(\)|PHP Version"),
    (r".*/(admin|console)/?", r"(?i)\b(admin|administration|console|dashboard)\b"),
)
"""What a page of a path holds, by pattern of the path; the first that fits decides."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One answer, as it is compared."""

    page: Page
    body: bytes

    @property
    def mark(self) -> str:
        return f"{self.page.status} {hashlib.sha256(self.body).hexdigest()}"


def debug_paths(reader: Reader, host: str, paths: Sequence[str]) -> tuple[DebugPath, ...]:
    """What one endpoint answers at each path.

    Args:
        reader: asks it.
        host: the Host header.
        paths: absolute paths without a query.

    Raises:
        Stopped: the run is being ended.
    """
    # A catch-all page may show the path that was asked for: it counts as the same whatever it shows there.
    missing = _ask(reader, Ask(MISSING, host), MISSING)
    return tuple(_look(reader, host, path, missing) for path in paths)


def _look(reader: Reader, host: str, path: str, missing: _Seen) -> DebugPath:
    seen = _ask(reader, Ask(path, host), path)
    if seen.page.status in {301, 302, 307, 308} and not path.endswith("/"):
        further = _ask(reader, Ask(f"{path}/", host), path)
        # Only a server that sends everybody on to the folder has anything there.
        if 200 <= further.page.status < 300:
            seen = further
    status, cause = seen.page.status, seen.page.cause
    if not 200 <= status < 300:
        return DebugPath(path=path, status=status, cause=cause if not status else "")
    alike = seen.mark == missing.mark if missing.page.status and not missing.page.cause else None
    return DebugPath(path=path, status=status, recognised=_recognised(path, seen.body), as_missing=alike, cause=cause)


def _ask(reader: Reader, ask: Ask, shown: str) -> _Seen:
    page, raw = reader.page(ask)
    _, _, body = raw.partition(b"\r\n\r\n")
    return _Seen(page, body.replace(shown.encode(), b"").strip())


def _recognised(path: str, body: bytes) -> bool:
    text = body[:65_536].decode("utf-8", "replace")
    for pattern, sign in _SIGNS:
        if re.fullmatch(pattern, path):
            return re.search(sign, text, re.MULTILINE) is not None
    return False


def parse_paths(texts: list[str]) -> tuple[str, ...]:
    """The paths of a profile's list, each once.

    Raises:
        UsageError: one cannot be asked for.
    """
    for text in texts:
        if not text.startswith("/") or not text.isascii() or not text.isprintable() or {" ", "?", "#"} & set(text):
            raise UsageError(f"scan.debug_paths: {text!r} is no path; write it like /metrics, without a query")
    return tuple(dict.fromkeys(texts))
