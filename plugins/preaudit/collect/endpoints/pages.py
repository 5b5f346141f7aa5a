"""HTTP pages: asked for without credentials, read within bounds, kept without bodies, cookie values or queries."""

from __future__ import annotations

import http.client
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import preaudit
from preaudit.collect.tls.connection import Broken, Connection
from preaudit.collect.wording import clean
from preaudit.endpoint import STRANGER, Cookie, Page

MAX_BYTES = 128 * 1024
"""Bytes of one answer that are read: head and the beginning of the body."""
KEPT = (
    "server", "via", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator",
    "strict-transport-security", "content-security-policy", "x-content-type-options", "x-frame-options",
    "referrer-policy", "permissions-policy", "access-control-allow-origin", "access-control-allow-credentials",
    "content-type", "www-authenticate", "upgrade",
)  # fmt: skip
"""Headers whose values are kept; nothing else of an answer's head is."""
_MAX_VALUE = 8192
"""Characters of a header that is kept; an answer with a longer one counts as not read, for no check sees its end."""
VERSIONED = re.compile(r"[A-Za-z][\w.-]{0,40}/\d{1,6}(?:\.\d{1,6}){1,5}")
"""A product with a version, as design documents call it disclosure: ``nginx/1.22.1``."""
_DISCLOSING = ("server", "via", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator")
_BARE = re.compile(r"\d{1,6}(?:\.\d{1,6}){1,5}")
_MISTAKEN = ("http request was sent to https port", "http request to an https server", "speaking plain http to an ssl")
"""What servers say, in plain HTTP, to who forgets TLS at a port that has it."""
_UNSEEN = re.compile(r"https?://\S+|<(script|style)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
"""Parts of a page's text that name versions of other things: addresses, scripts, styles."""
_SEARCHED = 16_384
"""Bytes of a page's text in which versions are looked for."""
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_INTERIM = re.compile(rb"HTTP/1\.1 1\d\d\b")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_METHOD = re.compile(r"GET|HEAD|OPTIONS")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    Attributes:
        path: path, with no query.
        host: the Host header, "" to leave it out, which is an error that servers answer with 400.
        method: GET, HEAD or OPTIONS.
        authorization: value of the header of that name, "" to leave it out.
    """

    path: str = "/"
    host: str = ""
    method: str = "GET"
    authorization: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Only what changes nothing, and nothing that could add a line to the request."""
        if not _METHOD.fullmatch(self.method):
            raise ValueError(f"{self.method} is not asked")
        said = self.path + self.host + self.authorization
        if not self.path.startswith("/") or not self.path.isascii() or not said.isprintable():
            raise ValueError(f"{self.path!r} is no path")

    def encoded(self) -> bytes:
        """The request as it is sent."""
        lines = [f"{self.method} {self.path} HTTP/1.1", *([f"Host: {self.host}"] if self.host else []),
                 f"User-Agent: preaudit/{preaudit.__version__}", "Accept: */*", f"Origin: {STRANGER}",
                 "Connection: close"]  # fmt: skip
        lines += [f"Authorization: {self.authorization}"] if self.authorization else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


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


def is_http(found: bytes | bytearray) -> bool:
    """Whether these bytes are an HTTP answer, or may become one."""
    return found.startswith(b"HTTP/"[: len(found)])


def _whole(found: bytes | bytearray, method: str) -> _Whole:
    if not is_http(found):
        return _Whole.AT_END
    parts = _END_OF_HEAD.split(_final(bytes(found)), 1)
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


def _final(raw: bytes) -> bytes:
    """The answer without the interim ones (1xx) before it, of which `http.client` leaves out only 100."""
    while _INTERIM.match(raw):
        end = _END_OF_HEAD.search(raw)
        raw = raw[end.end() :] if end else b""
    return raw


def _last_chunk(body: bytes) -> bool:
    """Whether the last chunk has come, with what follows it (RFC 9112, section 7.1)."""
    at = 0
    while size := _CHUNK.match(body, at):
        if not int(size[1], 16):
            return _END_OF_HEAD.search(body, size.end() - 2) is not None
        at = size.end() + int(size[1], 16) + 2
    return False


def page_of(ask: Ask, raw: bytes, cause: str = "") -> Page:
    """What is kept of an answer.

    Args:
        ask: the request.
        raw: what came.
        cause: why nothing more came, "" where it ended by itself.
    """
    asked: dict[str, Any] = {"method": ask.method, "path": ask.path, "host": ask.host, "origin": STRANGER}
    if not raw.startswith(b"HTTP/"):
        return Page(**asked, cause=cause or "the answer is not HTTP")
    answer = _final(raw)
    stream = io.BytesIO(answer)
    response = HTTPResponse(_Bytes(stream), method=ask.method)  # type: ignore[arg-type]
    try:
        response.begin()
        # `http.client` takes the end of the stream for the end of the head.
        if not answer[: stream.tell()].endswith((b"\n\r\n", b"\n\n")):
            return Page(**asked, cause=cause or "it broke off within its head")
        headers = _headers(response)
        body = response.read(MAX_BYTES)
    except http.client.IncompleteRead as error:
        body = error.partial
    except (http.client.HTTPException, ValueError, OSError) as error:
        return Page(**asked, cause=f"the answer cannot be read: {clean(error, 120)}")
    return Page(
        **asked, status=response.status, headers=headers, cookies=_cookies(response),
        location=_location(response.getheader("Location", "")), cause=cause,
        enough=bool(cause) and (not _is_text(headers) or len(body) >= _SEARCHED),
        disclosed=tuple(dict.fromkeys([*_in_headers(headers), *_in_text(body, headers)])),
    )  # fmt: skip


def wants_tls(page: Page, raw: bytes) -> bool:
    """Whether a plaintext answer only says that this port wants TLS."""
    text = raw[:8192].decode("latin-1").lower()
    return page.status in {400, 497} and any(said in text for said in _MISTAKEN)


class _Bytes:
    """What `HTTPResponse` takes for a socket."""

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        return self._stream


def _headers(response: HTTPResponse) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in KEPT:
        values = response.headers.get_all(name) or ()
        if values:
            if any(len(value) > _MAX_VALUE for value in values):
                raise ValueError(f"{name} is longer than {_MAX_VALUE} characters")
            kept = [clean(value, _MAX_VALUE) for value in values]
            # A challenge names its scheme; its parameters may hold more than that.
            found[name] = tuple(value.split(" ", 1)[0] for value in kept) if name == "www-authenticate" else tuple(kept)
    return found


def _cookies(response: HTTPResponse) -> tuple[Cookie, ...]:
    found = []
    for value in response.headers.get_all("set-cookie") or ():
        pair, *attributes = value.split(";")
        table = {key.strip().lower(): text.strip() for key, _, text in (one.partition("=") for one in attributes)}
        found.append(Cookie(
            name=clean(pair.partition("=")[0].strip(), 80), secure="secure" in table, http_only="httponly" in table,
            same_site=clean(table.get("samesite", ""), 20).lower(),
        ))  # fmt: skip
    return tuple(found)


def _location(text: str) -> str:
    """Scheme, host and port of a redirect; its path and query may hold what a page would."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if parts.scheme and host:
        return clean(f"{parts.scheme}://{host}{port}", 200)
    return "/" if text.startswith("/") else ""


def _in_headers(headers: dict[str, tuple[str, ...]]) -> Iterable[str]:
    for name in _DISCLOSING:
        for value in headers.get(name, ()):
            found = VERSIONED.findall(value) or (_BARE.findall(value) if name.startswith("x-") else [])
            yield from (f"{one} (header {name})" for one in found[:5])


def _is_text(headers: dict[str, tuple[str, ...]]) -> bool:
    kind = " ".join(headers.get("content-type", ("text/plain",))).lower()
    return "html" in kind or "text/plain" in kind


def _in_text(body: bytes, headers: dict[str, tuple[str, ...]]) -> Iterable[str]:
    """Products with versions in the text of a page, where it is text at all."""
    if _is_text(headers):
        text = _UNSEEN.sub(" ", body[:_SEARCHED].decode("utf-8", "replace"))
        visible = re.sub(r"<[^>]{0,500}>", " ", text)
        found = [one for one in VERSIONED.findall(visible) if not one.upper().startswith("HTTP/")]
        yield from (f"{one} (page)" for one in found[:5])
