"""Which versions an endpoint speaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.registry import SSL3, TLS10, TLS11, TLS12, TLS13, VERSION_NAMES
from preaudit.collect.tls.reply import Declined, Lost, Picked, Reply, alert_words
from preaudit.collect.tls.steady import YES, Alive, Steady
from preaudit.collect.tls.twice import No, Twice
from preaudit.endpoint import Answer

_NO_SUCH_VERSION = alert_words(70)


def _needs_another(version: int, no: Declined) -> bool:
    """Whether it takes further noes to believe the first one.

    protocol_version says enough of old versions; of those that nearly every server speaks, a stray one would hide all.
    """
    return not no.sure or (version >= TLS12 and no.version is None)


@dataclass(frozen=True)
class Spoken:
    """What is known of one version.

    Attributes:
        answer: whether it is spoken.
        cause: what that rests on.
        first: the reply by which it was accepted.
        shape: of the hello that this was the reply to.
        beside: TLS 1.3 that was accepted where TLS 1.2 was on offer as well: its other hellos may be refused for that.
    """

    answer: Answer
    cause: str = ""
    first: Picked | None = None
    shape: Shape = Shape.FULL
    beside: bool = False


class Versions:
    """Asks for each version once, then again for those that gave no clear answer.

    Args:
        steady: with its positive control found.
        twice: judges the noes.
        first: the control's answer.

    Attributes:
        known: what is known of each version.
    """

    def __init__(self, steady: Steady, twice: Twice, first: Picked) -> None:
        self._steady, self._twice = steady, twice
        self._unsure: dict[int, tuple[int, Declined]] = {}
        self._asked: list[int] = []
        self._pending: dict[int, Declined] = {}
        self._lost: dict[int, Lost] = {}
        self._last_no = 0
        self._steadily = True
        shape = steady.control.shape if steady.control else Shape.FULL
        self.known: dict[int, Spoken] = {first.version: Spoken(Answer.ACCEPTED, "positive control", first, shape)}

    def ask(self, versions: Sequence[int], between: Callable[[], None] = lambda: None) -> None:
        """Ask for each version once, in that order; what was refused is known once a later yes, or `finish`, says so.

        Args:
            versions: codes, oldest first: the newest is then picked last, and vouches for the refusals before it.
            between: called after each.
        """
        for version in versions:
            self._asked.append(version)
            if version == TLS13:
                self._second_noes()  # so that its yes vouches for them as well
            if version not in self.known:
                number, reply = self._steady.ask_once(version)
                if isinstance(reply, Declined) and _needs_another(version, reply):
                    self._unsure[version] = (number, reply)
                else:
                    self._note(version, reply)
                    if version in self._lost:
                        self._control()
                between()
        self._second_noes()

    def _second_noes(self) -> None:
        """Ask again for what was refused in words that may mean something else, now that other words came as well."""
        unsure, self._unsure = self._unsure, {}
        for version, (number, reply) in unsure.items():
            if version == SSL3 and reply.spoken == SSL3 and reply.suite is None and self._refuses_above_ssl3():
                said = f"{reply.words}, and {_NO_SUCH_VERSION} to TLSv1.0 and TLSv1.1"
                self._note(version, Declined(said, sure=True))
            else:
                self._note(version, self._second_no(version, number, reply))

    def _refuses_above_ssl3(self) -> bool:
        """Whether hellos of TLS 1.0 and 1.1 got protocol_version.

        A server that speaks SSLv3 picks it in answer to them, unless it speaks those as well. SSLv3 has no word of its
        own for a version that is not spoken, so servers say handshake_failure in a record of SSLv3: with these two, it
        was refused three times.
        """
        told = [self._pending.get(version) for version in (TLS10, TLS11)]
        return self._steady.calm and all(one is not None and one.words == _NO_SUCH_VERSION for one in told)

    def _second_no(self, version: int, number: int, reply: Declined, shape: Shape = Shape.FULL) -> Reply:
        """What a version gets in another shape, after a no that is not sure.

        As the first one may have been a no to the shape, the second one would stand alone: it is asked for twice. Where
        no hello with all suites was ever answered, all three may have been noes to the length of that list.
        """
        for _ in range(2):
            again = self._twice.insist(No.of(number, reply), lambda: self._steady.ask_again(version, shape))
            if not isinstance(again, Declined) or not _needs_another(version, again):
                return again
            number, reply = self._steady.connections, again
        if SSL3 <= version <= TLS12 and not self._steady.takes_long_lists:
            again = self._twice.insist(No.of(number, reply), lambda: self._steady.ask_few(version))
            return Declined(f"{reply.words} to four hellos", sure=True) if isinstance(again, Declined) else again
        return Declined(f"{reply.words} to three hellos", sure=True)

    def _ask(self, version: int, shape: Shape = Shape.FULL) -> Reply:
        number, reply = self._steady.ask_once(version, shape)
        if isinstance(reply, Declined) and _needs_another(version, reply):
            return self._second_no(version, number, reply, shape)
        return reply

    def accept(self, version: int, first: Picked) -> None:
        """Take a yes that a handshake brought; it vouches for the refusals before it."""
        self._asked.append(version)
        self.known[version] = Spoken(Answer.ACCEPTED, f"{VERSION_NAMES[version]} was picked", first, Shape.PLAIN)
        self._confirm()

    def finish(self) -> dict[int, Spoken]:
        """The answer for each version that was asked for."""
        since = any(words == YES and number > self._last_no for number, words in self._steady.noted)
        if since and not self._steady.faltered:
            self._confirm()
        if self._pending:
            self._control()
        self._again()
        cause = self._steady.dead.words if self._steady.dead else "no clear answer"
        for version in self._asked:
            if version not in self.known:
                lost = self._lost.get(version)
                self.known[version] = Spoken(Answer.INCONCLUSIVE, lost.words if lost else cause)
        return self.known

    def _note(self, version: int, reply: Reply) -> None:
        self._lost.pop(version, None)
        if isinstance(reply, Picked):
            hello, cause = self._steady.told[-1][0], f"{VERSION_NAMES[version]} was picked"
            beside = isinstance(hello, Hello) and hello.fallback
            self.known[version] = Spoken(Answer.ACCEPTED, cause, reply, hello.shape, beside)
            self._confirm()
        elif isinstance(reply, Declined):
            self._pending[version] = reply
            self._last_no = self._steady.connections
        else:
            self._lost[version] = reply

    def _confirm(self) -> None:
        for version, declined in self._pending.items():
            self.known[version] = Spoken(Answer.REFUSED, declined.words)
        self._pending.clear()

    def _control(self) -> bool:
        """Whether all went well since the last control; what was refused since is asked again, slower, if not."""
        alive = self._steady.alive()
        self._steadily = self._steadily and alive is Alive.GOOD
        if alive is Alive.RECOVERED and self._pending:
            doubtful = list(self._pending)
            self._pending.clear()
            for version in doubtful:
                self._note(version, self._ask(version))
            alive = Alive.GOOD if self._steady.alive() is Alive.GOOD else Alive.DEAD
        if alive is Alive.GOOD:
            self._confirm()
            return True
        self._pending.clear()
        return False

    def _again(self) -> None:
        """Ask twice more for what gave no clear answer, first in another shape, in an order that no rhythm matches."""
        before = dict(self._lost)
        for turn, (shape, controls) in enumerate(((Shape.SMALL, 2), (Shape.FULL, 1))):
            if not self._lost or self._steady.dead:
                return
            self._steady.wait(turn)
            for version, lost in list(self._lost.items()):
                if turn and not (lost.repeats and lost.words == before[version].words):
                    continue
                self._note(version, self._ask(version, shape))
            for _ in range(controls):
                self._control()
        if not self._steadily:
            return
        for version, lost in list(self._lost.items()):
            first = before[version]
            if lost.repeats and first.repeats and lost.words == first.words:
                del self._lost[version]
                cause = f"{lost.words}, 3 times between good controls"
                self.known[version] = Spoken(Answer.CUT_OFF, cause)
