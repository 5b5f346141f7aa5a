"""HTTP answers taken apart: what is kept of them is no body, no value of a cookie and no query."""

from __future__ import annotations

import codecs
import http.client
import io
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urljoin, urlsplit

from preaudit.collect.endpoints.ask import Ask
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
_MISTAKEN = ("http request was sent to https port", "http request to an https server", "speaking plain http to an ssl",
             "host and port requires tls")
"""What servers say, in plain HTTP, to who forgets TLS at a port that has it."""
_UNSEEN = re.compile(r"https?://\S+|<(script|style)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
"""Parts of a page's text that name versions of other things: addresses, scripts, styles."""
_SEARCHED = 16_384
"""Bytes of a page's text in which versions are looked for."""
END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_INTERIM = re.compile(rb"HTTP/1\.1 1\d\d\b")
_HEADER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:")
_SNIFFED = re.compile(rb"\s*<(!doctype html|html|head|body|script|title|!--)", re.IGNORECASE)
"""How a page begins that browsers take for HTML where no type is named."""
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)



def is_http(found: bytes | bytearray) -> bool:
    """Whether these bytes are an HTTP answer, or may become one."""
    return found.startswith(b"HTTP/"[: len(found)])


def final(raw: bytes) -> bytes:
    """The answer without the interim ones (1xx) before it, of which `http.client` leaves out only 100."""
    while _INTERIM.match(raw):
        end = END_OF_HEAD.search(raw)
        raw = raw[end.end() :] if end else b""
    return raw


@dataclass(frozen=True, slots=True)
class _Answer:
    """One HTTP answer, taken apart.

    Attributes:
        response: its head.
        body: the bytes of its body, as far as they came.
        odd: why not all of its head is known, "" where it is.
    """

    response: HTTPResponse
    body: bytes
    odd: str


def _answered(ask: Ask, raw: bytes) -> _Answer:
    """An answer taken apart.

    Raises:
        ValueError: it cannot be; the text says why.
    """
    if not raw.startswith(b"HTTP/"):
        raise ValueError("the answer is not HTTP")
    head, body, odd = _regular(final(raw))
    response = HTTPResponse(_Bytes(io.BytesIO(head + body)), method=ask.method)  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read(MAX_BYTES)
    except http.client.IncompleteRead as error:
        body = error.partial
    except (http.client.HTTPException, ValueError, OSError) as error:
        raise ValueError(f"the answer cannot be read: {clean(error, 120)}") from None
    return _Answer(response, body, odd)


def _regular(answer: bytes) -> tuple[bytes, bytes, str]:
    """Head and body of an answer; of its lines those that are headers, for `http.client` drops all after another one.

    Raises:
        ValueError: the head does not end.
    """
    end = END_OF_HEAD.search(answer)
    if end is None:
        raise ValueError("it broke off within its head")
    first, *lines = re.split(rb"\r?\n", answer[: end.start()])
    good = [first]
    for line in lines:
        folded = line[:1] in {b" ", b"\t"} and len(good) > 1
        if b"\r" not in line and b"\0" not in line and (folded or _HEADER.match(line)):
            good.append(line)
    odd = "" if len(good) == len(lines) + 1 else "a line of its head is no header"
    return b"\r\n".join(good) + b"\r\n\r\n", answer[end.end() :], odd


def page_of(ask: Ask, raw: bytes, cause: str = "") -> Page:
    """What is kept of an answer.

    Args:
        ask: the request.
        raw: what came.
        cause: why nothing more came, "" where it ended by itself.
    """
    asked: dict[str, Any] = {"method": ask.method, "path": ask.path, "host": ask.host, "origin": STRANGER}
    try:
        answer = _answered(ask, raw)
        headers = _headers(answer.response)
    except ValueError as error:
        return Page(**asked, cause=cause or str(error))
    body, why = _plain(answer)
    is_text = _is_text(headers)
    text = _decoded(body[:_SEARCHED], headers) if is_text else ""
    return Page(
        **asked, status=answer.response.status, headers=headers, cookies=_cookies(answer.response),
        location=_location(answer.response.getheader("Location", "")), cause=cause or why,
        enough=bool(cause or why) and not (is_text and (why or len(body) < _SEARCHED)), odd=answer.odd,
        sniffed=not headers.get("content-type") and _SNIFFED.match(body) is not None,
        disclosed=tuple(dict.fromkeys([*_in_headers(headers), *_in_text(text)])),
    )  # fmt: skip


def body_of(ask: Ask, raw: bytes) -> tuple[bytes, str]:
    """The body of an answer without what carries it, and why that is not what a browser would see; "" where it is."""
    try:
        answer = _answered(ask, raw)
    except ValueError as error:
        return b"", str(error)
    return _plain(answer)


def redirected(ask: Ask, raw: bytes, *, tls: bool) -> str | None:
    """The path to which an answer sends on at the same place; "" for one that cannot be asked for, None for none.

    Args:
        ask: the request.
        raw: what came.
        tls: it was asked within TLS.
    """
    try:
        answer = _answered(ask, raw)
        parts = urlsplit(answer.response.getheader("Location", ""))
        host = parts.hostname
    except ValueError:
        return None
    if answer.response.status not in {301, 302, 303, 307, 308} or not (parts.path or host):
        return None
    here = parts.scheme in {"", "https" if tls else "http"} and host in {None, ask.host.strip("[]").lower()}
    if not here:
        return None
    path = urljoin(ask.path, parts.path or "/")
    try:
        Ask(path, ask.host)
    except ValueError:
        return ""
    return path


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
            found[name] = tuple(_schemes(kept)) if name == "www-authenticate" else tuple(kept)
    return found


def _schemes(challenges: Iterable[str]) -> Iterable[str]:
    """The schemes of challenges, of which one header may hold several (RFC 9110, section 11.6.1)."""
    for one in challenges:
        for part in re.sub(r'"(?:[^"\\]|\\.)*"', '""', one).split(","):
            name = part.strip().split(" ", 1)[0]
            if name and "=" not in name:
                yield name


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


def _plain(answer: _Answer) -> tuple[bytes, str]:
    """The body as it was before it was packed for the way, and why it is not; "" where it is."""
    carried = (answer.response.getheader("Transfer-Encoding") or "").strip().lower()
    packed = (answer.response.getheader("Content-Encoding") or "").strip().lower()
    if carried not in {"", "chunked", "identity"}:
        return b"", f"its transfer encoding ({clean(carried, 40)}) is not read here"
    if packed in {"", "identity"}:
        return answer.body, ""
    if packed not in {"gzip", "x-gzip", "deflate"}:
        return b"", f"its content encoding ({clean(packed, 40)}) is not read here"
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(answer.body, MAX_BYTES), ""
    except zlib.error:
        return b"", f"its content encoding ({packed}) cannot be undone"


def _decoded(body: bytes, headers: dict[str, tuple[str, ...]]) -> str:
    """A text; all character sets that browsers know but one write a version as ASCII does."""
    kind = " ".join(headers.get("content-type", ())).lower()
    if body.startswith(_WIDE):
        return body.decode("utf-16", "replace")
    if re.search(r"charset\s*=\s*[\"']?utf-?16", kind):
        return body.decode("utf-16-be" if "16be" in kind else "utf-16-le", "replace")
    return body.decode("utf-8", "replace")


def _in_text(text: str) -> Iterable[str]:
    """Products with versions in the text of a page."""
    visible = re.sub(r"<[^>]{0,500}>", " ", _UNSEEN.sub(" ", text))
    found = [one for one in VERSIONED.findall(visible) if not one.upper().startswith("HTTP/")]
    yield from (f"{one} (page)" for one in found[:5])
