"""Runs a server that will not bind to loopback in a network namespace of its own: ``python -m tests.tls.zoo.namespace
OUTER_PORT INNER_PORT COMMAND…``.

The namespace has a loopback of its own and no other interface, so the server is reachable by nobody. The listening
socket is opened before the namespace is left; connections are carried over, with their ends and resets.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
HOST = "127.0.0.1"


def _leave() -> None:
    """Moves this process into a new namespace, and brings its loopback up."""
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWUSER | CLONE_NEWNET
    if ctypes.CDLL(None, use_errno=True).unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace of one's own is allowed here")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _carry(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except ConnectionResetError:
        # A reset stays a reset: lingering for zero seconds sends one.
        with suppress(OSError):
            sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _connection(client: socket.socket, port: int) -> None:
    with client:
        try:
            server = socket.create_connection((HOST, port), timeout=5)
        except OSError:
            return
        with server:
            server.settimeout(30)
            client.settimeout(30)
            back = threading.Thread(target=_carry, args=(server, client), daemon=True)
            back.start()
            _carry(client, server)
            back.join(timeout=30)


def _ready(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"{process.args} does not listen on {port}")


def main() -> None:
    outer, inner, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    # Bound now, while this is still the namespace that clients are in; listening only once the server is ready.
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, outer))
    _leave()
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _ready(inner, process)
        listener.listen(512)
        while process.poll() is None:
            client, _ = listener.accept()
            threading.Thread(target=_connection, args=(client, inner), daemon=True).start()
    finally:
        process.terminate()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=2)


if __name__ == "__main__":
    main()
