"""Known attacks on TLS, tried by sslyze in a process of its own: its licence is AGPL, and its memory grows.

What it says is believed only as far as it looked. An error, a result that is missing, a server that no longer answers
our own hello before or after, or one that was not heard to refuse the attack makes the answer an unknown one.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from preaudit.collect.endpoints.greeting import Open
from preaudit.collect.endpoints.resistance import REFUSED_AGAIN, succeeded, withstood
from preaudit.collect.endpoints.witness import Witness
from preaudit.collect.wording import clean
from preaudit.endpoint import Fact, Tls

INSTALL = "sslyze is not installed: pip install 'preaudit[tls]', or sslyze in an environment of its own on the PATH"
_STARTTLS = {"": (), "postgresql": ("--starttls=postgres",), "smtp": ("--starttls=smtp",), "imap": ("--starttls=imap",),
             "pop3": ("--starttls=pop3",), "ldap": ("--starttls=ldap",)}  # fmt: skip
_COMMANDS = ("--heartbleed", "--openssl_ccs", "--robot", "--reneg", "--mozilla_config=disable", "--slow_connection")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_AT_ONCE = 20
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


class _Location(msgspec.Struct):
    port: int


class _Server(msgspec.Struct):
    server_location: _Location
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
}
"""Attacks by name: where sslyze tells of each, and whether that means that it succeeds (None: it does not say)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """One server that is tried.

    Attributes:
        open_: opens connections to it.
        server_name: sent as SNI, "" for none.
        starttls: protocol in which TLS is begun.
        tls: what our own hellos saw of it.
        answers: sends it a hello of our own; "" where it answers, else why not.
        waits: makes a handshake and says nothing; "" where the server waits too, else what it does.
    """

    open_: Open
    server_name: str
    starttls: str
    tls: Tls
    answers: Callable[[], str]
    waits: Callable[[], str]


def attacks_on(servers: Sequence[Attacked], *, seconds: float, stop: threading.Event) -> list[dict[str, Fact]]:
    """Try every attack on every server.

    Args:
        servers: those that speak TLS; MySQL is left alone, it counts what ends early.
        seconds: the longest that all of it may take.
        stop: set when the run is to end.

    Returns:
        for each server, by attack, whether it succeeds.
    """
    command = _sslyze()
    if not command:
        return [untried(INSTALL) for _ in servers]
    ends = time.monotonic() + seconds
    groups: dict[str, list[int]] = defaultdict(list)
    found = [untried("")] * len(servers)
    for index, server in enumerate(servers):
        if server.starttls in _STARTTLS:
            groups[server.starttls].append(index)
        else:
            found[index] = untried(f"not tried: sslyze is not sent to {server.starttls}")
    for starttls, several in groups.items():
        for start in range(0, len(several), _AT_ONCE):
            part = several[start : start + _AT_ONCE]
            told = _batch([servers[index] for index in part], [*command, *_COMMANDS, *_STARTTLS[starttls]], ends, stop)
            for index, facts in zip(part, told, strict=True):
                found[index] = facts
    return found


def untried(cause: str) -> dict[str, Fact]:
    """The same cause for every attack."""
    return dict.fromkeys(ATTACKS, Fact(None, cause))


def _sslyze() -> list[str]:
    """How sslyze is started; empty where it is not there."""
    if importlib.util.find_spec("sslyze") is not None:
        return [sys.executable, "-P", "-m", "sslyze"]  # -P: nothing of the folder that the user happens to be in
    path = shutil.which("sslyze")
    return [path] if path else []


def _batch(
    servers: Sequence[Attacked], command: list[str], ends: float, stop: threading.Event
) -> list[dict[str, Fact]]:
    """One process for some servers, each behind a witness, and controls of our own before and after."""
    before = [server.answers() for server in servers]
    witnesses = {index: Witness(server.open_, stop) for index, server in enumerate(servers) if not before[index]}
    try:
        targets = [_target(servers[index], one) for index, one in witnesses.items()]
        told = _run([*command, "--json_out=-", *targets], len(targets), ends, stop) if targets else {}
    finally:
        for one in witnesses.values():
            one.close()
    found = []
    for index, server in enumerate(servers):
        if before[index]:
            found.append(untried(f"it does not answer a plain hello: {before[index]}"))
            continue
        after, witness = server.answers(), witnesses[index]
        silent = f"it no longer answers a plain hello: {after}" if after else ""
        if isinstance(told, str):
            found.append(untried(told))
        else:
            found.append(_facts(told.get(witness.port), server, witness, silent))
    return found


def _run(command: list[str], count: int, ends: float, stop: threading.Event) -> dict[int, _Server] | str:
    """What sslyze says, by the port it was sent to; or why it says nothing."""
    if ends - time.monotonic() <= 1 or stop.is_set():
        return "the time for trying attacks was used up"
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - sslyze itself; the targets are relays of ours and checked names
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL
        )
        limit = min(ends, time.monotonic() + 60 + 20 * count)
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
        return "sslyze did not end within its time, or what it said cannot be read"
    return {one.server_location.port: one for one in told.server_scan_results}


def _target(server: Attacked, witness: Witness) -> str:
    """How sslyze is told where to go: the name that it sends, and the relay's address."""
    if _HOST.fullmatch(server.server_name):
        return f"{server.server_name}:{witness.port}{{127.0.0.1}}"
    return f"127.0.0.1:{witness.port}"


def _facts(told: _Server | None, server: Attacked, witness: Witness, silent: str) -> dict[str, Fact]:
    if told is None:
        return untried("sslyze says nothing of it")
    if told.scan_result is None:
        return untried(f"sslyze could not connect: {_last(told.connectivity_error_trace)}")
    return {name: _fact(name, getattr(told.scan_result, field), read, server, witness, silent)
            for name, (field, read) in ATTACKS.items()}  # fmt: skip


def _fact(  # noqa: PLR0913, PLR0917 - one call, all of it needed
    name: str, attempt: _Attempt, read: Callable[[dict[str, Any]], bool | None], server: Attacked, witness: Witness,
    silent: str,
) -> Fact:  # fmt: skip
    if attempt.status != "COMPLETED" or attempt.result is None:
        why = _last(attempt.error_trace) or (attempt.error_reason or "").lower() or "no result"
        return Fact(None, f"sslyze did not finish: {why}")
    value = read(attempt.result)
    if value is None:
        return Fact(None, "what sslyze saw contradicts itself")
    if value:
        return succeeded(name, witness.dialogues)
    if silent:
        return Fact(None, silent)
    fact = withstood(name, attempt.result, server.tls, witness.dialogues)
    if name == "client_renegotiation" and fact.value is False and fact.cause == REFUSED_AGAIN:
        # A server that ends every connection by itself does so with an alert as well.
        impatient = server.waits()
        return Fact(None, f"an alert came, but not because of the handshake: {impatient}") if impatient else fact
    return fact


def _last(trace: str | None) -> str:
    """The last line of a trace, without its exception's module."""
    lines = [line for line in (trace or "").splitlines() if line.strip()]
    return clean(lines[-1].rpartition("errors.")[2], 160) if lines else ""
