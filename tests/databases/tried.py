"""A well-known account at a real server, the way a run goes: first a look at what the port speaks, then one try."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from preaudit.collect.endpoints.accounts import Account
from preaudit.collect.endpoints.closer import Closer
from preaudit.collect.endpoints.look import Direct, Gates, Look
from preaudit.collect.endpoints.place import Place
from preaudit.collect.tls.pace import Pace
from preaudit.endpoint import Endpoint, Fact

SECONDS = 30.0


@dataclass(frozen=True)
class Looked:
    """A port, and what it is seen to speak."""

    place: Place
    seen: Endpoint
    look: Look

    def tried(self, account: Account) -> Fact:
        """Whether it lets an account in."""
        ((_, told),) = Closer(accounts=(account,), seconds=SECONDS).add([(self.place, self.seen)], self.look)
        return told.credentials[account.name]


def looked_at(address: str, port: int) -> Looked:
    stop = threading.Event()
    look = Look(vantage=Direct(stop), gates=Gates(Pace(per_second=0)), anchors={}, common=(), stop=stop)
    place = Place(owner_kind="StatefulSet", owner="database", namespace="shop", address=address, port=port)
    return Looked(place, look.at(place, time.monotonic() + SECONDS), look)
