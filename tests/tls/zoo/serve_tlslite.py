"""Servers of tlslite-ng, in one process: ``python -m tests.tls.zoo.serve_tlslite FILE``."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.errors import TLSError

from tests.tls.zoo.accepting import Serve, main
from tests.tls.zoo.dh import PRIMES

_VERSIONS = {"SSLv3": (3, 0), "TLSv1.0": (3, 1), "TLSv1.1": (3, 2), "TLSv1.2": (3, 3)}


def _settings(entry: Mapping[str, Any]) -> HandshakeSettings:
    settings = HandshakeSettings()
    settings.minVersion, settings.maxVersion = _VERSIONS[entry["lowest"]], _VERSIONS[entry["highest"]]
    settings.cipherNames, settings.macNames = entry["ciphers"], entry["macs"]
    settings.keyExchangeNames = entry["exchanges"]
    settings.useExtendedMasterSecret = entry.get("ems", True)
    settings.minKeySize = 512
    settings.eccCurves = ["secp256r1"]
    settings.defaultCurve = "secp256r1"
    settings.keyShares = []
    settings.dhParams = (2, PRIMES[entry["dh"]])
    return settings


def make(entry: Mapping[str, Any]) -> Serve:
    settings = _settings(entry)
    chain = X509CertChain()
    chain.parsePemList(Path(entry["chain"]).read_text(encoding="utf-8"))
    key = parsePEMKey(Path(entry["key"]).read_text(encoding="utf-8"), private=True)
    anonymous = bool(entry.get("anonymous"))

    def serve(connection: socket.socket) -> None:
        channel = TLSConnection(connection)
        channel.ignoreAbruptClose = True
        try:
            if anonymous:
                channel.handshakeServer(anon=True, settings=settings)
            else:
                channel.handshakeServer(certChain=chain, privateKey=key, settings=settings)
            channel.read(min=1, max=4096)
            channel.close()
        except TLSError:
            # It has sent its alert; nothing more is to be said to this client.
            return

    return serve


if __name__ == "__main__":
    main(make)
