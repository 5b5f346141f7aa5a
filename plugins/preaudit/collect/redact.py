"""Redaction on receipt: values become tokens before anything touches the disk.

A redacted value is ``{"$redacted": {"token", "length", "empty", "hits", "entropy"}}``, for an argument with its flag
also ``"flag"``. Equal values have equal tokens under one key. A key of the input that begins with ``$redacted`` or
``$escaped`` is written with ``$escaped:`` before it; taking that prefix off once gives the input back.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from preaudit.collect import commandline, credentials
from preaudit.leak_rules import IN_TEXT_LITERALS
from preaudit.snapshot import REDACTED
from preaudit.subjects.fields import PER_REPLICA, types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ESCAPE = "$escaped:"
POLICY = "preaudit.redaction/1"

_ANNOTATIONS_IN_CLEAR = frozenset({
    "seccomp.security.alpha.kubernetes.io/pod", "kubernetes.io/config.source", "kubernetes.io/config.mirror",
    "kubernetes.io/config.hash", "kubernetes.io/config.seen", "kubernetes.io/psp", "kubernetes.io/ingress.class",
    "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid",
    "kubernetes.io/enforce-mountable-secrets",
    "deployment.kubernetes.io/revision", "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas", "deprecated.daemonset.template.generation",
    "rbac.authorization.kubernetes.io/autoupdate", "batch.kubernetes.io/job-tracking",
    "batch.kubernetes.io/cronjob-scheduled-timestamp", "controller.kubernetes.io/pod-deletion-cost",
    "cluster-autoscaler.kubernetes.io/safe-to-evict", "node.alpha.kubernetes.io/ttl",
    "volumes.kubernetes.io/controller-managed-attach-detach", "volume.beta.kubernetes.io/storage-class",
    "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node", "pv.kubernetes.io/provisioned-by", "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller", "storageclass.kubernetes.io/is-default-class",
    "scheduler.alpha.kubernetes.io/critical-pod", "kubeadm.alpha.kubernetes.io/cri-socket",
    "kubeadm.kubernetes.io/etcd.advertise-client-urls",
    "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint",
    "meta.helm.sh/release-name", "meta.helm.sh/release-namespace", "helm.sh/hook", "helm.sh/hook-weight",
    "helm.sh/resource-policy",
})  # fmt: skip
_ANNOTATION_PREFIXES_IN_CLEAR = (
    "container.seccomp.security.alpha.kubernetes.io/", "container.apparmor.security.beta.kubernetes.io/",
    "pod-security.kubernetes.io/",
)  # fmt: skip
"""Annotations whose values are judged or identify; any other value is replaced by a token."""
_ANNOTATIONS_DROPPED = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})

_WALK_ANYWAY = (
    b"$redacted", b"$escaped", b"\\u00", b"\\ud", b"\\uD", b"\\/", *credentials.SHAPE_LITERALS, *IN_TEXT_LITERALS,
)  # fmt: skip
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
        self._plain: set[tuple[str | None, bytes]] = set()
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
        self.counts.update(mark[REDACTED]["hits"])
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
        return Mark({REDACTED: mark})

    def values(self, mapping: Any) -> Any:
        """A mapping (ConfigMap data, parameters of a volume) with every value replaced by its token."""
        if not isinstance(mapping, dict):
            return None if mapping is None else self.token(mapping)
        return {self.key(key): self.token(value, name=key) for key, value in mapping.items()}

    def annotations(self, annotations: Mapping[str, Any]) -> dict[str, Any]:
        """Annotations: the known ones in clear unless they hold a credential, the rest as tokens."""
        kept: dict[str, Any] = {}
        for key, value in annotations.items():
            if key in _ANNOTATIONS_DROPPED:
                self.counts["dropped: last-applied-configuration"] += 1
            elif _annotation_in_clear(key) and isinstance(value, str) and len(value) <= 1024:
                kept[self.key(key)] = self.string(value)
            else:
                kept[self.key(key)] = self.token(value, name=key.rpartition("/")[2])
        return kept

    def key(self, key: str) -> str:
        """A key of a free mapping, which holds a value only where somebody mistook it for one."""
        doubtful = len(key) >= 16 and credentials.suspicious(key)
        if doubtful and (credentials.shape_hits(key) or credentials.scan_hits(key)):
            self.counts["keys"] += 1
            return f"redacted-{self._mark(key, [])[REDACTED]['token']}"
        return key

    def string(self, text: str) -> Any:
        """A string that is kept in clear, unless its form is that of a credential; URLs lose their userinfo."""
        if "@" in text and "://" in text:
            bare = credentials.without_userinfo(text)
            if bare != text:
                self.counts["url-userinfo"] += 1
                text = bare
        doubtful = credentials.suspicious(text)
        hits = [hit for hit in credentials.shape_hits(text) if hit != "url-userinfo"] if doubtful else []
        if not hits and "?" in text and credentials.credential_in_query(text):
            hits = ["credential-in-query"]
        if not hits and (" " in text or "\n" in text):
            hits = credentials.text_hits(text)
        if not hits and doubtful:
            hits = credentials.scan_hits(text)
        return self.token(text, hits=hits) if hits else text

    def _last_look(self, text: str) -> Any:
        """A text that is kept, unless the scan of the finished pack would take it for a credential and end the run."""
        hits = credentials.scan_hits(text) if credentials.suspicious(text) else []
        return self.token(text, hits=hits) if hits else text

    def named(self, name: str, value: Any) -> Any:
        """A value of a free mapping that is kept in clear (a label, an option), unless its name or form forbids it."""
        if not isinstance(value, str):
            return self.opaque(value)
        tail = name.rpartition("/")[2]
        if credentials.opaque(value) or (credentials.credential_name(tail) and not credentials.plain_value(value)):
            return self.token(value, name=tail)
        # The scan reads a name and its value as one: "client-key-data":"…".
        if credentials.suspicious(name) and (hits := credentials.scan_hits(f'"{name}":"{value}"')):
            return self.token(value, hits=hits)
        return self.string(value)

    def opaque(self, node: Any) -> Any:
        """A value of a shape that nobody foresaw: its structure, with every text and number in it replaced."""
        if isinstance(node, Mark) or node is None or isinstance(node, bool):
            return node
        if isinstance(node, dict):
            return {escaped(self.key(key)): self.opaque(value) for key, value in node.items()}
        if isinstance(node, list):
            return [self.opaque(value) for value in node]
        return self.token(node)

    def arguments(self, arguments: Any, before: Any = ()) -> Any:
        """The elements of ``command`` or ``args``: kept, unless they look like credentials.

        Args:
            arguments: the elements; anything but a list becomes a token.
            before: the elements that stand before them on the command line (``command`` for ``args``).
        """
        if not isinstance(arguments, list):
            return None if arguments is None else self.token(arguments)
        elements = [*(before if isinstance(before, list) else ()), *arguments]
        return [self._element(elements, index) for index in range(len(elements) - len(arguments), len(elements))]

    def _element(self, elements: list[Any], index: int) -> Any:
        element = elements[index]
        if isinstance(element, Mark):
            return element
        if not isinstance(element, str):
            return self.token(element)
        previous = elements[index - 1] if index and isinstance(elements[index - 1], str) else ""
        programs = [one.rpartition("/")[2] for one in elements[:index] if isinstance(one, str)]
        if commandline.is_script(programs, previous, element):
            return self.token(element, hits=credentials.argument_hits(element))
        flag, equals, value = element.partition("=") if element.startswith("-") else ("", "", "")
        why = commandline.value_of(programs, previous, element)
        if why is not None:
            hits = sorted({*why, *credentials.argument_hits(element)})
            return self.token(element, hits=hits, flag=previous if previous.startswith("-") else "")
        if equals and " " not in flag and len(flag) <= 128:
            return self._flag(element, flag, value)
        return self._argument(element, commandline.glued(programs, element))

    def _flag(self, element: str, flag: str, value: str) -> Any:
        hits = set(credentials.argument_hits(value))
        named = credentials.credential_name(flag)
        doubtful = (named or commandline.doubtful_name(flag)) and bool(value) and not credentials.plain_value(value)
        if named and doubtful and not credentials.mere_reference(value):
            hits.add("credential-flag")
        if commandline.pair(flag, value):
            hits.add("basic-auth")
        if hits or doubtful or commandline.doubtful(value) or (flag == "--from-literal" and "=" in value):
            return self.token(value, hits=sorted(hits), flag=flag)
        return self._last_look(element)

    def _argument(self, element: str, glued: str) -> Any:
        hits = credentials.argument_hits(element)
        if glued:
            return self.token(element[len(glued):], hits=sorted({*hits, "credential-flag"}), flag=glued)
        return self.token(element, hits=hits) if hits or commandline.doubtful(element) else self._last_look(element)

    def tree(self, node: Any) -> Any:
        """Any JSON value with reserved keys escaped and credentials of a known form replaced."""
        if isinstance(node, str):
            return self.string(node)
        if isinstance(node, dict):
            if isinstance(node, Mark):
                return node
            return {
                escaped(self.key(key)): self.opaque(value)
                if key in _HEADERS
                else self.named(key, value) if isinstance(value, str) else self.tree(value)
                for key, value in node.items()
            }
        if isinstance(node, list):
            return [self.tree(value) for value in node]
        return node

    def kept(self, node: Any, schema: str) -> Any:
        """A value as the API's type `schema` allows it: known fields by their type, all else as tokens.

        Args:
            node: the decoded value; marks of ours are left as they are.
            schema: "" a plain value, "Type" an object, "[]Type" a list of them, "{}" a free mapping, "[]" a list of
                plain values (the notation of `preaudit.subjects.fields.types`).
        """
        if node is None or isinstance(node, Mark):
            return node
        if schema.startswith("[]"):
            inner = schema[2:]
            return [self.kept(one, inner) for one in node] if isinstance(node, list) else self.opaque(node)
        if not schema:
            if isinstance(node, str):
                return self.string(node)
            if isinstance(node, list):  # the kubelet's lists have no type of their own
                return [self.kept(one, "") for one in node]
            return self.opaque(node) if isinstance(node, dict) else node
        if not isinstance(node, dict):
            return self.opaque(node)
        if schema == "{}":
            return {escaped(self.key(key)): self.named(key, value) if isinstance(value, str)
                    else self._free(value) for key, value in node.items()}  # fmt: skip
        return self._object(node, schema)

    def _free(self, value: Any) -> Any:
        """A value of a free mapping that is no text: a quantity, a switch, or something that nobody foresaw."""
        return value if isinstance(value, (int, float, Mark)) or value is None else self.opaque(value)

    def _object(self, node: dict[str, Any], schema: str) -> dict[str, Any]:
        fields = _types().get(schema, {})
        found: dict[str, Any] = {}
        for key, value in node.items():
            if schema == "ObjectMeta" and key not in _TEMPLATE_METADATA:
                continue  # of a template; managedFields and the like tell values again
            inner = fields.get(key)
            if inner is None:
                self.counts["unknown fields"] += 1
                shown = key if _FIELD.fullmatch(key) else f"redacted-{self.token(key)[REDACTED]['token']}"
                found[shown] = self.token(value)
            elif isinstance(value, str) and (special := _SPECIAL.get((schema, key)) or _SPECIAL.get(("", key))):
                found[key] = special(self, value)
            elif schema == "ObjectMeta" and key == "annotations" and isinstance(value, dict):
                found[key] = {escaped(name): kept for name, kept in self.annotations(value).items()}
            elif (schema, key) in _VALUES:
                found[key] = self.values(value)
            else:
                found[key] = self.kept(value, inner)
        label = node.get("key")
        if schema in _EXPRESSIONS and isinstance(label, str) and isinstance(found.get("values"), list):
            found["values"] = [self.named(label, value) for value in node["values"]]
        return found

    def raw(self, raw: bytes, schema: str | None = None) -> bytes:
        """An encoded JSON value that is kept in clear: as it is, unless something in it needs a change.

        Args:
            raw: the value.
            schema: its type (see `kept`); None for what has none.
        """
        if (schema, raw) in self._plain:
            return raw
        check_depth(raw)
        if schema is None and not needs_look(raw):
            return self._remember(schema, raw)
        node = _DECODE(raw)
        changed = self.tree(node) if schema is None else self.kept(node, schema)
        return self._remember(schema, raw) if changed == node else _ENCODE(changed)

    def _remember(self, schema: str | None, raw: bytes) -> bytes:
        if len(raw) <= _MAX_KNOWN_LENGTH and len(self._plain) < _MAX_KNOWN:
            self._plain.add((schema, raw))
        return raw

    def changed(self, raw: bytes, change: Callable[[Any], Any], schema: str) -> bytes:
        """An encoded JSON value after `change`; what `change` leaves is screened like everything kept."""
        check_depth(raw)
        return _ENCODE(self.kept(change(_DECODE(raw)), schema))

    @property
    def pseudonym_seed(self) -> str:
        """What pseudonyms of a pack are made from: tells nothing of the key, and is the same for the same key."""
        keyed = self._keyed.copy()
        keyed.update(b"\x00preaudit.pseudonyms/1")
        return keyed.hexdigest()

    def __repr__(self) -> str:
        """Neither the key nor a value; tracebacks with local variables print this."""
        return f"<Redactor, {self.counts.total()} redactions>"

    __reduce__ = None  # type: ignore[assignment]  # never pickled: the key stays in this process


def _annotation_in_clear(key: str) -> bool:
    return key in _ANNOTATIONS_IN_CLEAR or key.startswith(_ANNOTATION_PREFIXES_IN_CLEAR)


@cache
def _types() -> dict[str, dict[str, str]]:
    """The API's fields by type, the allow-list of everything that is kept."""
    table = dict(types())
    table["PodSpec"] = {**table["PodSpec"], **dict.fromkeys(PER_REPLICA, "")}
    return table


def _message(redactor: Redactor, text: str) -> Any:
    """Messages of conditions quote what programs said."""
    return redactor.token(text) if text else text


def _name(_: Redactor, text: str) -> Any:
    """Names of objects stay, whatever they look like: they say what is meant, and the leak scan lists them."""
    return text


def _url(redactor: Redactor, text: str) -> Any:
    """A webhook's URL: some services write the credential into its path."""
    kept = redactor.string(text)
    if isinstance(kept, str) and ("?" in kept or any(credentials.opaque(part) for part in kept.split("/"))):
        return redactor.token(kept, hits=["credential-in-query"])
    return kept


def _path(redactor: Redactor, text: str) -> Any:
    """The path of a probe's request; its query is nobody's business."""
    if "?" in text or any(credentials.opaque(part) for part in text.split("/")):
        return redactor.token(text, hits=credentials.argument_hits(text))
    return redactor.string(text)


def _host(redactor: Redactor, text: str) -> Any:
    """A host's name, in which there is no "@" unless somebody wrote a user and a password before it."""
    return redactor.token(text, hits=["userinfo"]) if "@" in text else redactor.string(text)


def _image(redactor: Redactor, text: str) -> Any:
    """An image reference; registries take no user in it, but people write one."""
    before, at, after = text.rpartition("@")
    if at and after.startswith("sha") and ":" in after:
        before, at, after = before.rpartition("@")
    return redactor.string(f"REDACTED@{text[len(before) + 1:]}" if at else text)


_SPECIAL: dict[tuple[str, str], Callable[[Redactor, str], Any]] = {
    ("", "message"): _message,
    ("WebhookClientConfig", "url"): _url,
    ("HTTPGetAction", "path"): _path,
    **{(kind, "host"): _host for kind in ("HTTPGetAction", "TCPSocketAction")},
    **{(kind, "image"): _image for kind in ("Container", "EphemeralContainer")},
    **{(kind, key): _name for kind in ("OwnerReference", "RoleRef", "Subject", "GatewayParentRef")
       for key in ("name", "namespace")},
    **{("PodSpec", key): _name for key in ("serviceAccountName", "serviceAccount", "nodeName")},
}
"""Texts that need more than the common look, by type ("" for any) and field."""
_VALUES = frozenset({
    ("ConfigMap", "data"), ("ConfigMap", "binaryData"), ("CSIVolumeSource", "volumeAttributes"),
    ("CSIPersistentVolumeSource", "volumeAttributes"), ("FlexVolumeSource", "options"),
    ("FlexPersistentVolumeSource", "options"), ("PodCertificateProjection", "userAnnotations"),
    ("KubeletConfig", "staticPodURLHeader"),
})  # fmt: skip
"""Free mappings of which every value becomes a token."""
_TEMPLATE_METADATA = frozenset({"name", "namespace", "labels", "annotations"})
_EXPRESSIONS = frozenset({"LabelSelectorRequirement", "NodeSelectorRequirement"})
_HEADERS = frozenset({"staticPodURLHeader", "httpHeaders"})
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9]{0,39}")
"""The form of a field's name."""


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
    return (b"@" in raw and b"://" in raw) or b"?" in raw


def escaped(key: str) -> str:
    """A key of the input as it is stored."""
    return ESCAPE + key if key.startswith((REDACTED, "$escaped")) else key
