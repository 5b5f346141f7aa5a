"""What the HTML pages share: templates that escape, foreign text kept apart, a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from preaudit.render.text import value_text
from preaudit.text import Shown, inert, shown
from preaudit.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jinja2.environment import TemplateStream

ICONS = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.UNKNOWN: "?",
    Verdict.MANUAL: "✎",
    Verdict.WAIVED: "⚑",
    Verdict.NOT_APPLICABLE: "\u2013",
}
_CHUNK = 200
_LITERAL = re.compile(r"``(.+?)``")


def environment(folder: Path) -> Environment:
    """The templates of a folder, with the filters that they use on foreign text, prose, numbers and values."""
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(foreign=_foreign, paragraph=_paragraph, number=_number, value=value_text)
    return made


def content_policy(style: str, script: str = "") -> str:
    """Only this file's own style and script, by their hashes; nothing is fetched, nothing is sent."""
    allowed = "".join(f"{kind}-src '{_hash(text)}'; " for kind, text in (("style", style), ("script", script)) if text)
    return f"default-src 'none'; {allowed}base-uri 'none'; form-action 'none'"


def encoded(stream: TemplateStream) -> Iterator[bytes]:
    """A page piece by piece as UTF-8."""
    stream.enable_buffering(_CHUNK)
    for chunk in stream:
        # A lone surrogate is made visible by `inert`; what escapes it must not stop the page.
        yield chunk.encode(errors="replace")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _foreign(text: Shown | str, limit: int = 80) -> Markup:
    """A foreign text isolated from its surroundings; where it was cut, the whole stands in the title."""
    one = text if isinstance(text, Shown) else shown(text, limit)
    title = f' title="{escape(one.whole)}"' if one.whole else ""
    return Markup(f"<bdi{title}>{escape(one.text)}</bdi>")  # noqa: S704 - both parts are escaped


def _paragraph(text: str) -> Markup:
    """A docstring's paragraph: white space collapsed, literals as code, everything else escaped."""
    parts = _LITERAL.split(" ".join(text.split()))
    return Markup("").join(
        Markup("<code>{}</code>").format(inert(part)) if number % 2 else escape(inert(part))
        for number, part in enumerate(parts)
    )


def _number(value: int) -> str:
    return f"{value:,}"
