"""Attacks on TLS: silence, hang-ups and missing results are never taken for a server that withstood one."""

import json
import socket
import sys
import threading

import msgspec
import pytest

from preaudit.collect.endpoints import attacks
from preaudit.collect.endpoints.attacks import ATTACKS, INSTALL, Attacked, attacks_on
from preaudit.collect.endpoints.closer import Closer
from preaudit.collect.endpoints.look import Direct, Gates, Look
from preaudit.collect.endpoints.place import Place
from preaudit.collect.endpoints.resistance import succeeded, withstood
from preaudit.collect.endpoints.witness import CLIENT, SERVER, Dialogue, Records, Witness
from preaudit.collect.tls.connection import Refused, TcpConnection
from preaudit.collect.tls.pace import Pace
from preaudit.endpoint import VERSIONS, Answer, Endpoint, Offer, Reached, Tls

from .servers import serving

HELLO, CHANGE, ALERT, BEAT = 22, 20, 21, 24
FULL = [HELLO, HELLO, CHANGE, HELLO]


def tls(*accepted, suites=(), complete=True, others=Answer.REFUSED):
    return Tls(offers=tuple(
        Offer(version=one, answer=Answer.ACCEPTED, suites=suites, suites_complete=complete) if one in accepted
        else Offer(version=one, answer=others) for one in VERSIONS
    ))  # fmt: skip


def talk(*records, opened=True, spoke=True):
    """Records by sender: positive numbers are the client's, negative ones the server's."""
    return Dialogue([(CLIENT if one > 0 else SERVER, abs(one)) for one in records], opened, spoke)


BEATEN = talk(HELLO, BEAT, BEAT, -HELLO, -HELLO, -ALERT)
EARLY = talk(HELLO, -HELLO, CHANGE, 23, -ALERT)
AGAIN = talk(HELLO, -HELLO, HELLO, CHANGE, HELLO, -CHANGE, -HELLO, HELLO, -ALERT)
ROBOT = talk(HELLO, -HELLO, HELLO, CHANGE, HELLO, -ALERT)
OLD = tls("TLSv1.2")


@pytest.mark.parametrize(("name", "told", "seen", "dialogues", "value"), [
    ("heartbleed", {}, OLD, [BEATEN], False),
    ("heartbleed", {}, OLD, [], None),
    ("heartbleed", {}, OLD, [talk(HELLO, -HELLO)], None),
    ("heartbleed", {}, OLD, [talk(HELLO, BEAT, -ALERT)], None),  # the hello was refused, the heartbeat never read
    ("heartbleed", {}, OLD, [talk(HELLO, BEAT, -HELLO)], None),  # silence, a reset, a crash
    ("heartbleed", {}, OLD, [BEATEN, talk(HELLO)], None),  # another connection was not answered
    ("heartbleed", {}, OLD, [BEATEN, talk(opened=False, spoke=False)], None),
    ("heartbleed", {}, OLD, [BEATEN, talk(spoke=False)], False),  # a mere connect and close
    ("heartbleed", {}, tls("TLSv1.2", "TLSv1.3"), [], False),
    ("heartbleed", {}, tls("TLSv1.2", others=Answer.INCONCLUSIVE), [], None),
    ("ccs_injection", {}, OLD, [EARLY], False),
    ("ccs_injection", {}, OLD, [talk(HELLO, -HELLO, CHANGE, 23)], None),
    ("ccs_injection", {}, OLD, [talk(HELLO, CHANGE, -ALERT)], None),
    ("ccs_injection", {}, OLD, [talk(HELLO, -HELLO, CHANGE, 23, ALERT, -ALERT)], None),  # an answer to our goodbye
    ("client_renegotiation", {}, OLD, [AGAIN], False),
    ("client_renegotiation", {}, OLD, [talk(HELLO, -HELLO, HELLO, CHANGE, HELLO, -CHANGE, -HELLO, HELLO)], None),
    ("client_renegotiation", {}, tls("TLSv1.3"), [], False),
    ("client_renegotiation", {}, tls("TLSv1.3", others=Answer.CUT_OFF), [], None),
    ("robot", {}, OLD, [ROBOT] * 15, False),
    ("robot", {}, OLD, [ROBOT] * 14, None),
    ("robot", {}, OLD, [*[ROBOT] * 15, talk(HELLO, -HELLO, HELLO, CHANGE, HELLO)], None),
    ("robot", {}, OLD, [talk(HELLO, -HELLO, HELLO, CHANGE, HELLO)] * 15, None),  # every try timed out alike
    ("robot", {"robot_result": "NOT_VULNERABLE_RSA_NOT_SUPPORTED"}, tls("TLSv1.2", suites=("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",)), [ROBOT], False),
    ("robot", {"robot_result": "NOT_VULNERABLE_RSA_NOT_SUPPORTED"}, tls("TLSv1.2", suites=("TLS_RSA_WITH_AES_128_GCM_SHA256",)), [ROBOT], None),
    ("robot", {"robot_result": "NOT_VULNERABLE_RSA_NOT_SUPPORTED"}, tls("TLSv1.2", complete=False), [ROBOT], None),
    ("robot", {"robot_result": "NOT_VULNERABLE_RSA_NOT_SUPPORTED"}, tls("TLSv1.2", others=Answer.CUT_OFF), [ROBOT], None),
])  # fmt: skip
def test_withstood_is_who_was_heard_to_refuse(name, told, seen, dialogues, value):
    fact = withstood(name, told, seen, dialogues)
    assert fact.value is value, fact.cause
    assert fact.cause


def test_differences_between_answers_count_only_where_all_came():
    assert succeeded("robot", [ROBOT] * 15).value is True
    assert succeeded("robot", [ROBOT, talk(HELLO, -HELLO, HELLO, CHANGE, HELLO)]).value is None
    assert succeeded("heartbleed", []).value is True


def test_records_are_found_however_they_are_cut():
    stream = bytes([22, 3, 1, 0, 3, 1, 2, 3, 24, 3, 2, 0, 0, 21, 3, 3, 0, 2, 2, 40])
    for size in range(1, len(stream) + 1):
        records = Records()
        found = [kind for start in range(0, len(stream), size) for kind in records.feed(stream[start : start + size])]
        assert found == [22, 24, 21]


def test_a_witness_passes_on_what_both_say_and_notes_it():
    def server(connection):
        assert connection.recv(100) == b"\x16\x03\x01\x00\x01x"
        connection.sendall(b"\x15\x03\x01\x00\x02\x02\x28")

    stop = threading.Event()
    with serving(server) as port:
        witness = Witness(lambda deadline: TcpConnection.open("127.0.0.1", port, deadline, stop), stop)
        try:
            with socket.create_connection(("127.0.0.1", witness.port), timeout=5) as client:
                client.sendall(b"\x16\x03\x01\x00\x01x")
                assert client.recv(100) == b"\x15\x03\x01\x00\x02\x02\x28"
        finally:
            witness.close()
    (dialogue,) = witness.dialogues
    assert dialogue.records == [(CLIENT, 22), (SERVER, 21)]
    assert dialogue.answered


def test_a_witness_notes_a_server_that_takes_no_connection():
    def refused(deadline):
        raise Refused("connection refused")

    witness = Witness(refused, threading.Event())
    with socket.create_connection(("127.0.0.1", witness.port), timeout=5) as client:
        assert client.recv(1) == b""
    witness.close()
    assert [one.answered for one in witness.dialogues] == [False]


# What sslyze says

OPEN = {"heartbleed": {"is_vulnerable_to_heartbleed": True}, "openssl_ccs_injection": {"is_vulnerable_to_ccs_injection": True},
        "robot": {"robot_result": "VULNERABLE_STRONG_ORACLE"}, "session_renegotiation": {"is_vulnerable_to_client_renegotiation_dos": True}}  # fmt: skip
SHUT = {"heartbleed": {"is_vulnerable_to_heartbleed": False}, "openssl_ccs_injection": {"is_vulnerable_to_ccs_injection": False},
        "robot": {"robot_result": "NOT_VULNERABLE_NO_ORACLE"}, "session_renegotiation": {"is_vulnerable_to_client_renegotiation_dos": False}}  # fmt: skip


def completed(results):
    return {name: {"status": "COMPLETED", "result": result} for name, result in results.items()}


@pytest.fixture
def tried(monkeypatch, tmp_path):
    """What comes of a server that answers, for what a stand-in for sslyze prints."""

    def run(scan, *, raw=None, answers=("", ""), seen=OLD, seconds=60.0, stop=None):
        text = raw if raw is not None else json.dumps({"server_scan_results": [{"server_location": {"port": 4711}, **scan}]})
        program = tmp_path / "sslyze.py"
        program.write_text(f"import sys\nport = sys.argv[-1].split(':')[1].split('{{')[0]\nprint({text!r}.replace('4711', port))\n")
        monkeypatch.setattr(attacks, "_sslyze", lambda: [sys.executable, str(program)])
        told, stop = iter(answers), stop or threading.Event()
        with serving(lambda connection: connection.recv(1)) as port:
            server = Attacked(open_=lambda deadline: TcpConnection.open("127.0.0.1", port, deadline, stop), server_name="web.example",
                              starttls="", tls=seen, answers=lambda: next(told, ""), waits=lambda: "")  # fmt: skip
            (facts,) = attacks_on([server], seconds=seconds, stop=stop)
        assert set(facts) == set(ATTACKS)
        return {name: fact.value for name, fact in facts.items()}, {fact.cause for fact in facts.values()}

    return run


def test_an_attack_that_succeeds_is_told_even_if_the_server_dies_of_it(tried):
    assert set(tried({"scan_result": completed(OPEN)})[0].values()) == {True}
    assert set(tried({"scan_result": completed(OPEN)}, answers=("", "connection refused"))[0].values()) == {True}


@pytest.mark.parametrize(("scan", "more", "cause"), [
    ({"scan_result": completed(SHUT)}, {}, "not answered"),  # "not vulnerable" without one connection
    ({"scan_result": completed(SHUT)}, {"answers": ("", "connection reset")}, "no longer answers a plain hello"),
    ({"scan_result": completed(SHUT)}, {"answers": ("timed out",)}, "does not answer a plain hello"),
    ({"scan_result": {}}, {}, "did not finish: no result"),
    ({"scan_result": {name: {"status": "ERROR", "error_reason": "CONNECTIVITY_ISSUE", "error_trace": "x\nsslyze.errors.TlsHandshakeTimedOut: timed out"} for name in SHUT}}, {}, "TlsHandshakeTimedOut"),
    ({"scan_result": {name: {"status": "COMPLETED", "result": None} for name in SHUT}}, {}, "did not finish"),
    ({"scan_result": completed({key: {"robot_result": "UNKNOWN_INCONSISTENT_RESULTS"} for key in SHUT})}, {}, "contradicts itself"),
    ({"scan_result": None, "connectivity_error_trace": "sslyze.errors.ConnectionToServerTimedOut: no"}, {}, "could not connect"),
    ({"server_location": {"port": 1}, "scan_result": completed(OPEN)}, {}, "says nothing of it"),
    ({}, {"raw": "Traceback (most recent call last)"}, "cannot be read"),
    ({}, {"raw": "[" * 100_000}, "cannot be read"),
    ({}, {"raw": '{"server_scan_results": [{}]}'}, "cannot be read"),
    ({}, {"raw": ""}, "cannot be read"),
    ({}, {"seconds": 0.5}, "used up"),
])  # fmt: skip
def test_whatever_else_sslyze_says_is_unknown(tried, scan, more, cause):
    values, causes = tried(scan, **more)
    assert set(values.values()) == {None}
    assert all(cause in one for one in causes), causes


def test_without_sslyze_the_user_reads_what_to_install(monkeypatch):
    monkeypatch.setattr(attacks.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(attacks.shutil, "which", lambda name: None)
    server = Attacked(open_=None, server_name="", starttls="", tls=OLD, answers=None, waits=None)
    (facts,) = attacks_on([server], seconds=5, stop=threading.Event())
    assert {(fact.value, fact.cause) for fact in facts.values()} == {(None, INSTALL)}


def test_mysql_is_left_alone_and_what_a_port_forward_saw_too(monkeypatch):
    monkeypatch.setattr(attacks, "_sslyze", lambda: ["/nonexistent"])
    stop = threading.Event()
    look = Look(vantage=Direct(stop), gates=Gates(Pace()), anchors={}, common=(), stop=stop)
    place = Place(owner_kind="Pod", owner="db", address="127.0.0.1", port=1)
    common = {"owner_kind": "Pod", "owner": "db", "port": 1, "reached": Reached.OPEN, "tls": OLD}
    found = [(place, Endpoint(**common, protocol="mysql", starttls="mysql")), (place, Endpoint(**common, protocol="tls", vantage="port-forward")),
             (place, Endpoint(**msgspec.structs.asdict(Endpoint(**common, protocol="http")) | {"tls": None}))]  # fmt: skip
    mysql, far, plain = (one for _, one in Closer(attacks=True).add(found, look))
    assert {fact.cause for fact in mysql.attacks.values()} == {"not tried: sslyze is not sent to mysql"}
    assert {fact.cause for fact in far.attacks.values()} == {"not tried: it was seen through a port-forward only"}
    assert plain.attacks == {}


def test_a_server_that_hangs_up_by_itself_has_not_refused_a_second_handshake(monkeypatch):
    server = Attacked(open_=None, server_name="", starttls="", tls=OLD, answers=None, waits=lambda: "it closes every connection at once")
    witness = type("W", (), {"dialogues": [AGAIN]})()
    attempt = attacks._Attempt(status="COMPLETED", result=SHUT["session_renegotiation"])
    fact = attacks._fact("client_renegotiation", attempt, ATTACKS["client_renegotiation"][1], server, witness, "")
    assert (fact.value, "closes every connection" in fact.cause) == (None, True)


@pytest.mark.parametrize("name", ["-oX", "a b", "web.example;x", "{127.0.0.1}", "web.example:1", "[::1]", ""])
def test_no_name_reaches_sslyze_that_it_could_misread(name):
    server = Attacked(open_=None, server_name=name, starttls="", tls=OLD, answers=None, waits=None)
    assert attacks._target(server, type("W", (), {"port": 4711})()) == "127.0.0.1:4711"
