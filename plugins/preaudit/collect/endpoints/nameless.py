"""Whether a server turns away those who name none of its hosts, as proxies do that tell these apart by SNI alone.

A port that takes handshakes under its hosts' names may have another certificate, or none, for everybody else. Scanners
of an auditor come by address, and a domain has names that nobody has thought of, so what these get is looked at too;
that they get nothing is believed only where the server answers under a host's name before and after.
"""

from __future__ import annotations

from preaudit.collect.endpoints.greeting import ALERT, ENDED, HANDSHAKE, Open, hello, said_back


def turned_away(open_: Open, name: str, other: str = "") -> bool:
    """Two hellos with another name, or with none, are refused, and three around and between them are answered.

    Args:
        open_: opens connections to the place.
        name: a server name that is served there.
        other: the name in question, "" for none.

    Raises:
        Stopped: the run is being ended.
    """
    expected = {True: {HANDSHAKE}, False: {ALERT, ENDED}}
    return all(said_back(open_, hello(sent)) in expected[sent == name] for sent in (name, other, name, other, name))
