"""The few words before TLS, against scripted servers: who has TLS, who has none, and who is somebody else."""

import pytest

from preaudit.collect.endpoints.dialogue import STARTTLS, NoTls, OtherProtocol, RefusedInMysql
from preaudit.collect.tls.connection import TimedOut

GREETING = b"\x51\0\0\0\x0a5.5.5-10.11\0" + b"\x01\0\0\0saltsalt\0" + b"\xff\xff" + b"\0" * 53
EHLO = b"220 m ESMTP\r\n250-m\r\n250-SIZE 1\r\n250 STARTTLS\r\n"


class Script:
    """Gives its bytes, never more than asked for; an exhausted one times out."""

    def __init__(self, text):
        self.left, self.sent = text, b""

    def send(self, data, deadline):
        self.sent += data

    def receive(self, limit, deadline):
        if not self.left:
            raise TimedOut("timed out")
        piece, self.left = self.left[:limit], self.left[limit:]
        return piece

    def close(self):
        pass


@pytest.mark.parametrize(("protocol", "text"), [
    ("postgresql", b"S"), ("mysql", GREETING), ("smtp", EHLO + b"220 go\r\n"), ("imap", b"* OK hi\r\n* CAP x\r\na1 OK go\r\n"),
    ("pop3", b"+OK hi\r\n+OK go\r\n"), ("ldap", b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
])  # fmt: skip
def test_tls_is_begun(protocol, text):
    script = Script(text + b"TLS")
    STARTTLS[protocol](script, 0)
    if protocol != "ldap":  # its answer is one message, read as it comes
        assert script.left == b"TLS", "nothing after the last word is read ahead"


@pytest.mark.parametrize(("protocol", "text"), [
    ("postgresql", b"N"), ("mysql", GREETING.replace(b"\xff\xff", b"\xff\xf7")), ("smtp", b"220 m\r\n250-m\r\n250 SIZE\r\n"),
    ("smtp", EHLO + b"454 not now\r\n"), ("imap", b"* OK hi\r\na1 BAD no\r\n"), ("pop3", b"+OK hi\r\n-ERR no\r\n"),
    ("ldap", b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"),
])  # fmt: skip
def test_a_server_without_tls_says_so(protocol, text):
    with pytest.raises(NoTls):
        STARTTLS[protocol](Script(text), 0)


@pytest.mark.parametrize("protocol", STARTTLS)
@pytest.mark.parametrize("text", [b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3, b"\0" * 400, b"x" * 40_000])
def test_who_says_something_else_is_somebody_else(protocol, text):
    with pytest.raises((OtherProtocol, TimedOut)):
        STARTTLS[protocol](Script(text), 0)


@pytest.mark.parametrize(("came", "told"), [
    (b"\x2a\0\0\x02\xff\x15\x04Bad handshake", b"\x15\x03\x03\x00\x02\x02\x28"),
    (b"\x16\x03\x03\x00\xff" + b"x" * 255, None),
    (b"\x15\x03\x03\x00\x02\x02\x46", None),
    (b"\x15\x03\x03\x00\x02\x02\x28\x16\0\0\x02\xff\x13\x04#08S01Bad handshake", b"\x15\x03\x03\x00\x02\x02\x28"),
    (b"\x2a\0\0\x02\x00no error", None),
])  # fmt: skip
def test_a_refusal_in_mysqls_own_words_is_an_alert(came, told):
    assert RefusedInMysql(Script(came)).receive(400, 0) == (told or came)
