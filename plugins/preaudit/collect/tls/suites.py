"""Which suites an endpoint accepts under one version: offer all, drop what was picked, offer the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.registry import SMALL_SUITES, SUITES, TLS13, suite_name
from preaudit.collect.tls.reply import Declined, Lost, Picked, Reply
from preaudit.collect.tls.steady import Alive, Steady, hello_of
from preaudit.collect.tls.twice import No, Twice

_IN_BETWEEN = "the positive control failed in between"
_CHUNKS_LOST = 3
"""After so many chunks that gave no answer, no further one is tried."""


@dataclass(frozen=True)
class Swept:
    """What is known of a version's suites.

    Attributes:
        picks: accepting answers, in the order in which they came, one for each suite.
        refused: codes that were offered and refused, confirmed by a good control.
        complete: all other suites that were to be asked for were refused.
        cause: why that is not known.
        server_order: the server picks by its own order.
        shape: of a hello that was accepted under this version.
        first_group: the server takes the first group on offer that it has: it took different ones of equal sets.
    """

    picks: tuple[Picked, ...]
    refused: tuple[int, ...]
    complete: bool
    cause: str = ""
    server_order: bool | None = None
    shape: Shape = Shape.FULL
    first_group: bool = False


class Sweep:
    """Enumerates suites of one version.

    Args:
        steady: with its positive control found.
        version: that is spoken.
        offered: codes to ask for.
        small: the server answers small hellos only.
        accepted: shape of the hello that the version was found with.
        known: accepting answers to full hellos that need no asking again.
    """

    def __init__(  # noqa: PLR0913 - what is known of the version
        self,
        steady: Steady,
        version: int,
        offered: tuple[int, ...],
        *,
        small: bool = False,
        accepted: Shape = Shape.FULL,
        known: Sequence[Picked] = (),
    ) -> None:
        self._steady, self._twice = steady, Twice(steady)
        self._version = version
        self._offered = offered
        self._small, self._accepted = small, accepted
        self._picks: dict[int, Picked] = {pick.suite: pick for pick in known}
        self._failed: dict[int, No] = {}
        self._given_up: set[int] = set()  # picked, and given up with an alert twice
        self._groups: list[int] = []
        self._unclear: set[int] = set()
        self._lost = ""
        self._shape: Shape | None = Shape.FULL if known else None

    def run(self) -> Swept:
        """Ask until everything is refused, then run the positive control."""
        self._all()
        alive, server_order = self._check()
        if alive is Alive.RECOVERED:
            self._unclear.clear()
            self._all()
            alive, server_order = self._check()
        picks, shape = tuple(self._picks.values()), self._shape or Shape.FULL
        if alive is not Alive.GOOD:
            dead = self._steady.dead
            cause = dead.words if dead else _IN_BETWEEN
            return Swept(picks, (), complete=False, cause=cause, server_order=server_order, shape=shape)
        refused = tuple(code for code in self._offered if code not in self._picks and code not in self._unclear)
        cause = self._lost if self._unclear else ""
        first = len(self._groups) > 1
        return Swept(picks, refused, not self._unclear, cause, server_order, shape, first_group=first)

    def _rest(self, codes: tuple[int, ...], *, again: bool = False) -> tuple[int, ...]:
        without = self._picks.keys() if again else self._picks.keys() | self._failed.keys()
        return tuple(code for code in codes if code not in without)

    def _hello(self, suites: tuple[int, ...], shape: Shape) -> Hello:
        groups: tuple[int, ...] = ()
        if shape is Shape.FULL and self._groups:
            # Known groups last: a server that follows the client's order then names another one with each suite.
            every = hello_of(self._version, shape)
            known = self._groups
            offered = every.groups if isinstance(every, Hello) else ()
            groups = tuple(sorted(offered, key=lambda group: group in known))
        name = self._steady.server_name
        hello = hello_of(self._version, shape, suites=suites, groups=groups, server_name=name)
        if not isinstance(hello, Hello):
            raise TypeError("SSLv2 has no suites to sweep")
        return hello

    def _drain(self, codes: tuple[int, ...], shape: Shape) -> Reply | None:
        """Ask until nothing is left (None) or something else than a pick comes."""
        rest = self._rest(codes, again=True)
        tried: set[int] = set()
        while rest := tuple(code for code in rest if code not in self._picks and code not in tried):
            reply = self._steady.insist(self._hello(rest, shape))
            if isinstance(reply, Picked):
                self._picks[reply.suite] = reply
                self._shape = self._shape or shape
                if shape is Shape.FULL and reply.group is not None and reply.group not in self._groups:
                    self._groups.append(reply.group)
            elif reply.suite is not None and isinstance(reply, Declined) and not reply.sure:
                # Picked, and then given up with an alert: not accepted, unless another shape says otherwise.
                tried.add(reply.suite)
                self._fail(reply.suite, reply)
            elif reply.suite is not None and isinstance(reply, Lost) and not reply.final:
                tried.add(reply.suite)
                self._unclear.add(reply.suite)
                self._lost = f"{suite_name(self._version, reply.suite)}: {reply.words}"
            else:
                return reply
        return None

    def _fail(self, suite: int, reply: Declined) -> None:
        no = self._failed.setdefault(suite, No.of(self._steady.connections, reply))
        if no.first < self._steady.connections and self._twice.counts(no):
            self._given_up.add(suite)

    def _all(self) -> None:
        no: No | None = None
        if not self._small:
            for shape in (Shape.FULL, Shape.PLAIN):
                if no and not self._twice.part(no):
                    self._give_up(_IN_BETWEEN, self._offered)
                    return
                end = self._drain(self._offered, shape)
                if end is None:
                    if shape is Shape.FULL and self._failed:
                        continue
                    self._settle()
                    return
                if isinstance(end, Declined):
                    if no and self._twice.counts(no):
                        self._settle()
                        return
                    # In a shape that is not accepted at all, a no says nothing about suites.
                    told = self._accepted in {Shape.FULL, shape}
                    no = No.of(self._steady.connections, end) if told else None
                elif isinstance(end, Lost):
                    self._lost = end.words
                    if self._steady.alive() is Alive.DEAD:
                        self._give_up(end.words, self._offered)
                        return
            if no and self._accepted is Shape.PLAIN:
                self._insist(no, self._offered, Shape.PLAIN)
                self._settle()
                return
        self._in_chunks(no)
        self._settle()

    def _give_up(self, cause: str, codes: tuple[int, ...]) -> None:
        """Nothing that is left of these is known."""
        self._lost = cause
        self._unclear.update(self._rest(codes, again=True))

    def _settle(self) -> None:
        for suite, no in self._failed.items():
            if suite in self._picks or suite in self._given_up:
                continue
            end = self._twice.insist(no, partial(self._alone, suite))
            if not isinstance(end, Declined | Picked):
                self._give_up(end.words, (suite,))
        self._unclear -= self._picks.keys()

    def _alone(self, suite: int) -> Reply:
        """A suite that ended in an alert once, alone on offer."""
        reply = self._steady.insist(self._hello((suite,), Shape.PLAIN))
        if isinstance(reply, Picked):
            self._picks[suite] = reply
        return reply

    def _in_chunks(self, no: No | None) -> None:
        """Small hellos, for servers that stumble over long ones; what stays unclear then is few suites only.

        Args:
            no: what a long hello got.
        """
        rest = self._rest(self._offered, again=True)
        lost, refused = 0, []
        for start in range(0, len(rest), SMALL_SUITES):
            chunk = rest[start : start + SMALL_SUITES]
            if lost >= _CHUNKS_LOST or self._steady.dead:
                self._unclear.update(chunk)
                continue
            end = self._drain(chunk, Shape.SMALL)
            if isinstance(end, Lost):
                lost += 1
                self._give_up(end.words, chunk)
            elif isinstance(end, Declined) and not (no and self._twice.counts(no)):
                refused.append((chunk, No.of(self._steady.connections, end)))
        for chunk, first in refused:
            self._insist(first, chunk, Shape.SMALL if self._accepted is Shape.SMALL else Shape.PLAIN)

    def _insist(self, no: No, codes: tuple[int, ...], shape: Shape) -> None:
        """Ask for a second no."""
        end = self._twice.insist(no, partial(self._drain, codes, shape))
        if isinstance(end, Lost):
            self._give_up(end.words, codes)

    def _check(self) -> tuple[Alive, bool | None]:
        """A positive control that tells the order as well, where several suites are accepted."""
        if len(self._picks) > 1:
            # Nothing but accepted suites, and the favourite last.
            codes = tuple(self._picks)
            reply = self._steady.ask(self._hello((*codes[1:], codes[0]), self._shape or Shape.FULL))
            if isinstance(reply, Picked):
                return Alive.GOOD, reply.suite == codes[0]
        return self._steady.alive(), None


def usable_for_groups(picks: tuple[Picked, ...], version: int) -> tuple[int, ...]:
    """Accepted suites whose key exchange names a group; those with RSA only, if there are any.

    An ECDSA certificate binds the server to offers that hold the certificate's own curve (RFC 8422), so that the
    others could not be told apart.
    """
    if version == TLS13:
        return tuple(pick.suite for pick in picks)
    curves = [pick.suite for pick in picks if SUITES[pick.suite].key_exchange == "ec"]
    free = tuple(code for code in curves if SUITES[code].authentication != "ECDSA")
    return free or tuple(curves)
