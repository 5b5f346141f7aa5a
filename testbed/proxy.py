"""A proxy in front of an API server or a kubelet that spoils the answers it is told to spoil.

It serves HTTPS with a certificate of the cluster's authority, so a kubeconfig with that authority works unchanged. A
client certificate is read here, and a new one for the same user and groups is shown to the server behind; a token is
passed through. HTTP/1.1 only; connections that change protocol (exec, port-forward) are answered with 501.
"""

from __future__ import annotations

import collections
import hashlib
import http.client
import http.server
import json
import socket
import ssl
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from testbed import access, pki
from testbed.faults import CONTENT, STATUSES, TOKEN, Rule, continue_of, refusal, spoil
from testbed.layout import STATE, TestbedError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

THREADS = 64
IDLE = 60.0  # seconds until a silent client is left
UPSTREAM = 120.0  # seconds until a silent server is left
REMEMBERED = 10_000  # requests, and continue tokens
# These belong to one connection, or are what this proxy itself decides.
OWN_HEADERS = {"host", "connection", "accept-encoding", "transfer-encoding", "content-length", "keep-alive", "upgrade"}


class FaultProxy:
    """A fault proxy; a context manager that serves while it is open.

    Attributes:
        url: Where it serves: https://127.0.0.1:PORT.
        requests: The last requests as (verb, path without query, page), oldest first.
    """

    def __init__(self, upstream: str, rules: list[Rule] | None = None, *, state: Path = STATE, port: int = 0) -> None:
        address = urlsplit(upstream)
        if address.scheme != "https" or not address.hostname:
            raise ValueError(f"upstream {upstream!r} is no https URL")
        self.upstream = (address.hostname, address.port or 443)
        self.state = state
        self.requests: collections.deque[tuple[str, str, int]] = collections.deque(maxlen=REMEMBERED)
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._used: list[int] = []
        self._pages: collections.OrderedDict[str, int] = collections.OrderedDict()
        self._clients: dict[str, ssl.SSLContext] = {}
        self.set_rules(rules or [])
        self._server = _Server(("127.0.0.1", port), self)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving; requests that hang are let go."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def set_rules(self, rules: list[Rule]) -> None:
        """Replace the rules; for the next request on."""
        with self._lock:
            self._rules = list(rules)
            self._used = [0] * len(rules)

    def used(self) -> list[int]:
        """Give how often each rule was used since it was set."""
        with self._lock:
            return list(self._used)

    def count(self, path: str = "*", verb: str = "*") -> int:
        """Give how many of the remembered requests a glob on the path and a verb fit."""
        wanted = Rule("500", path=path, verb=verb)
        return sum(wanted.applies(done[0], done[1], done[2]) for done in list(self.requests))

    def kubeconfig(self, user: str = "kubernetes-admin", groups: tuple[str, ...] = (access.ADMINISTRATORS,)) -> Path:
        """Give the path of a kubeconfig file that goes through this proxy."""
        direct = json.loads(access.for_user(self.state, user, groups, "https://unused").read_text())
        direct["clusters"][0]["cluster"]["server"] = self.url
        label = hashlib.sha256(f"{self.url} {user} {groups}".encode()).hexdigest()[:12]
        target = self.state / "users" / f"proxy-{label}.kubeconfig"
        target.touch(mode=0o600)
        target.write_text(json.dumps(direct, indent=2) + "\n")
        return target

    def page(self, query: dict[str, list[str]]) -> int:
        """Give which page of a list a query asks for, by the tokens that went through here."""
        token = query.get("continue", [""])[0]
        with self._lock:
            return self._pages.get(token, 2) if token else 1

    def remember_page(self, token: str, page: int) -> None:
        """Remember that a token leads to a page."""
        with self._lock:
            self._pages[token] = page
            while len(self._pages) > REMEMBERED:
                self._pages.popitem(last=False)

    def choose(self, verb: str, path: str, page: int) -> tuple[Rule | None, int]:
        """Count a request; give the rule for it and how often that was used before."""
        with self._lock:
            self.requests.append((verb, path, page))
            for number, rule in enumerate(self._rules):
                used = self._used[number]
                if rule.applies(verb, path, page) and (rule.times is None or used < rule.times):
                    self._used[number] += 1
                    return rule, used
        return None, 0

    def client_context(self, peer: dict[str, object] | None) -> ssl.SSLContext:
        """Give the TLS context for the server behind: as the same user, if the client showed a certificate."""
        subject = [pair for part in (peer or {}).get("subject", ()) for pair in part]  # type: ignore[attr-defined]
        user = next((value for key, value in subject if key == "commonName"), "")
        groups = tuple(value for key, value in subject if key == "organizationName")
        label = "\0".join((user, *groups))
        with self._lock:
            if label not in self._clients:
                context = ssl.create_default_context(cafile=str(self.state / "pki" / "ca.crt"))
                if user:
                    name = f"users/proxy-{hashlib.sha256(label.encode()).hexdigest()[:12]}"
                    folder = self.state / "pki"
                    pki.issue(folder, pki.Certificate(name, "ca", user, groups, client=True))
                    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
                self._clients[label] = context
            return self._clients[label]


class _Server(http.server.HTTPServer):
    """Accepts; a bounded number of threads serve."""

    request_queue_size = 128

    def __init__(self, address: tuple[str, int], proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fault-proxy")
        self.tls = _server_context(proxy.state)
        self.open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        self.pool.submit(self._serve, request, client_address)

    def _serve(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        request.settimeout(IDLE)
        connection = request
        try:
            # A client that has gone already: `wrap_socket` would leave its socket open when it finds out.
            request.getpeername()
            connection = self.tls.wrap_socket(request, server_side=True)
            self.open.add(connection)
            _Handler(connection, client_address, self)
        except (OSError, http.client.HTTPException, ValueError):
            pass  # a client that goes away, or was sent away on purpose, is what this proxy is for
        finally:
            self.open.discard(connection)
            connection.close()

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.pool.shutdown(wait=True, cancel_futures=True)


def _server_context(state: Path) -> ssl.SSLContext:
    folder = state / "pki"
    if not (folder / "ca.key").exists():
        raise TestbedError(f"no cluster in {state}: run `python -m testbed up`")
    if not (folder / "fault-proxy.crt").exists():
        names = ("localhost", "127.0.0.1")
        pki.issue(folder, pki.Certificate("fault-proxy", "ca", "fault-proxy", server=True, addresses=names))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "fault-proxy.crt", folder / "fault-proxy.key")
    context.load_verify_locations(folder / "ca.crt")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves one client's connection; keeps one connection to the server behind for it."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE
    server: _Server
    behind: http.client.HTTPSConnection | None = None

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent: the requests are counted instead."""

    def finish(self) -> None:
        if self.behind:
            self.behind.close()
        super().finish()

    def __getattr__(self, name: str) -> object:
        """Serve every verb alike."""
        if name.startswith("do_"):
            return self._request
        raise AttributeError(name)

    def _request(self) -> None:
        proxy = self.server.proxy
        address = urlsplit(self.path)
        query = parse_qs(address.query, keep_blank_values=True)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        page = proxy.page(query)
        rule, used = proxy.choose(self.command, address.path, page)
        if self.headers.get("Upgrade"):
            self._answer(501, [], b"the fault proxy passes no upgraded connections\n")
        elif rule and rule.fault in STATUSES:
            status, text = refusal(rule.fault)
            extra = [("Retry-After", str(int(rule.seconds)))] if rule.fault == "429" else []
            self._answer(status, [("Content-Type", "application/json"), *extra], text)
        elif rule and rule.fault in {"hang", "reset"}:
            if rule.fault == "hang":
                proxy.stopping.wait(rule.seconds)
            self._drop()
        else:
            self._pass_on(rule, used, page, query, body)

    def _pass_on(self, rule: Rule | None, used: int, page: int, query: dict[str, list[str]], body: bytes) -> None:
        proxy = self.server.proxy
        target = self.path
        if query.get("continue", [""])[0].startswith(TOKEN):  # ours: the server behind does not know it
            del query["continue"]
            target = urlunsplit(urlsplit(self.path)._replace(query=urlencode(query, doseq=True)))
        try:
            answer = self._ask(target, body)
        except (OSError, http.client.HTTPException) as problem:
            self._answer(502, [], f"fault proxy: no answer from {proxy.upstream}: {problem}\n".encode())
            return
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in OWN_HEADERS]
        if not rule and not {"limit", "continue"} & query.keys():
            self._stream(answer, headers)
            return
        content = answer.read()
        status = answer.status
        if rule and rule.fault in CONTENT:
            content = spoil(rule.fault, content, used)
        if token := continue_of(content):
            proxy.remember_page(token, page + 1)
        self._send(status, headers, content, rule)

    def _ask(self, target: str, body: bytes) -> http.client.HTTPResponse:
        """Ask the server behind; once more on a fresh connection if a kept one had gone stale."""
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN_HEADERS}
        headers = {name: value for name, value in headers.items() if not name.lower().startswith("x-remote-")}
        fresh = self.behind is None
        if self.behind is None:
            peer = self.connection.getpeercert()  # type: ignore[attr-defined]
            context = self.server.proxy.client_context(peer)
            host, port = self.server.proxy.upstream
            self.behind = http.client.HTTPSConnection(host, port, context=context, timeout=UPSTREAM)
        try:
            self.behind.request(self.command, target, body=body or None, headers=headers)
            return self.behind.getresponse()
        except (OSError, http.client.HTTPException):
            self.behind.close()
            self.behind = None
            if fresh or self.command != "GET":
                raise
            return self._ask(target, body)

    def _stream(self, answer: http.client.HTTPResponse, headers: list[tuple[str, str]]) -> None:
        """Pass an answer on as it comes, so that watches and logs flow."""
        self.send_response_only(answer.status)
        for name, value in headers:
            self.send_header(name, value)
        length = answer.headers.get("Content-Length")
        if length is not None or self.command == "HEAD":
            self.send_header("Content-Length", length or "0")
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := answer.read1(65536):
            self.wfile.write(piece if length is not None else b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        if length is None and self.command != "HEAD":
            self.wfile.write(b"0\r\n\r\n")

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes, rule: Rule | None) -> None:
        fault = rule.fault if rule else ""
        shown = {"long-length": len(content) + 100, "short-length": max(0, len(content) - 20)}.get(fault, len(content))
        if fault == "html":
            headers = [(name, value) for name, value in headers if name.lower() != "content-type"]
            headers.append(("Content-Type", "text/html"))
        self._head(status, headers, shown)
        match fault:
            case "cut":
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
            case "long-length":
                self.wfile.write(content)
                self.close_connection = True
            case "short-length":
                self.wfile.write(content[:shown])
            case "drip" if rule:
                for start in range(0, len(content), rule.piece):
                    self.wfile.write(content[start : start + rule.piece])
                    self.wfile.flush()
                    if self.server.proxy.stopping.wait(rule.seconds):
                        self._drop()
                        return
            case _:
                self.wfile.write(content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self._head(status, headers, len(content))
        self.wfile.write(content)

    def _head(self, status: int, headers: list[tuple[str, str]], length: int) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _drop(self) -> None:
        """End the connection hard: the client sees a reset."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
