"""Many places at a time: equal replicas are one endpoint, and what was not looked at says why."""

import socket
import struct
import threading
import time

import msgspec
import pytest

from preaudit.collect.endpoints import greeting, nameless
from preaudit.collect.endpoints.collected import collect_endpoints
from preaudit.collect.endpoints.look import Direct, Gates, Look
from preaudit.collect.endpoints.looking import MAX_REPLICAS, first_replicas, look_at, merged
from preaudit.collect.endpoints.place import Place
from preaudit.collect.tls.connection import TcpConnection, TimedOut
from preaudit.collect.tls.pace import Pace
from preaudit.endpoint import Reached
from preaudit.snapshot import Status

from .servers import http, secured, serving, silent

PAGE = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Length: 2\r\n\r\nok"


def place(port, address="127.0.0.1", owner="web", **more):
    return Place(owner_kind="Deployment", owner=owner, namespace="shop", address=address, port=port, served=True, **more)


def look(vantage=None):
    stop = threading.Event()
    return Look(vantage=vantage or Direct(stop), gates=Gates(Pace(at_once=8, per_second=0, connection_seconds=2)), anchors={}, common=(), stop=stop)


class Mute:
    """A vantage from which nothing answers."""

    name = "direct"

    def __init__(self):
        self.asked = []

    def open(self, place, deadline):
        self.asked.append(place.address)
        raise TimedOut("timed out")


def test_a_page_is_seen_and_a_closed_port_is_closed():
    with serving(http(PAGE)) as port:
        (_, seen), (_, closed) = look_at([place(port), place(1)], look(), seconds=30)
    assert (seen.reached, seen.protocol, seen.plaintext.value) == (Reached.OPEN, "http", True)
    assert seen.pages[0].disclosed == ("nginx/1.22.1 (header server)",)
    assert (closed.reached, closed.protocol, closed.tls) == (Reached.CLOSED, "", None)


def test_tls_is_surveyed_and_its_pages_are_read(tmp_path):
    def talk(connection):
        connection.recv(4096)
        connection.sendall(PAGE)

    with serving(secured(talk, tmp_path)) as port:
        ((_, seen),) = look_at([place(port, server_name="web.example")], look(), seconds=30)
    assert (seen.protocol, seen.pages[0].status) == ("tls", 200)
    assert [one.answer.value for one in seen.tls.offers[-2:]] == ["accepted", "accepted"]
    assert seen.tls.chains


def hosted(folder, unnamed, taken=lambda _: None):
    """A server of one host: a handshake that names it is taken, one without a name gets `unnamed(connection)`."""
    named = secured(taken, folder)

    def talk(connection):
        (named if b"web.example" in connection.recv(4096, socket.MSG_PEEK) else unnamed)(connection)

    return talk


def resetting(connection):
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def alerting(connection):
    connection.recv(4096)
    connection.sendall(b"\x15\x03\x03\x00\x02\x02\x70")


@pytest.mark.parametrize("unnamed", [resetting, alerting, lambda connection: connection.recv(4096)], ids=["reset", "alert", "close"])
def test_a_server_that_refuses_who_names_none_is_closed_to_those(tmp_path, unnamed):
    with serving(hosted(tmp_path, unnamed)) as port:
        ((_, seen),) = look_at([place(port, beside="web.example")], look(), seconds=30)
    assert (seen.reached, seen.served, seen.tls) == (Reached.CLOSED, False, None)
    assert seen.cause == "it refuses who names no server, and answers under its hosts' names"


def test_a_name_that_no_route_has_is_refused_beside_one_that_has(tmp_path):
    with serving(hosted(tmp_path, resetting)) as port:
        ((_, seen),) = look_at([place(port, server_name="preaudit.example", beside="web.example")], look(), seconds=30)
    assert (seen.reached, seen.served, seen.server_name) == (Reached.CLOSED, False, "preaudit.example")
    assert seen.cause == "it refuses a name that no route has, and answers under those of routes"


def test_a_name_that_no_route_has_may_meet_a_server_that_refuses_who_names_none(tmp_path):
    with serving(hosted(tmp_path, resetting)) as port:
        ((_, seen),) = look_at([place(port, server_name="other.web.example", beside="web.example")], look(), seconds=30)
    assert (seen.reached, seen.served, bool(seen.tls.chains)) == (Reached.OPEN, True, True)


def test_what_is_not_clearly_refused_is_not_set_aside(tmp_path, monkeypatch):
    """Silence may be a way that loses packets; and a server that is down under its name too proves nothing."""
    monkeypatch.setattr(greeting, "ANSWER_SECONDS", 0.2)
    stop = threading.Event()
    for talk in (hosted(tmp_path, silent), resetting):
        with serving(talk) as port:
            assert not nameless.turned_away(lambda deadline, port=port: TcpConnection.open("127.0.0.1", port, deadline, stop), "web.example")
    assert not nameless.turned_away(lambda deadline: TcpConnection.open("127.0.0.1", 1, deadline, stop), "web.example")


def test_a_refusal_counts_only_between_answers(tmp_path):
    """One that begins to refuse everybody in the middle is not one that tells names apart."""
    named = hosted(tmp_path, resetting)
    for last in range(1, 5):
        taken = iter(range(100))

        def talk(connection, last=last, taken=taken):
            (named if next(taken) < last else resetting)(connection)

        with serving(talk) as port:
            ((_, seen),) = look_at([place(port, beside="web.example")], look(), seconds=30)
        assert (seen.reached, seen.served) == (Reached.OPEN, True), last


def test_who_names_none_may_meet_a_server_of_its_own(tmp_path):
    with serving(hosted(tmp_path, secured(lambda _: None, tmp_path, name="fake.example"))) as port:
        ((_, seen),) = look_at([place(port, beside="web.example")], look(), seconds=30)
    assert (seen.reached, seen.protocol, bool(seen.tls.chains)) == (Reached.OPEN, "tls", True)


def test_half_an_http_answer_does_not_prove_another_protocol(tmp_path):
    """What broke off within its head, or cannot be read, was HTTP all the same."""
    for said in (b"HT", PAGE[:30], b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"):

        def talk(connection, said=said):
            connection.recv(4096)
            connection.sendall(said)

        with serving(secured(talk, tmp_path)) as port:
            ((_, seen),) = look_at([place(port)], look(), seconds=30)
        assert (seen.protocol, seen.http.value, {page.status for page in seen.pages}) == ("tls", None, {0}), said


@pytest.mark.parametrize(("said", "spoken"), [
    (b"\r\n" + PAGE, None), (PAGE.replace(b"HTTP", b"http"), None), (b"<html>old</html>", None), (b"\n<!DOCTYPE HTML>", None),
    (b"\0\0\0\x10binary", False), (b"INFO {}\r\n", False),
])  # fmt: skip
def test_what_some_clients_take_for_http_is_not_proved_to_be_none(tmp_path, said, spoken):
    def talk(connection):
        connection.recv(4096)
        connection.sendall(said)

    with serving(secured(talk, tmp_path)) as port:
        ((_, seen),) = look_at([place(port)], look(), seconds=30)
    assert (seen.protocol, seen.http.value) == ("tls", spoken)


@pytest.mark.parametrize(("location", "status", "cookies"), [(b"/ui/", 200, ["sid"]), (b"/gone", 404, []), (b"/a b", 0, [])])
def test_the_page_to_which_everybody_is_sent_on_is_read_too(tmp_path, location, status, cookies):
    def talk(connection):
        path = connection.recv(4096).partition(b" ")[2].partition(b" ")[0]
        head = {b"/": b"302 Found\r\nLocation: " + location, b"/ui/": b"200 OK\r\nSet-Cookie: sid=1"}.get(path, b"404 Not Found")
        connection.sendall(b"HTTP/1.1 " + head + b"\r\nContent-Length: 0\r\n\r\n")

    with serving(secured(talk, tmp_path)) as port:
        ((_, seen),) = look_at([place(port)], look(), seconds=30)
    (found,) = (page for page in seen.pages if page.path == "/ (where it redirects to)")
    assert (found.status, [one.name for one in found.cookies], bool(found.cause)) == (status, cookies, not status)
    assert location not in msgspec.json.encode(seen)


def test_a_name_that_no_certificate_could_hold_ends_no_look(tmp_path):
    """The API server takes hosts of an Ingress with labels of more than 63 characters."""

    def talk(connection):
        connection.recv(4096)
        connection.sendall(PAGE)

    with serving(secured(talk, tmp_path)) as port:
        ((_, seen),) = look_at([place(port, server_name="a" * 64 + ".example")], look(), seconds=30)
    assert (seen.protocol, seen.pages[0].status, bool(seen.tls.chains)) == ("tls", 200, True)


def test_replicas_that_do_the_same_are_one_endpoint():
    with serving(http(PAGE)) as port:
        found = [seen for _, seen in look_at([place(port, pod=name) for name in ("web-1", "web-2")], look(), seconds=30)]
    (alike,) = merged(found, first_replicas([])[1])
    assert [one.pod for one in alike.replicas] == ["web-1", "web-2"]


def test_replicas_beyond_the_hundredth_are_counted():
    chosen, left = first_replicas([place(80, f"192.0.2.{number}") for number in range(1, MAX_REPLICAS + 5)])
    assert len(chosen) == MAX_REPLICAS
    assert list(left.values()) == [4]


def test_a_network_that_never_answers_is_not_waited_for_a_thousand_times():
    vantage = Mute()
    places = [place(80, f"192.0.2.{number}", owner=f"o{number}") for number in range(1, 201)]
    found = [seen for _, seen in look_at(places, look(vantage), seconds=30)]
    assert len(vantage.asked) < 100
    assert {one.reached for one in found} == {Reached.UNREACHABLE, Reached.NOT_DIALLED}
    assert any("gave no answer, so this one was not waited for" in one.cause for one in found)


def test_when_the_time_is_up_the_rest_says_so():
    found = [seen for _, seen in look_at([place(80, "192.0.2.1")], look(Mute()), seconds=-1)]
    assert [(one.reached, one.cause) for one in found] == [(Reached.NOT_DIALLED, "the time for looking at endpoints (connect.run_seconds) was used up")]


def test_an_end_of_the_run_ends_the_looks_at_once():
    one = look()
    with serving(silent) as port:
        timer = threading.Timer(0.5, one.stop.set)
        timer.start()
        started = time.monotonic()
        ((_, seen),) = look_at([place(port)], one, seconds=60)
        assert time.monotonic() - started < 2.5
        timer.join()
    assert (seen.reached, seen.cause) == (Reached.NOT_DIALLED, "the run was ended before it was looked at")


@pytest.mark.parametrize(("gaps", "states"), [
    ({}, {"*": "collected"}),
    ({"shop": "pods: forbidden"}, {"*": "error", "shop": "error", "other": "collected"}),
    ({"*": "nodes: forbidden"}, {"*": "error", "shop": "collected", "other": "collected"}),
])  # fmt: skip
def test_a_search_that_was_not_complete_is_told_where_it_was_not(tmp_path, gaps, states):
    statuses, files, _ = collect_endpoints(tmp_path, [], gaps=gaps, namespaces=["shop", "other"], look=look(), seconds=1, times=lambda: "")
    assert {one.namespace: one.status.value for one in statuses} == states
    assert all(bool(one.cause) == (one.status is Status.ERROR) for one in statuses)
    assert files == []
