"""One of two packs that are compared: its manifest, and its records a requirement at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from preaudit.errors import UsageError
from preaudit.evidence.counting import MAX_LINE
from preaudit.evidence.pack import RECORDS, read_manifest
from preaudit.plainfile import open_plain
from preaudit.subjects.ref import Subject
from preaudit.verdict import Level, Severity, Verdict


class Line(msgspec.Struct):
    """What a comparison needs of a record; the rest of the line is not decoded."""

    requirement: str
    namespace: str
    title: str
    severity: Severity
    level: Level
    verdict: Verdict
    reason: str
    subject: Subject | None = None
    observed: msgspec.Raw = msgspec.Raw(b"[]")
    waiver: str | None = None
    attestation: str | None = None


class Side:
    """One of the two packs.

    Args:
        folder: of the pack.

    Raises:
        UsageError: it is no pack.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORDS
        self.manifest = read_manifest(folder)
        self.judged = {one.id for one in self.manifest.catalogue}
        self.deselected = {one.get("item", "") for one in self.manifest.deselected}
        namespaces = self.manifest.snapshot.get("namespaces")
        self.scope = frozenset(namespaces) if isinstance(namespaces, list) else None
        self.files = self.manifest.snapshot.get("mode") == "manifests"

    def groups(self) -> Iterator[tuple[str, list[Line]]]:
        """The records by requirement, in the order of the pack, which is checked on the way, as is its hash."""
        digest = hashlib.sha256()
        last = ""
        for requirement, lines in groupby(self._lines(digest), lambda line: line.requirement):
            if requirement < last:
                raise UsageError(f"{self._path}: the records are not in order; run preaudit verify on the pack")
            last = requirement
            yield requirement, list(lines)
        told = next((one.sha256 for one in self.manifest.files if one.name == RECORDS), "")
        if digest.hexdigest() != told:
            raise UsageError(f"{self._path} was changed after it was made; run preaudit verify on the pack")

    def _lines(self, digest: Any) -> Iterator[Line]:
        decode = msgspec.json.Decoder(Line).decode
        try:
            with os.fdopen(open_plain(self._path), "rb") as stream:
                while line := stream.readline(MAX_LINE):
                    digest.update(line)
                    yield decode(line)
        except OSError as error:
            raise UsageError(f"{self._path} cannot be read: {error.strerror}") from None
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise UsageError(f"{self._path}: a line is no record: {error}; run preaudit verify on the pack") from None

    def proves_absence(self, requirement: str, namespace: str) -> str:
        """Why a subject that has no record is not proved to be gone; "" where it is."""
        if requirement not in self.judged:
            return "the requirement was not judged"
        if f"{requirement}[{namespace}]" in self.deselected:
            return "it was deselected"
        if self.files:
            return "files were judged: what is not in them proves nothing"
        if self.scope is not None and namespace not in self.scope:
            return f"{namespace} was outside the declared namespaces"
        if self.manifest.run.interrupted:
            return "the run was interrupted"
        return ""
