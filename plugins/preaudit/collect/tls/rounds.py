"""The suites and groups of one version in few connections: as many yeses as it takes, and each no twice.

A suite and a group are learnt by the same yes where that can be, and what a server nearly always has is kept back, so
that its yes comes after the noes and vouches for them. This serves servers whose every answer is a plain yes or no;
for all others `Sweep` and `find_groups` ask on, with controls of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from preaudit.collect.tls.groups import Grouped
from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.registry import SSL3, SUITES, TLS13
from preaudit.collect.tls.reply import Declined, Picked, Reply, alert_words
from preaudit.collect.tls.steady import Steady, hello_of
from preaudit.collect.tls.suites import Swept, usable_for_groups
from preaudit.collect.tls.twice import Claim, Twice

_PLAIN_NOES = {alert_words(40), alert_words(71)}
_X25519, _P256 = 29, 23
_HELD_BACK_AFTER = {_X25519, 0x11EB, 0x11EC, 0x11ED}
"""Groups after which P-256 is kept back: who has one of them nearly always has that as well."""
_SIBLINGS = (("AES_256_GCM_SHA384", "AES_128_GCM_SHA256"), ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384"),
             ("CHACHA20_POLY1305_SHA256", "AES_128_GCM_SHA256"), ("AES_256_CBC_SHA", "AES_128_CBC_SHA"),
             ("AES_128_CBC_SHA", "AES_256_CBC_SHA"))  # fmt: skip
_BY_NAME = {suite.name: code for code, suite in SUITES.items()}
_USUAL = ({0x1301, 0x1302, 0x1303}, {0xC02F, 0xC030, 0xCCA8}, {0xC02B, 0xC02C, 0xCCA9})
"""What a server of today has under one version with one certificate, and often no more than that."""


def sibling(code: int) -> int | None:
    """A suite that nearly every server has that has this one."""
    name = SUITES[code].name
    for ending, other in _SIBLINGS:
        if name.endswith(ending):
            return _BY_NAME.get(name.removesuffix(ending) + other)
    return None


@dataclass
class _Held:
    """What is kept back for a later yes; None for nothing."""

    suite: int | None = None
    group: int | None = None

    def __bool__(self) -> bool:
        return self.suite is not None or self.group is not None


class Round:
    """Asks for what one version accepts.

    Args:
        steady: with its positive control found.
        twice: judges the noes.
        version: that is spoken.
        first: the answer to its full hello.
        offered: codes of the suites to ask for.
        whole: ask for groups and for the order as well, and keep something back.

    Attributes:
        picks: accepting answers, in the order in which they came, one for each suite.
        groups: accepted groups.
        claims: what was refused.
        broken: something else came than plain yeses and noes.
    """

    def __init__(  # noqa: PLR0913 - what a version is asked for
        self, steady: Steady, twice: Twice, version: int, first: Picked, offered: tuple[int, ...], *, whole: bool
    ) -> None:
        self._steady, self._twice = steady, twice
        self._version = version
        self._first = first
        self._offered = offered
        self._whole = whole
        every = hello_of(version)
        self._every = every.groups if isinstance(every, Hello) else ()
        self.picks: dict[int, Picked] = {}
        self.groups: list[int] = []
        self._freely: list[int] = []  # groups that were picked from all of them
        self.claims: list[Claim] = []
        self._groups_claim: Claim | None = None
        self._was_usual = False
        self.broken = False
        self._order: bool | None = None
        self._passed_over: frozenset[int] = frozenset()
        self._narrow = whole and self._binds(first.suite)
        self._take(first)
        self.held = _Held(sibling(first.suite), self._spare()) if whole else _Held()
        self._turned = not whole or self._held_tells()

    def _binds(self, suite: int) -> bool:
        """A no to this suite with some groups says that these groups are refused.

        With a certificate of ECDSA that certificate's own curve must be on offer as well (RFC 8422).
        """
        one = SUITES[suite]
        return self._version == TLS13 or (one.key_exchange == "ec" and one.authentication != "ECDSA")

    def _spare(self) -> int | None:
        return _P256 if self._narrow and self._first.group in _HELD_BACK_AFTER else None

    def _rest(self) -> tuple[int, ...]:
        known = {*self.picks, self.held.suite}
        return tuple([code for code in self._offered if code not in known])  # a list first: twice as fast

    def _unknown(self) -> tuple[int, ...]:
        return tuple(group for group in self._every if group not in self.groups and group != self.held.group)

    def _put(self, suites: tuple[int, ...], groups: tuple[int, ...] = (), shape: Shape = Shape.FULL) -> Reply:
        """One hello; with anything but a plain yes or no this is broken."""
        if not groups and self._freely:
            # Known ones last: a server that follows the client's order then names another one each time.
            groups = (*(one for one in self._every if one not in self._freely), *self._freely)
        name = self._steady.server_name
        reply = self._steady.ask(hello_of(self._version, shape, suites=suites, groups=groups, server_name=name))
        if isinstance(reply, Picked):
            strange = reply.group is not None and reply.group not in (groups or self._every)
            self.broken |= strange and shape is Shape.FULL
        else:
            self.broken |= not isinstance(reply, Declined) or reply.words not in _PLAIN_NOES
        return reply

    def _take(self, pick: Picked, *, freely: bool = True) -> None:
        if pick.suite in self._offered:
            self.picks.setdefault(pick.suite, pick)
        if pick.group is not None and pick.group not in self.groups:
            self.groups.append(pick.group)
        if pick.group is not None and freely and pick.group not in self._freely:
            self._freely.append(pick.group)

    def ask(self) -> None:
        """Ask until all that is left is refused once."""
        self.claims.clear()
        self._groups_claim = None
        self._suites()
        suites = self._for_groups()
        while suites and not self._groups_claim and not self.broken and (rest := self._unknown()):
            reply = self._put(suites, rest)
            if isinstance(reply, Declined):
                self._groups_claim = self._no(self._groups_again, reply)
            elif isinstance(reply, Picked) and reply.group is not None:
                self._take(reply, freely=False)
            else:
                self.broken = True
        if self._groups_claim:
            self.claims.append(self._groups_claim)

    def _no(self, again: Callable[[], Reply], reply: Declined) -> Claim:
        return Claim(self._steady.connections, reply.words, again)

    def _suites(self) -> None:
        """Ask for suites, each with a group that is not known yet while there are any."""
        doubt: Claim | None = None
        doubted: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
        while not self.broken and (rest := self._rest()):
            few = self._unknown() if self._narrow and not self._is_usual() else ()
            turned = self._turn(rest)
            reply = self._put(turned or rest, few)
            if isinstance(reply, Picked):
                # What was refused together with groups, and is accepted with others: so these groups were refused.
                if doubt and reply.suite in doubted[0] and self._binds(reply.suite):
                    self._groups_claim = doubt
                self.broken |= reply.group in doubted[1]
                if turned:
                    self._turned = True
                    self._compare(reply, turned, narrow=bool(few))
                self._take(reply, freely=not few)
            elif not isinstance(reply, Declined):
                return
            elif few:
                self._narrow, doubt, doubted = False, self._no(self._groups_again, reply), (turned or rest, few)
                self._groups_claim = doubt if turned else None  # what is accepted was among them
            elif len(self.picks) == 1 and self.held.suite is not None:
                self.held.suite = None  # whoever has one suite only has no sibling of it, as it seems
            else:
                # Once forwards and once backwards: some servers read the head of a long list only.
                self.claims.append(self._no(partial(self._suites_again, backwards=not turned), reply))
                return

    def _is_usual(self) -> bool:
        """What is known is just what most servers have, for the first time: then suites alone are asked for once."""
        if self._was_usual or {*self.picks, self.held.suite} not in _USUAL:
            return False
        self._was_usual = True
        return True

    def _turn(self, rest: tuple[int, ...]) -> tuple[int, ...]:
        """The second offer the other way round, with the favourite last, where that tells whose order counts."""
        return () if self._turned else (*reversed(rest), self._first.suite)

    def _held_tells(self) -> bool:
        """What is kept back was on offer before the favourite: once it is accepted, it is known whose order counts."""
        place = self._offered.index
        return self.held.suite is not None and place(self.held.suite) < place(self._first.suite)

    def _compare(self, reply: Picked, turned: tuple[int, ...], *, narrow: bool) -> None:
        """Whose order counts, by an answer to a turned offer of all suites with all groups, or few."""
        favourite = SUITES[self._first.suite]

        def usable(code: int) -> bool:
            one = SUITES[code]
            alike = one.key_exchange == favourite.key_exchange and one.authentication == favourite.authentication
            return self._version == TLS13 or not narrow or (alike and reply.group is not None)

        if reply.suite == favourite.code:
            self._passed_over = frozenset(filter(usable, turned[:-1]))
        elif usable(reply.suite):
            self._order = False

    def _suites_again(self, *, backwards: bool) -> Reply:
        plain, rest = hello_of(self._version, Shape.PLAIN), self._rest()
        few = plain.groups if isinstance(plain, Hello) else ()
        groups = tuple(dict.fromkeys((*few, *self.groups)))
        return self._put(rest[::-1] if backwards else rest, groups, Shape.PLAIN)

    def _for_groups(self) -> tuple[int, ...]:
        """Accepted suites that groups are asked for with; none where `find_groups` knows better."""
        if not self._whole or self._version == SSL3:
            return ()
        return tuple(code for code in usable_for_groups(tuple(self.picks.values()), self._version) if self._binds(code))

    def _groups_again(self) -> Reply:
        return self._put(self._for_groups(), tuple(reversed(self._unknown())))

    def ask_held(self, reply: Reply | None = None) -> bool:
        """Ask for what was kept back, and whether it is accepted; if not, ask for all again with it among the others.

        Args:
            reply: what a handshake brought that asked for it.
        """
        if self.broken or not self.held:
            return False
        held, self.held = self.held, _Held()
        if not isinstance(reply, Declined):
            suites = tuple(self._for_groups() or self.picks) if held.suite is None else (held.suite,)
            reply = self._put(suites, () if held.group is None else (held.group,))
        if isinstance(reply, Picked):
            self._take(reply, freely=held.group is None)
        accepted = held.suite in {None, *self.picks} and held.group in {None, *self.groups}
        if not accepted and not self.broken:
            self.ask()
        return accepted

    def accept_held(self) -> None:
        """Take a yes to what was kept back, which a handshake brought."""
        suite, group = self.held.suite, self.held.group
        self.held = _Held()
        self._take(Picked(self._version, self._first.suite if suite is None else suite, group=group), freely=False)

    @property
    def order_is_known(self) -> bool:
        """Whether the server's own order counts is known, or makes no difference, or will be known."""
        settled = not self._whole or self.broken or len(self.picks) < 2 or self._held_tells()
        return settled or self._server_order() is not None

    def ask_order(self) -> None:
        """Offer what is accepted, the favourite last."""
        codes = tuple(self.picks)
        reply = self._put((*codes[1:], codes[0]))
        if isinstance(reply, Picked):
            self._order = reply.suite == codes[0]
        else:
            self.broken = True  # it refuses what it accepted before

    def _server_order(self) -> bool | None:
        if not self._whole or len(self.picks) < 2:
            return None
        place = self._offered.index
        before = any(place(code) < place(self._first.suite) for code in self.picks)
        # Either way, what is accepted was on offer before the favourite, which was picked all the same.
        return True if before or self._passed_over & self.picks.keys() else self._order

    def result(self) -> tuple[Swept, Grouped | None] | None:
        """What is known, where every no holds; no groups where `find_groups` has to ask for them."""
        settled = self._steady.calm and not self.broken and not self.held
        if not settled or not all(self._twice.holds(claim) for claim in self.claims):
            return None
        picks = tuple(self.picks.values())
        refused = self._rest()
        first_group = len(self._freely) > 1
        swept = Swept(picks, refused, complete=True, server_order=self._server_order(), first_group=first_group)
        return swept, Grouped(tuple(self.groups), complete=True) if self._groups_claim else None
