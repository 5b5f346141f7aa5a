"""The namespaces of a declared scope, each read singly."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from preaudit.collect.listing import refusal
from preaudit.collect.objects import Lines, OddObject
from preaudit.collect.transport import Api, Budget, NotAnswered
from preaudit.collect.wording import clean
from preaudit.errors import TargetError
from preaudit.snapshot import SourceStatus, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preaudit.collect.writer import RewindableWriter


def read_scope(
    api: Api, scope: Sequence[str], lines: Lines, writer: RewindableWriter, times: Callable[[], str]
) -> list[SourceStatus]:
    """Read each namespace of the scope; one status for each.

    Raises:
        TargetError: one of them does not exist.
    """
    statuses = []
    for name in scope:
        path = f"/api/v1/namespaces/{quote(name, safe='')}"
        started = times()
        status, cause = _read(api, path, name, lines, writer)
        statuses.append(
            SourceStatus(
                source="namespaces",
                namespace=name,
                object=name,
                status=status,
                cause=cause,
                call=f"GET {path}",
                count=int(status is Status.COLLECTED),
                started=started,
                finished=times(),
            )
        )
    return statuses


def _read(api: Api, path: str, name: str, lines: Lines, writer: RewindableWriter) -> tuple[Status, str]:
    try:
        answer = api.get(path, budget=Budget(seconds=60))
    except NotAnswered as error:
        return Status.ERROR, error.cause
    if answer.status == 404:
        where = api.access.shown_url
        raise TargetError(f"namespace {name!r} does not exist in {where}; check --namespace and --context")
    if answer.status != 200:
        fault = refusal(answer)
        return fault.status, fault.cause
    try:
        item = msgspec.json.decode(answer.body, type=lines.item_type)
        if item.kind != "Namespace" or item.metadata.name != name:
            return Status.ERROR, f"the answer is {clean(item.kind, 40)} {clean(item.metadata.name, 80)}"
        writer.write(lines.line(item))
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OddObject) as error:
        return Status.ERROR, f"the answer cannot be read: {clean(error, 160)}"
    return Status.COLLECTED, ""
