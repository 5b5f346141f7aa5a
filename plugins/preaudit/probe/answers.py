"""What the probe told, put beside what was asked: nothing of whose an endpoint is comes from the log."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence

import msgspec

from preaudit.collect.endpoints.look import Look
from preaudit.collect.endpoints.place import Place
from preaudit.collect.tls.trust import Anchor, trust_path
from preaudit.endpoint import Chain, Endpoint, Fact, Reached, TrustPath
from preaudit.probe.inside import VANTAGE
from preaudit.probe.questions import Asking, Questions
from preaudit.probe.reading import Told
from preaudit.reachability import Answered, Reachability

Seen = tuple[Place, Endpoint]
_NO_ROOM = "there was no room for it among the probe's questions"


def failed(asked: Questions, cause: str) -> list[Reachability]:
    """Every question without an answer."""
    every = [*(one.about for one in (*asked.knocked, *asked.sidecars)), *asked.unasked]
    return [msgspec.structs.replace(one, answered=Answered.UNKNOWN, cause=cause) for one in every]


def answers(asked: Questions, told: Told, listens: Callable[[Place], Fact]) -> Iterator[Reachability]:
    """Every question with what came back.

    Args:
        asked: the questions.
        told: the probe's log.
        listens: asks a pod's port through a port-forward whether it answers.
    """
    for index, one in enumerate(asked.knocked):
        yield _knocked(one, index, asked, told, listens)
    for index, one in enumerate(asked.sidecars):
        yield _behind(one.about, told.looked.get(index))
    for about in asked.unasked:
        yield msgspec.structs.replace(about, cause=_NO_ROOM)


def _knocked(
    one: Asking, index: int, asked: Questions, told: Told, listens: Callable[[Place], Fact]
) -> Reachability:
    answer = told.answer(index)
    where = f"on node {one.place.node}" if one.place is not None else "in the cluster"
    control = asked.controls.fact(one.controls, told, where)
    listener = Fact()
    if one.place is not None and answer.answered is Answered.SILENT and control.value:
        listener = listens(one.place)
    return msgspec.structs.replace(
        one.about, answered=answer.answered, cause=answer.cause, control=control, listener=listener
    )


def _behind(about: Reachability, seen: Endpoint | None) -> Reachability:
    if seen is None:
        return msgspec.structs.replace(about, cause="the probe did not say what it saw there")
    if seen.reached is Reached.CLOSED:
        return msgspec.structs.replace(about, answered=Answered.REFUSED)
    if seen.reached is not Reached.OPEN:
        answered = Answered.SILENT if seen.reached is Reached.UNREACHABLE else Answered.UNKNOWN
        return msgspec.structs.replace(about, answered=answered, cause=seen.cause)
    speaks = Fact(seen.tls is not None, seen.tls_cause)
    if seen.tls is None and (seen.tls_cause or not seen.understood):
        speaks = Fact(None, seen.tls_cause or seen.protocol_cause or "it answers to nothing that was tried")
    return msgspec.structs.replace(
        about, answered=Answered.OPEN, plaintext=seen.plaintext, tls=speaks,
        client_certificate=seen.tls.client_certificate if seen.tls is not None else Fact(None, "it speaks no TLS"),
    )  # fmt: skip


def better(asked: Questions, told: Told, found: Sequence[Seen], look: Look) -> list[Seen]:
    """What was seen from outside, with what the probe saw where nobody could see from there."""
    first = len(asked.sidecars)
    inside = {place.where: told.looked.get(first + index) for index, place in enumerate(asked.looks)}
    made = []
    for place, outside in found:
        seen = inside.get(place.where) if place.owner_kind != "Target" and not outside.understood else None
        made.append((place, _owned(seen, outside, place, look) if seen is not None and seen.understood else outside))
    return made


def _owned(seen: Endpoint, outside: Endpoint, place: Place, look: Look) -> Endpoint:
    """What the probe saw, under the name and with the trust that we know ourselves."""
    names = dict.fromkeys((*place.anchors, *look.common))
    anchors = [look.anchors[name] for name in names if name in look.anchors]
    tls = seen.tls
    if tls is not None:
        chains = tuple(msgspec.structs.replace(one, paths=_paths(one, anchors)) for one in tls.chains)
        tls = msgspec.structs.replace(tls, chains=chains)
    return msgspec.structs.replace(
        outside, vantage=VANTAGE, reached=seen.reached, cause="", starttls=seen.starttls, protocol=seen.protocol,
        protocol_cause=seen.protocol_cause, tls=tls, tls_cause=seen.tls_cause, http=seen.http, pages=seen.pages,
        plaintext=seen.plaintext,
    )  # fmt: skip


def _paths(chain: Chain, anchors: Sequence[Anchor]) -> tuple[TrustPath, ...]:
    try:
        ders = tuple(base64.b64decode(one, validate=True) for one in chain.certificates)
    except (binascii.Error, ValueError):
        return ()
    return tuple(trust_path(ders, one) for one in anchors)
