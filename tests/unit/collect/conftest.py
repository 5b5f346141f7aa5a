"""A small HTTP server that answers as it is told: for faults that a real API server shows too rarely."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from preaudit.collect.kubeconfig import Access
from preaudit.collect.listing import ListCall, ListEnd, ListReader
from preaudit.collect.objects import Lines
from preaudit.collect.redact import Redactor
from preaudit.collect.transport import Api, Budget
from preaudit.collect.writer import RewindableWriter
from preaudit.source import SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

@pytest.fixture
def no_access(monkeypatch, tmp_path) -> None:
    """Nothing of this machine leads to a cluster."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


Reply = tuple[int, dict[str, str], bytes]


def reply(content: Any, status: int = 200, **headers: str) -> Reply:
    """An answer with JSON (or raw bytes) as body."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, body


def failure(status: int, message: str = "no", reason: str = "") -> Reply:
    """The API server's error object."""
    return reply(
        {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason,
         "code": status},
        status,
    )  # fmt: skip


class FakeApi:
    """Routes are functions of the query; a route that is missing answers 404."""

    def __init__(self) -> None:
        self.routes: dict[str, Callable[[dict[str, str]], Reply]] = {}
        self.seen: list[tuple[str, str, dict[str, str], dict[str, str]]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 2**16
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                if length:
                    self.rfile.read(length)
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                fake.seen.append((self.command, parts.path, query, dict(self.headers)))
                route = fake.routes.get(parts.path)
                status, headers, body = route(query) if route else failure(404, "no such path")
                headers = dict(headers)
                if headers.pop("drop", ""):
                    self.close_connection = True
                    return
                self.send_response(status)
                declared = headers.pop("Content-Length", str(len(body)))
                self.send_header("Content-Length", declared)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                if declared != str(len(body)):
                    self.close_connection = True

            do_POST = do_GET  # noqa: N815 - the standard library's name

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def pages(self, path: str, *pages: Any) -> None:
        """Answer with one page after another; an exception-like Reply tuple is sent as it is."""
        queue = list(pages)

        def route(_: dict[str, str]) -> Reply:
            page = queue.pop(0) if len(queue) > 1 else queue[0]
            return page if isinstance(page, tuple) else reply(page)

        self.routes[path] = route


@pytest.fixture
def fake() -> Iterator[FakeApi]:
    server = FakeApi()
    yield server
    server.close()


@pytest.fixture
def access(fake: FakeApi) -> Iterator[Access]:
    pool = urllib3.PoolManager(maxsize=8)
    yield Access(api_url=fake.url, context="test", pool=pool, authorization=lambda: "Bearer t0ken")
    pool.clear()


@pytest.fixture
def api(access: Access) -> Api:
    waits: list[float] = []
    made = Api(access, sleep=waits.append)
    made.waits = waits  # type: ignore[attr-defined]
    return made


@pytest.fixture
def budget() -> Budget:
    return Budget(seconds=20)


def pod(name: str = "a", namespace: str = "shop", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}",
            **more.pop("metadata", {}),
        },
        "spec": more.pop("spec", {"containers": [{"name": "c", "image": "i"}]}),
        "status": {"phase": "Running"},
        **more,
    }


def page(*items: Any, rv: str = "7", token: str = "", kind: str = "PodList", **metadata: Any) -> dict[str, Any]:
    more = {"continue": token} if token else {}
    return {
        "kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": rv, **more, **metadata}, "items": list(items),
    }  # fmt: skip


class Listing:
    """Reads one list of pods and keeps what was written."""

    def __init__(self, api: Api, folder: Any, budget: Budget) -> None:
        self.api, self.folder, self.budget = api, folder, budget
        self.lines: list[dict[str, Any]] = []

    def read(self, namespace: str = "*", source: str = "pods", **call: Any) -> ListEnd:
        writer = RewindableWriter(self.folder, source)
        lines = Lines(SOURCES[source], Redactor(b"k" * 32))
        with ThreadPoolExecutor(1) as ahead:
            reader = ListReader(self.api, lines, writer, ahead, lambda _: None)
            end = reader.read(ListCall(SOURCES[source], "v1", namespace, **call), self.budget)
        stored = writer.close()
        raw = (self.folder / stored.name).read_bytes()
        self.raw = raw
        self.lines = [json.loads(line) for line in raw.splitlines()]
        assert len(self.lines) == stored.lines
        return end


@pytest.fixture
def listing(api: Api, tmp_path: Any, budget: Budget) -> Listing:
    return Listing(api, tmp_path, budget)


@pytest.fixture
def make() -> Any:
    """The builders, for tests that import nothing from here."""

    class Make:
        pod = staticmethod(pod)
        page = staticmethod(page)
        reply = staticmethod(reply)
        failure = staticmethod(failure)

    return Make
