"""SSLv2: its CLIENT-HELLO and what may come back."""

from __future__ import annotations

from preaudit.collect.tls.flight import alert_reply
from preaudit.collect.tls.records import Alert, Messages, Records
from preaudit.collect.tls.registry import KINDS, SSL2
from preaudit.collect.tls.reply import Lost, Picked, Reply
from preaudit.collect.tls.wire import Garbage, Reader

_MAX = 64 * 1024
_ERROR, _SERVER_HELLO = 0, 4


def client_hello(*, plain: bool = False) -> bytes:
    """The record that offers every kind; a plain one offers them the other way round, with a longer challenge."""
    codes = reversed(KINDS) if plain else KINDS
    kinds = b"".join(code.to_bytes(3) for code in codes)
    challenge = bytes(range(16, 48 if plain else 32))
    body = b"\1\0\2" + len(kinds).to_bytes(2) + b"\0\0" + len(challenge).to_bytes(2) + kinds + challenge
    return (0x8000 | len(body)).to_bytes(2) + body


class Flight2:
    """Reads the answer to an SSLv2 CLIENT-HELLO; servers without SSLv2 answer with a TLS alert, or hang up."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Reply | None:
        """Take bytes; the reply once it is certain."""
        self._pending += data
        try:
            return self._read()
        except Garbage as wrong:
            return Lost(str(wrong))

    def _read(self) -> Reply | None:
        pending = self._pending
        if len(pending) < 3:
            return None
        if pending[0] == 21 and pending[1] == 3:
            return self._tls_alert(pending)
        if pending[0] & 0x80:
            start, length = 2, int.from_bytes(pending[:2]) & 0x7FFF
        else:
            start, length = 3, int.from_bytes(pending[:2]) & 0x3FFF
        if not 0 < length <= _MAX:
            raise Garbage(f"a record of {length} bytes")
        if pending[start : start + 1] not in {b"", b"\0", b"\4"}:
            raise Garbage("what came is no answer of SSLv2")
        if len(pending) < start + length:
            return None
        body = pending[start : start + length]
        return self._error(body) if body[0] == _ERROR else self._hello(Reader(body[1:]))

    @staticmethod
    def _tls_alert(pending: bytes) -> Reply | None:
        for record in Records().feed(pending):
            for item in Messages().feed(record.kind, record.fragment):
                if isinstance(item, Alert):
                    return alert_reply(item.code) if item.code else Lost("closed by close_notify", repeats=True)
            return Lost("a warning alert in answer to SSLv2")
        return None

    @staticmethod
    def _error(body: bytes) -> Reply:
        if len(body) != 3:
            raise Garbage("a malformed error of SSLv2")
        return Lost(f"SSLv2 error {int.from_bytes(body[1:])}", repeats=True)

    def _hello(self, reader: Reader) -> Reply:
        hit, kind, version = reader.number(1), reader.number(1), reader.number(2)
        lengths = [reader.number(2) for _ in range(3)]
        certificate, kinds, identifier = (reader.take(length) for length in lengths)
        reader.done()
        if hit or kind != 1 or version != SSL2 or not certificate or not identifier or len(kinds) % 3:
            raise Garbage("a malformed SERVER-HELLO of SSLv2")
        codes = tuple(int.from_bytes(kinds[at : at + 3]) for at in range(0, len(kinds), 3))
        if unknown := set(codes) - set(KINDS):
            raise Garbage(f"it picked kind {min(unknown):#08x}, which was not offered")
        # A server that shares no kind speaks SSLv2 all the same, and DROWN needs no more.
        return Picked(SSL2, codes[0] if codes else -1, chain=(certificate,), kinds=tuple(dict.fromkeys(codes)))
