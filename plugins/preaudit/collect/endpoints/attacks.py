"""Known attacks on TLS, tried by sslyze in a process of its own: its licence is AGPL, and its memory grows.

What it says is believed only as far as it looked: an error, a result that is missing, or a server that no longer
answers our own hello before or after makes every answer about that server an unknown one.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from preaudit.collect.endpoints.place import Place
from preaudit.collect.wording import clean
from preaudit.endpoint import Fact

INSTALL = "sslyze is not installed: pip install 'preaudit[tls]'"
_STARTTLS = {"": (), "postgresql": ("--starttls=postgres",), "smtp": ("--starttls=smtp",), "imap": ("--starttls=imap",),
             "pop3": ("--starttls=pop3",), "ldap": ("--starttls=ldap",)}  # fmt: skip
_COMMANDS = ("--heartbleed", "--openssl_ccs", "--robot", "--reneg", "--compression")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_AT_ONCE = 40
"""Servers that one process is given."""
_MAX_OUTPUT = 64 << 20
_ROBOT = {"NOT_VULNERABLE_NO_ORACLE": False, "NOT_VULNERABLE_RSA_NOT_SUPPORTED": False,
          "VULNERABLE_WEAK_ORACLE": True, "VULNERABLE_STRONG_ORACLE": True}  # fmt: skip


class _Attempt(msgspec.Struct):
    """What sslyze says of one attack on one server."""

    status: str = ""
    error_reason: str | None = None
    error_trace: str | None = None
    result: dict[str, Any] | None = None


class _Result(msgspec.Struct):
    heartbleed: _Attempt = msgspec.field(default_factory=_Attempt)
    openssl_ccs_injection: _Attempt = msgspec.field(default_factory=_Attempt)
    robot: _Attempt = msgspec.field(default_factory=_Attempt)
    session_renegotiation: _Attempt = msgspec.field(default_factory=_Attempt)
    tls_compression: _Attempt = msgspec.field(default_factory=_Attempt)


class _Location(msgspec.Struct):
    hostname: str
    port: int
    ip_address: str | None = None


class _Server(msgspec.Struct):
    server_location: _Location
    connectivity_status: str = ""
    connectivity_error_trace: str | None = None
    scan_result: _Result | None = None


class _Output(msgspec.Struct):
    server_scan_results: list[_Server] = []


def _flag(key: str) -> Callable[[dict[str, Any]], bool | None]:
    def read(result: dict[str, Any]) -> bool | None:
        value = result.get(key)
        return value if isinstance(value, bool) else None

    return read


ATTACKS: dict[str, tuple[str, Callable[[dict[str, Any]], bool | None]]] = {
    "heartbleed": ("heartbleed", _flag("is_vulnerable_to_heartbleed")),
    "ccs_injection": ("openssl_ccs_injection", _flag("is_vulnerable_to_ccs_injection")),
    "robot": ("robot", lambda result: _ROBOT.get(str(result.get("robot_result")))),
    "client_renegotiation": ("session_renegotiation", _flag("is_vulnerable_to_client_renegotiation_dos")),
    "compression": ("tls_compression", _flag("supports_compression")),
}
"""Attacks by name: where sslyze tells of each, and whether that means that it succeeds (None: it does not say)."""


def attacked(
    places: Sequence[Place], answers: Callable[[Place], str], *, seconds: float, stop: threading.Event
) -> dict[Place, dict[str, Fact]]:
    """Try every attack on every place.

    Args:
        places: endpoints that speak TLS; those of MySQL are left alone, they count what ends early.
        answers: asks a place with a hello of our own; "" where it answers, else why not.
        seconds: the longest that all of it may take.
        stop: set when the run is to end.

    Returns:
        by place and attack, whether it succeeds.
    """
    if importlib.util.find_spec("sslyze") is None:
        return {place: _unknown(INSTALL) for place in places}
    ends = time.monotonic() + seconds
    groups: dict[str, list[Place]] = defaultdict(list)
    found: dict[Place, dict[str, Fact]] = {}
    for place in places:
        if place.starttls in _STARTTLS:
            groups[place.starttls].append(place)
        else:
            found[place] = _unknown(f"not tried: sslyze has no STARTTLS for {place.starttls}")
    for starttls, several in groups.items():
        for start in range(0, len(several), _AT_ONCE):
            part = several[start : start + _AT_ONCE]
            before = {place: answers(place) for place in part}
            told = _run([place for place in part if not before[place]], starttls, ends, stop)
            for place in part:
                silent = before[place] or answers(place)
                found[place] = _unknown(f"it does not answer a plain hello: {silent}") if silent else told[place]
    return found


def _run(places: Sequence[Place], starttls: str, ends: float, stop: threading.Event) -> dict[Place, dict[str, Fact]]:
    """One process for some places."""
    left = ends - time.monotonic()
    if not places:
        return {}
    if left <= 1 or stop.is_set():
        return {place: _unknown("the time for looking at endpoints was used up") for place in places}
    command = [sys.executable, "-m", "sslyze", "--json_out=-", *_COMMANDS, *_STARTTLS[starttls], *map(_target, places)]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter; targets are checked names and addresses
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL
        )
        limit = min(ends, time.monotonic() + 60 + 10 * len(places))
        try:
            while process.poll() is None and time.monotonic() < limit and not stop.is_set():
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        raw = output.read(_MAX_OUTPUT)
    try:
        told = msgspec.json.decode(raw, type=_Output)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        unread = _unknown("sslyze did not end within its time, or what it said cannot be read")
        return dict.fromkeys(places, unread)
    by_target = {(one.server_location.hostname, one.server_location.port, one.server_location.ip_address): one
                 for one in told.server_scan_results}  # fmt: skip
    return {place: _facts(by_target.get((_name(place), place.port, place.address))) for place in places}


def _name(place: Place) -> str:
    return place.server_name if _HOST.fullmatch(place.server_name) else place.address


def _target(place: Place) -> str:
    """How sslyze is told where to go: name, port, and the one address that is dialled."""
    address = f"[{place.address}]" if ":" in place.address else place.address
    name = _name(place)
    return f"{address}:{place.port}" if name == place.address else f"{name}:{place.port}{{{place.address}}}"


def _facts(server: _Server | None) -> dict[str, Fact]:
    if server is None:
        return _unknown("sslyze says nothing of it")
    if server.scan_result is None:
        return _unknown(f"sslyze could not connect: {_last(server.connectivity_error_trace)}")
    return {name: _fact(getattr(server.scan_result, field), read) for name, (field, read) in ATTACKS.items()}


def _fact(attempt: _Attempt, read: Callable[[dict[str, Any]], bool | None]) -> Fact:
    if attempt.status != "COMPLETED" or attempt.result is None:
        why = _last(attempt.error_trace) or (attempt.error_reason or "").lower() or "no result"
        return Fact(None, f"sslyze did not finish: {why}")
    value = read(attempt.result)
    return Fact(value, "sslyze" if value is not None else "sslyze's results contradict one another")


def _unknown(cause: str) -> dict[str, Fact]:
    return dict.fromkeys(ATTACKS, Fact(None, cause))


def _last(trace: str | None) -> str:
    """The last line of a trace, without its exception's module."""
    lines = [line for line in (trace or "").splitlines() if line.strip()]
    return clean(lines[-1].rpartition("errors.")[2], 160) if lines else ""
