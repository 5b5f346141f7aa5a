"""The survey of one endpoint: its versions, suites, groups, chains and facts."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from preaudit.collect.tls.asking import Asking
from preaudit.collect.tls.connection import Dial
from preaudit.collect.tls.course import Course
from preaudit.collect.tls.facts import client_certificate, of_answers, without_certificate
from preaudit.collect.tls.fickle import belied, contradiction, doubted
from preaudit.collect.tls.pace import HostGate, Pace
from preaudit.collect.tls.reply import Lost
from preaudit.collect.tls.server_name import sni
from preaudit.collect.tls.steady import Steady, codes_of
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
        chains: "verdicts" looks for every chain as well, in a few connections more.
    """

    depth: Literal["verdicts", "inventory"] = "inventory"
    banned: tuple[str, ...] = ()
    max_connections: int = 0
    skip: tuple[str, ...] = ()
    chains: bool = False

    def __post_init__(self) -> None:
        if self.depth not in {"verdicts", "inventory"}:
            raise ValueError(f"depth {self.depth!r}: verdicts or inventory")
        if self.max_connections < 0:
            raise ValueError("max_connections is 0 (no limit) or more")
        if strange := set(self.skip) - set(VERSIONS):
            raise ValueError(f"no such version: {', '.join(sorted(strange))}")


INVENTORY = Wanted()
POLITE = Pace()


def survey(  # noqa: PLR0913 - the whole public face
    dial: Dial,
    *,
    server_name: str = "",
    wanted: Wanted = INVENTORY,
    pace: Pace = POLITE,
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
    ends = time.monotonic() + pace.endpoint_seconds
    ends = ends if deadline is None else min(ends, deadline)
    asking = Asking(dial, pace=pace, gate=gate or HostGate(pace), ends=ends, stop=stop, most=wanted.max_connections)
    name = sni(server_name)
    steady = Steady(asking, name)
    asked = tuple(version for version in reversed(VERSIONS) if version not in wanted.skip)
    first = steady.find(codes_of(asked))
    if isinstance(first, Lost):
        return _nothing(wanted, first.words)
    banned = wanted.banned if wanted.depth == "verdicts" else None
    course = Course(asking, steady, first, codes_of(asked)[::-1], banned, chains=wanted.chains)
    course.run()
    facts, shaking = of_answers(steady.seen), course.shaking
    answer, cause = without_certificate(shaking.last, course.spoken)
    offers = tuple(course.offers.offer(version) for version in VERSIONS)
    chains_complete, chains_cause = course.chains_complete, shaking.cause
    if said := contradiction(steady.told) or next(filter(None, (belied(one, steady.told) for one in offers)), ""):
        offers, chains_complete, chains_cause = tuple(doubted(one, said) for one in offers), False, said
        answer, cause = (Answer.INCONCLUSIVE, said) if answer is Answer.REFUSED else (answer, cause)
    return Tls(
        offers=offers,
        chains=course.chains.result(anchors),
        chains_complete=chains_complete,
        chains_cause=chains_cause,
        secure_renegotiation=facts.secure_renegotiation,
        extended_master_secret=facts.extended_master_secret,
        encrypt_then_mac=facts.encrypt_then_mac,
        compression=facts.compression,
        client_certificate=client_certificate(steady.seen, shaking.asks),
        without_certificate=answer,
        without_certificate_cause=cause,
        dh_bits=facts.dh_bits,
    )


def _nothing(wanted: Wanted, cause: str) -> Tls:
    """The result where not even the positive control went well."""
    offers = tuple(
        Offer(version=version, answer=Answer.NOT_ASKED, cause="left out on purpose")
        if version in wanted.skip
        else Offer(version=version, answer=Answer.INCONCLUSIVE, cause=cause)
        for version in VERSIONS
    )
    return Tls(
        offers=offers, chains_cause=cause, without_certificate=Answer.INCONCLUSIVE, without_certificate_cause=cause
    )
