"""A TLS stream over any stream, to read pages through: nothing is verified, nothing secret is sent."""

from __future__ import annotations

import ssl

from preaudit.collect.tls.connection import Broken, Connection, Reset
from preaudit.collect.tls.lenient import lenient

_PIECE = 16_384
_CIPHERS = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"


class Handshake(Broken):
    """The TLS handshake did not succeed; the text says why."""


class SecuredConnection:
    """TLS over a connection; a `Connection` itself.

    Args:
        inner: the stream below; it becomes this object's.
        server_name: sent as SNI, "" for none.
    """

    def __init__(self, inner: Connection, server_name: str = "") -> None:
        self._inner = inner
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = lenient(_CIPHERS).wrap_bio(self._incoming, self._outgoing, server_hostname=server_name or None)

    def shake(self, deadline: float) -> None:
        """Make the handshake.

        Raises:
            Handshake: it failed.
            Broken: the stream below did.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                self._fill(deadline)
            except (ssl.SSLError, ValueError) as error:
                raise Handshake(f"TLS failed: {getattr(error, 'reason', None) or error}") from None
            else:
                self._flush(deadline)
                return

    def send(self, data: bytes, deadline: float) -> None:
        """See `Connection.send`."""
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise Reset(f"TLS broke: {error.reason or 'error'}") from None
        self._flush(deadline)

    def receive(self, limit: int, deadline: float) -> bytes:
        """See `Connection.receive`."""
        while True:
            try:
                return self._tls.read(limit)
            except ssl.SSLWantReadError:
                self._flush(deadline)
                if not self._fill(deadline):
                    return b""
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                raise Reset(f"TLS broke: {error.reason or 'error'}") from None

    def close(self) -> None:
        """See `Connection.close`."""
        self._inner.close()

    def _flush(self, deadline: float) -> None:
        data = self._outgoing.read()
        if data:
            self._inner.send(data, deadline)

    def _fill(self, deadline: float) -> bool:
        data = self._inner.receive(_PIECE, deadline)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return bool(data)


def secure(connection: Connection, server_name: str, deadline: float) -> SecuredConnection:
    """TLS over a connection, shaken; the connection is closed where that fails.

    Args:
        connection: at the point where TLS begins.
        server_name: sent as SNI, "" for none.
        deadline: reading of `time.monotonic` by which the handshake ends.

    Raises:
        Broken: no TLS came about.
    """
    try:
        secured = SecuredConnection(connection, server_name)
        secured.shake(deadline)
    except BaseException:
        connection.close()
        raise
    return secured
