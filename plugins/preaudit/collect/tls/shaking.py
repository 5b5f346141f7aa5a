"""The real handshakes of a survey: chains of TLS 1.3, and what a client without certificate is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from preaudit.collect.tls.asking import Asking
from preaudit.collect.tls.chains import Chains, shake_classic, shake_modern
from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.modern import Shaken
from preaudit.collect.tls.registry import CURVES, SUITES, TLS12, TLS13
from preaudit.collect.tls.reply import Declined, Lost, Picked, Reply, alert_words
from preaudit.collect.tls.signers import SIGNERS, curves_of, schemes_of, signer
from preaudit.collect.tls.steady import YES, Alive, Steady
from preaudit.collect.tls.trust import key_kind
from preaudit.collect.tls.twice import Claim, No, Twice

_NO = {40, 47, 71}


class Shaking:
    """Does as few handshakes as show everything.

    Attributes:
        last: version and result of the handshake that went on without certificate.
        asks: whether a CertificateRequest came, for each handshake of TLS 1.3.
        claims: what was refused.
        cause: why not every chain is known, or why there are none.
    """

    def __init__(self, asking: Asking, steady: Steady, twice: Twice, chains: Chains) -> None:
        self._asking, self._steady, self._twice = asking, steady, twice
        self._name = steady.server_name
        self._chains = chains
        self._refused: tuple[str, ...] = ()
        self.claims: list[Claim] = []
        self.last: tuple[int, Shaken] | None = None
        self.asks: list[bool | None] = []
        self.cause = ""

    def _shaken(self, shaken: Shaken) -> Shaken:
        """Let the reduction know what a handshake says of the endpoint as a whole."""
        if shaken.final:
            self._steady.dead = Lost(shaken.failure, final=True)
        elif shaken.finished:
            self._steady.note(YES)
        return shaken

    def _modern(self, shaken: Shaken, label: str) -> None:
        self.asks.append(shaken.asks_certificate)
        self._chains.add(shaken.chain, shaken.unread, label)

    def try_modern(self, groups: tuple[int, ...], suite: int | None = None) -> Reply:
        """A handshake of TLS 1.3 to its end: a yes as any other; where it goes less far, nothing is made of it.

        Args:
            groups: on offer, as far as a handshake can be done with them; () for all.
            suite: the only one on offer; None for all that records can be read of.
        """
        shaken = self._shaken(shake_modern(self._asking, self._name, groups, suite=suite, complete=True))
        if not shaken.finished or shaken.suite is None:
            return self._refusal(shaken)
        self._modern(shaken, "TLSv1.3")
        self.last = (TLS13, shaken)
        return Picked(TLS13, shaken.suite, group=shaken.group)

    def _refusal(self, shaken: Shaken) -> Reply:
        """What a handshake says that did not go to its end."""
        if shaken.alert not in _NO:
            return Lost(shaken.failure)
        self._steady.note(words := alert_words(shaken.alert))
        return Declined(words, sure=False)

    def modern(self, groups: tuple[int, ...]) -> None:
        """A handshake of TLS 1.3, as far as it goes."""
        shaken = self._shaken(shake_modern(self._asking, self._name, groups, complete=True))
        self._modern(shaken, "TLSv1.3")
        self.last = (TLS13, shaken)
        if not shaken.chain and shaken.failure:
            self.cause = self.cause or f"TLSv1.3: {shaken.failure}"

    def classic(self) -> None:
        """A handshake up to TLS 1.2, as far as it goes."""
        shaken = self._shaken(shake_classic(self._asking, self._name))
        if shaken.failure and not shaken.refused:
            again = self._shaken(shake_classic(self._asking, self._name))
            shaken = again if again.finished or again.refused else shaken
        self.last = (TLS12, shaken)

    def _steered(self, kinds: tuple[str, ...], groups: tuple[int, ...], *, backwards: bool = False) -> Reply:
        """Whether there is a chain of one of these kinds of keys, in TLS 1.3."""
        if self._steady.dead is not None:
            return self._steady.dead
        shaken = self._shaken(shake_modern(self._asking, self._name, groups, steer=kinds, backwards=backwards))
        if shaken.chain and shaken.suite is not None:
            self._modern(shaken, f"TLSv1.3 {key_kind(shaken.chain[0])}")
            return Picked(TLS13, shaken.suite, group=shaken.group, chain=shaken.chain)
        return self._refusal(shaken)

    def look_for_others(self, groups: tuple[int, ...]) -> None:
        """Ask once for chains that no answer has shown so far, for the kinds of keys that none of them has."""
        for _ in SIGNERS:
            seen = self._chains.kinds()
            kinds = tuple(kind for kind in SIGNERS if kind not in seen)
            if not seen or not kinds:
                return
            reply = self._steered(kinds, groups)
            if isinstance(reply, Declined):
                self._refused = kinds
                again = partial(self._steered, kinds, groups, backwards=True)
                self.claims.append(Claim(self._steady.connections, reply.words, again))
            if not isinstance(reply, Picked) or signer(reply.chain[0]) not in kinds:
                return

    def all_kinds(self, groups: tuple[int, ...]) -> bool:
        """Whether a chain of each kind of key was looked for in TLS 1.3: found, or refused twice."""
        if self.last is None or not self.last[1].chain:
            return False
        refused = self._refused if self._steady.calm and all(map(self._twice.holds, self.claims)) else ()
        return self._all_kinds("TLSv1.3", refused, lambda left, back: self._steered(left, groups, backwards=back))

    def all_kinds_before_13(self) -> bool:
        """The same for TLS 1.2, where a curve that a client does not offer hides certificates as well (RFC 8422)."""
        yeses = [pick for _, pick in self._steady.seen if pick.version == TLS12 and pick.chain]
        suites = tuple(dict.fromkeys(pick.suite for pick in yeses if SUITES[pick.suite].key_exchange))
        return not suites or self._all_kinds(
            "TLSv1.2", (), lambda left, back: self._asked_before_13(suites, left, backwards=back)
        )

    def _all_kinds(
        self, version: str, refused: tuple[str, ...], ask: Callable[[tuple[str, ...], bool], Reply]
    ) -> bool:
        """Ask for the kinds that are left until none is.

        Args:
            version: that shows the chains.
            refused: kinds that need no asking again.
            ask: asks for some kinds, forwards or backwards; a yes has a chain.
        """
        for _ in SIGNERS:
            known = {*refused, *self._chains.kinds(version)}
            left = tuple(one for one in SIGNERS if one not in known)
            if not left:
                break
            reply = ask(left, False)  # noqa: FBT003 - forwards
            if isinstance(reply, Declined):
                no = No.of(self._steady.connections, reply)
                reply = self._twice.insist(no, partial(ask, left, True))  # noqa: FBT003 - backwards
                if isinstance(reply, Declined):
                    return self._steady.alive() is Alive.GOOD
            if not isinstance(reply, Picked):
                self.cause = self.cause or f"{version} with signatures of other keys: {reply.words}"
                return False
            if signer(reply.chain[0]) not in left:
                break  # with a key that was not asked for, it has none of those that were
        return True

    def _asked_before_13(self, suites: tuple[int, ...], left: tuple[str, ...], *, backwards: bool = False) -> Reply:
        """Whether there is a chain of one of these kinds of keys, in TLS 1.2."""
        seen = curves_of(self._chains.kinds("TLSv1.2"))
        groups, schemes = tuple(group for group in CURVES if group not in seen), schemes_of(left)
        turn = slice(None, None, -1 if backwards else 1)
        hello = Hello(
            TLS12, suites, groups[turn], Shape.PLAIN, self._name, signatures=schemes[turn], any_issuer=backwards
        )
        reply = self._steady.insist(hello)
        if not isinstance(reply, Picked):
            return reply
        self._chains.add_pick(reply)
        return reply if reply.chain else Lost("an answer without a certificate")
