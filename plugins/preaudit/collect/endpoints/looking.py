"""All places, several at a time: within the run's time, hung ones apart from the others, equal replicas as one."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from preaudit.collect.endpoints.look import Look
from preaudit.collect.endpoints.many import each
from preaudit.collect.endpoints.place import Place
from preaudit.collect.tls.connection import Stopped
from preaudit.endpoint import Endpoint, Reached, Replica

AT_ONCE = 32
"""Places that are looked at at the same time."""
MAX_REPLICAS = 100
"""Replicas of one endpoint that are looked at; others are counted."""
_MUTE_AFTER = 8
"""Time-outs in one network without a single answer, after which its other addresses are not waited for any more."""


@dataclass(slots=True)
class _Networks:
    """Which networks never answer from here, so that thousands of their addresses need not be waited for."""

    silent: Counter[str] = field(default_factory=Counter)
    answering: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def mute(self, address: str) -> str:
        """The network of an address, if it is known not to answer; else ""."""
        network = _network(address)
        with self.lock:
            return network if network not in self.answering and self.silent[network] >= _MUTE_AFTER else ""

    def learn(self, address: str, *, answered: bool) -> None:
        network = _network(address)
        with self.lock:
            if answered:
                self.answering.add(network)
            else:
                self.silent[network] += 1


def look_at(
    places: Sequence[Place], look: Look, *, seconds: float, done: Callable[[], None] = lambda: None
) -> list[tuple[Place, Endpoint]]:
    """What is seen at each place.

    Args:
        places: each address, port and server name once.
        look: how they are looked at.
        seconds: the longest that all of it may take; what was not reached by then says so.
        done: told after each place.

    Raises:
        KeyboardInterrupt: the user ends the run; no further connection is made.
    """
    ends, networks = time.monotonic() + seconds, _Networks()

    def one(place: Place) -> Endpoint:
        limited = replace(place, refused=_why_not(place, ends, networks))
        try:
            seen = look.at(limited, ends)
        except Stopped:
            seen = look.at(replace(place, refused="the run was ended before it was looked at"), ends)
        if not limited.refused:
            networks.learn(place.address, answered=seen.reached in {Reached.OPEN, Reached.CLOSED})
        done()
        return seen

    seen = each(one, places, at_once=AT_ONCE, name="endpoint", stop=look.stop)
    return list(zip(places, seen, strict=True))


def _why_not(place: Place, ends: float, networks: _Networks) -> str:
    """Why a place is not looked at now; "" where it is."""
    if place.refused:
        return place.refused
    if time.monotonic() >= ends:
        return "the time for looking at endpoints (connect.run_seconds) was used up"
    mute = networks.mute(place.address)
    return f"{_MUTE_AFTER} other addresses of {mute} gave no answer, so this one was not waited for" if mute else ""


def first_replicas(places: Iterable[Place]) -> tuple[list[Place], Counter[tuple[str, str, str, int, str]]]:
    """The places that are looked at, and how many further replicas of each endpoint are not."""
    counts: Counter[tuple[str, str, str, int, str]] = Counter()
    left: Counter[tuple[str, str, str, int, str]] = Counter()
    chosen = []
    for place in sorted(places, key=lambda one: (one.endpoint, one.address)):
        counts[place.endpoint] += 1
        if counts[place.endpoint] > MAX_REPLICAS:
            left[place.endpoint] += 1
        else:
            chosen.append(place)
    return chosen, left


def merged(seen: Iterable[Endpoint], left: Counter[tuple[str, str, str, int, str]]) -> list[Endpoint]:
    """Endpoints whose replicas were seen to do the same, as one each, sorted by place and name."""
    groups: dict[bytes, list[Endpoint]] = defaultdict(list)
    encode = msgspec.json.Encoder(order="deterministic").encode
    for one in seen:
        groups[encode(msgspec.structs.replace(one, replicas=()))].append(one)
    found = []
    for several in groups.values():
        alike = several[0]
        replicas = {replica for one in several for replica in one.replicas}
        unlooked = left[alike.owner_kind, alike.owner, alike.namespace, alike.port, alike.server_name]
        found.append(msgspec.structs.replace(alike, replicas=_in_order(replicas), unlooked=unlooked))
    return sorted(found, key=lambda one: (one.namespace, one.name, encode(one)))


def _in_order(replicas: Iterable[Replica]) -> tuple[Replica, ...]:
    return tuple(sorted(replicas, key=lambda one: (one.address, one.pod, one.node)))


def _network(address: str) -> str:
    ip = ipaddress.ip_address(address)
    return str(ipaddress.ip_network(f"{ip}/{24 if ip.version == 4 else 64}", strict=False))
