"""What a port speaks: a greeting is waited for, then TLS is tried, then plain protocols one by one.

The order has reasons: a MySQL server counts every hello against the address it came from, so it is heard out first;
an HTTPS server answers a plain request with a plain error, so TLS comes before HTTP.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from preaudit.collect.endpoints.answers import page_of, wants_tls
from preaudit.collect.endpoints.ask import Ask
from preaudit.collect.endpoints.dialogue import STARTTLS, NoTls, OtherProtocol, has_tls, is_mysql
from preaudit.collect.endpoints.greeting import ALERT, ANSWER_SECONDS, ENDED, HANDSHAKE, Open, hello, said_back
from preaudit.collect.endpoints.pages import fetch
from preaudit.collect.endpoints.protocols import Question, greeted, in_turn
from preaudit.collect.tls.connection import Broken, Refused, Stopped, TimedOut
from preaudit.endpoint import Endpoint, Fact

GREETING_SECONDS = 0.2
"""How long a server that speaks first is waited for, before anything is sent."""
QUESTION_SECONDS = 0.8
_MOST = 8192


_UNTOLD = Fact()
_NOT_DEMANDED = Fact(None, "TLS is offered, not proved to be demanded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What a port speaks.

    Attributes:
        protocol: as in `preaudit.endpoint.Endpoint`.
        cause: why that is not known.
        tls: TLS answers, either at once or after the dialogue that `starttls` names.
        starttls: protocol in which TLS is begun.
        tls_cause: why it is not known whether TLS is spoken.
        plaintext: whether it speaks the protocol without TLS.
    """

    protocol: str
    cause: str = ""
    tls: bool = False
    starttls: str = ""
    tls_cause: str = ""
    plaintext: Fact = _UNTOLD

    @classmethod
    def of(cls, seen: Endpoint) -> Spoken:
        """What an endpoint spoke when it was looked at."""
        return cls(protocol=seen.protocol, tls=seen.tls is not None, starttls=seen.starttls)


class Unopened(Exception):  # noqa: N818 - a state of the world
    """The very first connection did not come about."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(str(broken))
        self.broken = broken


def classify(open_: Open, port: int, *, server_name: str = "", hint: str = "", starttls: str = "") -> Spoken:
    """Find out what a port speaks.

    Args:
        open_: opens connections to it.
        port: its number; usual ports are asked for their usual protocol first.
        server_name: sent as SNI.
        hint: a protocol that a declaration names.
        starttls: a protocol that the user names; only that is tried.

    Raises:
        Unopened: no connection could be made at all.
        Stopped: the run is being ended.
    """
    if starttls:
        return _begun(open_, starttls, plaintext_known=False)
    raw, how = _first(open_, server_name)
    protocol = greeted(raw)
    if protocol == "mysql" and is_mysql(raw[4:]):
        return _mysql(raw[4:])
    if protocol in STARTTLS:
        return _begun(open_, protocol, plaintext_known=True)
    if protocol:
        return Spoken(protocol=protocol, plaintext=Fact(protocol != "ssh", "it greets in plain text"))
    if len(raw) >= 3 and raw[0] in {21, 22} and raw[1] == 3:
        return Spoken(protocol="tls", tls=True, plaintext=_plain_beside_tls(open_, server_name))
    if raw.startswith(b"HTTP/") and not wants_tls(page_of(Ask(), raw), raw):
        return Spoken(protocol="http", plaintext=Fact(True, "it answers a ClientHello with plain HTTP"))  # noqa: FBT003
    return _questioned(open_, port, hint, how)


def _plain_beside_tls(open_: Open, server_name: str) -> Fact:
    """Whether a port that answers with TLS serves plain HTTP as well, as ports do that tell the two apart."""
    found = _asked_plainly(open_, server_name)
    return found if found.value is not None else _asked_plainly(open_, server_name)


def _asked_plainly(open_: Open, server_name: str) -> Fact:
    """What a plain request brings; that it ends the connection counts twice, where TLS is answered after each."""
    ask = Ask("/", question_ask().host)  # what is wrong with it stands in the text, which HEAD would not bring
    for _ in range(2):
        answer = said_back(open_, ask.encoded())
        if answer == ENDED and not _speaks_tls(open_, server_name):
            answer = b""
        if answer != ENDED:
            break
    if not answer:
        return Fact(None, "what it does with a plain request is not clear")
    if answer in {ALERT, ENDED}:
        return Fact(False, "it answers with TLS, and ends who asks without")  # noqa: FBT003 - a value
    try:
        connection = open_(time.monotonic() + ANSWER_SECONDS)
    except Stopped:
        raise
    except Broken as error:
        return Fact(None, f"a plain request: {error}")
    try:
        page, raw = fetch(connection, ask, time.monotonic() + ANSWER_SECONDS)
    finally:
        connection.close()
    if wants_tls(page, raw) or page.location.startswith("https:"):
        return Fact(False, "plain HTTP is answered with a demand for TLS")  # noqa: FBT003 - a value
    if page.status in {0, 400}:
        told = f"{page.status}, which may be a demand for TLS" if page.status else page.cause
        return Fact(None, f"what it does with a plain request is not clear ({told})")
    return Fact(True, f"plain HTTP is answered with {page.status}, beside TLS")  # noqa: FBT003 - a value


def _speaks_tls(open_: Open, server_name: str) -> bool:
    return said_back(open_, hello(server_name)) in {HANDSHAKE, ALERT}


def _first(open_: Open, server_name: str) -> tuple[bytes, str]:
    """What a fresh connection says unasked, or to a ClientHello; and what happened, where it says nothing."""
    now = time.monotonic()
    try:
        connection = open_(now + ANSWER_SECONDS + GREETING_SECONDS)
    except Stopped:
        raise
    except Broken as error:
        raise Unopened(error) from None
    try:
        try:
            greeting = connection.receive(_MOST, time.monotonic() + GREETING_SECONDS)
        except TimedOut:
            greeting = b""
        if greeting:
            return greeting, ""
        deadline = time.monotonic() + ANSWER_SECONDS
        connection.send(hello(server_name), deadline)
        answer = connection.receive(_MOST, deadline)
    except Stopped:
        raise
    except Refused as error:  # a port-forward learns of it only now
        raise Unopened(error) from None
    except Broken as error:
        return b"", f"a ClientHello: {error}"
    else:
        return answer, "" if answer else "it closes the connection after a ClientHello"
    finally:
        connection.close()


def _mysql(greeting: bytes) -> Spoken:
    """What its greeting says: each further connection counts against the address that it came from."""
    if has_tls(greeting):
        return Spoken(protocol="mysql", tls=True, starttls="mysql", plaintext=_NOT_DEMANDED)
    return Spoken(protocol="mysql", plaintext=Fact(True, "MySQL without TLS"))  # noqa: FBT003


def _begun(open_: Open, protocol: str, *, plaintext_known: bool) -> Spoken:
    """A protocol that begins TLS in its own words: whether it does."""
    plaintext = Fact(True, "it greets in plain text") if plaintext_known else Fact(None, "not asked for")  # noqa: FBT003
    deadline = time.monotonic() + ANSWER_SECONDS
    try:
        connection = open_(deadline)
    except Stopped:
        raise
    except Broken as error:
        if not plaintext_known:
            raise Unopened(error) from None
        return Spoken(protocol=protocol, tls_cause=str(error), plaintext=plaintext)
    try:
        STARTTLS[protocol](connection, deadline)
    except NoTls as error:
        return Spoken(protocol=protocol, plaintext=Fact(True, str(error)))  # noqa: FBT003
    except OtherProtocol as error:
        if plaintext_known:
            return Spoken(protocol=protocol, tls_cause=f"STARTTLS: {error}", plaintext=plaintext)
        return Spoken(protocol="unknown", cause=f"{protocol} was expected: {error}")
    except Stopped:
        raise
    except Broken as error:
        return Spoken(protocol=protocol, tls_cause=f"STARTTLS: {error}", plaintext=plaintext)
    finally:
        connection.close()
    # Whether a session goes on without TLS as well is for the server's configuration to say, not for its greeting.
    return Spoken(protocol=protocol, tls=True, starttls=protocol, plaintext=_NOT_DEMANDED)


def _questioned(open_: Open, port: int, hint: str, how: str) -> Spoken:
    """Ask for one plain protocol after the other."""
    spoke = False
    for question in in_turn(port, hint):
        raw, happened = _asked(open_, question)
        spoke = spoke or bool(raw)
        if question.protocol == "http" and raw.startswith(b"HTTP/"):
            page = page_of(question_ask(), raw)
            if wants_tls(page, raw):
                return Spoken(protocol="tls", tls=True, tls_cause=how,
                              plaintext=Fact(False, "plain HTTP is answered with a demand for TLS"))  # noqa: FBT003 # fmt: skip
            return Spoken(protocol="http", plaintext=Fact(True, f"HTTP status {page.status}"))  # noqa: FBT003
        if question.answers(raw):
            if question.protocol in STARTTLS:
                return _begun(open_, question.protocol, plaintext_known=False)
            return Spoken(protocol=question.protocol, plaintext=Fact(True, f"it answers {question.protocol}"))  # noqa: FBT003
        protocol = greeted(raw)
        if protocol:
            if protocol in STARTTLS:
                return _begun(open_, protocol, plaintext_known=True)
            return Spoken(protocol=protocol, plaintext=Fact(protocol != "ssh", "it greets in plain text"))
        how = how or happened
    if spoke:
        return Spoken(protocol="unknown", cause="it answers, but in no protocol that is known here", tls_cause=how)
    how = how or "no answer"
    return Spoken(protocol="silent", cause=f"silent to TLS and to every protocol tried ({how})", tls_cause=how)


def question_ask() -> Ask:
    """The request that the HTTP question sends."""
    return Ask("/", "preaudit.invalid", "HEAD")


def _asked(open_: Open, question: Question) -> tuple[bytes, str]:
    """What one question brings."""
    deadline = time.monotonic() + QUESTION_SECONDS
    try:
        connection = open_(deadline)
    except Stopped:
        raise
    except Broken as error:
        return b"", str(error)
    try:
        if question.protocol == "http":
            _, raw = fetch(connection, question_ask(), deadline)
            return raw, ""
        connection.send(question.ask, deadline)
        return connection.receive(_MOST, deadline), ""
    except Stopped:
        raise
    except Broken as error:
        return b"", str(error)
    finally:
        connection.close()
