"""What a port speaks, told from its first words; what it does not say is never taken for something."""

import itertools
import socket
import struct
import threading

import pytest

from preaudit.collect.endpoints import classify as classify_module
from preaudit.collect.endpoints import greeting
from preaudit.collect.endpoints.classify import Unopened, classify
from preaudit.collect.endpoints.protocols import QUESTIONS
from preaudit.collect.tls.connection import Refused, TcpConnection

from .servers import answers, http, says, secured, serving, silent

MYSQL = b"\x4a\0\0\0\x0a5.5.5-10.11.6-MariaDB\0" + b"\x01\0\0\0saltsalt\0" + struct.pack("<H", 0xF7FF) + b"\0" * 40
MYSQL_WITH_TLS = MYSQL.replace(struct.pack("<H", 0xF7FF), struct.pack("<H", 0xFFFF))
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
WANTS_TLS = (b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 60\r\n\r\n"
             b"<p>The plain HTTP request was sent to HTTPS port</p>        ")  # fmt: skip
ASKED = {one.protocol: one.ask for one in QUESTIONS}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Loopback answers at once."""
    monkeypatch.setattr(classify_module, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(greeting, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(classify_module, "QUESTION_SECONDS", 0.2)


def classified(talk, **more):
    with serving(talk) as port:
        stop = threading.Event()
        return classify(lambda deadline: TcpConnection.open("127.0.0.1", port, deadline, stop), port, **more)


@pytest.mark.parametrize(("greeting", "protocol", "tls"), [
    (MYSQL, "mysql", False),
    (b"220 mail.example ESMTP\r\n", "smtp", False),
    (b"* OK IMAP4rev1 ready\r\n", "imap", False),
    (b"+OK POP3 ready\r\n", "pop3", False),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh", False),
    (b"\x17\0\0\0\xff\x69\x04Host is blocked", "mysql", False),
])  # fmt: skip
def test_who_speaks_first_is_heard_out(greeting, protocol, tls):
    found = classified(says(greeting))
    assert (found.protocol, found.tls) == (protocol, tls)


def test_mysql_with_tls_is_begun_in_its_own_words():
    found = classified(says(MYSQL_WITH_TLS))
    assert (found.protocol, found.tls, found.starttls, found.plaintext.value) == ("mysql", True, "mysql", None)


def test_tls_is_tls(tmp_path):
    found = classified(secured(silent, tmp_path))
    assert (found.protocol, found.tls, found.plaintext.value) == ("tls", True, False)


def multiplexed(folder, plain):
    """A port that answers TLS with TLS, and gives everything else to `plain(connection)`."""
    over_tls = secured(silent, folder)

    def talk(connection):
        (over_tls if connection.recv(1, socket.MSG_PEEK) == b"\x16" else plain)(connection)

    return talk


NGINX = b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n"
TO_HTTPS = b"HTTP/1.1 301 Moved\r\nLocation: https://web.example/\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(("plain", "value"), [(http(PLAIN), True), (http(WANTS_TLS), False), (answers({b"GET": WANTS_TLS, b"HEAD": NGINX}), False),
                                              (http(TO_HTTPS), False), (http(NGINX), None), (http(b"\x15\x03\x01\0\2\2\x0a"), False),
                                              (lambda connection: connection.recv(100), False), (silent, None), (http(b"\0\0\6\4"), None)],
                         ids=["http", "wants tls", "wants tls in its text", "sends to https", "400", "alert", "closes", "silent", "something else"])  # fmt: skip
def test_a_port_that_speaks_tls_may_speak_plainly_as_well(tmp_path, plain, value):
    found = classified(multiplexed(tmp_path, plain))
    assert (found.protocol, found.tls, found.plaintext.value) == ("tls", True, value)


@pytest.mark.parametrize("ended", [1, 2, 3])
def test_that_plain_requests_are_refused_is_believed_between_answers_only(tmp_path, ended):
    """Its first plain connections are cut off on their way: once, twice, or with all that follow."""
    cut, whole = iter([True] * {3: 99}.get(ended, ended) + [False] * 9), multiplexed(tmp_path, http(PLAIN))
    hellos = iter([False, *[ended == 3] * 9])

    def talk(connection):
        is_hello = connection.recv(1, socket.MSG_PEEK) == b"\x16"
        if not next(hellos if is_hello else cut):
            whole(connection)

    assert classified(talk).plaintext.value == {1: True, 2: False, 3: None}[ended]


@pytest.mark.parametrize(("lasts", "value"), [(1, True), (2, True), (3, True), (99, None)])
def test_an_outage_refuses_no_plain_request(tmp_path, lasts, value):
    """Whatever comes is cut off for a while, right after a first hello was answered."""
    numbers, whole = itertools.count(), multiplexed(tmp_path, http(PLAIN))

    def talk(connection):
        if not 0 < next(numbers) <= lasts:
            whole(connection)

    assert classified(talk).plaintext.value is value


def test_plain_http_in_answer_to_a_hello_is_http():
    found = classified(http(PLAIN))
    assert (found.protocol, found.tls, found.plaintext.value) == ("http", False, True)


def test_a_server_that_says_it_wants_tls_is_no_plaintext_server():
    """It drops the first hello, as one behind a filter may, and answers plain requests with an error."""
    found = classified(answers({b"HEAD": WANTS_TLS}))
    assert (found.protocol, found.tls, found.plaintext.value) == ("tls", True, False)


@pytest.mark.parametrize(("asked", "answer", "protocol"), [
    ("http", PLAIN, "http"),
    ("redis", b"-NOAUTH Authentication required.\r\n", "redis"),
    ("redis", b"+PONG\r\n", "redis"),
    ("h2c", b"\0\0\x06\4\0\0\0\0\0\0\3\0\0\0\x64", "h2c"),
    ("mongodb", struct.pack("<iiii", 40, 1, 7, 2013) + b"\0" * 24, "mongodb"),
    ("amqp", b"AMQP\0\0\x09\1", "amqp"),
    ("kafka", b"\0\0\0\x0a\0\0\0\x07\0\0\0\0\0\0", "kafka"),
    ("dns", b"\0\x20\x70\x72\x80\0\0\1\0\0\0\0\0\0\0\0\2\0\1" + b"\0" * 10, "dns"),
])  # fmt: skip
def test_each_plain_protocol_is_told_by_its_answer(asked, answer, protocol):
    found = classified(answers({ASKED[asked][:4]: answer}))
    assert (found.protocol, found.plaintext.value) == (protocol, True)


@pytest.mark.parametrize(("answer", "tls", "plaintext"), [(b"S", True, None), (b"N", False, True)])
def test_postgresql_says_whether_it_has_tls(answer, tls, plaintext):
    found = classified(answers({ASKED["postgresql"]: answer}), hint="postgres")
    assert (found.protocol, found.tls, found.plaintext.value) == ("postgresql", tls, plaintext)


def test_silence_is_not_understood():
    found = classified(silent)
    assert (found.protocol, found.tls, found.plaintext.value) == ("silent", False, None)
    assert "timed out" in found.cause


def test_an_answer_in_no_known_protocol_is_not_understood():
    found = classified(http(b"\x99\x98\x97 what?"))
    assert (found.protocol, found.plaintext.value) == ("unknown", None)


def test_a_greeting_that_is_none_of_the_protocol_that_was_named_is_not_understood():
    found = classified(says(b"hello there\r\n"), starttls="smtp")
    assert (found.protocol, found.tls) == ("unknown", False)


def test_a_closed_port_is_told_as_such():
    def refused(_):
        raise Refused("connection refused")

    with pytest.raises(Unopened) as caught:
        classify(refused, 443)
    assert isinstance(caught.value.broken, Refused)
