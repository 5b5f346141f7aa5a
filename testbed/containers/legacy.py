"""A TLS server as they were in 2005, by tlslite-ng: legacy.py PORT CERTIFICATE KEY; SSLv3 to TLS 1.2, no extensions."""

import socket
import sys
import threading

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

port, certificate, key = sys.argv[1:]
settings = HandshakeSettings()
settings.minVersion, settings.maxVersion = (3, 0), (3, 3)
settings.cipherNames, settings.macNames = ["aes128", "3des", "rc4"], ["sha", "md5"]
settings.keyExchangeNames = ["rsa"]
settings.useExtendedMasterSecret = settings.useEncryptThenMAC = False
chain = X509CertChain()
with open(certificate) as stream:
    chain.parsePemList(stream.read())
with open(key) as stream:
    private = parsePEMKey(stream.read(), private=True)


def serve(connection):
    with connection:
        connection.settimeout(20)
        channel = TLSConnection(connection)
        channel.ignoreAbruptClose = True
        try:
            channel.handshakeServer(certChain=chain, privateKey=private, settings=settings)
            channel.read(min=1, max=4096)
            channel.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
            channel.close()
        except Exception as problem:
            print(type(problem).__name__, problem, flush=True)


listener = socket.create_server(("", int(port)), backlog=64)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
