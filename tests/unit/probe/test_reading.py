"""The probe's log is believed only whole, of our version, and about what was asked."""

from __future__ import annotations

import json

import msgspec
import pytest

import preaudit
from preaudit.endpoint import Endpoint, Reached
from preaudit.probe.client import Fault
from preaudit.probe.reading import read_log
from preaudit.probe.words import MAX_LINE, Begun, Ended, Knock, Knocked, Looked, Plan, Spot
from preaudit.reachability import Answered

PLAN = Plan(seconds=10, per_second=10, at_once=1, endpoint_seconds=5, controls=(Knock("10.0.0.1", 53),),
            questions=(Knock("10.0.0.2", 80), Knock("10.0.0.3", 80)), spots=(Spot(address="10.0.0.4", port=443, host="x"),))  # fmt: skip
SEEN = Endpoint(owner_kind="Spot", owner="x", port=443, reached=Reached.OPEN, protocol="http")
GOOD = [Begun(preaudit.__version__), Knocked("before", 0, Answered.OPEN), Knocked("question", 0, Answered.SILENT),
        Knocked("question", 1, Answered.OPEN), Knocked("after", 0, Answered.OPEN), Looked(0, SEEN)]  # fmt: skip


def text(lines, end=None):
    every = [*lines, Ended(len(lines)) if end is None else end]
    return b"".join(one + b"\n" if isinstance(one, bytes) else msgspec.json.encode(one) + b"\n" for one in every)


def test_a_whole_log():
    told = read_log(text(GOOD), PLAN)
    assert [told.answer(index).answered for index in (0, 1, 2)] == [Answered.SILENT, Answered.OPEN, Answered.UNKNOWN]
    assert told.held(0)
    assert not told.held(1)
    assert told.looked == {0: SEEN}


def test_a_control_that_answers_only_once_does_not_hold():
    lines = [*GOOD[:4], Knocked("after", 0, Answered.SILENT), GOOD[5]]
    assert not read_log(text(lines), PLAN).held(0)
    assert not read_log(text([*GOOD[:4], GOOD[5]]), PLAN).held(0)


@pytest.mark.parametrize("cut", range(1, len(text(GOOD)), 7))
def test_no_part_of_a_log_is_believed(cut):
    for part in (text(GOOD)[:cut], text(GOOD)[cut:]):
        with pytest.raises(Fault):
            read_log(part, PLAN)


def test_a_line_lost_in_the_middle():
    with pytest.raises(Fault, match="lines of it are missing"):
        read_log(text([*GOOD[:2], *GOOD[3:]], Ended(len(GOOD))), PLAN)


def knocked(**more):
    return json.dumps({"type": "knocked", "part": "question", "index": 0, "answered": "open", "cause": "", **more}).encode()


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b"Traceback (most recent call last):", "nothing that the probe prints: Traceback"),
        (b"\xff\xfe\x1b[31m", "nothing that the probe prints"),
        (b"", "nothing that the probe prints"),
        (b"[" * 100_000, "nothing that the probe prints"),
        (b"{}", "nothing that the probe prints"),
        (b'"' + b"x" * MAX_LINE + b'"', "longer than"),
        (knocked(index=-1), "nothing that the probe prints"),
        (knocked(index=2), "what was not asked"),
        (knocked(index=1), "or twice"),
        (knocked(part="during"), "nothing that the probe prints"),
        (knocked(answered="yes"), "nothing that the probe prints"),
        (knocked(cause="x" * 401), "nothing that the probe prints"),
        (knocked(more=1), "nothing that the probe prints"),
        (msgspec.json.encode(Looked(1, SEEN)), "what was not asked"),
        (msgspec.json.encode(Looked(0, SEEN)), "or twice"),
        (msgspec.json.encode(Begun(preaudit.__version__)), "what was not asked"),
        (msgspec.json.encode(Ended(3)), "what was not asked"),
    ],
)
def test_whatever_else_is_in_it_spoils_all_of_it(line, cause):
    with pytest.raises(Fault, match=cause):
        read_log(text([*GOOD, line]), PLAN)


@pytest.mark.parametrize(
    "change", [{"protocol_cause": "\x1b[31mred"}, {"protocol": "x" * 40_000}, {"names": ("a",) * 5000}, {"tls_cause": "a\nb"}]
)
def test_endpoints_that_no_look_gives_are_not_believed(change):
    with pytest.raises(Fault):
        read_log(text([*GOOD[:5], Looked(0, msgspec.structs.replace(SEEN, **change))]), PLAN)


def test_another_version_is_told():
    with pytest.raises(Fault, match=r"holds preaudit 0\.0\.9, and this is"):
        read_log(text([Begun("0.0.9"), *GOOD[1:]]), PLAN)
