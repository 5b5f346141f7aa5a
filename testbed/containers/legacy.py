"""A TLS server as they were in 2005, by tlslite-ng: legacy.py PORT CERTIFICATE KEY; SSLv3 to TLS 1.2, no extensions."""

import socket
import sys
import threading
from pathlib import Path

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.errors import TLSError

PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"

port, certificate, key = sys.argv[1:]
settings = HandshakeSettings()
settings.minVersion, settings.maxVersion = (3, 0), (3, 3)
settings.cipherNames, settings.macNames = ["aes128", "3des", "rc4"], ["sha", "md5"]
settings.keyExchangeNames = ["rsa"]
settings.useExtendedMasterSecret = settings.useEncryptThenMAC = False
chain = X509CertChain()
chain.parsePemList(Path(certificate).read_text())
private = parsePEMKey(Path(key).read_text(), private=True)


def serve(connection: socket.socket) -> None:
    """Make one handshake and give one page; what a client did wrong is its own affair."""
    with connection:
        connection.settimeout(20)
        channel = TLSConnection(connection)
        channel.ignoreAbruptClose = True
        try:
            channel.handshakeServer(certChain=chain, privateKey=private, settings=settings)
            channel.read(min=1, max=4096)
            channel.write(PAGE)
            channel.close()
        except (TLSError, OSError, ValueError) as problem:
            print(type(problem).__name__, problem, flush=True)


listener = socket.create_server(("", int(port)), backlog=64)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
