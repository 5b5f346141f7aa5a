"""One look at one place: open it, find out what it speaks, survey its TLS, ask for its pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from preaudit.collect.endpoints.ask import Ask
from preaudit.collect.endpoints.classify import Spoken, Unopened, classify
from preaudit.collect.endpoints.dialogue import RefusedInMysql, at_tls
from preaudit.collect.endpoints.greeting import Open
from preaudit.collect.endpoints.nameless import turned_away
from preaudit.collect.endpoints.place import Place
from preaudit.collect.endpoints.reader import PAGE_SECONDS, Reader
from preaudit.collect.tls.connection import Broken, Connection, NoRoute, Refused, TcpConnection, TimedOut
from preaudit.collect.tls.pace import HostGate, Pace
from preaudit.collect.tls.registry import BEYOND_MODERN
from preaudit.collect.tls.server_name import sni
from preaudit.collect.tls.survey import Wanted, survey
from preaudit.collect.tls.trust import Anchor
from preaudit.endpoint import Endpoint, Fact, Page, Reached, Replica, Tls, TrustPath

MISSING = "/preaudit-no-such-page"
_ROLE_PATHS = {
    "apiserver": ("/version", "/api", "/metrics"),
    "kubelet": ("/pods", "/metrics", "/configz", "/containerLogs/"),
    "kubelet-read-only": ("/pods", "/metrics"),
    "scheduler": ("/metrics", "/configz"),
    "controller-manager": ("/metrics", "/configz"),
    "etcd-client": ("/version", "/metrics"),
}
"""What an anonymous client must not get from a component of the control plane."""
_SPOKEN = frozenset({"postgresql", "mysql", "smtp", "imap", "pop3", "ldap", "redis", "mongodb", "kafka", "amqp", "h2c",
                     "ssh", "dns", "ftp", "vnc"})  # fmt: skip
"""Protocols that are not HTTP/1.1, where one of them answered."""
_NAMELESS = "it refuses who names no server, and answers under its hosts' names"
_NO_HOST = "it refuses a name that no route has, and answers under those of routes"
_UNTOLD = Fact()
MYSQL_CONNECTIONS = 19
"""A MySQL server blocks an address after 100 connections that end early, so it is asked few questions."""


class Vantage(Protocol):
    """From where places are looked at."""

    @property
    def name(self) -> str:
        """As in `preaudit.endpoint.Endpoint.vantage`."""

    def open(self, place: Place, deadline: float) -> Connection:
        """A fresh stream to a place.

        Raises:
            Broken: none came about.
        """


@dataclass(frozen=True, slots=True)
class Direct:
    """Plain connections from this machine."""

    stop: threading.Event
    name: str = "direct"

    def open(self, place: Place, deadline: float) -> Connection:
        """See `Vantage.open`."""
        return TcpConnection.open(place.address, place.port, deadline, self.stop)


@dataclass(slots=True)
class Gates:
    """One gate for each host, shared by all its endpoints."""

    pace: Pace
    _made: dict[str, HostGate] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, host: str) -> HostGate:
        """The gate of a host."""
        with self._lock:
            return self._made.setdefault(host, HostGate(self.pace))


class _Gated:
    """A connection that holds its host's gate until it is closed."""

    def __init__(self, inner: Connection, held: AbstractContextManager[None]) -> None:
        self._inner = inner
        self._held: AbstractContextManager[None] | None = held

    def send(self, data: bytes, deadline: float) -> None:
        self._inner.send(data, deadline)

    def receive(self, limit: int, deadline: float) -> bytes:
        return self._inner.receive(limit, deadline)

    def close(self) -> None:
        self._inner.close()
        held, self._held = self._held, None
        if held is not None:
            held.__exit__(None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How places are looked at.

    Attributes:
        vantage: from where.
        gates: politeness, by host.
        anchors: sets of trust anchors by name; those that a place names, those of the user and the system's are used.
        common: names of the sets that apply everywhere.
        stop: set when the run is to end.
    """

    vantage: Vantage
    gates: Gates
    anchors: Mapping[str, Anchor]
    common: tuple[str, ...]
    stop: threading.Event

    def at(self, place: Place, ends: float) -> Endpoint:
        """What is seen at one place.

        Args:
            place: where.
            ends: reading of `time.monotonic` by which the look is over.

        Raises:
            Stopped: the run is being ended.
        """
        if place.refused:
            return self._endpoint(place, reached=Reached.NOT_DIALLED, cause=place.refused)
        open_ = self.opener(place, ends)
        if place.beside and turned_away(open_, sni(place.beside), sni(place.server_name)):
            cause = _NO_HOST if place.server_name else _NAMELESS
            return self._endpoint(replace(place, served=False), reached=Reached.CLOSED, cause=cause)
        try:
            spoken = classify(
                open_, place.port, server_name=sni(place.server_name), hint=place.hint, starttls=place.starttls
            )
        except Unopened as error:
            reached, cause = _unreached(error.broken)
            return self._endpoint(place, reached=reached, cause=cause)
        tls = self._survey(place, spoken, self.gates.of(place.address), ends) if spoken.tls else None
        pages, http = self._read(place, spoken, open_, ends)
        return self._endpoint(place, reached=Reached.OPEN, spoken=spoken, tls=tls, pages=pages, http=http)

    def opener(self, place: Place, ends: float) -> Open:
        """What opens connections to a place, as politely as its host is treated, until the look is over."""
        gate = self.gates.of(place.address)

        def open_(deadline: float) -> Connection:
            held = gate.connection(min(ends, deadline + PAGE_SECONDS), self.stop)
            held.__enter__()
            # The wait for a place at the gate is ours, and not to be counted against the server.
            late = max(deadline, time.monotonic() + 1.0)
            try:
                return _Gated(self.vantage.open(place, min(ends, late)), held)
            except BaseException:
                held.__exit__(None, None, None)
                raise

        return open_

    def _read(self, place: Place, spoken: Spoken, open_: Open, ends: float) -> tuple[tuple[Page, ...], Fact]:
        """The pages of a place, and whether it speaks HTTP at all."""
        if spoken.protocol not in {"tls", "http"}:
            return (), Fact(False, f"it speaks {spoken.protocol}") if spoken.protocol in _SPOKEN else Fact()  # noqa: FBT003
        reader = Reader(open_, spoken, sni(place.server_name), ends)
        host = host_of(place)
        asks = [Ask("/", host), Ask(MISSING, host), Ask("/", "")]
        return reader.read([*asks, *(Ask(path, host) for path in _ROLE_PATHS.get(place.role, ()))])

    def _survey(self, place: Place, spoken: Spoken, gate: HostGate, ends: float) -> Tls:
        def dial(deadline: float) -> Connection:
            connection = at_tls(self.vantage.open(place, deadline), spoken.starttls, deadline)
            return RefusedInMysql(connection) if spoken.starttls == "mysql" else connection

        wanted = Wanted()
        if spoken.protocol == "mysql":
            wanted = Wanted("verdicts", banned=BEYOND_MODERN, max_connections=MYSQL_CONNECTIONS, chains=True)
        names = dict.fromkeys((*place.anchors, *self.common))
        seen = survey(
            dial, server_name=place.server_name, wanted=wanted, pace=self.gates.pace, gate=gate,
            anchors=[self.anchors[name] for name in names if name in self.anchors], stop=self.stop, deadline=ends,
        )  # fmt: skip
        if not place.anchors or any(name in self.anchors for name in place.anchors):
            return seen
        # Its own anchors are not known, so that no others prove that it cannot be trusted.
        untried = TrustPath(anchor=place.anchors[0], trusted=None, cause="it is not known; name it with --ca FILE")
        chains = (msgspec.structs.replace(one, paths=(*one.paths, untried)) for one in seen.chains)
        return msgspec.structs.replace(seen, chains=tuple(chains))

    def _endpoint(  # noqa: PLR0913 - what an endpoint is made of
        self, place: Place, *, reached: Reached, cause: str = "", spoken: Spoken | None = None,
        tls: Tls | None = None, pages: tuple[Page, ...] = (), http: Fact = _UNTOLD,
    ) -> Endpoint:  # fmt: skip
        return Endpoint(
            owner_kind=place.owner_kind, owner=place.owner, namespace=place.namespace, port=place.port,
            server_name=place.server_name, vantage=self.vantage.name, role=place.role, exposure=place.exposure,
            declared=tuple(sorted(place.declared)), served=place.served, names=place.names, more_names=place.more_names,
            starttls=spoken.starttls if spoken else place.starttls,
            replicas=(Replica(address=place.address, pod=place.pod, node=place.node),) if place.address else (),
            reached=reached, cause=cause, protocol=spoken.protocol if spoken else "",
            protocol_cause=spoken.cause if spoken else "", tls=tls, tls_cause=spoken.tls_cause if spoken else "",
            http=http, pages=pages, plaintext=spoken.plaintext if spoken else _UNTOLD,
        )  # fmt: skip


def _unreached(broken: Broken) -> tuple[Reached, str]:
    """How far the way went, in the words that all places with this fate share."""
    if isinstance(broken, Refused):
        return Reached.CLOSED, "the connection is refused: nothing listens there, or a firewall says so"
    if isinstance(broken, TimedOut):
        return Reached.UNREACHABLE, "no connection within the time allowed"
    if isinstance(broken, NoRoute):
        return Reached.UNREACHABLE, f"no way there: {broken}"
    return Reached.UNREACHABLE, f"no connection: {broken}"


def host_of(place: Place) -> str:
    """The Host header for a place.

    Not the address: replicas that do the same are one endpoint, so they are asked the same.
    """
    host = place.server_name or place.owner
    return f"[{host}]" if ":" in host else host
