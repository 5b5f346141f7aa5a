"""The few words before TLS: how each protocol begins it (STARTTLS), from the side of a client.

Sources: PostgreSQL's frontend/backend protocol (SSLRequest), MySQL's protocol (SSLRequest after the greeting),
RFC 3207 (SMTP), RFC 2595 (IMAP, POP3), RFC 4511 section 4.14 with RFC 4513 (LDAP).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from preaudit.collect.tls.connection import Broken, Connection

MAX_LINES = 60
MAX_TALK = 16_384
_POSTGRES_SSL = struct.pack("!II", 8, 80877103)
_LDAP_OID = b"1.3.6.1.4.1.1466.20037"
_LDAP_STARTTLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + _LDAP_OID
_MYSQL_SSL = 0x0800
_MYSQL_ERROR, _MAX_SEQUENCE = b"\xff", 8
_ALERT = b"\x15\x03"
_RECORDS = frozenset({20, 21, 22, 23})
_HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"


class NoTls(Broken):
    """The server speaks the protocol, and says that it does not do TLS."""


class OtherProtocol(Broken):
    """What came is not this protocol."""


def postgresql(connection: Connection, deadline: float) -> None:
    """SSLRequest, answered by one byte: S or N."""
    connection.send(_POSTGRES_SSL, deadline)
    answer = connection.receive(1, deadline)
    if answer == b"N":
        raise NoTls("PostgreSQL without TLS")
    if answer != b"S":
        raise OtherProtocol("no answer of PostgreSQL's to SSLRequest")


def mysql(connection: Connection, deadline: float) -> None:
    """The server's greeting, then SSLRequest where its capabilities have TLS."""
    greeting = Talk(connection).packet(deadline)
    if not is_mysql(greeting):
        raise OtherProtocol("no greeting of MySQL's")
    if not has_tls(greeting):
        raise NoTls("MySQL without TLS")
    body = struct.pack("<IIB23x", 0x0000_8A05 | _MYSQL_SSL, 1 << 24, 33)
    connection.send(struct.pack("<I", len(body))[:3] + b"\x01" + body, deadline)


def has_tls(greeting: bytes) -> bool:
    """Whether the capabilities in a greeting's payload have TLS."""
    end = greeting.find(b"\0", 1)
    capabilities = struct.unpack_from("<H", greeting, end + 14)[0] if len(greeting) >= end + 16 else 0
    return bool(capabilities & _MYSQL_SSL)


def is_mysql(packet: bytes) -> bool:
    """Whether a packet's payload is a greeting: protocol version 10 and a printable server version."""
    end = packet.find(b"\0", 1)
    return packet[:1] == b"\x0a" and 1 < end < 80 and packet[1:end].isascii() and packet[1:2].isdigit()


def smtp(connection: Connection, deadline: float) -> None:
    """EHLO, then STARTTLS where it is offered."""
    talk = Talk(connection)
    if not talk.reply(deadline)[-1].startswith(b"220"):
        raise OtherProtocol("no greeting of SMTP's")
    connection.send(b"EHLO preaudit.invalid\r\n", deadline)
    offered = talk.reply(deadline)
    if not any(line[4:].strip().upper() == b"STARTTLS" for line in offered):
        raise NoTls("SMTP without STARTTLS")
    connection.send(b"STARTTLS\r\n", deadline)
    if not talk.reply(deadline)[-1].startswith(b"220"):
        raise NoTls("SMTP refused STARTTLS")


def imap(connection: Connection, deadline: float) -> None:
    """STARTTLS, tagged."""
    talk = Talk(connection)
    if not talk.line(deadline).startswith(b"* "):
        raise OtherProtocol("no greeting of IMAP's")
    connection.send(b"a1 STARTTLS\r\n", deadline)
    for _ in range(MAX_LINES):
        line = talk.line(deadline)
        if line.startswith(b"a1 "):
            if not line[3:].upper().startswith(b"OK"):
                raise NoTls("IMAP refused STARTTLS")
            return
    raise OtherProtocol("no answer of IMAP's to STARTTLS")


def pop3(connection: Connection, deadline: float) -> None:
    """STLS."""
    talk = Talk(connection)
    if not talk.line(deadline).startswith(b"+OK"):
        raise OtherProtocol("no greeting of POP3's")
    connection.send(b"STLS\r\n", deadline)
    if not talk.line(deadline).startswith(b"+OK"):
        raise NoTls("POP3 refused STLS")


def ldap(connection: Connection, deadline: float) -> None:
    """The StartTLS extended request; its response carries a result code, 0 for success."""
    connection.send(_LDAP_STARTTLS, deadline)
    answer = connection.receive(MAX_TALK, deadline)
    if answer[:1] != b"\x30" or b"\x78" not in answer[:12]:
        raise OtherProtocol("no answer of LDAP's to StartTLS")
    code = re.search(rb"\x0a\x01(.)", answer, re.DOTALL)
    if code is None or code.group(1) != b"\0":
        raise NoTls("LDAP refused StartTLS")


STARTTLS: dict[str, Callable[[Connection, float], None]] = {
    "postgresql": postgresql, "mysql": mysql, "smtp": smtp, "imap": imap, "pop3": pop3, "ldap": ldap,
}  # fmt: skip
"""How TLS is begun, by protocol; each raises `NoTls`, `OtherProtocol` or what the connection raises."""


def at_tls(connection: Connection, starttls: str, deadline: float) -> Connection:
    """A fresh connection at the point where TLS begins; it is closed where it does not come there.

    Args:
        connection: opened just now.
        starttls: protocol in which TLS is begun, "" where it begins at once.
        deadline: reading of `time.monotonic` by which the words before it are said.

    Raises:
        Broken: as `STARTTLS` says.
    """
    try:
        if starttls:
            STARTTLS[starttls](connection, deadline)
    except BaseException:
        connection.close()
        raise
    return connection


class RefusedInMysql:
    """A connection on which MySQL may refuse a handshake in its own protocol, unencrypted: told as TLS's own alert.

    Args:
        inner: the connection, after SSLRequest.
    """

    def __init__(self, inner: Connection) -> None:
        self._inner = inner
        self._first = True

    def send(self, data: bytes, deadline: float) -> None:
        """See `Connection.send`."""
        self._inner.send(data, deadline)

    def receive(self, limit: int, deadline: float) -> bytes:
        """See `Connection.receive`."""
        found = self._inner.receive(limit, deadline)
        if self._first and found:
            self._first = False
            is_tls = found[0] in _RECORDS and found[1:2] == b"\x03"
            if found.startswith(_ALERT) and found[3:5] == b"\0\x02":
                return found[:7]  # the same in its own protocol may follow at once
            if not is_tls and found[4:5] == _MYSQL_ERROR and found[3] <= _MAX_SEQUENCE:
                return _HANDSHAKE_FAILURE
        return found

    def close(self) -> None:
        """See `Connection.close`."""
        self._inner.close()


class Talk:
    """Reads lines of a dialogue, bounded, never a byte beyond the line that is asked for.

    Bytes after a STARTTLS answer would be an injection, so nothing is read ahead.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._read = 0

    def line(self, deadline: float) -> bytes:
        """The next line, without its end."""
        line = bytearray()
        while not line.endswith(b"\n"):
            self._read += 1
            if self._read > MAX_TALK:
                raise OtherProtocol("the greeting does not end")
            piece = self._connection.receive(1, deadline)
            if not piece:
                raise OtherProtocol("the greeting broke off")
            line += piece
        return bytes(line).rstrip(b"\r\n")

    def reply(self, deadline: float) -> list[bytes]:
        """The lines of one SMTP reply: a code and a dash in all but the last."""
        lines = [self.line(deadline)]
        while lines[-1][3:4] == b"-":
            if len(lines) > MAX_LINES:
                raise OtherProtocol("the reply does not end")
            lines.append(self.line(deadline))
        return lines

    def packet(self, deadline: float) -> bytes:
        """The payload of one packet of MySQL's: three bytes of length, one of sequence."""
        head = self._exactly(4, deadline)
        return self._exactly(min(int.from_bytes(head[:3], "little"), MAX_TALK), deadline)

    def _exactly(self, count: int, deadline: float) -> bytes:
        found = bytearray()
        while len(found) < count:
            piece = self._connection.receive(count - len(found), deadline)
            if not piece:
                raise OtherProtocol("the greeting broke off")
            found += piece
        return bytes(found)
