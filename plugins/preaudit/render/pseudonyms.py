"""Pseudonyms for hosts, addresses and people in renderings; the records, the snapshot and the manifest keep the names.

Replaced are node names, the API server's host and context, IP addresses (but not loopback and "any"), hosts of URLs and
of image registries that are not public, who audited, and users and groups of bindings and of clients' certificates (but
not Kubernetes' own ``system:`` ones). Names of namespaces, workloads, services and roles stay, so a reader still finds
what a finding is about.

A pseudonym is an HMAC of the name. Its key is made from ``snapshot.redaction.pseudonyms`` of the manifest, a number
that the collector derives from the redaction key: so a pack gives the same pseudonyms at every rendering, packs under
one ``--redaction-key-file`` share them, and the number itself is taken out of what is rendered.

What this protects: somebody who gets a rendering alone cannot find a name by trying names. What it does not: whoever
has the pack has the names; whoever may read the cluster finds them by UID; a host that stands in a text without scheme,
port or path, and a name that a waiver's author wrote, are not known as such. A snapshot of an older version has no such
number; there the key is made from all replaced names at once, which protects where they cannot all be guessed together.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import msgspec

from preaudit.evidence.manifest import Manifest
from preaudit.evidence.record import Observation, Record
from preaudit.render.inventory import Mask
from preaudit.snapshot import SourceStatus

SEED = "pseudonyms"
"""Key of ``snapshot.redaction`` in the manifest."""
_NODES = frozenset({"Node", "KubeletConfiguration"})
_PEOPLE = frozenset({"User", "Group"})
_STATIC = re.compile(r"(?:kube-apiserver|kube-controller-manager|kube-scheduler|etcd|kube-proxy)-(.{1,253})")
_WITHIN = re.compile(r"subjects\[(User|Group) (.{1,1024})\]")
_IDENTITY = re.compile(r"(User|Group) (\S.{0,1023})")
_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?")
_V4 = re.compile(r"(?<![\w.\-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.])")
_V6 = re.compile(r"(?<![\w:.])\[?((?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})(?![\w:.])")
_IN_NAME = re.compile(r'([,+"\\<>;])')
"""What is escaped within a certificate's subject (RFC 4514)."""
_URL_HOST = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]{1,30}://(?:[^\s/@\"']{1,256}@)?)([A-Za-z0-9.\-]{1,253})")
_HOST = re.compile(
    r"(?<![\w.\-/@:])((?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}(?::[0-9]{1,5})?)(?=/[A-Za-z0-9])"
)
"""A host with a path: an image of a registry, or the domain of a label."""
_EMAIL = re.compile(r"(?<![\w.+\-])[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}")
_HOME = re.compile(r"(/(?:home|Users)/)([^/\s\"']{1,64})")
_PUBLIC = re.compile(
    r"(?:.+\.)?(?:k8s\.io|kubernetes\.io|docker\.io|docker\.com|gcr\.io|ghcr\.io|quay\.io|mcr\.microsoft\.com"
    r"|public\.ecr\.aws|registry\.access\.redhat\.com|helm\.sh|svc|cluster\.local|localhost|github\.com|nist\.gov)(?::\d+)?"
)
"""Hosts that say nothing of whose cluster it is."""


def pseudonymised(
    records: Sequence[Record], manifest: Manifest, clients: Iterable[tuple[str, str]] = ()
) -> tuple[Sequence[Record], Manifest, Mask]:
    """Records and manifest as renderings may show them; the records are changed as they are read, one by one.

    Args:
        records: those of the pack; read once here for the names, and again whenever the result is.
        manifest: the pack's, with or without its files.
        clients: users and groups that certificates name: ("User", "jane").

    Returns:
        both, and the mask that replaced what they name, for what else is rendered.
    """
    names = _names(records, manifest, clients)
    seed = _redaction(manifest).get(SEED)
    if not isinstance(seed, str) or len(seed) < 32:
        seed = repr((sorted(names.nodes), sorted(names.people), msgspec.json.encode(manifest.target)))
    mask = _Mask(hashlib.sha256(b"preaudit.pseudonyms/1\x00" + seed.encode()).digest(), names)
    return _Masked(records, mask), mask.manifest(manifest), Mask(mask.text, mask.host)


class _Names:
    """What is replaced wherever it stands."""

    def __init__(self) -> None:
        self.nodes: set[str] = set()
        self.people: set[tuple[str, str]] = set()


def _names(records: Iterable[Record], manifest: Manifest, clients: Iterable[tuple[str, str]]) -> _Names:
    found = _Names()
    found.people.update(clients)
    found.people.add(("User", manifest.identity.user))
    found.people.update(("Group", one) for one in manifest.identity.groups)
    found.nodes.update(one.object for one in manifest.sources if _is_node(one))
    for record in records:
        subject = record.subject
        if subject is None:
            continue
        if subject.kind in _NODES:
            found.nodes.add(subject.name)
        elif subject.kind in _PEOPLE:
            found.people.add((subject.kind, subject.name))
        elif subject.kind == "Pod" and subject.namespace == "kube-system" and record.scope == "platform":
            static = _STATIC.fullmatch(subject.name)
            if static and subject.within == "" and not re.fullmatch(r"[a-z0-9]{5}", static[1]):
                found.nodes.add(static[1])
        within = _WITHIN.fullmatch(subject.within)
        if within:
            found.people.add((within[1], within[2]))
        for one in record.observed:
            identity = _IDENTITY.fullmatch(one.value) if isinstance(one.value, str) else None
            if identity:
                found.people.add((identity[1], identity[2]))
    found.people = {(kind, name) for kind, name in found.people if name and not name.startswith("system:")}
    found.nodes.discard("")
    return found


class _Mask:
    """Replaces names under one key."""

    def __init__(self, key: bytes, names: _Names) -> None:
        self._key = key
        self._nodes = {name: self._made("node", name) for name in names.nodes}
        people = sorted({name for _, name in names.people}, key=len, reverse=True)
        known = "|".join(map(re.escape, people))
        self._people = re.compile(rf'(?<![\w-])(User|Group) ("?)({known})(?![\w-])') if people else None
        self._written = {_IN_NAME.sub(r"\\\1", name): name for name in people}
        known = "|".join(map(re.escape, self._written))
        self._subject = re.compile(rf"(?<![\w-])(CN|UID|OU|O)=({known})(?=:?(?:[\s,+\"';]|$))") if people else None

    def _made(self, kind: str, name: str) -> str:
        said = f"{kind}\x00{name}".encode("utf-8", "surrogatepass")
        return f"{kind}-{hmac.digest(self._key, said, 'sha256').hex()[:12]}"

    def person(self, kind: str, name: str) -> str:
        """The pseudonym of a user or group; Kubernetes' own stay, a node keeps its prefix."""
        if name.startswith("system:node:"):
            return "system:node:" + self._node(name.removeprefix("system:node:"))
        return name if not name or name.startswith("system:") else self._made(kind.lower(), name)

    def _named(self, attribute: str, written: str) -> str:
        """The pseudonym of what an attribute of a certificate's subject names."""
        return self.person("User" if attribute in {"CN", "UID"} else "Group", self._written[written])

    def _node(self, name: str) -> str:
        return self._nodes.get(name) or self._made("node", name)

    def text(self, text: str) -> str:
        """A text with everything replaced that is known to be a name, or looks like a host or an address."""
        if self._people is not None and ("User " in text or "Group " in text):
            text = self._people.sub(lambda match: f"{match[1]} {match[2]}{self.person(match[1], match[3])}", text)
        if self._subject is not None and "=" in text:
            text = self._subject.sub(lambda match: f"{match[1]}={self._named(match[1], match[2])}", text)
        if "@" in text:
            text = _EMAIL.sub(lambda match: self._made("user", match[0]), text)
        if "://" in text:
            text = _URL_HOST.sub(lambda match: match[1] + self.host(match[2]), text)
        if "." in text:
            text = _V4.sub(lambda match: self._address(match[0]), text)
            if "/" in text:
                text = _HOST.sub(lambda match: self.host(match[1]), text)
        if text.count(":") >= 2:
            text = _V6.sub(lambda match: match[0].replace(match[1], self._address(match[1])), text)
        if "/home/" in text or "/Users/" in text:
            text = _HOME.sub(lambda match: match[1] + self._made("user", match[2]), text)
        return _WORD.sub(lambda match: self._word(match[0]), text) if self._nodes else text

    def _word(self, word: str) -> str:
        known = self._nodes.get(word)
        if known is not None:
            return known
        start = word.find("-")
        while start >= 0:
            known = self._nodes.get(word[start + 1 :])
            if known is not None:
                return word[: start + 1] + known
            start = word.find("-", start + 1)
        return word

    def host(self, host: str) -> str:
        """The pseudonym of a host's name, or of an address; public ones stay."""
        if not host:
            return host
        bare, colon, port = host.partition(":")
        if _PUBLIC.fullmatch(bare) or re.fullmatch(r"(?:node|host|ip)-[0-9a-f]{12}", bare) or _is_address(bare):
            return host if not _is_address(bare) else self._address(bare) + colon + port
        if bare in self._nodes:
            return self._nodes[bare] + colon + port
        return self._made("host", bare) + colon + port

    def _address(self, text: str) -> str:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return text
        return text if address.is_loopback or address.is_unspecified else self._made("ip", address.compressed)

    def value(self, value: Any) -> Any:
        """An observed value with every text in it replaced, and no key."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(inner) for inner in value]
        return value

    def record(self, record: Record) -> Record:
        """One record with its names replaced."""
        subject = record.subject
        if subject is not None:
            name = subject.name
            if subject.kind in _NODES:
                name = self._node(name)
            elif subject.kind in _PEOPLE:
                name = self.person(subject.kind, name)
            elif subject.kind == "Pod" and subject.namespace == "kube-system":
                name = self._word(name)
            elif subject.kind == "Endpoint":
                host = self.host(subject.host)
                name = self.text(name.replace(subject.host, host) if subject.host else name)
                subject = msgspec.structs.replace(subject, host=host)
            elif subject.kind == "Image":
                name = self.text(name)
            within = _WITHIN.fullmatch(subject.within)
            shown = f"subjects[{within[1]} {self.person(within[1], within[2])}]" if within else subject.within
            if name != subject.name or shown != subject.within:
                subject = msgspec.structs.replace(subject, name=name, within=shown)
        return msgspec.structs.replace(
            record, subject=subject, reason=self.text(record.reason), note=self.text(record.note),
            observed=tuple([Observation(one.path, self.value(one.value)) for one in record.observed]),
        )  # fmt: skip

    def manifest(self, manifest: Manifest) -> Manifest:
        """The manifest with its names replaced, and without the number that the pseudonyms are made from."""
        replace = msgspec.structs.replace
        target, identity, run = manifest.target, manifest.identity, manifest.run
        snapshot = self.value(manifest.snapshot)
        if isinstance(snapshot.get("redaction"), dict):
            snapshot["redaction"] = {key: value for key, value in snapshot["redaction"].items() if key != SEED}
        return replace(
            manifest,
            target=replace(
                target, api_url=self.text(target.api_url),
                context=self._made("context", target.context) if target.context else "",
            ),
            identity=replace(
                identity, user=self.person("User", identity.user), cause=self.text(identity.cause),
                groups=tuple(self.person("Group", one) for one in identity.groups),
            ),
            sources=tuple(
                replace(one, object=self._node(one.object) if _is_node(one) else one.object, call=self.text(one.call),
                        cause=self.text(one.cause))
                for one in manifest.sources
            ),
            partial=tuple(map(self.text, manifest.partial)),
            left_out=tuple({key: self.text(value) for key, value in one.items()} for one in manifest.left_out),
            deselected=tuple({key: self.text(value) for key, value in one.items()} for one in manifest.deselected),
            snapshot=snapshot,
            waivers=tuple(replace(one, subject=self._meant(one.subject)) for one in manifest.waivers),
            attestations=tuple(replace(one, subject=self._meant(one.subject)) for one in manifest.attestations),
            run=replace(
                run, operator=self._made("user", run.operator) if run.operator else "",
                command=tuple(map(self.text, run.command)),
            ),
        )  # fmt: skip

    def _meant(self, subject: dict[str, Any]) -> dict[str, Any]:
        kind, name = subject.get("kind"), subject.get("name")
        if kind in _NODES and isinstance(name, str):
            return {**subject, "name": self._node(name)}
        if kind in _PEOPLE and isinstance(name, str):
            return {**subject, "name": self.person(str(kind), name)}
        return {key: self.text(value) if isinstance(value, str) else value for key, value in subject.items()}


def _is_node(status: SourceStatus) -> bool:
    return bool(status.object) and status.source.startswith("nodes")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class _Masked(Sequence[Record]):
    """Records that are replaced as they are read."""

    def __init__(self, records: Sequence[Record], mask: _Mask) -> None:
        self._records = records
        self._mask = mask

    def __iter__(self) -> Iterator[Record]:
        return map(self._mask.record, self._records)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Records by position."""
        found = self._records[index]
        return self._mask.record(found) if isinstance(found, Record) else [self._mask.record(one) for one in found]


def _redaction(manifest: Manifest) -> dict[str, Any]:
    redaction = manifest.snapshot.get("redaction")
    return redaction if isinstance(redaction, dict) else {}
