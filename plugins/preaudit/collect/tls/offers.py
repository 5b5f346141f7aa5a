"""From accepted versions to `Offer`s: suites, groups and orders of each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from preaudit.collect.tls.asking import Hello2
from preaudit.collect.tls.groups import Grouped, find_groups
from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.registry import (
    ASSIGNED,
    GROUPS,
    SSL2,
    SUITES,
    TLS13,
    VERSION_CODES,
    VERSION_NAMES,
    suite_name,
    suites_of,
)
from preaudit.collect.tls.reply import Declined, Lost, Picked
from preaudit.collect.tls.rounds import Round
from preaudit.collect.tls.steady import Alive, Steady, hello_of
from preaudit.collect.tls.suites import Sweep, Swept
from preaudit.collect.tls.twice import No, Twice
from preaudit.collect.tls.versions import Spoken
from preaudit.endpoint import Answer, Offer


class Offers:
    """Asks for the suites and groups of every version that is spoken.

    Args:
        steady: with its positive control found.
        spoken: what is known of the versions.
        banned: names of the suites to ask for; None asks for all, and for groups.
        rounds: what was asked for so far, by version.
        chains: of the suites that are not banned, ask for one of each kind of certificate, so that no chain hides.

    Attributes:
        groups: codes of the accepted groups, by version.
    """

    def __init__(
        self,
        steady: Steady,
        spoken: dict[int, Spoken],
        banned: tuple[str, ...] | None,
        rounds: Mapping[int, Round],
        *,
        chains: bool = False,
    ) -> None:
        self._rounds = rounds
        self._chains = chains
        self._kinds_known: set[int] = set()
        self._steady = steady
        self._spoken = spoken
        self._banned = None if banned is None else frozenset(banned)
        self._swept: dict[int, Swept] = {}
        self._grouped: dict[int, Grouped] = {}
        self.groups: dict[int, tuple[int, ...]] = {}

    def codes(self, version: int) -> tuple[int, ...]:
        """Suites that are asked for under a version."""
        every = suites_of(version)
        return every if self._banned is None else tuple(code for code in every if SUITES[code].name in self._banned)

    def run(self) -> None:
        """Ask for what is not known yet, newest version first."""
        control = self._steady.control
        small = isinstance(control, Hello) and control.shape is Shape.SMALL
        for version in sorted(self._spoken, reverse=True):
            one = self._spoken[version]
            if one.answer is not Answer.ACCEPTED or one.first is None:
                continue
            if version == SSL2:
                self._swept[version] = Swept((one.first,), (), complete=True)
                continue
            if one.beside:
                swept, grouped = self._beside(one.first)
            else:
                swept, grouped = self._of_version(version, one.shape, small=small)
            self._swept[version] = swept
            if self._banned is None:
                self._grouped[version] = grouped
                self.groups[version] = grouped.groups
            elif self._chains and swept.complete and version != TLS13 and self._asked_each_kind(version):
                self._kinds_known.add(version)

    @staticmethod
    def _beside(first: Picked) -> tuple[Swept, Grouped]:
        cause = "it refuses hellos that offer TLS 1.3 alone, so that its other suites and groups cannot be asked for"
        groups = () if first.group is None else (first.group,)
        return Swept((first,), (), complete=False, cause=cause), Grouped(groups, complete=False, cause=cause)

    def _of_version(self, version: int, shape: Shape, *, small: bool) -> tuple[Swept, Grouped]:
        """A version's suites and groups; what its round left open is asked for with controls of its own."""
        codes, one = self.codes(version), self._rounds.get(version)
        swept, grouped = (one and one.result()) or (None, None)
        if swept is None:
            known = tuple(one.picks.values()) if one else ()
            ask = Sweep(self._steady, version, codes, small=small, accepted=shape, known=known)
            swept = ask.run() if codes else Swept((), (), complete=True)
        if grouped is None and self._banned is None:
            grouped = find_groups(self._steady, version, swept, small=small, known=one.groups if one else ())
        return swept, grouped or Grouped((), complete=False, cause="groups were not asked for")

    def _asked_each_kind(self, version: int) -> bool:
        """Whether one suite of each kind of certificate that is not banned was picked, or all of them refused twice."""
        left = [code for code in suites_of(version) if SUITES[code].name not in (self._banned or ())]
        noes: list[tuple[No, Hello | Hello2]] = []
        for kind in sorted({SUITES[code].authentication for code in left}):
            codes = tuple(code for code in left if SUITES[code].authentication == kind)
            full, plain = (
                hello_of(version, shape, suites=codes, server_name=self._steady.server_name)
                for shape in (Shape.FULL, Shape.PLAIN)
            )
            reply = self._steady.insist(full)
            if isinstance(reply, Declined):
                noes.append((No.of(self._steady.connections, reply), plain))
            elif not isinstance(reply, Picked):
                return False
        twice = Twice(self._steady)
        for no, plain in noes:
            if isinstance(twice.insist(no, partial(self._steady.insist, plain)), Lost):
                return False
        return self._steady.alive() is Alive.GOOD

    def complete_before_13(self) -> bool:
        """Whether every suite up to TLS 1.2 is known, so that no chain can hide behind one."""
        nothing_there = {Answer.REFUSED, Answer.CUT_OFF}
        return all(
            (version in self._spoken and self._spoken[version].answer in nothing_there)
            or (version in self._swept and self._swept[version].complete
                and (self._banned is None or version in self._kinds_known or version == SSL2))
            for version in VERSION_NAMES
            if version != TLS13
        )  # fmt: skip

    def _left_out(self, version: int, swept: Swept) -> tuple[str, ...]:
        """Suites that were not asked for on purpose, where all others are known."""
        if self._banned is None or version == SSL2 or not swept.complete:
            return ()
        known = {SUITES[pick.suite].name for pick in swept.picks} | self._banned
        names = (SUITES[code].name for code in suites_of(version) if code in ASSIGNED)
        return tuple(name for name in names if name not in known)

    def _names(self, version: int, picks: tuple[Picked, ...]) -> tuple[str, ...]:
        if version == SSL2:
            return tuple(suite_name(version, kind) for pick in picks for kind in pick.kinds)
        return tuple(suite_name(version, pick.suite) for pick in picks)

    def offer(self, name: str) -> Offer:
        """What is known of one version."""
        version = VERSION_CODES[name]
        one = self._spoken.get(version)
        if one is None:
            return Offer(version=name, answer=Answer.NOT_ASKED, cause="left out on purpose")
        if one.answer is not Answer.ACCEPTED or one.first is None:
            return Offer(version=name, answer=one.answer, cause=one.cause)
        swept = self._swept.get(version) or Swept((), (), complete=False, cause="its suites were not asked for")
        grouped = self._grouped.get(version) or Grouped((), complete=False, cause="groups were not asked for")
        names = self._names(version, swept.picks)
        if version != SSL2 and suite_name(version, one.first.suite) not in names:
            names = (suite_name(version, one.first.suite), *names)
        partial = "" if self._banned is None or version == SSL2 else "only banned suites were asked for"
        told = swept.complete and not partial  # then all that is not accepted was refused
        refused = () if told else tuple(suite_name(version, code) for code in swept.refused if code in ASSIGNED)
        return Offer(
            version=VERSION_NAMES[version],
            answer=Answer.ACCEPTED,
            cause=one.cause,
            suites=names,
            suites_complete=told,
            suites_cause=swept.cause or partial,
            refused=refused,
            unasked=self._left_out(version, swept),
            server_order=swept.server_order,
            groups=tuple(GROUPS.get(group, f"{group:#06x}") for group in grouped.groups),
            groups_complete=grouped.complete,
            groups_cause=grouped.cause,
        )
