"""A small API server that knows Jobs, their pods and their logs, and fails as it is told."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from preaudit.collect.kubeconfig import Access
from preaudit.probe.client import Client
from preaudit.probe.parameters import Settings
from preaudit.probe.running import Running

JOBS, PODS = "/apis/batch/v1/namespaces/probes/jobs", "/api/v1/namespaces/probes/pods"
SUCCEEDED = {"phase": "Succeeded", "containerStatuses": [{"name": "probe", "state": {"terminated": {"exitCode": 0}}}]}


class FakeCluster:
    """Holds Jobs by name; every Job gets the pod status `pod` (None for no pod) and prints `log`."""

    def __init__(self):
        self.jobs, self.seen, self.bodies = {}, [], []
        self.pod, self.log, self.conditions = dict(SUCCEEDED), b"", []
        self.refuse = {}
        """(verb, last part of the path) -> (status, message)."""
        self.stays = False
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 2**16
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def do_GET(self):
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fake.seen.append((self.command, parts.path))
                status, answer = fake.answer(self.command, parts.path, parse_qs(parts.query), body)
                answer = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_DELETE = do_GET  # noqa: N815 - the standard library's names

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.005,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, verb, path, query, body):
        refused = self.refuse.get((verb, path.rpartition("/")[2])) or self.refuse.get((verb, "*"))
        if refused:
            return refused[0], {"kind": "Status", "message": refused[1]}
        if verb == "POST":
            made = json.loads(body)
            self.bodies.append(made)
            made["metadata"] |= {"uid": "u", "creationTimestamp": "2026-11-22T12:00:00Z"}
            self.jobs[made["metadata"]["name"]] = made
            return 201, made
        if path == JOBS:
            return 200, {"items": list(self.jobs.values())}
        if path == PODS:
            wanted = query["labelSelector"][0].partition("=")[2]
            mine = [one for one in self.jobs.values() if one["metadata"]["labels"]["preaudit.dev/probe"] == wanted]
            return 200, {"items": [{"metadata": {"name": "p"}, "status": self.pod}] if mine and self.pod is not None else []}
        if path.endswith("/log"):
            return 200, self.log(self.bodies[-1]) if callable(self.log) else self.log
        job = self.jobs.get(path.removeprefix(JOBS + "/"))
        if job is None:
            return 404, {"message": "no such Job"}
        if verb == "DELETE":
            if not self.stays:
                del self.jobs[job["metadata"]["name"]]
            return 200, {}
        return 200, {**job, "status": {"conditions": self.conditions}}


@pytest.fixture
def cluster():
    made = FakeCluster()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def running(cluster):
    """Makes a run whose clock goes by what it sleeps."""
    clock = [0.0]

    def sleep(seconds):
        clock[0] += seconds

    access = Access(api_url=cluster.url, context="", pool=urllib3.PoolManager(), authorization=lambda: "Bearer t0ken")
    settings = Settings(namespace="probes", image="registry/preaudit@sha256:aa", seconds=60)
    client = Client(access, "probes", sleep=sleep)
    return Running(client, settings, "abc123", "{}", now=lambda: clock[0])
