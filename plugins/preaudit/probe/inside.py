"""``python -m preaudit.probe.inside PLAN``: what the probe pod runs. It prints lines of JSON and nothing else."""

from __future__ import annotations

import ipaddress
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

import preaudit
from preaudit.collect.endpoints.look import Direct, Gates, Look
from preaudit.collect.endpoints.looking import look_at
from preaudit.collect.endpoints.place import Place, never_dialled
from preaudit.collect.tls.connection import Broken, NoRoute, Refused, Reset, TcpConnection, TimedOut
from preaudit.collect.tls.pace import Pace
from preaudit.endpoint import Endpoint
from preaudit.probe.words import MAX_LOG, MAX_PLAN, Begun, Ended, Knock, Knocked, Line, Looked, Plan, Spot
from preaudit.reachability import Answered

VANTAGE = "in-cluster"
KNOCK_SECONDS = 2.0
TRIES = 3
_AT_ONCE = 16
_KNOCKING_SHARE = 0.6
"""Of the time, for knocking; looks get what is left."""


class Out:
    """Writes lines, never more than a log holds.

    Args:
        write: takes the bytes of one line.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._bytes = 0
        self.lines = 0

    def tell(self, line: Line) -> None:
        """Write one line; what was seen at a place is left out where there is no room."""
        text = msgspec.json.encode(line) + b"\n"
        if isinstance(line, Looked) and self._bytes + len(text) > MAX_LOG - 2**20:
            text = msgspec.json.encode(Looked(line.index)) + b"\n"
        self._bytes += len(text)
        self.lines += 1
        self._write(text)


def answer(plan: Plan, out: Out) -> None:
    """Ask everything of a plan, and tell what came back."""
    begun, stop = time.monotonic(), threading.Event()
    out.tell(Begun(preaudit.__version__))
    ends = begun + plan.seconds * (_KNOCKING_SHARE if plan.spots else 1)
    for part, knocks in (("before", plan.controls), ("question", plan.questions), ("after", plan.controls)):
        for index, (answered, cause) in enumerate(knocked(knocks, ends)):
            out.tell(Knocked(part, index, answered, cause[:400]))
    pace = Pace(at_once=plan.at_once, per_second=plan.per_second, endpoint_seconds=plan.endpoint_seconds)
    look = Look(vantage=Direct(stop, VANTAGE), gates=Gates(pace), anchors={}, common=(), stop=stop)
    for index, seen in enumerate(looked(plan.spots, look, begun + plan.seconds - time.monotonic())):
        out.tell(Looked(index, seen))
    out.tell(Ended(out.lines))


def knocked(knocks: Sequence[Knock], ends: float) -> list[tuple[Answered, str]]:
    """What comes back from each knock, several at a time."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="knock") as executor:
        return list(executor.map(lambda one: knock(one, ends), knocks))


def knock(one: Knock, ends: float) -> tuple[Answered, str]:
    """Connect, say nothing, close; silence counts only if it was the answer to every try."""
    ipaddress.ip_address(one.address)
    for _ in range(TRIES):
        deadline = time.monotonic() + KNOCK_SECONDS
        if deadline > ends:
            return Answered.UNKNOWN, "the probe's time was used up"
        try:
            TcpConnection.open(one.address, one.port, deadline).close()
        except TimedOut:
            continue
        except (Refused, Reset):
            return Answered.REFUSED, ""
        except NoRoute as error:
            return Answered.NO_ROUTE, str(error)
        except Broken as error:
            return Answered.UNKNOWN, str(error)
        return Answered.OPEN, ""
    return Answered.SILENT, ""


def looked(spots: Sequence[Spot], look: Look, seconds: float) -> list[Endpoint]:
    """What is seen at each spot."""
    if not spots:
        return []
    return [seen for _, seen in look_at([_place(one) for one in spots], look, seconds=max(0.0, seconds))]


def _place(spot: Spot) -> Place:
    return Place(
        owner_kind="Spot", owner=spot.host, address=spot.address, port=spot.port, server_name=spot.server_name,
        role=spot.role, hint=spot.hint, starttls=spot.starttls, refused=never_dialled(spot.address),
    )  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Answer the plan that is the only argument."""
    if len(words) != 1 or len(words[0].encode()) > MAX_PLAN:
        sys.stderr.write("usage: python -m preaudit.probe.inside PLAN (JSON)\n")
        return 2
    try:
        plan = msgspec.json.decode(words[0], type=Plan)
    except msgspec.MsgspecError as error:
        sys.stderr.write(f"the plan cannot be read: {error}\n")
        return 2

    def write(text: bytes) -> None:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()

    answer(plan, Out(write))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
