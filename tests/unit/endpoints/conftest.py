"""What comes of accounts that are tried at small servers."""

import threading

import pytest

from preaudit.collect.endpoints import closer
from preaudit.collect.endpoints.closer import Closer
from preaudit.collect.endpoints.look import Direct, Gates, Look
from preaudit.collect.endpoints.place import Place
from preaudit.collect.tls.pace import Pace
from preaudit.endpoint import Endpoint, Reached

from .servers import serving


@pytest.fixture
def tried(monkeypatch):
    """What comes of accounts at a server, and how many connections it took."""

    monkeypatch.setattr(closer, "_SECONDS", 0.8)

    def run(talk, *accounts, protocol="", **more):
        connections = []

        def counted(connection):
            connections.append(connection)
            talk(connection)

        stop = threading.Event()
        look = Look(vantage=Direct(stop), gates=Gates(Pace(at_once=4, per_second=0)), anchors={}, common=(), stop=stop)
        with serving(counted) as port:
            place = Place(owner_kind="Deployment", owner="web", namespace="shop", address="127.0.0.1", port=port)
            seen = Endpoint(**{"owner_kind": "Deployment", "owner": "web", "namespace": "shop", "port": port, "reached": Reached.OPEN,
                            "protocol": protocol or accounts[0].protocol} | more)  # fmt: skip
            ((_, told),) = Closer(accounts=accounts, seconds=20).add([(place, seen)], look)
        return told.credentials, len(connections)

    return run
