"""The survey of one endpoint: its versions, suites, groups, chains and facts."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from preaudit.collect.tls.connection import Broken, Dial
from preaudit.collect.tls.pace import HostGate, Pace
from preaudit.collect.tls.trust import Anchor
from preaudit.endpoint import VERSIONS, Answer, Offer, Tls


@dataclass(frozen=True)
class Wanted:
    """What to find out about an endpoint.

    Attributes:
        depth: "verdicts": which versions it speaks and which of `banned` it accepts, in as few connections as can be;
            "inventory": every suite and group.
        banned: IANA names of the suites that "verdicts" asks for, those of TLS 1.3 among them.
        max_connections: never more than this; what is left then is inconclusive. 0 for no limit.
        skip: versions that are not asked for (`Answer.NOT_ASKED`).
    """

    depth: Literal["verdicts", "inventory"] = "inventory"
    banned: tuple[str, ...] = ()
    max_connections: int = 0
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.depth not in {"verdicts", "inventory"}:
            raise ValueError(f"depth {self.depth!r}: verdicts or inventory")
        if self.max_connections < 0:
            raise ValueError("max_connections is 0 (no limit) or more")
        if strange := set(self.skip) - set(VERSIONS):
            raise ValueError(f"no such version: {', '.join(sorted(strange))}")


def survey(  # noqa: PLR0913 - the whole public face
    dial: Dial,
    *,
    server_name: str = "",
    wanted: Wanted = Wanted(),
    pace: Pace = Pace(),
    gate: HostGate | None = None,
    anchors: Sequence[Anchor] = (),
    stop: threading.Event | None = None,
    deadline: float | None = None,
) -> Tls:
    """Find out what an endpoint does with TLS.

    Nothing that a server does raises; it becomes `Answer.INCONCLUSIVE` with its cause.

    Args:
        dial: opens connections; called once for each hello.
        server_name: a DNS name that is sent as SNI; addresses are never sent, "" sends none.
        wanted: how much to ask.
        pace: how politely.
        gate: the host's gate, shared with its other endpoints; None makes one from `pace`.
        anchors: each gives one `TrustPath` to every chain.
        stop: once set, the survey ends within a second, and what is not known by then is inconclusive.
        deadline: `time.monotonic` by which it ends likewise; `pace.endpoint_seconds` bounds it as well.
    """
    ends = min(deadline or float("inf"), time.monotonic() + pace.endpoint_seconds)
    cause = "nothing was asked yet"
    try:
        with (gate or HostGate(pace)).connection(ends, stop):
            dial(min(ends, time.monotonic() + pace.connection_seconds)).close()
    except Broken as error:
        cause = str(error)
    offers = tuple(Offer(version=version, answer=Answer.INCONCLUSIVE, cause=cause) for version in VERSIONS)
    return Tls(offers=offers, chains_cause=cause)
