"""In which order an endpoint is asked, so that the yeses which are needed anyway are the controls of its noes."""

from __future__ import annotations

from preaudit.collect.tls.asking import Asking
from preaudit.collect.tls.chains import Chains
from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.offers import Offers
from preaudit.collect.tls.protection import SHARED_GROUPS
from preaudit.collect.tls.registry import SSL2, TLS10, TLS12, TLS13
from preaudit.collect.tls.reply import Picked
from preaudit.collect.tls.rounds import Round
from preaudit.collect.tls.shaking import Shaking
from preaudit.collect.tls.steady import Steady
from preaudit.collect.tls.twice import Claim, Twice
from preaudit.collect.tls.versions import Versions
from preaudit.endpoint import Answer

_BEFORE_SUITES = 3
"""Connections before the suites are asked for, where few are: the control, SSLv2, SSLv3."""


class Course:
    """Asks an endpoint for everything that is wanted.

    Args:
        asking: the endpoint.
        steady: with its positive control found.
        first: the control's answer.
        versions: codes to ask for, oldest first.
        banned: names of the suites to ask for; None asks for all, and for groups.
        chains: look for every chain, where suites are banned as well.

    Attributes:
        offers: what is known of each version.
        chains: those that came.
        chains_complete: no further chain may be hidden.
        shaking: what handshakes showed.
        spoken: what is known of the versions alone.
    """

    def __init__(  # noqa: PLR0913 - what is wanted
        self, asking: Asking, steady: Steady, first: Picked, versions: tuple[int, ...],
        banned: tuple[str, ...] | None, *, chains: bool,
    ) -> None:  # fmt: skip
        self._steady, self._first, self._asked = steady, first, versions
        self._whole, self._thorough = banned is None, banned is None or chains
        self._limited = asking.limited  # then versions come first: what few connections tell most of
        self._twice = Twice(steady)
        self._versions = Versions(steady, self._twice, first)
        self.spoken = self._versions.known
        self._rounds: dict[int, Round] = {}
        self.offers = Offers(steady, self.spoken, banned, self._rounds, chains=chains)
        self.chains = Chains()
        self.chains_complete = False
        self.shaking = Shaking(asking, steady, self._twice, self.chains)
        self._joined = 0

    def run(self) -> None:
        """Ask: first noes, yeses, second noes, and a handshake as the last yes; then for what is still open."""
        # A handshake tells as well that TLS 1.3 is spoken, where nothing else is asked of it.
        late = self._asked[-1] == TLS13 != self._first.version and not self._thorough and not self.offers.codes(TLS13)
        if late:
            self._versions.ask(self._asked[:-1], self._among_versions)
        else:
            if not self._limited:
                self._begin(self._first.version)
            self._versions.ask(self._asked)
            if self._limited:  # what is not clear yet takes many more
                self._begin_all()
            self._versions.finish()
        self._begin_all()
        if self._thorough and self._speaks(TLS13):
            self._join()
            self.shaking.look_for_others(self._groups())
        self._between()
        self._ask_again()
        self._last_yes(late=late)
        self.offers.run()
        self._chains()

    def _among_versions(self) -> None:
        """Ask for the control's version among the others: their answers lie between its noes."""
        if self._steady.connections >= _BEFORE_SUITES:
            self._begin(self._first.version)
            self._ask_again(ripe=True)

    def _speaks(self, *versions: int) -> bool:
        return any(one in self.spoken and self.spoken[one].answer is Answer.ACCEPTED for one in versions)

    def _begin(self, version: int) -> None:
        """Ask for a version's suites and groups until the first noes, if it takes the full shape."""
        one, control = self.spoken[version], self._steady.control
        if one.first is None or one.shape is not Shape.FULL or version == SSL2 or version in self._rounds:
            return
        if not isinstance(control, Hello) or control.shape is Shape.SMALL or not (codes := self.offers.codes(version)):
            return
        self._rounds[version] = Round(self._steady, self._twice, version, one.first, codes, whole=self._whole)
        self._rounds[version].ask()

    def _begin_all(self) -> None:
        for version in sorted(self.spoken, reverse=True):
            self._begin(version)

    def _claims(self) -> list[Claim]:
        return [*(claim for one in self._rounds.values() for claim in one.claims), *self.shaking.claims]

    def _ask_again(self, *, ripe: bool = False) -> None:
        self._twice.ask_again(self._claims(), ripe=ripe)

    def _between(self) -> None:
        """Bring yeses between the first noes and the second ones."""
        modern = self._rounds.get(TLS13)
        older = [one for one in self._rounds.values() if one is not modern and one.held]
        went_well = [one.ask_held() for one in older]
        if modern is not None and not (older and all(went_well)):
            modern.ask_held()  # not left to the last handshake, where it would be refused as well
        for one in self._rounds.values():
            if not one.order_is_known:
                one.ask_order()
        if not all(self._twice.apart(claim) for claim in self._claims()):
            self._steady.alive()

    def _groups(self) -> tuple[int, ...]:
        """Groups of TLS 1.3 to do a handshake with, as far as known."""
        if self._whole and TLS13 in self._rounds:
            return tuple(self._rounds[TLS13].groups)
        first = self.spoken[TLS13].first
        return (first.group,) if first and first.group in SHARED_GROUPS else ()

    def _last_yes(self, *, late: bool) -> None:
        """A handshake that vouches for the second noes; where there is none, the positive control."""
        if late:
            reply = self._steady.dead or self.shaking.try_modern(())
            if isinstance(reply, Picked):
                self._versions.accept(TLS13, reply)
            else:
                self._versions.ask((TLS13,))
            self._versions.finish()
        elif TLS13 in self._rounds and not self._rounds[TLS13].broken and not self._steady.dead:
            self._shake(self._rounds[TLS13])
        elif not self._speaks(TLS13) and self._speaks(*range(TLS10, TLS13)) and not self._steady.dead:
            self.shaking.classic()
        if not all(self._twice.vouched(claim) or claim.refuted for claim in self._claims()):
            self._steady.alive()

    def _shake(self, one: Round) -> None:
        """A handshake of TLS 1.3 with what was kept back; where it is refused, all is asked again."""
        group, suite = one.held.group, one.held.suite
        reply = self.shaking.try_modern(self._groups() if group is None else (group,), suite)
        if isinstance(reply, Picked):
            one.accept_held()
        elif self._steady.dead is None:
            one.ask_held(reply)
            self._between()
            self._ask_again()

    def _join(self) -> None:
        """Take the chains of the answers that came since."""
        for _, pick in self._steady.seen[self._joined :]:
            self.chains.add_pick(pick)
        self._joined = len(self._steady.seen)

    def _chains(self) -> None:
        """What is known of the chains, once all else is."""
        self._join()
        if self._steady.dead is not None:
            self.shaking.cause = self._steady.dead.words
            return
        modern, before = self._speaks(TLS13), self.offers.complete_before_13()
        groups = self._groups() if modern else ()
        if modern and self.shaking.last is None:
            self.shaking.modern(self.offers.groups.get(TLS13, groups))
        elif not modern and self._speaks(*range(TLS10, TLS13)) and self.shaking.last is None:
            self.shaking.classic()
        known = not modern
        if modern:
            known = self._thorough and self.shaking.all_kinds(self.offers.groups.get(TLS13, groups))
        elif before and self._speaks(TLS12):
            known = self._thorough and self.shaking.all_kinds_before_13()
        self.chains_complete = known and before
        if not self.chains_complete and not self.shaking.cause:
            self.shaking.cause = "not every suite and signature scheme was asked for"
