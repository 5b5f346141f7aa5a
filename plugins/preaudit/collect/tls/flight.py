"""The server's first flight, read as it comes: bytes in, one `Reply` out."""

from __future__ import annotations

from preaudit.collect.tls import messages
from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.records import Alert, Message, Messages, Record, Records
from preaudit.collect.tls.registry import SUITES, TLS13, VERSION_NAMES
from preaudit.collect.tls.reply import Declined, Lost, Picked, Reply, alert_words
from preaudit.collect.tls.wire import Garbage

_ORDER = {messages.SERVER_HELLO: 0, 23: 1, messages.CERTIFICATE: 2, 22: 3, messages.KEY_EXCHANGE: 4,
          messages.CERTIFICATE_REQUEST: 5, messages.HELLO_DONE: 6}  # fmt: skip
"""Messages of the flight up to TLS 1.2 in their order; 22 is CertificateStatus, 23 SupplementalData."""
_PROTOCOL_VERSION = 70
_UNSURE = {40, 71}
"""Said of versions, suites, groups and signatures alike."""


def alert_reply(code: int, suite: int | None = None, spoken: int = 0) -> Reply:
    """What a fatal alert says in answer to a hello; `suite` was picked before it, `spoken` is its record's version."""
    words = alert_words(code) if suite is None else f"{alert_words(code)} after {SUITES[suite].name} was picked"
    if code in _UNSURE or (code == _PROTOCOL_VERSION and suite is not None):
        return Declined(words, sure=False, suite=suite, spoken=spoken)
    if code == _PROTOCOL_VERSION:
        return Declined(words, sure=True, spoken=spoken)
    return Lost(words, repeats=True, suite=suite)


class Flight:
    """Reads the answer to one hello.

    Args:
        hello: what was sent.
        session: the session id that an answer of TLS 1.3 must echo.
    """

    def __init__(self, hello: Hello, session: bytes = b"") -> None:
        self._hello = hello
        self._session = session
        self._records = Records()
        self._messages = Messages()
        self._last = -1
        self._server: messages.ServerHello | None = None
        self._certificate: tuple[tuple[bytes, ...], int] = ((), 0)
        self._exchange: bytes | None = None
        self._asks = False

    @property
    def suite(self) -> int | None:
        """The suite that was picked so far."""
        return self._server.suite if self._server else None

    def feed(self, data: bytes) -> Reply | None:
        """Take bytes; the reply once it is certain."""
        try:
            for record in self._records.feed(data):
                for item in self._messages.feed(record.kind, record.fragment):
                    reply = self._alert(item, record) if isinstance(item, Alert) else self._message(item)
                    if reply is not None:
                        return reply
                if record.kind not in {21, 22} and not (self._server and self._server.version == TLS13):
                    raise Garbage("a record that no handshake begins with")  # noqa: TRY301 - one place makes it Lost
        except Garbage as wrong:
            return Lost(str(wrong), suite=self.suite)
        return None

    def _alert(self, alert: Alert, record: Record) -> Reply:
        if alert.code == 0:
            return Lost("closed by close_notify", repeats=True, suite=self.suite)
        return alert_reply(alert.code, self.suite, int.from_bytes(record.header[1:3]))

    def _message(self, message: Message) -> Reply | None:
        if message.kind == 0 and not message.body:
            return None  # a HelloRequest, to be ignored within a handshake
        rank = _ORDER.get(message.kind, -1)
        if rank <= self._last or (rank > 0 and self._server is None):
            raise Garbage(f"handshake message {message.kind} out of turn")
        self._last = rank
        if message.kind == messages.SERVER_HELLO:
            return self._server_hello(messages.server_hello(message.body))
        if message.kind == messages.CERTIFICATE:
            self._certificate = messages.certificates(message.body)
        elif message.kind == messages.KEY_EXCHANGE:
            self._exchange = message.body
        elif message.kind == messages.CERTIFICATE_REQUEST:
            self._asks = True
        elif message.kind == messages.HELLO_DONE:
            if message.body:
                raise Garbage("a ServerHelloDone that is not empty")
            return self._done()
        return None

    def _server_hello(self, server: messages.ServerHello) -> Reply | None:
        hello = self._hello
        if server.suite not in hello.suites:
            raise Garbage(f"it picked suite {server.suite:#06x}, which was not offered")
        if server.compression not in ({0, 1, 0x40} if hello.shape is Shape.FULL and hello.version < TLS13 else {0}):
            raise Garbage(f"it picked compression {server.compression}, which was not offered")
        if server.version > hello.version:
            raise Garbage(f"{VERSION_NAMES[server.version]} picked, which was not offered")
        if server.version < hello.version:
            name = VERSION_NAMES[server.version]
            return Declined(f"{name} picked", sure=True, version=server.version, suite=server.suite)
        self._server = server
        if server.version < TLS13:
            return None
        if server.session_id != self._session:
            raise Garbage("its session id is not the hello's")
        offered = hello.groups if server.retry else ((hello.share[0],) if hello.share else ())
        if server.group not in offered:
            raise Garbage("its key share is of no group that was offered")
        return Picked(TLS13, server.suite, group=server.group)

    def _done(self) -> Reply:
        server = self._server
        if server is None:
            raise Garbage("a ServerHelloDone before any ServerHello")
        suite = SUITES[server.suite]
        chain, unread = self._certificate
        if suite.authentication and not chain:
            raise Garbage(f"no certificate with {suite.name}")
        group, bits = None, 0
        if suite.key_exchange and "ECCPWD" not in suite.name:
            if self._exchange is None:
                raise Garbage(f"no ServerKeyExchange with {suite.name}")
            hinted = "PSK" in suite.name
            if suite.key_exchange == "dh":
                bits = messages.finite_field_bits(self._exchange, hint=hinted)
            else:
                body = self._exchange
                group = messages.curve(body[2 + int.from_bytes(body[:2]) :] if hinted else body)
        return Picked(
            server.version,
            server.suite,
            group=group,
            dh_bits=bits,
            compression=server.compression,
            renegotiation=0xFF01 in server.extensions,
            master_secret=23 in server.extensions,
            encrypt_then_mac=22 in server.extensions,
            chain=chain,
            unread=unread,
            asks_certificate=self._asks,
        )
