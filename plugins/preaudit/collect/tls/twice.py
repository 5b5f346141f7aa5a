"""When a no counts without a positive control of its own: said twice, apart, between yeses, by no fault's rhythm.

A yes to one question is the control of the noes around it. So what must be asked anyway is put in such an order that
each no lies between two yeses, and is asked for once more after something else was answered: whatever says the same to
everything for a while, or to every third connection, cannot pass for a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from preaudit.collect.tls.reply import Declined, Lost, Reply
from preaudit.collect.tls.steady import YES, Alive, Steady

_TRIES = 3
_MOST_CONTROLS = 5
"""So many make a second no count whatever was said before."""
T = TypeVar("T")
_RHYTHMS, _SLOW_RHYTHMS = range(2, 5), range(5, 9)
"""A fault that hits each n-th connection might say both noes; another answer on its beat rules it out.

The slow ones are ruled out where that costs no connection.
"""


@dataclass
class No:
    """One no: the number of its connection, and its words.

    Attributes:
        picked: it came after a suite was picked. What strikes only then spares all other noes, so they prove nothing.
    """

    first: int
    words: str
    picked: bool = field(default=False, kw_only=True)

    @classmethod
    def of(cls, number: int, reply: Declined) -> No:
        """The no that came on a connection, in the words that `Steady` notes."""
        return No(number, reply.said, picked=reply.suite is not None)


@dataclass
class Claim(No):
    """What was refused once.

    Attributes:
        again: asks for it in another shape; a `Declined` is the second no, all else refutes the claim.
        second: number of the connection of the second no; 0 before it.
        refuted: the second question was not answered by a no.
    """

    again: Callable[[], Reply]
    second: int = 0
    refuted: bool = False


class Twice:
    """Tells which noes are refusals, by all answers of an endpoint so far."""

    def __init__(self, steady: Steady) -> None:
        self._steady = steady
        self._expected = 0

    def _others(self, no: No) -> list[int]:
        """Connections on which the server said something else: a yes, or another no in other words."""
        noted = self._steady.noted
        told = [number for number, words in noted if words != no.words and (words == YES or not no.picked)]
        return [*told, self._expected] if self._expected else told

    def _apart(self, no: No, second: int) -> bool:
        return any(no.first < number < second for number in self._others(no))

    def _off_beat(self, no: No, second: int, rhythms: Sequence[int] = _RHYTHMS) -> bool:
        """Whether no rhythm of a fault can have said both noes."""
        gap, others = second - no.first, self._others(no)
        return all(gap % one or any((other - no.first) % one == 0 for other in others) for one in rhythms)

    def apart(self, claim: Claim) -> bool:
        """Whether the server said something else after the first no, and before the second one."""
        return self._apart(claim, claim.second or self._steady.connections + 1)

    def counts(self, no: No) -> bool:
        """Whether a second no on the last connection is not the same fault's."""
        number = self._steady.connections
        return self._apart(no, number) and self._off_beat(no, number)

    def part(self, no: No) -> bool:
        """Run positive controls until a second no would count; whether it does."""
        for _ in range(_MOST_CONTROLS):
            following = self._steady.connections + 1
            if self._apart(no, following) and self._off_beat(no, following):
                return True
            if self._steady.alive() is not Alive.GOOD:
                return False
        return False

    def insist(self, no: No, again: Callable[[], T]) -> T | Lost:
        """Ask again at once, with positive controls where nothing else lies between; a `Declined` is a second no."""
        for _ in range(_TRIES):
            if not self.part(no):
                return self._steady.dead or Lost("the positive control failed in between")
            reply = again()
            if not isinstance(reply, Declined) or self.counts(no):
                return reply
        return Lost(f"{no.words} may be a fault that comes and goes")

    def ask_again(self, claims: Iterable[Claim], *, ripe: bool = False) -> None:
        """Put the second questions, each where it proves most.

        Args:
            claims: those that have their second no, or are refuted, are left out.
            ripe: only one, and only if it can be asked now with an answer that counts.
        """
        waiting = [claim for claim in claims if not claim.second and not claim.refuted]
        if ripe:
            following = self._steady.connections + 1
            waiting = [one for one in waiting if self.apart(one) and self._proves_most(one, following)][:1]
        elif waiting:
            waiting = self._in_order(waiting)
        for claim in waiting:
            if self._steady.dead is None:
                self._again(claim)

    def _proves_most(self, claim: Claim, second: int) -> bool:
        """An odd distance: of two servers that a balancer takes in turn, the other one is then asked."""
        return (second - claim.first) % 2 == 1 and self._off_beat(claim, second, (*_RHYTHMS, *_SLOW_RHYTHMS))

    def _in_order(self, claims: list[Claim]) -> list[Claim]:
        """The order in which the second noes can be told from a fault's rhythm, with a yes expected after them."""
        for turn in range(_MOST_CONTROLS):
            following = self._steady.connections + 1
            self._expected = following + len(claims)
            try:
                order = _assigned(claims, following, self._proves_most) or _assigned(claims, following, self._off_beat)
            finally:
                self._expected = 0
            if order:
                return order
            if turn + 1 < _MOST_CONTROLS and self._steady.alive() is not Alive.GOOD:
                break
        return claims

    def _again(self, claim: Claim) -> None:
        reply = claim.again()
        claim.refuted = not isinstance(reply, Declined)
        claim.second = self._steady.connections

    def vouched(self, claim: Claim) -> bool:
        """Whether a yes came after the second no."""
        return any(words == YES and number > claim.second > 0 for number, words in self._steady.noted)

    def holds(self, claim: Claim) -> bool:
        """Whether it is a refusal."""
        said = claim.second > 0 and not claim.refuted
        return said and self._apart(claim, claim.second) and self._off_beat(claim, claim.second) and self.vouched(claim)


def _assigned(claims: list[Claim], following: int, fits: Callable[[Claim, int], bool]) -> list[Claim]:
    """The claims in an order in which each fits its connection, from `following` on; [] where there is none."""
    taken: dict[int, Claim] = {}

    def place(claim: Claim, tried: set[int]) -> bool:
        """Find a connection for a claim, moving others where they fit elsewhere (an augmenting path)."""
        for number in range(following, following + len(claims)):
            if number not in tried and fits(claim, number):
                tried.add(number)
                if number not in taken or place(taken[number], tried):
                    taken[number] = claim
                    return True
        return False

    return [taken[number] for number in sorted(taken)] if all(place(claim, set()) for claim in claims) else []
