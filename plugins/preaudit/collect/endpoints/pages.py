"""HTTP pages: asked for over a fresh stream, and read until the answer is whole, within bounds."""

from __future__ import annotations

import re
from enum import Enum

from preaudit.collect.endpoints.answers import END_OF_HEAD, MAX_BYTES, final, is_http, page_of
from preaudit.collect.endpoints.ask import Ask
from preaudit.collect.tls.connection import Broken, Connection
from preaudit.endpoint import Page

_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


def fetch(connection: Connection, ask: Ask, deadline: float) -> tuple[Page, bytes]:
    """Ask for one page over a fresh stream.

    Returns:
        the page, and the bytes that came (the beginning of them) for those who recognise other protocols.
    """
    raw, cause = b"", ""
    try:
        connection.send(ask.encoded(), deadline)
        raw, cause = _read(connection, ask.method, deadline)
    except Broken as error:
        cause = str(error)
    return page_of(ask, raw, cause), raw


def _read(connection: Connection, method: str, deadline: float) -> tuple[bytes, str]:
    """What comes until the answer is whole or the stream ends; and why it is not whole."""
    found = bytearray()
    try:
        while len(found) < MAX_BYTES:
            piece = connection.receive(MAX_BYTES - len(found), deadline)
            if not piece:
                ended = _whole(found, method) is not _Whole.NO
                return bytes(found), "" if ended else "it broke off" if found else "it closes without an answer"
            found += piece
            # Some servers answer even HEAD with a text, to say that they want TLS.
            if not is_http(found) or (method != "HEAD" and _whole(found, method) is _Whole.YES):
                return bytes(found), ""
    except Broken as error:
        return bytes(found), "" if _whole(found, method) is _Whole.YES else str(error)
    return bytes(found), f"longer than {MAX_BYTES} bytes"


class _Whole(Enum):
    """How much of an HTTP answer has come (RFC 9112, section 6.3)."""

    NO = "more is to come"
    AT_END = "it ends where the stream does"
    YES = "all of it"


def _whole(found: bytes | bytearray, method: str) -> _Whole:
    if not is_http(found):
        return _Whole.AT_END
    parts = END_OF_HEAD.split(final(bytes(found)), 1)
    if len(parts) < 2:
        return _Whole.NO
    head, rest = parts[0].decode("latin-1").lower(), parts[1]
    status = head.partition(" ")[2][:3]
    if method == "HEAD" or status in {"204", "304"}:
        return _Whole.YES
    if re.search(r"\ntransfer-encoding:.*chunked", head):
        return _Whole.YES if _last_chunk(rest) else _Whole.NO
    length = re.search(r"\ncontent-length:\s*(\d{1,9})\s*(\n|$)", head)
    if length is None:
        return _Whole.AT_END
    return _Whole.YES if len(rest) >= int(length[1]) else _Whole.NO


def _last_chunk(body: bytes) -> bool:
    """Whether the last chunk has come, with what follows it (RFC 9112, section 7.1)."""
    at = 0
    while size := _CHUNK.match(body, at):
        if not int(size[1], 16):
            return END_OF_HEAD.search(body, size.end() - 2) is not None
        at = size.end() + int(size[1], 16) + 2
    return False
