"""A relay between sslyze and a server that notes which kinds of TLS records each side sent, in which order.

sslyze takes a time-out, a reset or a close for a server that withstood an attack. Here a server has withstood it only
where it was heard to say so, and where every other connection of the same run was answered too. The relay also
keeps sslyze to the pace at which the host is treated, and to the one address that was checked.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from dataclasses import dataclass, field

from preaudit.collect.endpoints.greeting import Open
from preaudit.collect.tls.connection import Broken, Connection, TimedOut

CHANGE_CIPHER, ALERT, HANDSHAKE, DATA, HEARTBEAT = 20, 21, 22, 23, 24
CLIENT, SERVER = "client", "server"
_PIECE = 16_384
_SLICE_SECONDS = 0.2
_MOST = 120
"""Connections that one server is asked for; sslyze makes about thirty."""
_OPEN_SECONDS = 5.0
_IDLE_SECONDS = 30.0


@dataclass(slots=True)
class Dialogue:
    """One connection: the types of the records that were sent, each with its sender.

    Attributes:
        records: sender and type, in the order in which they passed.
        opened: the connection to the server came about.
        spoke: the client sent something.
    """

    records: list[tuple[str, int]] = field(default_factory=list)
    opened: bool = False
    spoke: bool = False

    @property
    def answered(self) -> bool:
        """The server was reached, and if it was asked anything it answered with TLS."""
        return self.opened and (not self.spoke or any(who == SERVER for who, _ in self.records))

    @property
    def asked(self) -> list[int]:
        """The types of the client's records."""
        return [kind for who, kind in self.records if who == CLIENT]

    def after(self, number: int) -> list[int]:
        """The types of the server's records that came after the client's record of that number, from 1.

        What follows an alert of the client's is left out: it answers that.
        """
        seen, found = 0, []
        for who, kind in self.records:
            if seen >= number and (who, kind) == (CLIENT, ALERT):
                break
            seen += who == CLIENT
            if who == SERVER and seen >= number:
                found.append(kind)
        return found

    @property
    def greeted(self) -> bool:
        """The server took the hello: it sent a record of the handshake."""
        return (SERVER, HANDSHAKE) in self.records


class Records:
    """Finds the types of TLS records in a stream."""

    def __init__(self) -> None:
        self._left = b""
        self._skip = 0

    def feed(self, data: bytes) -> list[int]:
        """The types of the records that begin in these bytes."""
        found = []
        data, self._left = self._left + data, b""
        while data:
            if self._skip:
                taken = min(self._skip, len(data))
                data, self._skip = data[taken:], self._skip - taken
                continue
            if len(data) < 5:
                self._left = data
                break
            found.append(data[0])
            self._skip, data = int.from_bytes(data[3:5], "big"), data[5:]
        return found


class Witness:
    """A listener on loopback that leads to one server.

    Args:
        open_: opens connections to the server.
        stop: set when the run is to end.
    """

    def __init__(self, open_: Open, stop: threading.Event) -> None:
        self._open = open_
        self._run = stop
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_SLICE_SECONDS)
        self.port: int = self._listener.getsockname()[1]
        self.dialogues: list[Dialogue] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def close(self) -> None:
        """End every connection, and wait for that."""
        self._over.set()
        self._acceptor.join()
        self._listener.close()
        for one in self._threads:
            one.join()

    @property
    def _ended(self) -> bool:
        return self._over.is_set() or self._run.is_set()

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                continue
            dialogue = Dialogue()
            self.dialogues.append(dialogue)
            if len(self.dialogues) > _MOST:
                client.close()
                continue
            thread = threading.Thread(target=self._serve, args=(client, dialogue), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, dialogue: Dialogue) -> None:
        with client:
            try:
                server = self._open(time.monotonic() + _OPEN_SECONDS)
            except Broken:
                return
            dialogue.opened = True
            passing = _Passing(dialogue)
            ended = threading.Event()
            back = threading.Thread(target=self._back, args=(server, client, passing, ended), daemon=True)
            back.start()
            try:
                self._forth(client, server, passing, ended)
            finally:
                ended.set()
                back.join()
                server.close()

    def _forth(self, client: socket.socket, server: Connection, passing: _Passing, ended: threading.Event) -> None:
        """What the client says, until one of the two has ended."""
        quiet_until = time.monotonic() + _IDLE_SECONDS
        while not (self._ended or ended.is_set()) and time.monotonic() < quiet_until:
            if not select.select([client], [], [], _SLICE_SECONDS)[0]:
                continue
            try:
                data = client.recv(_PIECE)
                if not data:
                    return
                passing.note(CLIENT, data)
                server.send(data, time.monotonic() + _OPEN_SECONDS)
            except (OSError, Broken):
                return
            quiet_until = time.monotonic() + _IDLE_SECONDS

    def _back(self, server: Connection, client: socket.socket, passing: _Passing, ended: threading.Event) -> None:
        """What the server says."""
        while not (self._ended or ended.is_set()):
            try:
                data = server.receive(_PIECE, time.monotonic() + _SLICE_SECONDS)
                if not data:
                    break
                passing.note(SERVER, data)
                client.sendall(data)
            except TimedOut:
                continue
            except (OSError, Broken):
                break
        ended.set()


class _Passing:
    """Notes what passes; the words before TLS (STARTTLS) are left out."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._streams = {CLIENT: Records(), SERVER: Records()}
        self._lock = threading.Lock()
        self._begun = False

    def note(self, who: str, data: bytes) -> None:
        with self._lock:
            if who == CLIENT:
                self._dialogue.spoke = True
                self._begun = self._begun or data[:2] == b"\x16\x03"
            if self._begun:
                self._dialogue.records += [(who, kind) for kind in self._streams[who].feed(data)]
