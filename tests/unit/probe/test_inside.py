"""What runs in the pod: three kinds of answers, bounded output, nothing but lines of JSON."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time

import msgspec
import pytest

from preaudit.collect.tls.connection import NoRoute, Refused, TcpConnection, TimedOut
from preaudit.endpoint import Endpoint, Reached
from preaudit.probe import inside
from preaudit.probe.reading import read_log
from preaudit.probe.words import MAX_LOG, MAX_PLAN, Knock, Looked, Plan, Spot, encoded
from preaudit.reachability import Answered

LATER = 1e12


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_open_and_refused(listener, closed):
    assert inside.knock(Knock("127.0.0.1", listener), LATER) == (Answered.OPEN, "")
    assert inside.knock(Knock("127.0.0.1", closed), LATER) == (Answered.REFUSED, "")


@pytest.mark.parametrize(
    ("outcomes", "answered"),
    [
        ([TimedOut("t")] * 3, Answered.SILENT),
        ([TimedOut("t"), TimedOut("t"), Refused("r")], Answered.REFUSED),
        ([TimedOut("t"), NoRoute("n")], Answered.NO_ROUTE),
    ],
)
def test_silence_is_silence_at_every_try(monkeypatch, outcomes, answered):
    def open_(*_):
        raise outcomes.pop(0)

    monkeypatch.setattr(TcpConnection, "open", open_)
    assert inside.knock(Knock("10.0.0.1", 80), LATER)[0] is answered
    assert not outcomes


def test_no_time_left_is_not_silence(monkeypatch):
    monkeypatch.setattr(TcpConnection, "open", lambda *_: pytest.fail("nothing is dialled any more"))
    assert inside.knock(Knock("10.0.0.1", 80), time.monotonic() + 0.5) == (Answered.UNKNOWN, "the probe's time was used up")


def test_the_whole_program(listener, closed):
    plan = Plan(seconds=20, per_second=0, at_once=2, endpoint_seconds=5, controls=(Knock("127.0.0.1", listener),),
                questions=(Knock("127.0.0.1", closed),), spots=(Spot(address="127.0.0.1", port=listener, host="x"),))  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "preaudit.probe.inside", encoded(plan)], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    told = read_log(done.stdout, plan)
    assert told.held(0)
    assert told.answer(0).answered is Answered.REFUSED
    # A probe has no business with its own loopback.
    assert told.looked[0].reached is Reached.NOT_DIALLED


@pytest.mark.parametrize("words", [[], ["{}"], ["{"], ["a", "b"], ['{"x":"' + "x" * MAX_PLAN + '"}'],
                                   [json.dumps({"seconds": 1e9, "per_second": 1, "at_once": 1, "endpoint_seconds": 1})]])  # fmt: skip
def test_another_plan_is_refused(words, capsys):
    assert inside.main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err


def test_what_does_not_fit_is_left_out_and_the_end_is_kept():
    written = []
    out = inside.Out(written.append)
    seen = Endpoint(owner_kind="Spot", owner="x", port=1, reached=Reached.OPEN, protocol_cause="x" * 30_000)
    for index in range(600):
        out.tell(Looked(index, seen))
    assert sum(map(len, written)) < MAX_LOG
    assert msgspec.json.decode(written[0], type=Looked).endpoint == seen
    assert msgspec.json.decode(written[-1], type=Looked).endpoint is None


def test_the_kubelet_finds_nothing_to_replace_in_a_plan():
    plan = Plan(seconds=1, per_second=1, at_once=1, endpoint_seconds=1, spots=(Spot(address="10.0.0.1", port=1, host="$(HOME)"),))
    assert "$" not in encoded(plan)
    assert msgspec.json.decode(encoded(plan), type=Plan) == plan
