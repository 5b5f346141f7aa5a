"""Objects from files instead of a cluster: YAML and JSON, as ``kubectl apply`` and ``helm template`` know them.

Such objects can be judged; what is missing among them proves nothing. So every source is ``given``.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import preaudit
from preaudit.collect.defaults import apply_defaults
from preaudit.collect.objects import Lines, OddObject
from preaudit.collect.redact import Redactor
from preaudit.collect.redaction_key import told
from preaudit.collect.wording import clean, utc
from preaudit.collect.writer import RewindableWriter, prepare
from preaudit.errors import UsageError
from preaudit.snapshot import Collection, SourceStatus, Status, StoredFile, write_collection
from preaudit.source import SOURCES, Source
from preaudit.yamlfile import MAX_DEPTH, decoded, documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILE = 64 * 2**20
MAX_FILES = 100_000
MAX_DOCUMENTS = 1_000_000
STDIN = "-"

_BY_KIND: dict[tuple[str, str], Source] = {
    (source.group, source.kind): source for source in SOURCES.values() if "/" not in source.name
}


def collect_manifests(folder: Path, *, paths: Sequence[str], redaction_key: bytes | None, now: datetime) -> Collection:
    """Read objects from files into a snapshot.

    Args:
        folder: the snapshot's folder; made if it is missing.
        paths: files, folders (searched through for YAML and JSON), or "-" for standard input.
        redaction_key: HMAC key of the redaction; None makes one for this run.
        now: the run's time, UTC.

    Raises:
        UsageError: a path cannot be read, or a file is broken; the sentence names file and line.
    """
    if redaction_key is not None and len(redaction_key) < 16:
        raise UsageError("the redaction key is shorter than 16 bytes; make one: head -c 32 /dev/urandom > KEYFILE")
    prepare(folder)
    key = redaction_key or secrets.token_bytes(32)
    intake = _Intake(folder, Redactor(key))
    try:
        for name, raw in _files(paths):
            intake.file(name, raw)
    finally:
        files = intake.close()
    if not intake.documents:
        raise UsageError(f"no object was found in {', '.join(paths)[:300]}; name files or folders of manifests")
    at = utc(now)
    collection = Collection(
        mode="manifests",
        started=at,
        finished=at,
        tool_version=preaudit.__version__,
        namespaces=tuple(sorted(intake.namespaces)),
        redaction=told(key, intake.redactor.counts, given=redaction_key is not None),
        sources=tuple(
            SourceStatus(source=name, status=Status.GIVEN, count=intake.counts[name], started=at, finished=at)
            for name in sorted(SOURCES)
        ),
        files=files,
        notes=intake.notes(),
    )
    write_collection(folder, collection)
    return collection


def _files(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file that is meant, in a stable order, each once."""
    seen: set[str] = set()
    for given in paths:
        if given == STDIN:
            yield "<stdin>", _bounded(sys.stdin.buffer.read(MAX_FILE + 1), "<stdin>")
            continue
        names = list(_walk(given)) if Path(given).is_dir() else [given]
        for name in names:
            real = os.path.realpath(name)
            if real in seen:
                continue
            seen.add(real)
            if len(seen) > MAX_FILES:
                raise UsageError(f"{given}: more than {MAX_FILES} files; name the folders that hold manifests")
            try:
                with Path(name).open("rb") as stream:
                    raw = stream.read(MAX_FILE + 1)
            except OSError as error:
                raise UsageError(f"{name}: cannot be read: {error.strerror}") from None
            yield name, _bounded(raw, name)


def _walk(folder: str) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        raise UsageError(f"{error.filename}: cannot be read: {error.strerror}")

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES):
                yield f"{parent}/{name}"


def _bounded(raw: bytes, name: str) -> bytes:
    if len(raw) > MAX_FILE:
        raise UsageError(f"{name}: longer than {MAX_FILE // 2**20} MB; split it")
    return raw


class _Intake:
    """Takes documents in and writes those of known kinds."""

    def __init__(self, folder: Path, redactor: Redactor) -> None:
        self.folder = folder
        self.redactor = redactor
        self.documents = 0
        self.counts: Counter[str] = Counter()
        self.namespaces: set[str] = set()
        self._unknown: Counter[str] = Counter()
        self._nameless = 0
        self._twice: Counter[str] = Counter()
        self._seen: set[tuple[str, str, str]] = set()
        self._lines: dict[str, Lines] = {}
        self._writers: dict[str, RewindableWriter] = {}

    def file(self, name: str, raw: bytes) -> None:
        """Take in every document of one file."""
        text = decoded(raw, name)
        for line, document in _documents(text, name):
            self._take(document, name, line)

    def close(self) -> tuple[StoredFile, ...]:
        """Close the files that were written."""
        return tuple(sorted((writer.close() for writer in self._writers.values()), key=lambda stored: stored.name))

    def notes(self) -> tuple[str, ...]:
        """What was not taken in, and what is odd, in sentences."""
        notes = [
            f"Not judged, because the kind is not known here: {kind} ({count})."
            for kind, count in sorted(self._unknown.items())
        ]
        if self._nameless:
            notes.append(f"Not judged, because they are no Kubernetes objects: {self._nameless} documents.")
        notes += [
            f"Given more than once, each is judged: {shown} ({again + 1})."
            for shown, again in sorted(self._twice.items())
        ]
        return tuple(notes)

    def _take(self, document: Any, name: str, line: int) -> None:
        if document is None:
            return
        self.documents += 1
        if self.documents > MAX_DOCUMENTS:
            raise UsageError(f"{name}:{line}: more than {MAX_DOCUMENTS} documents")
        version = document.get("apiVersion") if isinstance(document, dict) else None
        kind = document.get("kind") if isinstance(document, dict) else None
        if not isinstance(version, str) or not isinstance(kind, str):
            self._nameless += 1
            return
        if kind.endswith("List") and isinstance(document.get("items"), list):
            self.documents -= 1
            for item in document["items"]:
                if isinstance(item, dict) and kind != "List":
                    item.setdefault("apiVersion", version)
                    item.setdefault("kind", kind.removesuffix("List"))
                self._take(item, name, line)
            return
        group, _, only = version.rpartition("/")
        source = _BY_KIND.get((group, kind))
        if source is None or only not in source.versions:
            self._unknown[clean(f"{version} {kind}", 120)] += 1
            return
        self._write(source, document, name, line)

    def _write(self, source: Source, document: dict[str, Any], name: str, line: int) -> None:
        metadata = document.get("metadata")
        if not isinstance(metadata, dict):
            raise UsageError(f"{name}:{line}: {source.kind} without metadata")
        title = metadata.get("name") or metadata.get("generateName")
        if not isinstance(title, str):
            raise UsageError(f"{name}:{line}: {source.kind} without metadata.name")
        metadata["name"] = title
        namespace = ""
        if source.namespaced:
            namespace = metadata.get("namespace") or "default"
            if not isinstance(namespace, str):
                raise UsageError(f"{name}:{line}: {source.kind} {title[:80]}: metadata.namespace is no text")
            metadata["namespace"] = namespace
            self.namespaces.add(namespace)
        else:
            metadata.pop("namespace", None)
            if source.kind == "Namespace":
                self.namespaces.add(title)
        identity = (source.name, namespace, title)
        if identity in self._seen:
            self._twice[clean(f"{source.kind} {namespace + '/' if namespace else ''}{title}", 200)] += 1
        self._seen.add(identity)
        apply_defaults(source.kind, document)
        lines = self._lines.get(source.name)
        if lines is None:
            lines = self._lines[source.name] = Lines(source, self.redactor)
            self._writers[source.name] = RewindableWriter(self.folder, source.name)
        try:
            self._writers[source.name].write(lines.line(lines.repaired(msgspec.Raw(msgspec.json.encode(document)))))
        except (OddObject, msgspec.MsgspecError, TypeError, RecursionError) as error:
            raise UsageError(f"{name}:{line}: {clean(error)}") from None
        self.counts[source.name] += 1


def _documents(text: str, name: str) -> Iterable[tuple[int, Any]]:
    """Line and content of every document; JSON where the text is JSON, else YAML."""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            content = json.loads(text, object_pairs_hook=_without_duplicates)
        except _DuplicateKeyError as error:
            raise UsageError(f"{name}: the key {str(error)[:80]!r} stands twice in one object") from None
        except json.JSONDecodeError as error:
            if name.endswith(".json"):
                raise UsageError(f"{name}:{error.lineno}: broken JSON: {error.msg}") from None
        except RecursionError:
            raise UsageError(f"{name}: nested more than {MAX_DEPTH} levels deep") from None
        else:
            return [(1, document) for document in (content if isinstance(content, list) else [content])]
    return ((document.first_line, document.data) for document in documents(text, name))


class _DuplicateKeyError(ValueError):
    """A key that stands twice in one JSON object."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return found
