"""Whether a server turns away those who name no server, as proxies do that tell their hosts apart by SNI alone.

A port that takes handshakes under its hosts' names may have another certificate, or none, for everybody else. Scanners
of an auditor come by address, so what they get is looked at too; that they get nothing is believed only where the
server answers under a name before and after.
"""

from __future__ import annotations

import time

from preaudit.collect.endpoints.classify import Open, hello
from preaudit.collect.tls.connection import Broken, Reset, Stopped

_SECONDS = 3.0
_ALERT, _HANDSHAKE = b"\x15", b"\x16"


def turned_away(open_: Open, name: str) -> bool:
    """Two hellos without a name are refused, and three with one, around and between them, are answered.

    Args:
        open_: opens connections to the place.
        name: a server name that is served there.

    Raises:
        Stopped: the run is being ended.
    """
    return all(_answer(open_, sent) == (_HANDSHAKE if sent else _ALERT) for sent in (name, "", name, "", name))


def _answer(open_: Open, name: str) -> bytes:
    """The kind of record that comes first: an alert's where the connection is ended, none where nothing is clear."""
    deadline = time.monotonic() + _SECONDS
    try:
        connection = open_(deadline)
    except Stopped:
        raise
    except Broken:
        return b""
    try:
        connection.send(hello(name), deadline)
        return connection.receive(1, deadline) or _ALERT
    except Reset:
        return _ALERT
    except Stopped:
        raise
    except Broken:
        return b""
    finally:
        connection.close()
