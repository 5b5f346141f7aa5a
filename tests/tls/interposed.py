"""A good TLS 1.2 server, and somebody before it who answers attacks in its place: open to them, silent, dying.

Nothing that can be installed today is open to Heartbleed, CCS injection or ROBOT, so what they answer is canned here.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key

HELLO, CHANGE, HEARTBEAT = 22, 20, 24
BAD_MAC, FAILURE = b"\x15\x03\x03\x00\x02\x02\x14", b"\x15\x03\x03\x00\x02\x02\x28"
LEAK = b"\x18\x03\x03\x40\x00" + b"\x02\x3f\xfd" + b"\x01" * 16_381
Rule = Callable[["Passing"], bool]
"""Told after each record of the client's; True where it has answered itself, so that the server hears no more."""


class Passing:
    """One connection through the interposer."""

    def __init__(self, client: socket.socket, server: socket.socket, owner: Interposer) -> None:
        self.client, self.server, self.owner = client, server, owner
        self.kinds: list[int] = []
        self.last = b""
        self.flight_over = threading.Event()

    def records(self) -> Iterator[bytes]:
        left = b""
        while data := self.client.recv(65_536):
            left += data
            while len(left) >= 5 and len(left) >= 5 + int.from_bytes(left[3:5], "big"):
                size = 5 + int.from_bytes(left[3:5], "big")
                yield left[:size]
                left = left[size:]

    def forth(self, rule: Rule) -> None:
        for record in self.records():
            self.kinds.append(record[0])
            self.last = record
            if rule(self):
                time.sleep(0.2)  # what was answered shall arrive before the end of the stream
                return
            self.server.sendall(record)

    def back(self) -> None:
        try:
            while data := self.server.recv(65_536):
                self.client.sendall(data)
                if b"\x0e\x00\x00\x00" in data[-16:]:
                    self.flight_over.set()  # ServerHelloDone
        except OSError:
            pass
        finally:
            self.flight_over.set()
            with suppress(OSError):
                self.client.shutdown(socket.SHUT_WR)


class Interposer:
    """Listens on loopback before a server."""

    def __init__(self, port: int, rule: Rule) -> None:
        self._server, self._rule = port, rule
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port: int = self._listener.getsockname()[1]
        self.dead = threading.Event()
        self.count = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.dead.set()
        self._thread.join()

    def _accept(self) -> None:
        while not self.dead.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                continue
            self.count += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()
        self._listener.close()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, socket.create_connection(("127.0.0.1", self._server), timeout=20) as server:
                client.settimeout(20)
                passing = Passing(client, server, self)
                back = threading.Thread(target=passing.back, daemon=True)
                back.start()
                passing.forth(self._rule)
                server.shutdown(socket.SHUT_RDWR)
                back.join(1)
        except OSError:
            pass


# What answers in the server's place


def nothing_special(passing: Passing) -> bool:
    return False


def bleeds(passing: Passing) -> bool:
    if passing.kinds[-1] != HEARTBEAT:
        return False
    passing.flight_over.wait(5)
    passing.client.sendall(LEAK)
    return True


def changes_early(passing: Passing) -> bool:
    """Takes the change of cipher, and stumbles over the data after it, as a server does that has no keys yet."""
    if passing.kinds[:2] != [HELLO, CHANGE]:
        return False
    passing.client.recv(4096)
    passing.client.sendall(BAD_MAC)
    return True


def oracle(key: Path) -> Rule:
    """Tells a well-formed RSA key exchange from others by the alert."""
    numbers = load_pem_private_key(key.read_bytes(), None).private_numbers()
    modulus, exponent = numbers.public_numbers.n, numbers.d

    def rule(passing: Passing) -> bool:
        if passing.kinds != [HELLO, HELLO] or passing.last[5] != 16 or len(passing.last) != 11 + modulus.bit_length() // 8:
            return False
        clear = pow(int.from_bytes(passing.last[11:], "big"), exponent, modulus).to_bytes(modulus.bit_length() // 8, "big")
        if b"\xaa\x11\x22\x33\x44" not in clear:  # the secret that every tool for ROBOT sends; others are clients
            return False
        passing.client.sendall(BAD_MAC if clear[:2] == b"\x00\x02" else FAILURE)
        return True

    return rule


def silent_to(kind: int) -> Rule:
    """Holds the connection, and says nothing more, once such a record comes after the hello."""

    def rule(passing: Passing) -> bool:
        if kind not in passing.kinds:
            return False
        passing.server.shutdown(socket.SHUT_RDWR)
        time.sleep(8)
        return True

    return rule


def resets_at(kind: int) -> Rule:
    """Tears the connection down at such a record."""

    def rule(passing: Passing) -> bool:
        if kind not in passing.kinds:
            return False
        passing.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        passing.client.close()
        return True

    return rule


def dies_at(kind: int) -> Rule:
    """Is not there any more after such a record."""

    def rule(passing: Passing) -> bool:
        if kind in passing.kinds:
            passing.owner.dead.set()
            passing.client.close()
            return True
        return False

    return rule


def throttles(after: int) -> Rule:
    """Takes further connections after a number of them, and answers none for a while."""

    def rule(passing: Passing) -> bool:
        if not after < passing.owner.count <= after + 12:
            return False
        time.sleep(6)
        return True

    return rule


@contextmanager
def renegotiating(folder: Path) -> Iterator[int]:
    """``openssl s_server`` that lets clients renegotiate; its input stays open, as it ends every connection otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", folder / "cert.pem", "-key", folder / "key.pem",
         "-tls1_2", "-client_renegotiation"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """A good server of TLS 1.2 that takes RSA key exchange as well; many connections at a time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    context.options |= ssl.OP_NO_RENEGOTIATION

    def one(raw: socket.socket) -> None:
        raw.settimeout(20)
        with suppress(OSError), context.wrap_socket(raw, server_side=True) as connection:
            while connection.recv(4096):
                pass

    def accept() -> None:
        while not over.is_set():
            with suppress(OSError):
                threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join()


@contextmanager
def interposed(port: int, rule: Rule) -> Iterator[int]:
    """A port before another."""
    one = Interposer(port, rule)
    try:
        yield one.port
    finally:
        one.close()
