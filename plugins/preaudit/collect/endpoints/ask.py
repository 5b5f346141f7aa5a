"""One HTTP request: without credentials unless a check tries some, and nothing that changes anything."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import preaudit
from preaudit.endpoint import STRANGER

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
        if not self.path.startswith("/") or not self.path.isascii() or " " in self.path or not said.isprintable():
            raise ValueError(f"{self.path!r} is no path")

    def encoded(self) -> bytes:
        """The request as it is sent."""
        lines = [f"{self.method} {self.path} HTTP/1.1", *([f"Host: {self.host}"] if self.host else []),
                 f"User-Agent: preaudit/{preaudit.__version__}", "Accept: */*", f"Origin: {STRANGER}",
                 "Connection: close"]  # fmt: skip
        lines += [f"Authorization: {self.authorization}"] if self.authorization else []
        return ("\r\n".join(lines) + "\r\n\r\n").encode()
