"""Trying one account at one endpoint, within TLS where the endpoint speaks TLS."""

from __future__ import annotations

from preaudit.collect.endpoints.accounts import Account
from preaudit.collect.endpoints.classify import Spoken
from preaudit.collect.endpoints.dialogue import at_tls
from preaudit.collect.endpoints.greeting import Open
from preaudit.collect.endpoints.logins import LOGINS, Stream, basic
from preaudit.collect.endpoints.look import host_of
from preaudit.collect.endpoints.mysql_login import mysql
from preaudit.collect.endpoints.place import Place
from preaudit.collect.endpoints.reader import Reader
from preaudit.collect.endpoints.secured import secure
from preaudit.collect.tls.connection import Connection
from preaudit.collect.tls.server_name import sni
from preaudit.endpoint import Endpoint, Fact
from preaudit.passwords import asks_for_basic


def try_account(place: Place, seen: Endpoint, account: Account, open_: Open, deadline: float) -> Fact:
    """Whether an account is let in: one connection, one try.

    Args:
        place: where.
        seen: what is known of it.
        account: who.
        open_: opens connections to it.
        deadline: reading of `time.monotonic` by which it is over.

    Raises:
        Broken: the stream ended before it was clear.
    """
    name = sni(place.server_name)
    if account.protocol == "http":
        return _http(place, seen, account, Reader(open_, Spoken.of(seen), name, deadline))

    def wrap(connection: Connection, until: float) -> Connection:
        return secure(connection, name, until)

    connection = open_(deadline)
    try:
        if account.protocol == "mysql":
            return mysql(Stream(connection, deadline), account, wrap)
        inner = connection
        if seen.tls is not None:
            inner = wrap(at_tls(connection, seen.starttls, deadline), deadline)
        return LOGINS[account.protocol](Stream(inner, deadline), account)
    finally:
        connection.close()


def _http(place: Place, seen: Endpoint, account: Account, reader: Reader) -> Fact:
    """The first page that asks for Basic credentials, once more with some."""
    path = next(page.path for page in seen.pages if asks_for_basic(page))
    page, _ = reader.page(reader.again(path, host_of(place), basic(account)))
    if 200 <= page.status < 300:
        return Fact(True, f"GET {path} is answered with {page.status}")  # noqa: FBT003 - a value
    if page.status == 401:
        return Fact(False, f"GET {path} is answered with 401")  # noqa: FBT003 - a value
    return Fact(None, f"GET {path}: {page.cause or f'{page.status} tells nothing of the password'}")
