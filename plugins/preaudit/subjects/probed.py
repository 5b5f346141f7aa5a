"""What was tried on an endpoint beyond looking (active groups): attacks, debug paths, well-known accounts."""

from __future__ import annotations

from collections.abc import Callable

from preaudit.endpoint import DebugPath, Fact
from preaudit.errors import NotObservable
from preaudit.passwords import protocols_with_password, stands_in_front
from preaudit.subjects.observed import Observed

_CLOSED = frozenset(range(300, 500)) - {408, 425, 429}
"""Statuses by which a path gives nothing: sent elsewhere, refused, not found. Others tell of the moment only."""


class Probed(Observed):
    """An endpoint as the active groups ``scan`` and ``credentials`` know it."""

    __slots__ = ()

    def attack_succeeds(self, name: str) -> bool:
        """Whether a known attack on TLS succeeds ("heartbleed"); logged.

        Raises:
            NotObservable: it was not tried, or what came tells nothing.
        """
        told = name.replace("_", " ")
        fact = self.seen.attacks.get(name, Fact(None, "it was not tried when this was collected (--active scan)"))
        self.note(told, fact.value)
        if fact.value is not None:
            self.note(f"{told}: what was seen", fact.cause)
            self.note(told, fact.value)
        return self.known(told, fact)

    def open_paths(self, what: str, wanted: Callable[[str], bool], asked: list[str]) -> list[str]:
        """Paths that give a stranger what they are known for; logged as `what`.

        Args:
            what: what is looked for.
            wanted: which paths.
            asked: all paths that should have been asked for.
        """
        seen = {one.path: one for one in self.seen.debug_paths if wanted(one.path)}
        violations, unseen = [], []
        for path in filter(wanted, asked):
            one = seen.get(path)
            if one is None:
                unseen.append(NotObservable(path, "it was not asked for when this was collected (--active scan)"))
            elif _is_there(one):
                violations.append(f"{path}: {one.status}")
            elif why := _unclear(one):
                unseen.append(NotObservable(path, why))
        return self.found(what, violations, unseen)

    @property
    def is_in_front(self) -> bool:
        """It leads to pods that are endpoints themselves."""
        return stands_in_front(self.seen)

    @property
    def takes_password(self) -> bool:
        """It is known to ask for a name and a password: PostgreSQL, MySQL, Redis, or HTTP Basic.

        Raises:
            NotObservable: it is not known whether it speaks any of these.
        """
        if protocols_with_password(self.seen):
            return True
        if self.seen.protocol in {"tls", "http"} and self.speaks_http and (gaps := self._pages_unseen()):
            raise gaps[0]
        return False

    def accounts_let_in(self, accounts: list[str]) -> list[str]:
        """Well-known accounts that it lets in; logged.

        Args:
            accounts: names of those that should have been tried, "postgresql postgres".
        """
        asked, violations, unseen = protocols_with_password(self.seen), [], []
        for name in accounts:
            if name.partition(" ")[0] not in asked:
                continue
            fact = self.seen.credentials.get(name)
            if fact is None:
                unseen.append(NotObservable(name, "it was not tried when this was collected (--active credentials)"))
            elif fact.value is None:
                unseen.append(NotObservable(name, fact.cause or "what came tells nothing"))
            elif fact.value:
                violations.append(f"{name}: {fact.cause}")
        untried = sorted(asked - {name.partition(" ")[0] for name in accounts})
        unseen += [NotObservable(one, "the profile's credentials.accounts names no account of it") for one in untried]
        return self.found("accounts that are let in", violations, unseen)


def _is_there(one: DebugPath) -> bool:
    return 200 <= one.status < 300 and one.recognised


def _unclear(one: DebugPath) -> str:
    """Why it is not known whether anything is there; "" where nothing is."""
    if not one.status:
        return one.cause or "no answer came"
    if one.status in _CLOSED or one.as_missing:
        return ""
    if not 200 <= one.status < 300:
        return f"{one.status} tells nothing of what is there"
    return one.cause or "it gives something there, in no form that is known here, and something else for a missing page"
