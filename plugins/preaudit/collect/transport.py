"""Read-only HTTP to one API server: bounded, retried, never redirected.

This is the only place from which requests to a cluster leave. It lets through GET on lists and single namespaces,
and POST to the three self-review resources, which change nothing; anything else is refused before it is sent.
"""

from __future__ import annotations

import random
import re
import ssl
import threading
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError, ReadTimeoutError, SSLError
from urllib3.exceptions import TimeoutError as TookTooLong

import preaudit
from preaudit.collect.wording import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from preaudit.collect.kubeconfig import Access

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
ATTEMPTS = 5
BACKOFF_CAP_SECONDS = 8.0
RETRY_AFTER_CAP_SECONDS = 30.0
MAX_ANSWER = 64 * 2**20
"""Largest body that is accepted, in bytes; a page that is larger is asked for again with fewer objects."""

RETRIED = frozenset({429, 500, 502, 503, 504})
_GONE_AFTER = 2
"""After so many reads in a row that no retry could save, the server is taken for gone and asked less often."""

_READ_PATH = re.compile(
    r"/(?:version|api|apis|(?:api/v1|apis/[a-z0-9.-]+/v[a-z0-9]+)"
    r"(?:/[a-z]+|/namespaces/[^/?#]+|/namespaces/[^/?#]+/[a-z]+)?)"
)
_REVIEW_PATH = re.compile(
    r"/apis/(?:authentication\.k8s\.io/v1(?:beta1)?/selfsubjectreviews"
    r"|authorization\.k8s\.io/v1/selfsubject(?:access|rules)reviews)"
)


class NotAnswered(Exception):  # noqa: N818 - a state of the world
    """No usable answer came.

    Args:
        cause: a sentence for a person.
        reason: ``connect``, ``tls``, ``timeout``, ``cut``, ``size``, ``redirect`` or ``budget``.
    """

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.reason = reason


class Refused(RuntimeError):  # noqa: N818 - it says what happened to the request
    """A request that reading never needs was about to be sent: a fault of the program."""


@dataclass(slots=True)
class Budget:
    """What one source may cost.

    Attributes:
        seconds: time until the last answer must be there, counted from the first use of the object.
        bytes: bytes that may be received.
    """

    seconds: float = 600.0
    bytes: int = 4 * 2**30
    _end: float = field(default=0.0, init=False)

    def left(self) -> float:
        """Seconds that are left."""
        if not self._end:
            self._end = time.monotonic() + self.seconds
        return self._end - time.monotonic()


@dataclass(frozen=True, slots=True)
class Request:
    """One request: method, URL, headers, body."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer: status code, headers with lower-case names, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def date(self) -> datetime | None:
        """The server's clock, if it sent one that can be read."""
        try:
            return parsedate_to_datetime(self.headers["date"])
        except (KeyError, ValueError, TypeError):
            return None


class Api:
    """The API server behind an `Access`; safe for use by several threads.

    Args:
        access: where and as whom.
        sleep: waits between tries; given, so that tests need not wait.
    """

    def __init__(self, access: Access, sleep: Callable[[float], None] = time.sleep) -> None:
        self.access = access
        self.certificate = b""
        self.requests = 0
        self._sleep = sleep
        self._lost = 0
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Send nothing more: reads under way end as soon as they ask again."""
        self._stopped.set()

    def get(
        self, path: str, query: Mapping[str, str] | None = None, *, accept: str = "application/json", budget: Budget
    ) -> Answer:
        """GET one path, trying again where that can help.

        Raises:
            NotAnswered: nothing usable came within the tries and the budget.
        """
        return self._retried(self._request("GET", path, query, accept=accept), budget)

    def review(self, path: str, body: bytes, *, budget: Budget) -> Answer:
        """POST one self-review: a question about ourselves, which changes nothing.

        Raises:
            NotAnswered: nothing usable came within the tries and the budget.
        """
        return self._retried(self._request("POST", path, body=body), budget)

    def _retried(self, request: Request, budget: Budget) -> Answer:
        attempts = ATTEMPTS if self._lost < _GONE_AFTER else 1
        for attempt in range(1, attempts + 1):
            answer, fault = None, None
            wait = min(BACKOFF_CAP_SECONDS, 0.25 * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            try:
                answer = self._once(request, budget)
            except NotAnswered as error:
                fault = error
                if fault.reason in {"tls", "size", "redirect", "budget"}:
                    raise
            else:
                self._lost = 0
                if answer.status not in RETRIED:
                    return answer
                wait = max(wait, _retry_after(answer))
            if attempt == attempts or wait >= budget.left():
                if answer is not None:
                    return answer
                if fault is not None:
                    self._lost += 1
                    tries = f" ({attempt} tries)" if attempt > 1 else ""
                    raise NotAnswered(fault.cause + tries, fault.reason)
            self._sleep(wait)
        raise AssertionError("the loop ends by return or raise")

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        accept: str = "application/json",
        body: bytes | None = None,
    ) -> Request:
        """A request that reading may send; every other one stops here."""
        allowed = _READ_PATH if method == "GET" else _REVIEW_PATH if method == "POST" else None
        if allowed is None or not allowed.fullmatch(path) or "watch" in (query or {}):
            raise Refused(f"{method} {path} is not a read; preaudit does not send it")
        headers = {"Accept": accept, "User-Agent": f"preaudit/{preaudit.__version__}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return Request(method, self.access.api_url + path + ("?" + urlencode(query) if query else ""), headers, body)

    def _once(self, request: Request, budget: Budget) -> Answer:
        if self._stopped.is_set():
            raise NotAnswered("the collection was stopped", "budget")
        left = budget.left()
        if left <= 0:
            raise NotAnswered(f"it took more than {budget.seconds:.0f} s", "budget")
        authorization = self.access.authorization()
        headers = {**request.headers, "Authorization": authorization} if authorization else request.headers
        sent = Request(request.method, request.url, headers, request.body)
        with self._lock:
            self.requests += 1
        answer, certificate = exchange(self.access.pool, sent, seconds=left, limit=min(MAX_ANSWER, budget.bytes))
        if certificate and not self.certificate:
            self.certificate = certificate
        budget.bytes -= len(answer.body)
        return answer


def exchange(pool: urllib3.PoolManager, request: Request, *, seconds: float, limit: int) -> tuple[Answer, bytes]:
    """Send one request and read its whole answer, within `seconds` and `limit` bytes.

    Returns:
        the answer and the server's certificate (DER, empty without TLS).

    Raises:
        NotAnswered: connection, TLS, time, size, a cut body or a redirect.
    """
    deadline = time.monotonic() + seconds
    timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=min(READ_SECONDS, seconds))
    response = None
    try:
        response = pool.urlopen(
            request.method, request.url, body=request.body, headers=dict(request.headers), retries=False,
            redirect=False, preload_content=False, timeout=timeout,
        )  # fmt: skip
        _refuse_redirect(response)
        certificate = _certificate(response)
        content = _body(response, deadline, limit)
    except (HTTPError, OSError) as error:
        if response is not None:
            response.close()
        raise _fault(error) from None
    except NotAnswered:
        if response is not None:
            response.close()
        raise
    response.release_conn()
    lower = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, lower, content), certificate


def _refuse_redirect(response: Any) -> None:
    """A redirect would carry our token to wherever the answer says."""
    if 300 <= response.status < 400:
        where = clean(response.headers.get("Location", "somewhere else"), 120)
        raise NotAnswered(f"the server redirects to {where}, which is not followed", "redirect")


def _body(response: Any, deadline: float, limit: int) -> bytes:
    """The whole body; `read1` returns with what has arrived, so that a dripping server meets the deadline."""
    declared = response.headers.get("Content-Length", "")
    expected = int(declared) if declared.isdigit() else None
    if expected is not None and expected > limit:
        raise NotAnswered(f"the answer is {expected} bytes long, more than {limit}", "size")
    parts: list[bytes] = []
    size = 0
    while part := response.read1(2**18):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise NotAnswered(f"the answer is longer than {limit} bytes", "size")
        if time.monotonic() > deadline:
            raise NotAnswered("the answer did not end within the time allowed", "timeout")
    if expected is not None and size != expected:
        raise NotAnswered(f"the answer ended after {size} of {expected} bytes", "cut")
    return b"".join(parts)


def _certificate(response: Any) -> bytes:
    """The certificate of the connection that carries a response (DER), or nothing."""
    sock = getattr(getattr(response, "connection", None), "sock", None)
    try:
        return bytes(sock.getpeercert(binary_form=True) or b"") if isinstance(sock, ssl.SSLSocket) else b""
    except (OSError, ValueError):
        return b""


def _retry_after(answer: Answer) -> float:
    """Seconds that the server asks us to wait, capped; 0 where it does not say."""
    text = answer.headers.get("retry-after", "").strip()
    return min(float(text), RETRY_AFTER_CAP_SECONDS) if text.isdigit() and len(text) < 9 else 0.0


def _fault(error: BaseException) -> NotAnswered:
    """What went wrong, as a sentence and a reason."""
    if isinstance(error, ProxyError):
        return NotAnswered(f"the proxy cannot be used: {clean(error.original_error, 200)}", "connect")
    if isinstance(error, SSLError | ssl.SSLError):
        return NotAnswered(f"TLS failed: {clean(error, 200)}", "tls")
    if isinstance(error, NewConnectionError):
        return NotAnswered(f"no connection: {clean(str(error).rpartition(': ')[2], 200)}", "connect")
    if isinstance(error, ReadTimeoutError):
        return NotAnswered("no answer within the time allowed", "timeout")
    if isinstance(error, TookTooLong):
        return NotAnswered("no connection within the time allowed", "connect")
    return NotAnswered(f"the answer broke off: {clean(error, 200)}", "cut")
