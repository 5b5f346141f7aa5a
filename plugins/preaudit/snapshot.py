"""The snapshot: what was collected, on disk, with a status for every source and namespace.

A snapshot is a folder: ``collection.json`` (a `Collection`) and one JSONL file a source, each line one redacted
object. It is written once, by the collector, and read by everything else; a live run and a run on a stored snapshot
are the same from here on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import msgspec

from preaudit.errors import NotObservable, UsageError
from preaudit.plainfile import TooMuch, read_plain
from preaudit.source import SOURCES

SCHEMA = "preaudit.snapshot/1"
MODES = ("live", "manifests", "targets")
EVERYWHERE = "*"
REDACTED = "$redacted"
"""Key of the object that stands where a value was redacted."""
MAX_COLLECTION = 256 * 2**20
"""Longest collection.json; a status is a few hundred bytes, and there is one a source and namespace."""
MAX_LINE = 64 * 2**20
"""Longest object line that is read back, in bytes; etcd holds 1.5 MB, redaction marks may lengthen it."""


class Status(StrEnum):
    """How far a source was seen in one namespace (or everywhere)."""

    COLLECTED = "collected"
    FORBIDDEN = "forbidden"
    ABSENT = "absent"
    ERROR = "error"
    TRUNCATED = "truncated"
    GIVEN = "given"
    """The objects came from files: those there are can be judged, but what is missing proves nothing."""


_SETTLED = frozenset({Status.COLLECTED, Status.ABSENT, Status.GIVEN})


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one read ended.

    Attributes:
        source: the source's name, a key of `preaudit.source.SOURCES`.
        namespace: the namespace that was listed, "*" for a cluster-wide list.
        object: the single object read, for sources that are read one object at a time (a node's name).
        status: how far it was seen.
        cause: why it is not "collected", a sentence for a person; "" otherwise.
        call: the exact call, for example ``GET /api/v1/pods?limit=500``.
        count: objects kept.
        resource_version: of the list, as the server gave it.
        started: RFC 3339 UTC time of the first request.
        finished: RFC 3339 UTC time of the last answer.
    """

    source: str
    namespace: str = EVERYWHERE
    object: str = ""
    status: Status
    cause: str = ""
    call: str = ""
    count: int = 0
    resource_version: str = ""
    started: str = ""
    finished: str = ""

    def __post_init__(self) -> None:
        """A status that is not a full look must say why."""
        if self.status not in {Status.COLLECTED, Status.GIVEN} and not self.cause:
            raise ValueError(f"{self.source} in {self.namespace}: {self.status.value} without a cause")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at; every field is "" or None where it could not be learned."""

    api_url: str = ""
    context: str = ""
    cluster_uid: str = ""
    version: str = ""
    certificate_sha256: str = ""
    skew_seconds: float | None = None
    nodes: int | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who looked, as the API server confirmed it; `cause` says why that is not known."""

    user: str = ""
    groups: tuple[str, ...] = ()
    cause: str = ""


class HeldRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, order=True):
    """One rule that the API server says holds for the reader; the fields are those of an RBAC rule."""

    verbs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


class Permissions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the reader might do in one namespace (rules of the whole cluster among it); `cause` says what is missing."""

    namespace: str = ""
    rules: tuple[HeldRule, ...] = ()
    cause: str = ""


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the snapshot: name, length in bytes, sha256 in hex, number of lines."""

    name: str
    bytes: int
    sha256: str
    lines: int


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``collection.json``: everything about the snapshot except the objects themselves.

    Attributes:
        schema: `SCHEMA`.
        mode: "live", "manifests" where the objects came from files, or "targets" where no cluster was looked at.
        started: start of the collection, RFC 3339 UTC with seconds ("2026-11-22T12:00:00Z"): the run's clock.
        finished: end of the collection.
        tool_version: version of preaudit that collected.
        target: the cluster.
        identity: who read it.
        permissions: what that identity might do.
        scope_namespaces: the declared scope (``--namespace``), None for the whole cluster.
        namespaces: every namespace known by name, sorted.
        namespaces_complete: whether that list is proved complete.
        read: the ``--read`` words given.
        redaction: policy name, where the key came from ("per-pack" or "file"), counts by rule.
        sources: one status a read, sorted by source, namespace, object.
        files: the JSONL files, sorted by name.
        notes: limits of this collection in sentences.
    """

    schema: str = SCHEMA
    mode: str = "live"
    started: str
    finished: str = ""
    tool_version: str = ""
    target: Target = Target()
    identity: Identity = Identity()
    permissions: Permissions = Permissions()
    scope_namespaces: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] = ()
    namespaces_complete: bool = False
    read: tuple[str, ...] = ()
    redaction: dict[str, Any] = {}
    sources: tuple[SourceStatus, ...] = ()
    files: tuple[StoredFile, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Times must be readable and the schema ours."""
        if self.schema != SCHEMA:
            raise ValueError(f"schema is {self.schema!r}, this version reads {SCHEMA!r}")
        if self.mode not in MODES:
            raise ValueError(f"mode is {self.mode!r}, known are {', '.join(MODES)}")
        parse_time(self.started)


def parse_time(text: str) -> datetime:
    """An RFC 3339 time with a zone as an aware UTC datetime.

    Raises:
        ValueError: it is no such time, or has no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it like 2026-11-22T12:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} lies outside the years 1 to 9999 in UTC") from None


def file_name(source: str) -> str:
    """The JSONL file of a source: ``pods.jsonl``, ``deployments.apps.jsonl``, ``nodes-configz.jsonl``."""
    return source.replace("/", "-") + ".jsonl"


class SourceWriter:
    """Appends objects of one source to its JSONL file and keeps length, count and hash.

    Not for use by two threads at once; each source is written by one.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self.source = source
        self.lines = 0
        self._bytes = 0
        self._sha256 = hashlib.sha256()
        self._stream: IO[bytes] = (folder / file_name(source)).open("xb", buffering=2**20)

    def write(self, line: bytes) -> None:
        """Append one encoded JSON object (no line break in it)."""
        self._stream.write(line)
        self._stream.write(b"\n")
        self._sha256.update(line)
        self._sha256.update(b"\n")
        self._bytes += len(line) + 1
        self.lines += 1

    def close(self) -> StoredFile:
        """Flush to disk and tell what was written."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        return StoredFile(
            name=file_name(self.source), bytes=self._bytes, sha256=self._sha256.hexdigest(), lines=self.lines
        )


def write_collection(folder: Path, collection: Collection) -> None:
    """Write ``collection.json``; it comes last, so that a folder without it is known to be half-written."""
    text = msgspec.json.format(msgspec.json.encode(collection, order="sorted"), indent=1)
    with (folder / "collection.json").open("xb") as stream:
        stream.write(text + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


class Coverage(msgspec.Struct, frozen=True):
    """Whether a source was seen completely in one namespace, and if not, why."""

    status: Status
    cause: str = ""

    @property
    def complete(self) -> bool:
        """An empty answer would prove that there is nothing: collected, or provably not served."""
        return self.status in {Status.COLLECTED, Status.ABSENT}

    @property
    def told(self) -> str:
        """Status and cause as a reason tells them: "forbidden: pods is forbidden for user reader"."""
        word = self.status.value
        return self.cause if self.cause.startswith(f"{word}: ") else f"{word}: {self.cause}".removesuffix(": ")

    @property
    def given(self) -> bool:
        """The objects came from files."""
        return self.status is Status.GIVEN


class _Place(msgspec.Struct):
    """The only metadata that says where an object lives."""

    namespace: Any = ""


class _Placed(msgspec.Struct):
    """An object of which nothing else is decoded."""

    metadata: _Place


class Snapshot:
    """A stored snapshot, opened for reading.

    Args:
        folder: the folder that holds ``collection.json``.
        under_way: what that will say, for a collector that looks at what it has collected so far.
    """

    def __init__(self, folder: Path, under_way: Collection | None = None) -> None:
        self.folder = folder
        self.collection = _read_collection(folder) if under_way is None else under_way
        self._files = {stored.name: stored for stored in self.collection.files}
        self._status: dict[tuple[str, str], SourceStatus] = {}
        for status in self.collection.sources:
            known = self._status.get((status.source, status.namespace))
            # Several objects of one source: the worst look counts.
            if known is None or known.status is Status.COLLECTED:
                self._status[status.source, status.namespace] = status
        self._objects: dict[str, list[dict[str, Any]]] = {}

    @property
    def started(self) -> datetime:
        """The run's clock: when the collection started, UTC."""
        return parse_time(self.collection.started)

    def coverage(self, source: str, namespace: str = EVERYWHERE) -> Coverage:
        """How far `source` was seen in `namespace` ("*": in the whole cluster)."""
        everywhere = self._status.get((source, EVERYWHERE))
        if everywhere is not None and everywhere.status in _SETTLED:
            return Coverage(everywhere.status, everywhere.cause)
        found = self._status.get((source, namespace)) or everywhere
        if found is not None:
            return Coverage(found.status, found.cause)
        if any(name == source for name, _ in self._status):
            return Coverage(Status.TRUNCATED, f"{source} was read in single namespaces only, not in {namespace}")
        return Coverage(Status.ERROR, f"{source} is not in this snapshot: it was collected without it")

    def tells_of(self, source: str) -> bool:
        """Whether this snapshot was made by a look at that source, however far the look went; files are no look."""
        return any(name == source and one.status is not Status.GIVEN for (name, _), one in self._status.items())

    def lines(self, source: str) -> Iterator[bytes]:
        """The encoded objects of a source, in the order in which they were collected."""
        stored = self._files.get(file_name(source))
        if stored is None:
            return
        with (self.folder / stored.name).open("rb") as stream:
            while line := stream.readline(MAX_LINE):
                yield line

    def objects(self, source: str) -> list[dict[str, Any]]:
        """The decoded objects of a source; decoded once, to be read only."""
        found = self._objects.get(source)
        if found is None:
            decode = msgspec.json.Decoder(dict[str, Any]).decode
            found = self._objects[source] = [decode(line) for line in self.lines(source)]
        return found

    def namespaces_of(self, source: str) -> set[str]:
        """The namespaces of a source's objects, "" for cluster-wide ones; nothing else of them is decoded."""
        decode = msgspec.json.Decoder(_Placed).decode
        return {str(decode(line).metadata.namespace) for line in self.lines(source)}

    def forget(self) -> None:
        """Let go of the decoded objects."""
        self._objects.clear()

    def require(self, source: str, namespace: str = EVERYWHERE) -> None:
        """Raise `NotObservable` unless `source` was seen completely in `namespace`."""
        coverage = self.coverage(source, namespace)
        if not coverage.complete:
            where = source if namespace == EVERYWHERE else f"{source} in {namespace}"
            raise NotObservable(where, coverage.told)


def _read_collection(folder: Path) -> Collection:
    """Read and check ``collection.json`` and the files that it names (length, hash, number of lines)."""
    try:
        raw = read_plain(folder / "collection.json", MAX_COLLECTION)
    except FileNotFoundError:
        raise UsageError(
            f"{folder}: no snapshot here (collection.json is missing); give the snapshot/ folder of a pack"
        ) from None
    except OSError as error:
        raise UsageError(f"{folder}/collection.json cannot be read: {error.strerror}") from None
    except TooMuch as error:
        raise UsageError(f"{folder}: {error}; it is not a snapshot's") from None
    try:
        collection = msgspec.json.decode(raw, type=Collection)
    except (msgspec.DecodeError, ValueError) as error:
        raise UsageError(f"{folder}/collection.json is not a snapshot of this version: {error}") from None
    for status in collection.sources:
        if status.source not in SOURCES:
            raise UsageError(f"{folder}/collection.json: unknown source {status.source!r}; was a newer version used?")
    for stored in collection.files:
        _check_file(folder, stored)
    return collection


def _check_file(folder: Path, stored: StoredFile) -> None:
    if stored.name not in {file_name(source) for source in SOURCES}:
        raise UsageError(f"{folder}/collection.json names the file {stored.name!r}, which no source has")
    try:
        with (folder / stored.name).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{folder / stored.name} cannot be read: {error.strerror}; the snapshot is damaged") from None
    if found != stored.sha256:
        raise UsageError(f"{folder / stored.name} was changed after it was collected (its sha256 differs)")


def stored_snapshot(given: Path) -> Path:
    """The snapshot folder of a path that names one, or the pack that holds it."""
    is_pack = (given / "manifest.json").is_file() or (given / "snapshot" / "collection.json").is_file()
    return given / "snapshot" if is_pack else given
