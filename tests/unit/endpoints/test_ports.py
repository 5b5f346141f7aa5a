"""Open ports: whatever nmap leaves out is not known, and undeclared ones are looked at like all others."""

import threading

import msgspec
import pytest

from preaudit.collect.endpoints import around, scan
from preaudit.collect.endpoints.around import Around
from preaudit.collect.endpoints.closer import Closer
from preaudit.collect.endpoints.collected import Manner
from preaudit.collect.endpoints.find import find_places
from preaudit.collect.endpoints.place import Place
from preaudit.collect.endpoints.ports import SAID, contradicted, hosts_of, scanned, undeclared_places
from preaudit.collect.endpoints.scan import PortPace, Scanned, read_xml
from preaudit.endpoint import Endpoint, Fact, Reached
from preaudit.example import write_snapshot
from preaudit.hostports import HostPorts
from preaudit.snapshot import Status
from preaudit.source import PORTS
from preaudit.subjects.estate import Estate

from .test_find import API, node, pod, service

ADDRESS = "192.0.2.10"
WHOLE = Fact(True, "every port is open or closed")


def xml(*, ports=((8443, "open"),), rest=(("closed", 65534),), host="", address=ADDRESS, exit_="success", more=""):
    listed = "".join(f'<port protocol="tcp" portid="{port}"><state state="{state}"/></port>' for port, state in ports)
    others = "".join(f'<extraports state="{state}" count="{count}"/>' for state, count in rest)
    return (f'<nmaprun><host {host}><status state="up"/><address addr="{address}" addrtype="ipv4"/><ports>{others}{listed}</ports></host>'
            f'{more}<runstats><finished exit="{exit_}"/></runstats></nmaprun>').encode()  # fmt: skip


@pytest.mark.parametrize(("raw", "found", "cause"), [
    (xml(), (8443,), ""),
    (xml(host='timedout="true"', ports=(), rest=()), (), "longer than scan.host_seconds"),
    (xml(rest=(("closed", 65000), ("filtered", 534))), (8443,), "not every port answered: 534 filtered"),
    (xml(ports=((8443, "open"), (80, "filtered")), rest=(("closed", 65533),)), (8443,), "not every port answered: 1 filtered"),
    (xml(rest=(("closed", 999),)), (8443,), "nmap tells of 1000 ports, not of all 65535"),
    (xml(rest=()), (8443,), "nmap tells of 1 ports"),
    (xml(exit_="error"), (8443,), "did not come to its end"),
    (xml(address="192.0.2.99"), (), "nothing of this address"),
    (xml(more="<host><address addr='192.0.2.99'/></host>"), (), "nothing of this address"),
    (xml().replace(b"<runstats>", b"<x>").replace(b"</runstats>", b"</x>"), (8443,), "did not come to its end"),
    (b"<nmaprun></nmaprun>", (), "nothing of this address"),
    (xml()[:120], (), "no result that can be read"),
    (b"", (), "no result that can be read"),
])  # fmt: skip
def test_a_scan_is_whole_only_where_every_port_is_open_or_closed(raw, found, cause):
    told = read_xml(raw, ADDRESS)
    assert told.open == found
    assert (told.complete.value is True) == (not cause)
    assert cause in told.complete.cause


def estate(tmp_path, *objects):
    snapshot = write_snapshot(tmp_path, objects)
    return Estate(snapshot), find_places(snapshot, API, lambda name: name)


def test_hosts_are_the_first_replica_of_each_workload_and_every_node(tmp_path):
    objects = [pod("web-1", ports=[{"containerPort": 8080}]), pod("db-1", "192.0.2.11"), pod("agent-1", "198.51.100.11", hostNetwork=True, ports=[{"containerPort": 9100}]),
               node(), node("n2", "198.51.100.12"), service(type="NodePort", ports=[{"port": 443, "nodePort": 30443}])]  # fmt: skip
    known, found = estate(tmp_path, *objects)
    hosts = {host.seen.name: host for host in hosts_of(known, found.places)}
    assert set(hosts) == {"Pod/web-1", "Pod/db-1", "Node/n1", "Node/n2"}
    assert hosts["Pod/web-1"].seen.declared == (8080,)
    assert hosts["Node/n1"].seen.declared == (9100, 10250, 30443), "the side ports of a kubelet are declared by nothing"
    assert hosts["Node/n2"].seen.declared == (10250, 30443), "a node port is open on every node"


def test_an_address_that_a_pod_may_not_have_is_not_scanned(tmp_path):
    known, found = estate(tmp_path, pod("web-1", "169.254.169.254"), pod("web-2", ""))
    hosts = hosts_of(known, found.places)
    seen = scanned(hosts, PortPace(), threading.Event(), look=lambda address: pytest.fail("it was scanned"))
    assert [one.complete.value for one in seen] == [None, None]


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "-iL/etc/passwd", "a.example", "192.0.2.1 -sV", "192.0.2.0/24", ""])
def test_only_checked_addresses_reach_nmap(monkeypatch, address):
    monkeypatch.setattr(scan.subprocess, "Popen", lambda *_, **__: pytest.fail("it was started"))
    assert scan.scan(address, PortPace(), threading.Event()).complete.value is None


def test_undeclared_ports_become_places_at_every_replica(tmp_path):
    controller = [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "u", "controller": True}]
    pods = [pod(f"web-{number}", f"192.0.2.{number}", ports=[{"containerPort": 8080}]) for number in (1, 2)]
    for one in pods:
        one["metadata"]["ownerReferences"] = controller
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": "shop", "uid": "u"}, "spec": {}}
    known, found = estate(tmp_path, *pods, owner, node())
    hosts = hosts_of(known, found.places)
    seen = scanned(hosts, PortPace(), threading.Event(), look=lambda address: Scanned((6060, 8080, 10250), WHOLE))
    places = list(undeclared_places(hosts, seen))
    assert {(one.owner_kind, one.address, one.port) for one in places} == {
        ("StatefulSet", "192.0.2.1", 6060), ("StatefulSet", "192.0.2.2", 6060), ("StatefulSet", "192.0.2.1", 10250),
        ("StatefulSet", "192.0.2.2", 10250), ("Node", "198.51.100.11", 6060), ("Node", "198.51.100.11", 8080),
    }  # fmt: skip
    assert {one.declared for one in places} == {(SAID,)}
    assert not any(one.served for one in places)


def test_when_the_time_is_up_the_rest_is_not_known(tmp_path):
    known, found = estate(tmp_path, pod("web-1"))
    (seen,) = scanned(hosts_of(known, found.places), PortPace(run_seconds=-1), threading.Event(), look=lambda address: Scanned((), WHOLE))
    assert (seen.complete.value, seen.complete.cause) == (None, "the time for scanning ports was used up")


@pytest.mark.parametrize(("port", "reached", "vantage", "value"), [
    (8443, Reached.OPEN, "direct", True), (9000, Reached.OPEN, "direct", None), (9000, Reached.CLOSED, "direct", True),
    (9000, Reached.OPEN, "port-forward", True),
])  # fmt: skip
def test_a_port_that_answers_and_was_not_seen_makes_the_scan_doubtful(port, reached, vantage, value):
    seen = HostPorts(owner_kind="Pod", owner="web", addresses=(ADDRESS,), open=(8443,), complete=WHOLE)
    place = Place(owner_kind="Pod", owner="web", address=ADDRESS, port=port)
    (told,) = contradicted([seen], [(place, Endpoint(owner_kind="Pod", owner="web", port=port, reached=reached, vantage=vantage))])
    assert told.complete.value is value


# The source as a whole


@pytest.fixture
def looked(tmp_path, monkeypatch):
    def run(lacking, gaps=None, look=lambda address: Scanned((6060,), WHOLE)):
        snapshot = write_snapshot(tmp_path, [pod("web-1", ports=[{"containerPort": 8080}])])
        monkeypatch.setattr(around, "missing", lambda: lacking)
        monkeypatch.setattr(around, "scanned", lambda hosts, pace, stop: scanned(hosts, pace, stop, look=look))
        manner = Manner(per_second=0, at_once=4, endpoint_seconds=5, run_seconds=5, anchors={}, closer=Closer())
        found = find_places(snapshot, API, lambda name: name)
        found.gaps.clear()
        found.gaps.update(gaps or {})
        told = []
        one = Around(folder=tmp_path, collection=snapshot.collection, found=found, targets=(), manner=manner, known={}, forward=None, probe=None,
                     stop=threading.Event(), times=lambda: "")  # fmt: skip
        statuses, files = one.look(frozenset({PORTS}), told.append, lambda *one: told.append(one), lambda: None)
        return statuses, [msgspec.json.decode(line) for file in files for line in (tmp_path / file.name).read_bytes().splitlines()], told

    return run


def test_ports_are_stored_with_their_status(looked):
    statuses, lines, told = looked("")
    assert [(one.source, one.namespace, one.status) for one in statuses] == [(PORTS, "*", Status.COLLECTED)]
    assert [(one["kind"], one["metadata"], one["spec"]["open"]) for one in lines] == [("HostPorts", {"name": "Pod/web-1", "namespace": "shop"}, [6060])]
    assert told == [PORTS, (PORTS, 1, "collected")]


def test_without_nmap_nothing_is_seen_and_the_cause_says_what_to_install(looked):
    statuses, lines, _ = looked("python-nmap is not installed: pip install 'preaudit[ports]'")
    assert [(one.status, one.cause) for one in statuses] == [(Status.ERROR, "python-nmap is not installed: pip install 'preaudit[ports]'")]
    assert lines == []


def test_hosts_that_may_have_been_missed_are_told_by_namespace(looked):
    statuses, _, _ = looked("", {"pay": "pods: forbidden"})
    assert {(one.namespace, one.status.value) for one in statuses} == {("*", "error"), ("pay", "error"), ("shop", "collected")}


@pytest.mark.parametrize(("module", "program", "says"), [(None, "/usr/bin/nmap", "pip install 'preaudit[ports]'"), (object(), None, "apt-get install nmap"), (object(), "/usr/bin/nmap", "")])
def test_what_is_missing_is_named(monkeypatch, module, program, says):
    monkeypatch.setattr(scan.importlib.util, "find_spec", lambda name: module)
    monkeypatch.setattr(scan.shutil, "which", lambda name: program)
    assert says in scan.missing()
    assert bool(says) == bool(scan.missing())


def test_an_end_of_the_run_ends_nmap(monkeypatch):
    stop = threading.Event()
    stop.set()
    monkeypatch.setattr(scan.sys, "executable", "/bin/cat")
    assert scan.scan("192.0.2.1", PortPace(), stop).complete.value is None
