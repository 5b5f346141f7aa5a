"""Paths that strangers should find nothing at: asked for without credentials, recognised, and never kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from preaudit.collect.endpoints.answers import body_of
from preaudit.collect.endpoints.ask import Ask
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
    (r".*phpinfo\.php", r"(?i)phpinfo\(\)|PHP Version"),
)
"""What a page of a path holds, by pattern of the path, wherever else the server gives the same."""
_MILD_SIGNS: tuple[tuple[str, str], ...] = (
    (r".*swagger.*", r"(?i)swagger"),
    (r".*/(admin|console)/?", r"(?i)\b(admin|administration|console|dashboard)\b"),
    (r".*", r""),
)
"""The same for what a page that stands for all others may hold as well; of other paths nothing is known."""
_UNCOMPARED = "what it gives for a missing page is not known"
_CHANGING = re.compile(r"[A-Za-z0-9+/_=-]{16,}|[0-9]+")
"""Nonces, tokens, times: what a page that stands for all others shows anew each time."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One answer, as it is compared."""

    page: Page
    body: bytes

    @property
    def mark(self) -> str:
        steady = _CHANGING.sub("", self.body.decode("latin-1"))
        return f"{self.page.status} {hashlib.sha256(steady.encode()).hexdigest()}"


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
    recognised = _holds(_SIGNS, path, seen.body)
    if not recognised and not any(re.fullmatch(one, path) for one, _ in _SIGNS):
        recognised = alike is False and _holds(_MILD_SIGNS, path, seen.body)
    if alike is None and not recognised:
        cause = cause or _UNCOMPARED
    return DebugPath(path=path, status=status, recognised=recognised, as_missing=alike, cause=cause)


def _ask(reader: Reader, ask: Ask, shown: str) -> _Seen:
    page, raw = reader.page(ask)
    body, why = body_of(ask, raw)
    if page.status and why:
        page = msgspec.structs.replace(page, cause=page.cause or why)
    return _Seen(page, body.replace(shown.encode(), b"").strip())


def _holds(signs: Sequence[tuple[str, str]], path: str, body: bytes) -> bool:
    """Whether a body has the sign of the first pattern that fits its path."""
    sign = next((sign for pattern, sign in signs if re.fullmatch(pattern, path)), None)
    return sign is not None and re.search(sign, body[:65_536].decode("utf-8", "replace"), re.MULTILINE) is not None


def parse_paths(texts: list[str]) -> tuple[str, ...]:
    """The paths of a profile's list, each once.

    Raises:
        UsageError: one cannot be asked for.
    """
    for text in texts:
        if not text.startswith("/") or not text.isascii() or not text.isprintable() or {" ", "?", "#"} & set(text):
            raise UsageError(f"scan.debug_paths: {text!r} is no path; write it like /metrics, without a query")
    return tuple(dict.fromkeys(texts))
