"""The accept loop of servers that are Python: a port each, a thread a connection, all in one process of their own."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Mapping

from tests.tls.zoo.ground import HOST

Serve = Callable[[socket.socket], None]
CONNECTION_SECONDS = 20.0


def _accept(listener: socket.socket, serve: Serve) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_one, args=(connection, serve), daemon=True).start()


def _one(connection: socket.socket, serve: Serve) -> None:
    with connection:
        connection.settimeout(CONNECTION_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            serve(connection)
        except (OSError, ValueError, EOFError):
            # What a client did wrong is its own affair; the server's answer has been sent.
            return


def main(make: Callable[[Mapping[str, object]], Serve]) -> None:
    """Reads ``[{"port": …, …}]`` from the file that the command line names, serves until standard input ends."""
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 (one line)
        wanted = json.load(file)
    # All are made before the first listens: who sees a port listening may rely on it.
    made = [(entry["port"], make(entry)) for entry in wanted]
    for port, serve in made:
        listener = socket.create_server((HOST, port), backlog=512)
        threading.Thread(target=_accept, args=(listener, serve), daemon=True).start()
    sys.stdin.read()
