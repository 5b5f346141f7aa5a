"""Servers of Python's ssl module, in one process: ``python -m tests.tls.zoo.serve_python_ssl FILE``."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Mapping
from typing import Any

from tests.tls.zoo.accepting import Serve, main

_VERSIONS = {"TLSv1.0": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1,
             "TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}  # fmt: skip
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


def _context(entry: Mapping[str, Any]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        # Python deprecates TLS 1.0 and 1.1, which is why they are here.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = _VERSIONS[entry["lowest"]], _VERSIONS[entry["highest"]]
    if entry["ciphers"]:
        context.set_ciphers(entry["ciphers"])
    context.load_cert_chain(entry["chain"], entry["key"])
    context.set_ecdh_curve("prime256v1")
    if entry.get("client_ca"):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(entry["client_ca"])
    return context


def _postgresql(connection: socket.socket) -> bool:
    """Answers an SSLRequest with S; anything else is no PostgreSQL."""
    if connection.recv(8, socket.MSG_WAITALL) != _SSL_REQUEST:
        return False
    connection.sendall(b"S")
    return True


def make(entry: Mapping[str, Any]) -> Serve:
    context = _context(entry)

    def serve(connection: socket.socket) -> None:
        if entry.get("starttls") == "postgresql" and not _postgresql(connection):
            return
        with context.wrap_socket(connection, server_side=True) as channel:
            while channel.recv(4096):
                channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    return serve


if __name__ == "__main__":
    main(make)
