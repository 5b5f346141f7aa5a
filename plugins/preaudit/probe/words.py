"""What the controller and the probe say to one another: a plan one way, lines of JSON the other.

The plan holds addresses, ports and server names, nothing secret. The lines are read as hostile input.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from preaudit.endpoint import Endpoint
from preaudit.reachability import Answered

MAX_PLAN = 96 * 1024
"""Longest plan in bytes: Linux takes no argument of more than 128 KiB."""
MAX_LOG = 8 * 2**20
"""Bytes of output: kubelets rotate a log at 10 MiB, and what was before is then lost."""
MAX_LINE = 512 * 1024

_Port = Annotated[int, Meta(ge=1, le=65535)]
_Index = Annotated[int, Meta(ge=0, lt=100_000)]
_Short = Annotated[str, Meta(max_length=400)]


class Knock(Struct, frozen=True, forbid_unknown_fields=True):
    """An address and a port to connect to by TCP, and to say nothing there."""

    address: Annotated[str, Meta(max_length=64)]
    port: _Port


class Spot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place to look at, as far as a look needs to know it; see `preaudit.collect.endpoints.place.Place`."""

    address: Annotated[str, Meta(max_length=64)]
    port: _Port
    host: Annotated[str, Meta(max_length=253)]
    server_name: Annotated[str, Meta(max_length=253)] = ""
    role: Annotated[str, Meta(max_length=40)] = ""
    hint: Annotated[str, Meta(max_length=40)] = ""
    starttls: Annotated[str, Meta(max_length=40)] = ""


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that the probe is asked.

    Attributes:
        seconds: the longest that all of it may take.
        per_second: connections begun in a second to one host.
        at_once: connections open at the same time to one host.
        endpoint_seconds: the longest that a look at one place may take.
        controls: what should answer; asked before and after the questions.
        questions: what perhaps answers.
        spots: what is looked at.
    """

    seconds: Annotated[float, Meta(gt=0, le=3600)]
    per_second: Annotated[float, Meta(ge=0)]
    at_once: Annotated[int, Meta(ge=1)]
    endpoint_seconds: Annotated[float, Meta(gt=0, le=3600)]
    controls: tuple[Knock, ...] = ()
    questions: tuple[Knock, ...] = ()
    spots: tuple[Spot, ...] = ()


class Begun(Struct, frozen=True, tag="begun", forbid_unknown_fields=True):
    """The first line: the version of preaudit that the image holds."""

    version: Annotated[str, Meta(max_length=40)]


class Knocked(Struct, frozen=True, tag="knocked", forbid_unknown_fields=True):
    """What came back from a knock: number `index` of the plan's `part` (before, question, after)."""

    part: Annotated[str, Meta(pattern="^(before|question|after)$")]
    index: _Index
    answered: Answered
    cause: _Short = ""


class Looked(Struct, frozen=True, tag="looked", forbid_unknown_fields=True):
    """What was seen at spot number `index`; None where it would not fit into the log."""

    index: _Index
    endpoint: Endpoint | None = None


class Ended(Struct, frozen=True, tag="ended", forbid_unknown_fields=True):
    """The last line: how many lines were before it."""

    lines: _Index


Line = Begun | Knocked | Looked | Ended


def encoded(plan: Plan) -> str:
    """A plan as one argument; the kubelet replaces ``$(NAME)`` in arguments, so no dollar sign is in it."""
    return msgspec.json.encode(plan).decode().replace("$", "\\u0024")
