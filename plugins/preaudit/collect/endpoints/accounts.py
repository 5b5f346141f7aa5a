"""Well-known accounts: which are tried where, and that none is tried twice at one server."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from preaudit.errors import UsageError

PROTOCOLS = ("http", "mysql", "postgresql", "redis")
_FORM = "write it like postgresql postgres/postgres, mysql root/ (no password), or redis / (no account at all)"


@dataclass(frozen=True, slots=True)
class Account:
    """One account with the password that it is delivered with.

    Attributes:
        protocol: one of `PROTOCOLS`.
        user: its name, "" where the protocol has none.
        password: never stored with an observation, and never shown.
    """

    protocol: str
    user: str
    password: str = field(repr=False)

    @property
    def name(self) -> str:
        """How observations and records call it: protocol and user."""
        return f"{self.protocol} {self.user}".strip()


def parse_accounts(texts: list[str]) -> tuple[Account, ...]:
    """The accounts of a profile's list.

    Raises:
        UsageError: one cannot be read, or an account has two passwords: each is tried once only.
    """
    found: dict[str, Account] = {}
    for text in texts:
        protocol, _, rest = text.partition(" ")
        user, slash, password = rest.partition("/")
        if protocol not in PROTOCOLS or not slash or not (user + password).isascii() or not rest.isprintable():
            raise UsageError(f"credentials.accounts: {protocol[:20]!r} is no account; {_FORM}")
        account = Account(protocol, user.strip(), password)
        if account.name in found:
            raise UsageError(f"credentials.accounts: {account.name} stands twice, and each account is tried only once")
        found[account.name] = account
    return tuple(found.values())


class Tries:
    """Which account was tried at which server (address and port) in this run."""

    def __init__(self) -> None:
        self._done: set[tuple[str, int, str]] = set()
        self._lock = threading.Lock()

    def claim(self, address: str, port: int, account: Account) -> bool:
        """Whether this is the first try; whoever is told so makes it."""
        key = (address, port, account.name)
        with self._lock:
            first = key not in self._done
            self._done.add(key)
        return first
