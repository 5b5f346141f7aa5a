"""How many bytes foreign text may take in a page: generous while there is room, tight when hostile input fills it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import escape

from preaudit.text import Shown, cut, inert, shown


@dataclass(slots=True)
class Budget:
    """Bytes left for generous texts, counted as they will stand in the page (escaped, UTF-8).

    Names and values of real clusters stay far below it. Where they do not, what follows is cut short, with the whole
    in records.jsonl: a page of 10,000 records must open, whatever they hold.
    """

    left: int

    @property
    def tight(self) -> bool:
        """Whether the generous part is used up."""
        return self.left <= 0

    def take(self, text: str, limit: int, *, least: int) -> Shown:
        """`text` in at most `limit` characters with the whole in its title, or in at most `least` bytes and alone."""
        if self.tight:
            return Shown(_within_bytes(inert(cut(text, min(limit, least))), least))
        found = shown(text, limit)
        self.left -= _cost(found.text) + _cost(found.whole)
        return found


def _cost(text: str) -> int:
    if text.isascii():
        if text.isalnum():
            return len(text)
        # As long as `escape` makes it, without making it: &amp; &#39; &#34; &lt; &gt;.
        five = text.count("&") + text.count("'") + text.count('"')
        return len(text) + 4 * five + 3 * (text.count("<") + text.count(">"))
    return len(str(escape(text)).encode(errors="replace"))


def _within_bytes(text: str, most: int) -> str:
    """`text` cut in the middle until it takes at most `most` bytes in the page (at least eight)."""
    limit = len(text)
    while _cost(found := cut(text, limit)) > most:
        limit = min(limit - 1, max(limit * most // _cost(found), 1))
    return found
