"""Asking with a positive control: a no counts only while the server still says yes to what it said yes to before."""

from __future__ import annotations

from enum import Enum

from preaudit.collect.tls.asking import Asker, Hello2
from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.registry import (
    CLASSIC_SUITES,
    COMMON_CURVES,
    COMMON_SUITES,
    CURVES,
    FFDHE,
    GROUPS_13,
    SMALL_SUITES,
    SSL2,
    SSL3,
    SUITES_13,
    TLS10,
    TLS12,
    TLS13,
    VERSION_CODES,
    suites_of,
)
from preaudit.collect.tls.reply import Declined, Lost, Picked, Reply

_BASE_POINT = b"\x09" + bytes(31)
"""A valid public key of x25519: enough to be answered with a ServerHello."""
_TIME_OUT_WEIGHT = 2
YES = ""


class Alive(Enum):
    """What a positive control showed."""

    GOOD = "good"
    RECOVERED = "recovered"
    """It failed, and went well after a wait: what was said since the last good one does not count."""
    DEAD = "dead"


def hello_of(
    version: int,
    shape: Shape = Shape.FULL,
    *,
    suites: tuple[int, ...] = (),
    groups: tuple[int, ...] = (),
    server_name: str = "",
) -> Hello | Hello2:
    """The hello that a version is asked for with; suites and groups are the shape's where none are given."""
    if version == SSL2:
        return Hello2(plain=shape is not Shape.FULL)
    offered = suites or (suites_of(version)[:SMALL_SUITES] if shape is Shape.SMALL else suites_of(version))
    if version == SSL3:
        return Hello(version, offered, (), shape)
    if version == TLS13:
        if shape is not Shape.PLAIN:
            few = GROUPS_13 if shape is Shape.FULL else GROUPS_13[:8]
            return Hello(version, offered, groups or few, shape, server_name)
        chosen = groups or (*COMMON_CURVES, *FFDHE)
        share = (COMMON_CURVES[0], _BASE_POINT) if COMMON_CURVES[0] in chosen else None
        return Hello(version, offered, chosen, shape, server_name, share=share)
    few = {Shape.FULL: CURVES, Shape.PLAIN: (*COMMON_CURVES, *FFDHE), Shape.SMALL: COMMON_CURVES}[shape]
    return Hello(version, offered, groups or few, shape, server_name)


def _fallback(server_name: str) -> Hello:
    """TLS 1.3 or 1.2, as browsers offer them: servers without 1.3 answer this, and not a pure hello of 1.3."""
    suites = (*SUITES_13[:5], *CLASSIC_SUITES[:SMALL_SUITES])
    return Hello(TLS13, suites, GROUPS_13[:10], Shape.PLAIN, server_name, fallback=True)


class Steady:
    """Asks an endpoint whose positive control is known.

    Attributes:
        control: the hello that was answered first.
        first: its answer.
        faltered: a positive control has failed once; whatever is asked since is asked slower.
        dead: why nothing more can be known, once the control has failed for good.
        told: every hello that got a yes or a no, with that.
        noted: every yes and no, with the number of its connection: the words of a no, and `YES`.
    """

    def __init__(self, asker: Asker, server_name: str) -> None:
        self._asker = asker
        self.faltered = False
        self.server_name = server_name
        self.control: Hello | Hello2 | None = None
        self.early: dict[int, tuple[int, Reply]] = {}
        self.dead: Lost | None = None
        self.told: list[tuple[Hello | Hello2, Picked | Declined]] = []
        self.noted: list[tuple[int, str]] = []

    @property
    def connections(self) -> int:
        """How many there were so far: the number of the last one."""
        return self._asker.connections

    @property
    def calm(self) -> bool:
        """No positive control has failed so far, and more can be asked."""
        return not self.faltered and self.dead is None

    @property
    def seen(self) -> list[tuple[Shape, Picked]]:
        """Every accepting answer so far, with the shape of its hello."""
        return [(hello.shape, reply) for hello, reply in self.told if isinstance(reply, Picked)]

    def note(self, words: str) -> None:
        """Remember what the last connection brought: `YES`, or the words of a no."""
        self.noted.append((self._asker.connections, words))

    def wait(self, turn: int = 0) -> None:
        """Back off before the given further try."""
        waits = self._asker.pace.back_offs or (0.0,)
        self._asker.wait(waits[min(turn, len(waits) - 1)])

    @property
    def tries(self) -> int:
        """How often what was inconclusive is asked again."""
        return len(self._asker.pace.back_offs)

    def ask(self, hello: Hello | Hello2) -> Reply:
        """One hello, one connection."""
        if self.dead is not None:
            return self.dead
        if self.faltered:
            self._asker.wait(self._asker.pace.back_offs[0] / 2 if self.tries else 0)
        reply = self._asker.ask(hello)
        if not isinstance(reply, Lost):
            self.told.append((hello, reply))
            self.note(YES if isinstance(reply, Picked) else reply.said)
        elif reply.final:
            self.dead = reply
        return reply

    def insist(self, hello: Hello | Hello2) -> Reply:
        """Ask again with back-off for as long as the answer is inconclusive."""
        reply = self.ask(hello)
        for turn in range(self.tries):
            if not isinstance(reply, Lost) or reply.suite is not None or self.dead:
                break
            self.wait(turn)
            reply = self.ask(hello)
        return reply

    def alive(self) -> Alive:
        """Run the positive control."""
        if self.control is None or self.dead:
            return Alive.DEAD
        if isinstance(self.ask(self.control), Picked):
            return Alive.GOOD
        self.faltered = True
        words = "no try was left"
        for turn in range(max(self.tries, 1)):
            self.wait(turn)
            reply = self.ask(self.control)
            if isinstance(reply, Picked):
                return Alive.RECOVERED
            words = reply.words
        self.dead = Lost(f"the positive control failed: {words}", final=True)
        return Alive.DEAD

    def find(self, versions: tuple[int, ...]) -> Picked | Lost:
        """Find the positive control among the versions that may be asked for; its failure is final."""
        candidates = [(TLS12, Shape.FULL), (TLS13, Shape.FULL), (TLS12, Shape.SMALL), (TLS13, Shape.PLAIN),
                      (TLS12, Shape.PLAIN), (TLS10, Shape.SMALL), (TLS10, Shape.FULL), (SSL3, Shape.FULL),
                      (SSL2, Shape.FULL)]  # fmt: skip
        first: Lost | None = None
        words, weight = "", 0
        while candidates:
            version, shape = candidates.pop(0)
            if version not in versions:
                continue
            hello = hello_of(version, shape, server_name=self.server_name)
            reply = self.ask(hello)
            if isinstance(reply, Picked):
                self.control = hello
                return reply
            if isinstance(reply, Lost):
                first = first or reply
                weight += 1 if reply.repeats else _TIME_OUT_WEIGHT
                if reply.final or weight > self.tries + 1:
                    break
                candidates.sort(key=lambda one: one[1] is not Shape.SMALL)
                self.wait(weight - 1)
                continue
            words = words or reply.words
            if shape is Shape.FULL:
                self.early[version] = (self.connections, reply)
            if reply.version is not None and (reply.version, shape) not in candidates[:1]:
                candidates.insert(0, (reply.version, shape))
        self.dead = Lost(first.words if first else f"no hello was answered with a ServerHello: {words}", final=True)
        return self.dead

    def ask_once(self, version: int, shape: Shape = Shape.FULL) -> tuple[int, Reply]:
        """What one hello of a version gets, and the number of its connection."""
        if version in self.early:
            return self.early.pop(version)
        reply = self.ask(hello_of(version, shape, server_name=self.server_name))
        return self.connections, reply

    @property
    def takes_long_lists(self) -> bool:
        """A hello with every suite was answered, up to TLS 1.2 (also by the pick of an older version)."""
        answered = (hello for hello, reply in self.told if reply.suite is not None and isinstance(hello, Hello))
        return any(hello.version < TLS13 and len(hello.suites) > SMALL_SUITES for hello in answered)

    def ask_few(self, version: int) -> Reply:
        """What a small hello of a version gets, with the suites that most servers have."""
        return self.ask(hello_of(version, Shape.SMALL, suites=COMMON_SUITES, server_name=self.server_name))

    def ask_again(self, version: int, shape: Shape = Shape.FULL) -> Reply:
        """What differently shaped hellos of a version get, after a no that may have been one to the hello."""
        if version == TLS13:
            again = self.ask(_fallback(self.server_name))
            if not isinstance(again, Declined) or again.sure:
                return again
        other = Shape.PLAIN if shape is not Shape.PLAIN else Shape.FULL
        left = suites_of(version)
        for _ in range(8):
            # A server may pick a suite and only then find that it cannot go on: then the suite is left out.
            again = self.ask(hello_of(version, other, suites=left, server_name=self.server_name))
            if not isinstance(again, Declined):
                return again
            if again.sure or again.suite is None:
                return again
            left = tuple(code for code in left if code != again.suite)
        return Lost("each suite that it picked ended in an alert")


def codes_of(names: tuple[str, ...]) -> tuple[int, ...]:
    """Version codes of names."""
    return tuple(VERSION_CODES[name] for name in names)
