"""Redaction on receipt: values become tokens before anything touches the disk.

A redacted value is ``{"$redacted": {"token", "length", "empty", "hits", "entropy"}}``, for an argument with its flag
also ``"flag"``. Equal values have equal tokens under one key. A key of the input that begins with ``$redacted`` or
``$escaped`` is written with ``$escaped:`` before it; taking that prefix off once gives the input back.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from preaudit.collect import credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MARK = "$redacted"
ESCAPE = "$escaped:"
POLICY = "preaudit.redaction/1"

_ANNOTATIONS_IN_CLEAR = (
    "seccomp.security.alpha.kubernetes.io/", "container.seccomp.security.alpha.kubernetes.io/",
    "container.apparmor.security.beta.kubernetes.io/", "apparmor.security.beta.kubernetes.io/",
    "pod-security.kubernetes.io/", "kubernetes.io/config.", "kubernetes.io/psp", "kubernetes.io/created-by",
    "kubernetes.io/service-account.", "kubernetes.io/enforce-mountable-secrets", "kubernetes.io/limit-ranger",
    "kubernetes.io/ingress.class", "deployment.kubernetes.io/", "deprecated.daemonset.template.generation",
    "rbac.authorization.kubernetes.io/", "batch.kubernetes.io/", "controller.kubernetes.io/",
    "cluster-autoscaler.kubernetes.io/", "node.alpha.kubernetes.io/", "volumes.kubernetes.io/",
    "volume.beta.kubernetes.io/", "volume.kubernetes.io/", "pv.kubernetes.io/", "storageclass.kubernetes.io/",
    "scheduler.alpha.kubernetes.io/", "endpoints.kubernetes.io/", "kubeadm.alpha.kubernetes.io/",
    "security.alpha.kubernetes.io/", "service.beta.kubernetes.io/", "control-plane.alpha.kubernetes.io/",
    "meta.helm.sh/", "helm.sh/", "app.kubernetes.io/",
)  # fmt: skip
"""Annotations whose values are judged or identify; any other value is replaced by a token."""
_ANNOTATIONS_DROPPED = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})

_WALK_ANYWAY = (b"$redacted", b"$escaped", b"\\u00", b"\\ud", b"\\uD", *credentials.SHAPE_LITERALS)
MAX_DEPTH = 100
"""Deepest nesting that is kept; no field of the API comes near it, and readers recurse."""
_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_MAX_KNOWN = 20_000
_MAX_KNOWN_LENGTH = 512
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder().decode


class Mark(dict[str, Any]):
    """A mark that we made; the input's own look-alikes are plain mappings, and are escaped."""

    __slots__ = ()


class Redactor:
    """Replaces values by tokens under one key, and counts what it did by rule; one for each thread.

    Args:
        key: the HMAC key, at least 16 bytes; never stored.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("the redaction key must have at least 16 bytes")
        self._keyed = hmac.new(key, digestmod="sha256")
        self.counts: Counter[str] = Counter()
        self._plain: set[bytes] = set()
        """Short parts that need no look; replicas repeat their labels and owners."""
        self._known: dict[tuple[str, str], Mark] = {}

    def token(self, value: Any, *, name: str = "", hits: list[str] | None = None, flag: str = "") -> Mark:
        """The mark that stands for a value; `hits` are worked out from name and value where not given."""
        text = value if isinstance(value, str) else _ENCODE(value).decode()
        if hits is None:
            return self._named(name, text)
        self.counts["values"] += 1
        self.counts.update(hits)
        return self._mark(text, hits, flag)

    def _named(self, name: str, text: str) -> Mark:
        """The mark of a named value; replicas repeat theirs, so short ones are remembered."""
        mark = self._known.get((name, text))
        if mark is None:
            mark = self._mark(text, credentials.hits_for(name, text))
            if len(text) <= _MAX_KNOWN_LENGTH and len(self._known) < _MAX_KNOWN:
                self._known[name, text] = mark
        self.counts["values"] += 1
        self.counts.update(mark[MARK]["hits"])
        return mark

    def _mark(self, text: str, hits: list[str], flag: str = "") -> Mark:
        keyed = self._keyed.copy()  # unlike hmac.digest, it does not hand over to another thread for a few bytes
        keyed.update(text.encode("utf-8", "surrogatepass"))
        mark: dict[str, Any] = {
            "token": keyed.hexdigest()[:32],
            "length": credentials.length_class(text),
            "empty": not text,
            "hits": hits,
            "entropy": credentials.entropy_class(text),
        }
        if flag:
            mark["flag"] = flag
        return Mark({MARK: mark})

    def values(self, mapping: Any) -> Any:
        """A mapping (ConfigMap data, parameters of a volume) with every value replaced by its token."""
        if not isinstance(mapping, dict):
            return None if mapping is None else self.token(mapping)
        return {key: self.token(value, name=key) for key, value in mapping.items()}

    def annotations(self, annotations: Mapping[str, Any]) -> dict[str, Any]:
        """Annotations: the known ones in clear unless they hold a credential, the rest as tokens."""
        kept: dict[str, Any] = {}
        for key, value in annotations.items():
            if key in _ANNOTATIONS_DROPPED:
                self.counts["dropped: last-applied-configuration"] += 1
            elif key.startswith(_ANNOTATIONS_IN_CLEAR) and isinstance(value, str) and len(value) <= 4096:
                kept[key] = self.string(value)
            else:
                kept[key] = self.token(value, name=key.rpartition("/")[2])
        return kept

    def string(self, text: str) -> Any:
        """A string that is kept in clear, unless its form is that of a credential; URLs lose their userinfo."""
        if "@" in text and "://" in text:
            bare = credentials.without_userinfo(text)
            if bare != text:
                self.counts["url-userinfo"] += 1
                text = bare
        hits = [hit for hit in credentials.shape_hits(text) if hit != "url-userinfo"]
        return self.token(text, hits=hits) if hits else text

    def arguments(self, arguments: Any) -> Any:
        """The elements of ``command`` or ``args``: kept, unless they look like credentials."""
        if not isinstance(arguments, list):
            return None if arguments is None else self.token(arguments)
        kept: list[Any] = []
        expects_credential = ""
        for element in arguments:
            if not isinstance(element, str):
                kept.append(self.token(element))
                expects_credential = ""
                continue
            flag, equals, value = element.partition("=") if element.startswith("-") else ("", "", "")
            if expects_credential and not element.startswith("-") and not credentials.mere_reference(element):
                hits = sorted({"credential-flag", *credentials.argument_hits(element)})
                kept.append(self.token(element, hits=hits, flag=expects_credential))
            elif equals and " " not in flag and len(flag) <= 128:
                kept.append(self._flag(element, flag, value))
            else:
                kept.append(self._argument(element))
            bare_flag = element.startswith("-") and not equals and credentials.credential_name(element)
            expects_credential = element if bare_flag else ""
        return kept

    def _flag(self, element: str, flag: str, value: str) -> Any:
        hits = set(credentials.argument_hits(value))
        if credentials.credential_name(flag) and not credentials.mere_reference(value):
            hits.add("credential-flag")
        return self.token(value, hits=sorted(hits), flag=flag) if hits else element

    def _argument(self, element: str) -> Any:
        hits = credentials.argument_hits(element)
        return self.token(element, hits=hits) if hits else element

    def tree(self, node: Any) -> Any:
        """Any JSON value with reserved keys escaped and credentials of a known form replaced."""
        if isinstance(node, str):
            return self.string(node)
        if isinstance(node, dict):
            if isinstance(node, Mark):
                return node
            return {escaped(key): self.tree(value) for key, value in node.items()}
        if isinstance(node, list):
            return [self.tree(value) for value in node]
        return node

    def raw(self, raw: bytes) -> bytes:
        """An encoded JSON value that is kept in clear: as it is, unless something in it needs a look."""
        if raw in self._plain:
            return raw
        check_depth(raw)
        if needs_look(raw):
            return _ENCODE(self.tree(_DECODE(raw)))
        if len(raw) <= _MAX_KNOWN_LENGTH and len(self._plain) < _MAX_KNOWN:
            self._plain.add(raw)
        return raw

    def changed(self, raw: bytes, change: Callable[[Any], Any]) -> bytes:
        """An encoded JSON value after `change`; what `change` leaves is screened like everything kept."""
        check_depth(raw)
        node = change(_DECODE(raw))
        return _ENCODE(self.tree(node) if needs_look(raw) else node)


def check_depth(encoded: bytes) -> None:
    """Raise `RecursionError` for an encoded JSON value that is nested too deeply for its readers."""
    if encoded.count(b"{") + encoded.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for token in _BRACKET.finditer(encoded):
        if token[0] in b"{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise RecursionError
        elif token[0] in b"}]":
            depth -= 1


def needs_look(raw: bytes) -> bool:
    """Whether encoded JSON may hold a reserved key or a credential of a known form; errs on the side of looking."""
    for literal in _WALK_ANYWAY:
        if literal in raw:
            return True
    return b"@" in raw and b"://" in raw


def escaped(key: str) -> str:
    """A key of the input as it is stored."""
    return ESCAPE + key if key.startswith((MARK, "$escaped")) else key
