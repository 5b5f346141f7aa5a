"""Whether a server turns away those who name no server, as proxies do that tell their hosts apart by SNI alone.

A port that takes handshakes under its hosts' names may have another certificate, or none, for everybody else. Scanners
of an auditor come by address, so what they get is looked at too; that they get nothing is believed only where the
server answers under a name before and after.
"""

from __future__ import annotations

from preaudit.collect.endpoints.greeting import ALERT, ENDED, HANDSHAKE, Open, hello, said_back


def turned_away(open_: Open, name: str) -> bool:
    """Two hellos without a name are refused, and three with one, around and between them, are answered.

    Args:
        open_: opens connections to the place.
        name: a server name that is served there.

    Raises:
        Stopped: the run is being ended.
    """
    expected = {True: {HANDSHAKE}, False: {ALERT, ENDED}}
    return all(said_back(open_, hello(sent)) in expected[bool(sent)] for sent in (name, "", name, "", name))
