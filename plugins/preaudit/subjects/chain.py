"""The chains of certificates that an endpoint sends, certificate by certificate, and what was not seen of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from preaudit.endpoint import Chain, Tls
from preaudit.errors import NotObservable
from preaudit.subjects.certificate import Certificate, certificate


@dataclass(frozen=True, slots=True)
class Presented:
    """One certificate as a server sends it.

    Attributes:
        certificate: what it says.
        position: 0 for the server's own, then its issuers.
        chain: the chain that it is part of.
    """

    certificate: Certificate
    position: int
    chain: Chain

    @property
    def is_leaf(self) -> bool:
        """It is the server's own."""
        return self.position == 0

    @property
    def is_root(self) -> bool:
        """It is sent as an issuer and signed by itself: whoever trusts it has it already, and checks nothing of it."""
        return self.position > 0 and self.certificate.self_signed


def presented(tls: Tls, *, leaves: bool = False) -> Iterator[Presented | NotObservable]:
    """Every certificate of every chain, or those of the servers alone; what was not seen stands among them."""
    for chain in tls.chains:
        for position, text in enumerate(chain.certificates[:1] if leaves else chain.certificates):
            try:
                yield Presented(certificate(text), position, chain)
            except NotObservable as error:
                yield error
        if chain.unread and not leaves:
            yield NotObservable("a chain of certificates", f"{chain.unread} more were sent than are kept")
        if not chain.certificates:
            yield NotObservable("a chain of certificates", "nothing of it was kept")
    if not tls.chains:
        yield NotObservable("certificates", tls.chains_cause or "none was seen")
    elif not tls.chains_complete:
        yield NotObservable("certificates", tls.chains_cause or "the server may send others to other clients")
