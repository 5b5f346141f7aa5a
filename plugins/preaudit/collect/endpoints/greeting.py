"""The first words to a port, and what kind of answer comes first."""

from __future__ import annotations

import time
from collections.abc import Callable

from preaudit.collect.tls.connection import Broken, Connection, Reset, Stopped
from preaudit.collect.tls.hello import Hello, encode
from preaudit.collect.tls.registry import TLS13

Open = Callable[[float], Connection]
"""Opens a fresh connection by a deadline, politely; raises `Broken`."""
ANSWER_SECONDS = 1.5
HANDSHAKE, ALERT = b"\x16", b"\x15"
ENDED = b"the end"
"""What no first byte is: the connection was closed or reset instead of an answer."""
_SUITES = (
    0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0xC009, 0xC013, 0xC00A, 0xC014, 0x009E,
    0x009F, 0x0033, 0x0039, 0x0067, 0x006B, 0x009C, 0x009D, 0x002F, 0x0035, 0x003C, 0x003D, 0x000A, 0x0005, 0x0004,
    0xC0AC, 0xC09C, 0x0016, 0x0034, 0xC018, 0x0002, 0x003B,
)  # fmt: skip
"""What nearly every server has one of; which ones is for the survey to find out."""
_GROUPS = (0x001D, 0x0017, 0x0018, 0x0019)


def hello(server_name: str) -> bytes:
    """A ClientHello that nearly every server takes."""
    return encode(Hello(version=TLS13, suites=_SUITES, groups=_GROUPS, server_name=server_name, fallback=True))


def said_back(open_: Open, words: bytes) -> bytes:
    """The first byte that comes back; `ENDED` where the connection is ended instead, none where neither came.

    Args:
        open_: opens connections to the place.
        words: what is sent.

    Raises:
        Stopped: the run is being ended.
    """
    try:
        connection = open_(time.monotonic() + ANSWER_SECONDS)
    except Stopped:
        raise
    except Broken:
        return b""
    # The wait for a place at the host's gate is ours, and is over now.
    deadline = time.monotonic() + ANSWER_SECONDS
    try:
        connection.send(words, deadline)
        return connection.receive(1, deadline) or ENDED
    except Reset:
        return ENDED
    except Stopped:
        raise
    except Broken:
        return b""
    finally:
        connection.close()
