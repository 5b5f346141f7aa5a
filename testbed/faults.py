"""What a fault proxy can do to an answer: rules, and the spoiled answers themselves. No input or output here."""

from __future__ import annotations

import fnmatch
import json
import re
from dataclasses import dataclass, fields
from typing import Any

STATUSES = {
    "401": (401, "Unauthorized", "Unauthorized"),
    "403": (403, "Forbidden", "forbidden by a rule of the fault proxy"),
    "404": (404, "NotFound", "the server could not find the requested resource"),
    "410": (410, "Expired", "The provided continue parameter is too old to display a consistent list result."),
    "429": (429, "TooManyRequests", "Too many requests, please try again later."),
    "500": (500, "InternalError", "Internal error occurred: a rule of the fault proxy"),
    "503": (503, "ServiceUnavailable", "the server is currently unable to handle the request"),
}
# Faults of the connection: what is sent is right as far as it goes.
TRANSPORT = ("hang", "drip", "cut", "reset", "long-length", "short-length")
# Faults of the content: a complete answer that says something wrong.
CONTENT = (
    *("invalid-json", "empty-body", "html", "status-200", "null-items", "endless", "endless-same"),
    "changed-version",
)
FAULTS = (*STATUSES, *TRANSPORT, *CONTENT)
TOKEN = "fault-proxy-"
NAMESPACE = re.compile(r"/namespaces/([^/]+)(?:/|$)")


@dataclass(frozen=True, slots=True)
class Rule:
    """When to spoil an answer, and how. The first rule that applies is used.

    Attributes:
        fault: One of FAULTS.
        path: Glob on the path without its query, where `*` crosses slashes; `re:REGEX` is searched instead.
        verb: HTTP method, or `*`.
        namespace: Only requests in this namespace (`/namespaces/NAME` in the path).
        page: Only this page of a paged list, counted from 1.
        times: How often the rule is used; None is for ever.
        seconds: For hang: how long, then the connection is closed; for 429: Retry-After; for drip: pause after a piece.
        piece: Bytes of a piece, for drip.
    """

    fault: str
    path: str = "*"
    verb: str = "*"
    namespace: str | None = None
    page: int | None = None
    times: int | None = None
    seconds: float = 1.0
    piece: int = 64

    def __post_init__(self) -> None:
        """Refuse what could never apply."""
        if self.fault not in FAULTS:
            raise ValueError(f"fault {self.fault!r} is unknown: choose of {', '.join(FAULTS)}")
        if self.path.startswith("re:"):
            re.compile(self.path[3:])
        if self.seconds < 0 or self.piece < 1 or (self.page is not None and self.page < 1):
            raise ValueError("seconds must not be negative; piece and page count from 1")

    def applies(self, verb: str, path: str, page: int) -> bool:
        """Say whether the rule is for this request."""
        if self.verb not in {"*", verb} or self.page not in {None, page}:
            return False
        if self.namespace is not None:
            found = NAMESPACE.search(path)
            if not found or found[1] != self.namespace:
                return False
        if self.path.startswith("re:"):
            return re.search(self.path[3:], path) is not None
        return fnmatch.fnmatchcase(path, self.path)


def from_json(text: str) -> list[Rule]:
    """Read rules from a JSON list of objects with the fields of Rule."""
    known = {field.name for field in fields(Rule)}
    rules = []
    for number, one in enumerate(json.loads(text)):
        if strange := set(one) - known:
            raise ValueError(f"rule {number}: unknown keys {sorted(strange)}; known are {sorted(known)}")
        rules.append(Rule(**one))
    return rules


def refusal(fault: str) -> tuple[int, bytes]:
    """Give status and body of an answer by which an API server refuses."""
    code, reason, message = STATUSES[fault]
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return code, json.dumps(body).encode() + b"\n"


def spoil(fault: str, body: bytes, number: int) -> bytes:
    """Give a spoiled body for a fault of the content.

    Args:
        fault: One of CONTENT.
        body: The right body.
        number: How often this rule was used already; makes tokens that differ.
    """
    match fault:
        case "invalid-json":
            return body[: len(body) // 2] + b'"\x00{]'
        case "empty-body":
            return b""
        case "html":
            return b"<!doctype html><title>Sign in</title><form action=/login></form>\n"
        case "status-200":
            return refusal("500")[1]
    document: dict[str, Any] = json.loads(body)
    metadata = document.setdefault("metadata", {})
    match fault:
        case "null-items":
            document["items"] = None
            metadata["remainingItemCount"] = 500
            metadata.pop("continue", None)
        case "endless":
            metadata["continue"] = f"{TOKEN}{number}"
        case "endless-same":
            metadata["continue"] = f"{TOKEN}again"
        case "changed-version":
            metadata["resourceVersion"] = str(int(metadata.get("resourceVersion") or 0) + 1)
    return json.dumps(document).encode()


def continue_of(body: bytes) -> str:
    """Give the continue token of a list's body; empty if there is none or it is no list."""
    try:
        metadata = json.loads(body).get("metadata") or {}
    except (ValueError, AttributeError):
        return ""
    return str(metadata.get("continue") or "")
