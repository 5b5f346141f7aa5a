"""CSV: every record and every key, and no cell that a spreadsheet would compute."""

from __future__ import annotations

import csv
import io
import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preaudit.evidence.record import Record, Subject
from preaudit.render.csvfile import COLUMNS, MOST_CHARACTERS, cell, render_csv
from preaudit.verdict import Verdict

from .sample import record, sample_records
from .strategies import records

STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def csv_of(found):
    stream = io.BytesIO()
    render_csv(found, stream)
    assert not stream.closed
    return stream.getvalue()


def rows_of(raw):
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8"), newline=""), strict=True))


def test_every_key_of_a_record_has_a_column():
    keys = set(msgspec.json.decode(msgspec.json.encode(record("POD-101", Verdict.PASS)))) - {"subject"}
    subject = msgspec.structs.fields(Subject)
    assert set(COLUMNS) == keys | {f"subject.{one.encode_name}" for one in subject}
    assert {one.encode_name for one in msgspec.structs.fields(Record)} - {"subject"} <= set(COLUMNS)


def test_the_sample_reads_back_record_by_record():
    found = sample_records()
    raw = csv_of(found)
    assert raw.endswith(b"\r\n")
    assert raw.count(b"\r\n") == len(found) + 1
    rows = rows_of(raw)
    assert len(rows) == len(found)
    for row, one in zip(rows, found, strict=True):
        assert (row["requirement"], row["verdict"], row["reason"]) == (one.requirement, one.verdict.value, one.reason)
        assert row["subject.name"] == (one.subject.name if one.subject else "")
        assert row["pods"] == ("" if one.pods is None else str(one.pods))
        if one.observed:
            assert [seen["path"] for seen in msgspec.json.decode(row["observed"])] == [seen.path for seen in one.observed]


@given(records())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_hostile_records_stay_rows_of_inert_cells(found):
    raw = csv_of(found)
    rows = rows_of(raw)
    assert len(rows) == len(found)
    for row in rows:
        assert set(row) == set(COLUMNS)
        for value in row.values():
            assert value[:1] not in tuple("=+-@\t\r＝＋－＠")  # noqa: RUF001 - the full-width signs
            assert not STEERING.search(value)
            assert len(value) <= MOST_CHARACTERS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""), ("agent", "agent"), ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'␉=1"), ("\r=1", "'␍=1"), (" =1", "' =1"), ("＝1", "'＝1"), ("a=1", "a=1"),  # noqa: RUF001
        ("\x1b[2J", "␛[2J"), ("'=1", "'=1"),
    ],
)  # fmt: skip
def test_formulas_become_texts(text, shown):
    assert cell(text) == shown


@given(st.text(max_size=50))
def test_no_text_begins_a_formula(text):
    assert cell(text).lstrip()[:1] not in tuple("=+-@＝＋－＠")  # noqa: RUF001 - the full-width signs


def test_a_cell_is_never_longer_than_a_spreadsheet_keeps():
    assert len(cell("\u202e" * 100_000)) <= MOST_CHARACTERS
    assert len(cell("=" * 100_000)) <= MOST_CHARACTERS
    assert cell("x" * 100_000).startswith("xxx")
