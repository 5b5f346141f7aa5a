"""A small client of a Kubernetes API server: one kept-alive connection, JSON in and out."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from testbed.layout import TestbedError

if TYPE_CHECKING:
    from pathlib import Path

Object = dict[str, Any]
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON = "application/json"
LIMIT = 30.0


class ApiError(TestbedError):
    """The API server refused; `status` is its HTTP status, `body` the beginning of its answer."""

    def __init__(self, verb: str, path: str, status: int, body: bytes) -> None:
        super().__init__(f"API server: {verb} {path} answered {status}: {body[:500].decode(errors='replace')}")
        self.status = status
        self.body = body


def tls(kubeconfig: Path) -> tuple[str, int, ssl.SSLContext]:
    """Give host, port and TLS context of a kubeconfig file written by testbed.access."""
    document = json.loads(kubeconfig.read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with tempfile.NamedTemporaryFile(suffix=".pem") as pem:  # the ssl module reads client certificates from files alone
        pem.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
        pem.flush()
        context.load_cert_chain(pem.name)
    address = urlsplit(cluster["server"])
    return str(address.hostname), int(address.port or 443), context


class Api:
    """A connection to an API server; not for several threads at once."""

    def __init__(self, kubeconfig: Path, limit: float = LIMIT) -> None:
        host, port, context = tls(kubeconfig)
        self._connection = http.client.HTTPSConnection(host, port, context=context, timeout=limit)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def raw(self, verb: str, path: str, body: bytes = b"", kind: str = JSON) -> tuple[int, bytes]:
        """Do one request; give status and body. Raises OSError and HTTPException of the standard library."""
        headers = {"Content-Type": kind, "Accept": JSON} if body else {"Accept": JSON}
        try:
            self._connection.request(verb, path, body=body or None, headers=headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def do(self, verb: str, path: str, body: Object | None = None, kind: str = JSON) -> Object:
        """Do one request; give the object that it answers.

        Raises:
            ApiError: The status is not 2xx.
            TestbedError: There was no answer.
        """
        data = json.dumps(body).encode() if body is not None else b""
        try:
            status, answer = self.raw(verb, path, data, kind)
        except (OSError, http.client.HTTPException) as problem:
            raise TestbedError(f"API server: {verb} {path}: {type(problem).__name__}: {problem}") from problem
        if status // 100 != 2:
            raise ApiError(verb, path, status, answer)
        return json.loads(answer) if answer else {}

    def get(self, path: str) -> Object:
        """Read an object or a list."""
        return self.do("GET", path)

    def apply(self, path: str, body: Object, manager: str = "preaudit-testbed") -> Object:
        """Apply an object by server-side apply."""
        return self.do("PATCH", f"{path}?fieldManager={manager}&force=true", body, APPLY)
