"""Which versions an endpoint speaks."""

from __future__ import annotations

from dataclasses import dataclass

from preaudit.collect.tls.hello import Shape
from preaudit.collect.tls.registry import VERSION_NAMES
from preaudit.collect.tls.reply import Declined, Lost, Picked, Reply
from preaudit.collect.tls.steady import Alive, Steady
from preaudit.endpoint import Answer


@dataclass(frozen=True)
class Spoken:
    """What is known of one version: the answer, what it rests on, and the reply where it was accepted."""

    answer: Answer
    cause: str = ""
    first: Picked | None = None


class Versions:
    """Asks for each version once, then again for those that gave no clear answer.

    Args:
        steady: with its positive control found.
        first: the control's answer.
        versions: codes to ask for, in that order.
    """

    def __init__(self, steady: Steady, first: Picked, versions: tuple[int, ...]) -> None:
        self._steady = steady
        self._versions = versions
        self._pending: dict[int, Declined] = {}
        self._lost: dict[int, Lost] = {}
        self._steadily = True
        self.known: dict[int, Spoken] = {first.version: Spoken(Answer.ACCEPTED, "positive control", first)}

    def run(self) -> dict[int, Spoken]:
        """The answer for each version."""
        for version in self._versions:
            if version not in self.known:
                self._note(version, self._steady.ask_version(version))
                if version in self._lost:
                    self._control()
        if self._pending:
            self._control()
        self._again()
        cause = self._steady.dead.words if self._steady.dead else "no clear answer"
        for version in self._versions:
            if version not in self.known:
                lost = self._lost.get(version)
                self.known[version] = Spoken(Answer.INCONCLUSIVE, lost.words if lost else cause)
        return self.known

    def _note(self, version: int, reply: Reply) -> None:
        self._lost.pop(version, None)
        if isinstance(reply, Picked):
            self.known[version] = Spoken(Answer.ACCEPTED, f"{VERSION_NAMES[version]} was picked", reply)
            self._confirm()
        elif isinstance(reply, Declined):
            self._pending[version] = reply
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
                self._note(version, self._steady.ask_version(version))
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
                self._note(version, self._steady.ask_version(version, shape))
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
