"""From a page of a list to the lines of a snapshot: what is kept of an object, and in which form.

Parts that are kept in clear pass as the bytes that came; only parts with values in them are decoded.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from preaudit.collect.credentials import shape_hits
from preaudit.collect.podspec import PodSpecs, redact_pod_spec
from preaudit.collect.redact import Redactor, escaped
from preaudit.source import METADATA_KEPT, Source
from preaudit.subjects.fields import types

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_OBJECT = 16 * 2**20
"""Longest object that is kept, in bytes after redaction."""

Part = Raw | UnsetType
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder().decode
_TIME = re.compile(rb'"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{5,20}(?:[Zz]|[+\-][0-9:]{4,5})?"')
_NUMBER = re.compile(rb"[0-9]{1,19}")
_VERSION = re.compile(rb'"[0-9]{0,20}"')
_UID = re.compile(r"[A-Za-z0-9._:\-]{0,128}")
_POD_SPEC_PATHS = {
    "Pod": (),
    "ReplicationController": ("template", "spec"),
    "Deployment": ("template", "spec"),
    "ReplicaSet": ("template", "spec"),
    "StatefulSet": ("template", "spec"),
    "DaemonSet": ("template", "spec"),
    "Job": ("template", "spec"),
    "CronJob": ("jobTemplate", "spec", "template", "spec"),
}
"""Where the pod specification stands within ``spec``."""


class Metadata(Struct, omit_defaults=True):
    """The fields of ``metadata`` that are kept (`METADATA_KEPT`); others are not even decoded."""

    name: str
    namespace: str = ""
    uid: str = ""
    labels: Part = UNSET
    annotations: dict[str, str] | UnsetType | None = UNSET
    ownerReferences: Part = UNSET  # noqa: N815 - the API's name
    creationTimestamp: Part = UNSET  # noqa: N815
    deletionTimestamp: Part = UNSET  # noqa: N815
    generation: Part = UNSET
    resourceVersion: Part = UNSET  # noqa: N815

    def __repr__(self) -> str:
        """Without labels and annotations, which are not redacted yet; tracebacks with local variables print this."""
        return f"<Metadata of {self.namespace[:80]}/{self.name[:80]}>"


class Item(Struct):
    """One object of a list; the fields that a source keeps are added by `item_type`."""

    metadata: Metadata
    kind: str = ""
    apiVersion: str = ""  # noqa: N815

    def __repr__(self) -> str:
        """Only what it is, as nothing of it is redacted yet."""
        return f"<{self.kind[:80]} {self.metadata.namespace[:80]}/{self.metadata.name[:80]}>"


@cache
def item_type(source: Source) -> type[Item]:
    """The class that decodes one object of `source`, with what is kept of it and nothing else."""
    whole = [path for path in source.keep if "." not in path]
    fields: list[tuple[str, Any, Any]] = [(name, Part, UNSET) for name in whole]
    split = [path.partition(".") for path in source.keep if "." in path]
    for parent in dict.fromkeys(head for head, _, _ in split):
        leaves = [(leaf, Part, UNSET) for head, _, leaf in split if head == parent]
        inner = msgspec.defstruct(f"{source.kind}_{parent}", leaves)
        fields.append((parent, inner | None | UnsetType, UNSET))
    made = msgspec.defstruct(f"{source.kind}_item", fields, bases=(Item,))
    return cast("type[Item]", made)


class OddObject(Exception):  # noqa: N818 - it names what came
    """An object that cannot be kept; the text says why."""


class Lines:
    """Turns objects of one source into snapshot lines; one for each thread.

    Args:
        source: whose objects.
        redactor: replaces values.
        fixed: further fields that every line carries, for example a Secret's ``type``.
    """

    def __init__(self, source: Source, redactor: Redactor, fixed: dict[str, str] | None = None) -> None:
        self.source = source
        self.redactor = redactor
        self.item_type = item_type(source)
        self._pod_specs = PodSpecs(redactor)
        self._kept = list(dict.fromkeys(path.partition(".")[0] for path in source.keep if path not in (fixed or {})))
        self._head = b'{"apiVersion":%b,"kind":%b,"metadata":' % (_ENCODE(source.api_version), _ENCODE(source.kind))
        self._tail = b"".join(b",%b:%b" % (_ENCODE(name), _ENCODE(value)) for name, value in (fixed or {}).items())
        self._one = msgspec.json.Decoder(self.item_type)

    def line(self, item: Item) -> bytes:
        """The snapshot's line for one object (no line break in it).

        Raises:
            OddObject: it is too large or cannot be encoded.
        """
        try:
            line = self._assembled(item)
        except RecursionError:
            raise OddObject(f"{self._shown(item)} is nested too deeply") from None
        except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
            raise OddObject(f"{self._shown(item)} cannot be read: {type(error).__name__}") from None
        except Exception as error:  # noqa: BLE001 - a defect of ours: its traceback would show, in the variables of its
            # frames, what is not redacted yet. The object counts as not seen.
            defect = f"a defect of preaudit ({type(error).__name__}), please report it"
            raise OddObject(f"{self._shown(item)} cannot be redacted: {defect}") from None
        if len(line) > MAX_OBJECT:
            raise OddObject(f"{self._shown(item)} is longer than {MAX_OBJECT} bytes")
        return line

    def _assembled(self, item: Item) -> bytes:
        parts = [self._head, self._metadata(item.metadata)]
        for name in self._kept:
            value = getattr(item, name)
            if value is not UNSET and value is not None:
                raw = bytes(value) if isinstance(value, Raw) else _ENCODE(value)
                parts.append(b',"%b":%b' % (name.encode(), self._part(name, raw)))
        parts += (self._tail, b"}")
        return b"".join(parts)

    def repaired(self, raw: Raw) -> Item:
        """An object whose metadata has unexpected types, with the odd fields left out or put into words.

        Raises:
            OddObject: it has no name, or is no object at all.
        """
        try:
            node = _DECODE(raw)
        except RecursionError:
            raise OddObject("an object is nested too deeply") from None
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise OddObject(f"an object cannot be read: {error}") from None
        metadata = node.get("metadata") if isinstance(node, dict) else None
        if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
            raise OddObject("an object without a readable name was left out")
        kept = {key: metadata[key] for key in METADATA_KEPT if metadata.get(key) is not None}
        for key in ("namespace", "uid"):
            if not isinstance(kept.get(key, ""), str):
                raise OddObject(f"object {kept['name'][:80]!r} has a {key} that is no text")
        annotations = kept.pop("annotations", None)
        if isinstance(annotations, dict):
            kept["annotations"] = {
                key: value if isinstance(value, str) else _ENCODE(value).decode() for key, value in annotations.items()
            }
        parts = {name: node[name] for name in self._kept if name in node}
        for path in self.source.keep:
            head, dot, _ = path.partition(".")
            if dot and not isinstance(parts.get(head, {}), dict):
                del parts[head]
        try:
            return self._one.decode(_ENCODE({"metadata": kept, **parts}))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise OddObject(f"object {kept['name'][:80]!r} cannot be read: {error}") from None

    def _shown(self, item: Item) -> str:
        name = item.metadata.name[:80]
        return f"{self.source.kind} {item.metadata.namespace[:80] + '/' if item.metadata.namespace else ''}{name}"

    def _metadata(self, metadata: Metadata) -> bytes:
        if self.source.kind == "Secret":
            metadata.annotations = UNSET  # last-applied-configuration of a Secret holds its data
        elif metadata.annotations:
            kept = self.redactor.annotations(metadata.annotations)
            metadata.annotations = {escaped(key): value for key, value in kept.items()} or UNSET
        else:
            metadata.annotations = UNSET
        metadata.labels = self._clear(metadata.labels, "{}")
        metadata.ownerReferences = self._clear(metadata.ownerReferences, "[]OwnerReference")
        metadata.creationTimestamp = _fitting(_TIME, metadata.creationTimestamp)
        metadata.deletionTimestamp = _fitting(_TIME, metadata.deletionTimestamp)
        metadata.generation = _fitting(_NUMBER, metadata.generation)
        metadata.resourceVersion = _fitting(_VERSION, metadata.resourceVersion)
        if not _UID.fullmatch(metadata.uid) or shape_hits(metadata.uid):
            metadata.uid = ""
        return _ENCODE(metadata)

    def _clear(self, part: Part, schema: str) -> Part:
        """A part of the metadata that is kept in clear, screened; an explicit null is left out."""
        if part is UNSET:
            return UNSET
        raw = bytes(part)
        if raw == b"null":
            return UNSET
        screened = self.redactor.raw(raw, schema)
        return part if screened is raw else Raw(screened)

    def _part(self, name: str, raw: bytes) -> bytes:
        """One kept top-level field, redacted as its kind needs."""
        kind = self.source.kind
        if name == "spec" and kind == "Pod":
            return self._pod_specs.redact(raw)
        schema = types()[kind].get(name, "")
        change: Callable[[Any], Any] | None = None
        if name == "spec" and kind in _POD_SPEC_PATHS:
            change = self._controller_spec
        elif name in {"data", "binaryData"}:
            change = self.redactor.values
        elif name == "spec" and kind == "PersistentVolume":
            change = self._volume
        return self.redactor.raw(raw, schema) if change is None else self.redactor.changed(raw, change, schema)

    def _controller_spec(self, spec: Any) -> Any:
        if not isinstance(spec, dict):
            return self.redactor.token(spec)
        path = _POD_SPEC_PATHS[self.source.kind]
        parent: Any = spec
        for key in path[:-1]:
            child = parent.get(key)
            if not isinstance(child, dict):
                if child is not None:
                    parent[key] = self.redactor.token(child)
                return spec
            parent = child
        if path[-1] in parent:
            parent[path[-1]] = redact_pod_spec(self.redactor, parent[path[-1]])
        return spec

    def _volume(self, spec: Any) -> Any:
        if isinstance(spec, dict) and "mountOptions" in spec:
            spec["mountOptions"] = self.redactor.arguments(spec["mountOptions"])  # CIFS takes its password there
        return spec


def _fitting(form: re.Pattern[bytes], part: Part) -> Part:
    """A field that the API server fills in; files may have anything there, which is left out."""
    return part if part is not UNSET and form.fullmatch(bytes(part)) else UNSET
