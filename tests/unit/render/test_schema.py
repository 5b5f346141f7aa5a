"""The committed schemas are those of the classes, and accept what the classes write."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import msgspec
import pytest

from preaudit.evidence import manifest, record
from preaudit.render.schema import SCHEMAS

from .sample import manifest_for, sample_records

FOLDER = Path(__file__).parents[3] / "reports" / "schemas"


@pytest.mark.parametrize("name", SCHEMAS)
def test_committed_schemas_are_current(name):
    current = SCHEMAS[name]() == (FOLDER / name).read_bytes()
    assert current, f"{name} is out of date: python -m preaudit.render.schema reports/schemas"


def test_what_is_written_is_valid():
    found = sample_records()
    judge = jsonschema.Draft202012Validator(msgspec.json.decode(SCHEMAS["record.schema.json"]()))
    for one in found:
        judge.validate(msgspec.json.decode(record.encode(one)))
    judge = jsonschema.Draft202012Validator(msgspec.json.decode(SCHEMAS["manifest.schema.json"]()))
    judge.validate(msgspec.json.decode(manifest.encode(manifest_for(found))))


def test_a_verdict_that_does_not_exist_is_refused():
    judge = jsonschema.Draft202012Validator(msgspec.json.decode(SCHEMAS["record.schema.json"]()))
    one = msgspec.json.decode(record.encode(sample_records()[0]))
    with pytest.raises(jsonschema.ValidationError):
        judge.validate({**one, "verdict": "ok"})
