"""Chains as they were sent, one for each that differs, and the facts that a handshake shows."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence

from preaudit.collect.tls.asking import Asking
from preaudit.collect.tls.classic import shake_hands
from preaudit.collect.tls.connection import Connection
from preaudit.collect.tls.hello import Hello
from preaudit.collect.tls.modern import Handshake13, Shaken
from preaudit.collect.tls.protection import HASHES, SHARED_GROUPS
from preaudit.collect.tls.registry import SSL2, SUITES, TLS13, VERSION_NAMES
from preaudit.collect.tls.reply import Lost, Picked
from preaudit.collect.tls.signers import EVERY_SCHEME, schemes_of, signer
from preaudit.collect.tls.trust import Anchor, trust_path
from preaudit.endpoint import Chain


class Chains:
    """Collects chains; equal ones are one."""

    def __init__(self) -> None:
        self._seen: dict[tuple[bytes, ...], list[str]] = {}
        self._unread: dict[tuple[bytes, ...], int] = {}

    def add(self, chain: tuple[bytes, ...], unread: int, seen_with: str) -> None:
        """Take a chain as it was sent; an empty one is none."""
        if not chain:
            return
        labels = self._seen.setdefault(chain, [])
        if seen_with not in labels:
            labels.append(seen_with)
        self._unread[chain] = max(unread, self._unread.get(chain, 0))

    def add_pick(self, pick: Picked) -> None:
        """Take the chain of an accepting answer."""
        kind = "" if pick.version in {SSL2, TLS13} else SUITES[pick.suite].authentication
        self.add(pick.chain, pick.unread, f"{VERSION_NAMES[pick.version]} {kind}".rstrip())

    def kinds(self, version: str = "") -> set[str]:
        """The kinds of the leaves' keys (`signer`), of the chains that were sent under a version; "" for any."""
        return {
            signer(chain[0])
            for chain, labels in self._seen.items()
            if any(label.split()[0] == (version or label.split()[0]) for label in labels)
        }

    def result(self, anchors: Sequence[Anchor]) -> tuple[Chain, ...]:
        """Every chain with its paths."""
        return tuple(
            Chain(
                certificates=tuple(base64.b64encode(der).decode() for der in chain),
                seen_with=tuple(sorted(labels)),
                paths=tuple(trust_path(chain, anchor) for anchor in anchors),
                unread=self._unread[chain],
            )
            for chain, labels in self._seen.items()
        )


def shake_modern(  # noqa: PLR0913 - a hello's parts
    asking: Asking,
    server_name: str,
    groups: tuple[int, ...],
    *,
    suite: int | None = None,
    steer: Sequence[str] = (),
    backwards: bool = False,
    complete: bool = False,
) -> Shaken:
    """A handshake of TLS 1.3.

    Args:
        asking: the endpoint.
        server_name: for SNI.
        groups: that are known to be accepted, if any are.
        suite: the only one on offer; None for all that records can be read of.
        steer: kinds of keys (`SIGNERS`): only their signatures are offered.
        backwards: offer the signatures in the opposite order, and those of issuers apart from them.
        complete: go on to the end without a client certificate, and read once.
    """
    usable = [group for group in SHARED_GROUPS if not groups or group in groups]
    if not usable:
        return Shaken(failure="it accepts no group that a handshake can be done with here")
    schemes = schemes_of(steer) or EVERY_SCHEME
    suites = tuple(HASHES) if suite is None else (suite,)
    hello = Hello(
        TLS13, suites, tuple(usable), server_name=server_name, signatures=schemes[::-1] if backwards else schemes,
        any_issuer=backwards,
    )  # fmt: skip

    def dialogue(connection: Connection, until: float) -> Shaken:
        handshake = Handshake13(connection, asking.receive, until)
        read_until = (lambda: time.monotonic() + asking.pace.read_seconds) if complete else None
        return handshake.run(hello, usable[0], read_until=read_until)

    return _shaken(asking.talk(dialogue))


def shake_classic(asking: Asking, server_name: str) -> Shaken:
    """A handshake up to TLS 1.2, to its end without a client certificate."""

    def dialogue(connection: Connection, until: float) -> Shaken:
        return shake_hands(
            connection, asking.receive, until,
            server_name=server_name, read_until=lambda: time.monotonic() + asking.pace.read_seconds,
        )  # fmt: skip

    return _shaken(asking.talk(dialogue))


def _shaken(result: Shaken | Lost) -> Shaken:
    return Shaken(failure=result.words, final=result.final) if isinstance(result, Lost) else result
