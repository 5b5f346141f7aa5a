"""A closer look at endpoints that were understood: what the active groups ``scan`` and ``credentials`` do to them.

Nothing here changes what was seen before; it only adds to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from preaudit.collect.endpoints.accounts import Account, Tries
from preaudit.collect.endpoints.attacks import Attacked, attacks_on, untried
from preaudit.collect.endpoints.classify import Spoken
from preaudit.collect.endpoints.debug_paths import debug_paths
from preaudit.collect.endpoints.dialogue import at_tls
from preaudit.collect.endpoints.greeting import Open, hello
from preaudit.collect.endpoints.look import Look, host_of
from preaudit.collect.endpoints.many import each
from preaudit.collect.endpoints.place import Place
from preaudit.collect.endpoints.reader import Reader
from preaudit.collect.endpoints.secured import secure
from preaudit.collect.endpoints.trying import try_account
from preaudit.collect.tls.connection import Broken, Connection, Stopped, TimedOut
from preaudit.collect.tls.server_name import sni
from preaudit.endpoint import DebugPath, Endpoint, Fact, Tls
from preaudit.passwords import protocols_with_password, stands_in_front

AT_ONCE = 16
_SECONDS = 5.0
_WAIT_SECONDS = 1.0
Seen = tuple[Place, Endpoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closer:
    """What is done beyond looking.

    Attributes:
        paths: paths that strangers should find nothing at; empty where nobody asks for them.
        attacks: known attacks on TLS are tried.
        accounts: well-known accounts that are tried.
        seconds: the longest that each of the three may take.
        tries: accounts that were tried already.
    """

    paths: tuple[str, ...] = ()
    attacks: bool = False
    accounts: tuple[Account, ...] = ()
    seconds: float = 900.0
    tries: Tries = field(default_factory=Tries)

    def add(self, found: Sequence[Seen], look: Look) -> list[Seen]:
        """The same endpoints with what a closer look brings."""
        several = list(found)
        if self.paths:
            several = self._each(several, look, self._with_paths)
        if self.accounts:
            several = self._each(several, look, self._with_accounts)
        return self._attacked(several, look) if self.attacks else several

    def _each(
        self, found: Sequence[Seen], look: Look, change: Callable[[Place, Endpoint, Look, float], Endpoint]
    ) -> list[Seen]:
        ends = time.monotonic() + self.seconds

        def one(seen: Seen) -> Seen:
            return seen[0], change(*seen, look, ends) if seen[1].understood else seen[1]

        return each(one, found, at_once=AT_ONCE, name="closer", stop=look.stop)

    def _with_paths(self, place: Place, seen: Endpoint, look: Look, ends: float) -> Endpoint:
        if not any(page.status for page in seen.pages):
            return seen
        if seen.vantage != look.vantage.name:
            return msgspec.structs.replace(seen, debug_paths=tuple(_unasked(self.paths, _far(seen))))
        reader = Reader(look.opener(place, ends), Spoken.of(seen), sni(place.server_name), ends)
        try:
            told = debug_paths(reader, host_of(place), self.paths)
        except Stopped:
            told = tuple(_unasked(self.paths, "the run was ended before it was asked for"))
        return msgspec.structs.replace(seen, debug_paths=told)

    def _with_accounts(self, place: Place, seen: Endpoint, look: Look, ends: float) -> Endpoint:
        if stands_in_front(seen):
            return seen
        told: dict[str, Fact] = {}
        for account in self.accounts:
            if account.protocol not in protocols_with_password(seen):
                continue
            if seen.vantage != look.vantage.name:
                told[account.name] = Fact(None, _far(seen))
            elif not self.tries.claim(place.address, place.port, account):
                told[account.name] = Fact(None, "not tried: it was tried once already at this address and port")
            else:
                told[account.name] = self._try(place, seen, account, look, ends)
        return msgspec.structs.replace(seen, credentials=told)

    def _try(self, place: Place, seen: Endpoint, account: Account, look: Look, ends: float) -> Fact:
        if time.monotonic() >= ends:
            return Fact(None, "not tried: the time for it was used up")
        deadline = min(ends, time.monotonic() + _SECONDS)
        try:
            return try_account(place, seen, account, look.opener(place, ends), deadline)
        except Stopped:
            return Fact(None, "the run was ended during the try")
        except Broken as error:
            return Fact(None, f"the try came to no end: {error}")

    def _attacked(self, found: list[Seen], look: Look) -> list[Seen]:
        ends = time.monotonic() + self.seconds
        servers: dict[int, Attacked] = {}
        for index, (place, seen) in enumerate(found):
            if seen.tls is not None and seen.vantage == look.vantage.name:
                servers[index] = _server(place, seen, seen.tls, look, ends)
        told = attacks_on(list(servers.values()), seconds=self.seconds, stop=look.stop)
        facts = dict(zip(servers, told, strict=True))
        tried = {index: facts.get(index) or untried(_far(seen)) for index, (_, seen) in enumerate(found) if seen.tls}
        return [
            (place, msgspec.structs.replace(seen, attacks=tried[index]) if index in tried else seen)
            for index, (place, seen) in enumerate(found)
        ]


def _far(seen: Endpoint) -> str:
    way = "through a port-forward" if seen.vantage == "port-forward" else "from inside the cluster"
    return f"not tried: it was seen {way} only"


def _unasked(paths: Sequence[str], cause: str) -> list[DebugPath]:
    return [DebugPath(path=path, cause=cause) for path in paths]


def _server(place: Place, seen: Endpoint, tls: Tls, look: Look, ends: float) -> Attacked:
    """A server as it is attacked, with controls of our own."""
    open_, name = look.opener(place, ends), sni(place.server_name)

    def answers() -> str:
        told = _hello(open_, name, seen.starttls)
        return told and _again(look.stop, lambda: _hello(open_, name, seen.starttls))

    return Attacked(open_=open_, server_name=name, starttls=seen.starttls, tls=tls, answers=answers,
                    waits=lambda: _waits(open_, name, seen.starttls))  # fmt: skip


def _again(stop: threading.Event, ask: Callable[[], str]) -> str:
    stop.wait(0.5)
    return ask()


def _begun(open_: Open, starttls: str) -> tuple[Connection, float]:
    """A stream at which TLS can begin, and by when it must be done with.

    Raises:
        Broken: none came about.
    """
    deadline = time.monotonic() + _SECONDS
    return at_tls(open_(deadline), starttls, deadline), deadline


def _hello(open_: Open, server_name: str, starttls: str) -> str:
    """Why a hello of ours is not answered; "" where it is."""
    try:
        connection, deadline = _begun(open_, starttls)
    except Broken as error:
        return str(error)
    try:
        connection.send(hello(server_name), deadline)
        answer = connection.receive(1, deadline)
    except Broken as error:
        return str(error)
    finally:
        connection.close()
    return "" if answer == b"\x16" else "it closes the connection" if not answer else "it answers with an alert"


def _waits(open_: Open, server_name: str, starttls: str) -> str:
    """What a server does after a handshake with a client that says nothing; "" where it waits."""
    try:
        connection, deadline = _begun(open_, starttls)
    except Broken as error:
        return str(error)
    try:
        secured = secure(connection, server_name, deadline)
        said = secured.receive(1, time.monotonic() + _WAIT_SECONDS)
    except TimedOut:
        return ""
    except Broken as error:
        return str(error)
    finally:
        connection.close()
    return "it speaks first" if said else "it closes every connection at once"
