"""The real handshakes of a survey: chains of TLS 1.3, and what a client without certificate is told."""

from __future__ import annotations

from preaudit.collect.tls.asking import Asking
from preaudit.collect.tls.chains import Chains, shake_classic, shake_modern
from preaudit.collect.tls.modern import Shaken
from preaudit.collect.tls.registry import TLS10, TLS12, TLS13
from preaudit.collect.tls.versions import Spoken
from preaudit.endpoint import Answer

_KINDS = ("RSA", "ECDSA", "EdDSA")


class Shaking:
    """Does as few handshakes as show everything.

    Attributes:
        last: version and result of the handshake that went on without certificate.
        asks: whether a CertificateRequest came, for each handshake of TLS 1.3.
        complete: no further chain may be hidden.
        cause: why that is not known, or why there are no chains.
    """

    def __init__(self, asking: Asking, server_name: str, chains: Chains, *, thorough: bool) -> None:
        self._asking = asking
        self._name = server_name
        self._chains = chains
        self._thorough = thorough
        self.last: tuple[int, Shaken] | None = None
        self.asks: list[bool | None] = []
        self.complete = False
        self.cause = ""

    def run(self, spoken: dict[int, Spoken], groups: tuple[int, ...], complete_before: bool) -> None:  # noqa: FBT001
        """Shake hands under the newest version, and for the chains that TLS 1.3 may hide.

        Args:
            spoken: what is known of the versions.
            groups: accepted in TLS 1.3, as far as known.
            complete_before: all suites up to TLS 1.2 are known.
        """
        accepted = {version for version, one in spoken.items() if one.answer is Answer.ACCEPTED}
        if TLS13 in accepted:
            shaken = shake_modern(self._asking, self._name, groups, complete=True)
            self._modern(shaken, "TLSv1.3")
            self.last = (TLS13, shaken)
            self.complete = self._others(groups) and complete_before
        elif accepted & set(range(TLS10, TLS12 + 1)):
            self.last = (TLS12, self._classic())
            self.complete = complete_before
        else:
            self.complete = complete_before
        if not self.complete and not self.cause:
            self.cause = "not every suite and signature scheme was asked for"

    def _modern(self, shaken: Shaken, label: str) -> None:
        self.asks.append(shaken.asks_certificate)
        self._chains.add(shaken.chain, shaken.unread, label)
        if not shaken.chain and shaken.failure:
            self.cause = self.cause or f"TLSv1.3: {shaken.failure}"

    def _classic(self) -> Shaken:
        shaken = shake_classic(self._asking, self._name)
        if shaken.failure and not shaken.refused:
            again = shake_classic(self._asking, self._name)
            return again if again.finished or again.refused else shaken
        return shaken

    def _others(self, groups: tuple[int, ...]) -> bool:
        """Whether a chain of each other kind of key was looked for in TLS 1.3, found or refused."""
        if not self._thorough or (self.last and not self.last[1].chain):
            return False
        known = True
        for kind in _KINDS:
            if kind in self._chains.kinds_with("TLSv1.3"):
                continue
            shaken = shake_modern(self._asking, self._name, groups, steer=kind)
            if shaken.chain:
                self._modern(shaken, f"TLSv1.3 {kind}")
            elif shaken.alert not in {40, 47, 71}:
                known = False
                self.cause = self.cause or f"TLSv1.3 with {kind} signatures: {shaken.failure}"
        return known
