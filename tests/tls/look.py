"""Surveys of the zoo's servers: the one way in which every test here looks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from preaudit.collect.tls.connection import Broken, Connection, Dial, Reset, TcpConnection
from preaudit.collect.tls.pace import Pace
from preaudit.collect.tls.survey import Wanted, survey
from preaudit.collect.tls.trust import Anchor
from preaudit.endpoint import Tls
from tests.tls.proxies import Fault, before
from tests.tls.zoo import HOST, Zoo

THOROUGH = Pace(at_once=0, per_second=0, connection_seconds=10, endpoint_seconds=60, back_offs=(0.1, 0.5))
"""For undisturbed looks: nothing that is merely slow may come out unknown."""
HASTY = Pace(at_once=0, per_second=0, connection_seconds=0.4, endpoint_seconds=4, back_offs=(0.05,), read_seconds=0.1)
"""Small budgets, for looks through faults: a scanner in a hurry is the one that is tempted to believe."""
INVENTORY = Wanted()
THREADS = 6


def dial(port: int, starttls: str = "") -> Dial:
    """Opens connections to a port of loopback, through PostgreSQL's SSLRequest where that is the way in."""

    def direct(deadline: float) -> Connection:
        return TcpConnection.open(HOST, port, deadline)

    def postgresql(deadline: float) -> Connection:
        connection = TcpConnection.open(HOST, port, deadline)
        try:
            connection.send(b"\x00\x00\x00\x08\x04\xd2\x16\x2f", deadline)
            answer = connection.receive(1, deadline)
        except Broken:
            connection.close()
            raise
        if answer != b"S":
            connection.close()
            raise Reset("the server takes no SSLRequest")
        return connection

    return postgresql if starttls else direct


def look(zoo: Zoo, name: str, *, port: int = 0, pace: Pace = THOROUGH, wanted: Wanted = INVENTORY) -> Tls:
    """One survey; `port` is a proxy's where it is given."""
    one = zoo.servers[name]
    anchor = Anchor("the zoo's CA", (zoo.folder / "ca.pem").read_bytes())
    return survey(dial(port or zoo.ports[name], one.starttls), server_name=one.server_name, wanted=wanted, pace=pace, anchors=[anchor])


def look_through(zoo: Zoo, name: str, fault: Fault, pace: Pace = HASTY, wanted: Wanted = INVENTORY) -> Tls:
    """One survey through a proxy with a fault."""
    with before(zoo.address(name), fault) as port:
        return look(zoo, name, port=port, pace=pace, wanted=wanted)


def look_at_all(zoo: Zoo) -> dict[str, Tls]:
    """Every server, undisturbed."""
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(zip(zoo.servers, pool.map(lambda name: look(zoo, name), zoo.servers), strict=True))
