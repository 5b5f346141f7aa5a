"""Whether an endpoint says yes and no to the same offer: servers that differ behind one address, or a fault by chance.

No number of noes is proof where each may come from the one server among others that says no to everything. What gives
it away is that what was accepted is refused as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from preaudit.collect.tls.asking import Hello2
from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.registry import SSL2, VERSION_CODES, suite_name
from preaudit.collect.tls.reply import Declined, Picked
from preaudit.endpoint import Answer, Offer

Told = Sequence[tuple[Hello | Hello2, Picked | Declined]]
"""Hellos with their yeses and noes, in the order in which they came."""


def _holds(refused: Hello | Hello2, accepted: Hello | Hello2, suite: int) -> bool:
    """Whether the refused offer holds all that the accepted one was accepted for, and differs in nothing else.

    Only suites and groups may be more: servers that prefer one of those that came in addition still accept one.
    """
    if not isinstance(refused, Hello) or not isinstance(accepted, Hello):
        return refused == accepted
    return (
        (refused.version, refused.shape) == (accepted.version, accepted.shape)
        and suite in refused.suites
        and refused == replace(accepted, suites=refused.suites, groups=refused.groups, share=refused.share)
        and set(accepted.groups) <= set(refused.groups)
    )


def contradiction(told: Told) -> str:
    """How it contradicted itself; "" where it did not.

    That is a no to what it accepted, or one offer that was refused in different words. A suite that was picked and then
    ended in an alert is no such no: it says which suite it was about.
    """
    accepted = [(hello, reply.suite) for hello, reply in told if isinstance(reply, Picked)]
    noes: dict[tuple[int, Shape, int, int], list[tuple[Hello, str]]] = defaultdict(list)
    for hello, reply in told:
        if not isinstance(reply, Declined) or (reply.suite is not None and reply.version is None):
            continue
        if any(_holds(hello, other, suite) for other, suite in accepted):
            return f"it said yes and no ({reply.words}) to the same offer: its noes are not believed"
        if isinstance(hello, Hello):
            # Of one length first: to sort long lists takes longer than all the rest.
            alike = noes[hello.version, hello.shape, len(hello.suites), len(hello.groups)]
            for before, words in alike:
                if words != reply.words and _sorted(before) == _sorted(hello):
                    said = f"it refused the same offer in different words ({words}, {reply.words})"
                    return f"{said}: its noes are not believed"
            alike.append((hello, reply.words))
    return ""


def _sorted(hello: Hello) -> Hello:
    return replace(hello, suites=tuple(sorted(hello.suites)), groups=tuple(sorted(hello.groups)), share=None)


def belied(offer: Offer, told: Told) -> str:
    """Why an offer cannot be true: something was picked that it says was refused; "" where it can."""
    version = VERSION_CODES[offer.version]
    picks = [reply for _, reply in told if isinstance(reply, Picked) and reply.version == version]
    if version == SSL2 or not picks:
        return ""
    picked = {suite_name(version, reply.suite) for reply in picks}
    lost = picked if offer.answer in {Answer.REFUSED, Answer.CUT_OFF} else picked & {*offer.refused}
    if offer.suites_complete:
        lost = picked - {*offer.suites}
    return f"{min(lost)} was picked and refused: its noes are not believed" if lost else ""


def doubted(offer: Offer, cause: str) -> Offer:
    """The offer without its noes."""
    if offer.answer in {Answer.REFUSED, Answer.CUT_OFF}:
        return structs.replace(offer, answer=Answer.INCONCLUSIVE, cause=cause)
    if offer.answer is not Answer.ACCEPTED:
        return offer
    return structs.replace(
        offer, suites_complete=False, suites_cause=cause, refused=(), unasked=(), groups_complete=False,
        groups_cause=cause,
    )  # fmt: skip
