"""The JSON schemas of a record and of the manifest, made from the classes that read and write them.

``python -m preaudit.render.schema FOLDER`` writes them again after a class has changed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from preaudit.evidence.manifest import Manifest
from preaudit.evidence.record import Record

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def record_schema() -> bytes:
    """The schema of one line of records.jsonl, as it is stored (indented, one line break at the end)."""
    return _schema(Record, "urn:preaudit:schema:record:1", "One line of records.jsonl")


def manifest_schema() -> bytes:
    """The schema of manifest.json, as it is stored."""
    return _schema(Manifest, "urn:preaudit:schema:manifest:1", "manifest.json")


SCHEMAS = {"record.schema.json": record_schema, "manifest.schema.json": manifest_schema}
"""The files of reports/schemas and what makes them."""


def _schema(kind: type[msgspec.Struct], name: str, title: str) -> bytes:
    schema: dict[str, Any] = {"$schema": _DIALECT, "$id": name, "title": title, **msgspec.json.schema(kind)}
    return msgspec.json.format(msgspec.json.encode(schema, order="sorted"), indent=1) + b"\n"


def main(folder: Path) -> None:
    """Write the schemas into `folder`."""
    for file, make in SCHEMAS.items():
        (folder / file).write_bytes(make())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
