"""Endpoints as the report lists them: one line each, with what it speaks and by which certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from preaudit.endpoint import Answer, Endpoint, Reached
from preaudit.errors import NotObservable
from preaudit.render.inventory import Mask
from preaudit.subjects.certificate import certificate

MOST = 1_000
"""Lines in the report; protocols.csv has all."""
_STATES = {
    Reached.OPEN: "answers", Reached.CLOSED: "closed", Reached.UNREACHABLE: "no answer",
    Reached.NOT_DIALLED: "not dialled",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EndpointLine:
    """One endpoint.

    Attributes:
        namespace: its namespace, "" for nodes and targets.
        name: its name.
        state: whether it answered, and from where it was looked at.
        cause: why it did not, or is not understood.
        protocol: what it speaks.
        versions: protocol versions that it accepts, the newest first.
        suites: number of accepted suites; "" where it speaks no TLS, with a question mark where there may be more.
        certificates: subject and days left of each of its own certificates.
    """

    namespace: str
    name: str
    state: str
    cause: str
    protocol: str
    versions: tuple[str, ...]
    suites: str
    certificates: tuple[str, ...]


def endpoint_lines(endpoints: Sequence[Endpoint], now: datetime, mask: Mask) -> list[EndpointLine]:
    """The lines of the report, those that answered first; at most `MOST`.

    Args:
        endpoints: what was seen.
        now: the run's clock.
        mask: how names are shown.
    """
    ordered = sorted(endpoints, key=lambda one: (not one.understood, one.namespace, one.name))
    return [_line(one, now, mask) for one in ordered[:MOST]]


def _line(one: Endpoint, now: datetime, mask: Mask) -> EndpointLine:
    offers = one.tls.offers if one.tls is not None else ()
    accepted = [offer for offer in offers if offer.answer is Answer.ACCEPTED]
    unclear = any(offer.answer not in {Answer.ACCEPTED, Answer.REFUSED} for offer in offers)
    complete = bool(accepted) and not unclear and all(offer.suites_complete for offer in accepted)
    count = len({name for offer in accepted for name in offer.suites})
    leaves = {chain.certificates[0] for chain in (one.tls.chains if one.tls else ()) if chain.certificates}
    vantage = "" if one.vantage == "direct" else f", {one.vantage}"
    return EndpointLine(
        namespace=one.namespace, name=mask.text(one.name), state=_STATES[one.reached] + vantage,
        cause="" if one.understood else mask.text(one.cause or one.protocol_cause),
        protocol=one.protocol + ("" if one.tls is None or one.protocol == "tls" else " with TLS"),
        versions=tuple(offer.version for offer in reversed(accepted)),
        suites="" if not offers else f"{count}" if complete else f"{count}?",
        certificates=tuple(sorted(_told(text, now, mask) for text in leaves)),
    )  # fmt: skip


def _told(text: str, now: datetime, mask: Mask) -> str:
    try:
        found = certificate(text)
        return f"{mask.text(found.name)}, {(found.not_after - now).days} days left"
    except NotObservable:
        return "cannot be read"
