"""Examples: YAML files beside a suite that prove that a requirement tells good from bad.

``examples/POD-101/fail.yaml`` is a cluster in one file: its objects and nothing else, seen completely. A first document
of kind ``Example`` may change the profile's values (``parameters``) or how a source was seen (``sources``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import yaml

from preaudit.attestation import Attestations
from preaudit.collect.objects import Lines
from preaudit.collect.redact import Redactor
from preaudit.endpoint import Endpoint, endpoint_line
from preaudit.errors import UsageError
from preaudit.evidence.record import Record, in_order
from preaudit.hostports import HostPorts, hostports_line
from preaudit.judge import items_of, judge
from preaudit.kubeconfig import HeldCertificates, kubeconfig_line
from preaudit.parameter import Policy
from preaudit.profile import Profile, load_profile
from preaudit.reachability import Reachability, reachability_line
from preaudit.requirement import Requirement
from preaudit.rules import Rules
from preaudit.snapshot import Collection, Snapshot, SourceStatus, SourceWriter, Status, StoredFile, write_collection
from preaudit.source import SOURCES
from preaudit.subjects.coverage import COVERAGE
from preaudit.subjects.estate import Estate
from preaudit.suites import Catalogue, data_folder
from preaudit.verdict import Verdict
from preaudit.waiver import Waivers

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""The clock of every example."""
_ENDPOINT = "Endpoint"
_KUBECONFIG = "Kubeconfig"
_OBSERVED: dict[str, Callable[[Any], bytes]] = {
    _ENDPOINT: lambda spec: endpoint_line(msgspec.convert(spec, Endpoint)),
    _KUBECONFIG: lambda spec: kubeconfig_line(msgspec.convert(spec, HeldCertificates)),
    "HostPorts": lambda spec: hostports_line(msgspec.convert(spec, HostPorts)),
    "Reachability": lambda spec: reachability_line(msgspec.convert(spec, Reachability)),
}
"""What no API server has, but a look of ours: the stored line of its spec, by kind."""
_KEY = b"examples are redacted as well"
_BY_KIND = {source.kind: source for source in SOURCES.values()}
_CERTIFICATES = "certificates.yaml"
"""Beside the example folders of an area: certificates (DER in base64) by a name that endpoints and kubeconfigs use."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example file, read.

    Attributes:
        path: the file.
        expected: the verdict that its name promises.
        objects: the objects of its cluster.
        parameters: profile values that it changes.
        sources: sources that are not seen completely, with their status.
    """

    path: Path
    expected: Verdict
    objects: tuple[dict[str, Any], ...]
    profile: str = "bank"
    parameters: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def requirement(self) -> str:
        """The id that the folder names."""
        return self.path.parent.name


def read_example(path: Path) -> Example:
    """Read one example.

    Raises:
        UsageError: its name promises no verdict, or a document is of a kind that is not collected.
    """
    expected = next((one for one in Verdict if path.stem.startswith(one.value)), None)
    if expected is None:
        raise UsageError(f"{path}: name it after its verdict: pass.yaml, fail-init.yaml, not-applicable.yaml")
    documents = [one for one in yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader) if one]
    options = documents.pop(0) if documents and documents[0].get("kind") == "Example" else {}
    for one in documents:
        if one.get("kind") not in _BY_KIND:
            raise UsageError(f"{path}: {one.get('kind')!r} is not collected; known are {', '.join(_BY_KIND)}")
        _present_certificates(one, path)
    return Example(
        path, expected, tuple(documents), options.get("profile", "bank"), options.get("parameters", {}),
        options.get("sources", {}),
    )  # fmt: skip


def _present_certificates(document: dict[str, Any], path: Path) -> None:
    """Put certificates where an endpoint's chains, or a kubeconfig, name them."""
    holders: Sequence[dict[str, Any]] = ()
    if document["kind"] == _ENDPOINT:
        holders = (document["spec"].get("tls") or {}).get("chains", ())
    elif document["kind"] == _KUBECONFIG:
        holders = [document["spec"]]
    if holders:
        shared = yaml.load((path.parents[1] / _CERTIFICATES).read_bytes(), Loader=yaml.CSafeLoader)
        for one in holders:
            one["certificates"] = ["".join(shared[name].split()) for name in one["certificates"]]


def examples_of(folder: Path) -> Iterator[Example]:
    """The examples under ``suites/<area>/examples``, sorted."""
    for path in sorted(folder.glob("*/examples/*/*.yaml")):
        yield read_example(path)


def write_snapshot(folder: Path, objects: Sequence[dict[str, Any]], sources: dict[str, str] | None = None) -> Snapshot:
    """A snapshot of a cluster that holds exactly these objects, redacted like any other.

    Args:
        folder: an empty folder to write it into.
        objects: Kubernetes objects of collected kinds.
        sources: status word by source, for those that are not seen completely.
    """
    redactor = Redactor(_KEY)
    by_source: dict[str, list[dict[str, Any]]] = {}
    namespaces: set[str] = set()
    for one in objects:
        source = _BY_KIND[one["kind"]]
        metadata = one.get("metadata", {})
        if source.kind in _OBSERVED:
            namespaces |= {one["spec"]["namespace"]} if one["spec"].get("namespace") else set()
        elif source.namespaced:
            metadata.setdefault("namespace", "default")
            namespaces.add(metadata["namespace"])
        if source.kind == "Namespace":
            namespaces.add(metadata["name"])
        by_source.setdefault(source.name, []).append(one)
    hidden = sources or {}
    # A namespace is there because something lives in it; say so, as the API server would.
    named = {one["metadata"]["name"] for one in by_source.get("namespaces", [])}
    if "namespaces" not in hidden:
        by_source.setdefault("namespaces", []).extend(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in sorted(namespaces - named)
        )
    files = [_write(folder, name, found, redactor) for name, found in sorted(by_source.items())]
    statuses = tuple(
        SourceStatus(
            source=name, status=Status(hidden.get(name, "collected")), count=len(by_source.get(name, ())),
            cause="as the example says" if name in hidden else "",
        )
        for name in sorted(SOURCES)
    )  # fmt: skip
    write_collection(
        folder,
        Collection(
            started=NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), namespaces=tuple(sorted(namespaces)),
            namespaces_complete="namespaces" not in hidden, sources=statuses, files=tuple(files),
        ),
    )  # fmt: skip
    return Snapshot(folder)


def _write(folder: Path, name: str, objects: Sequence[dict[str, Any]], redactor: Redactor) -> StoredFile:
    lines, writer = Lines(SOURCES[name], redactor), SourceWriter(folder, name)
    for one in objects:
        if one["kind"] in _OBSERVED:
            writer.write(_OBSERVED[one["kind"]](one["spec"]))
            continue
        writer.write(lines.line(lines.repaired(msgspec.Raw(msgspec.json.encode(one)))))
    return writer.close()


def judge_example(
    example: Example, catalogue: Catalogue, folder: Path, profiles: dict[tuple[str, ...], Profile] | None = None
) -> list[Record]:
    """The records of an example's requirement over the example's cluster.

    Args:
        example: what to judge.
        catalogue: where the requirement is.
        folder: an empty folder for the snapshot.
        profiles: effective profiles by name and overrides, filled and used again by who judges many examples.
    """
    snapshot = write_snapshot(folder, example.objects, example.sources)
    overrides = [f"{name}={msgspec.json.encode(value).decode()}" for name, value in example.parameters.items()]
    profiles, key = {} if profiles is None else profiles, (example.profile, *overrides)
    if key not in profiles:
        profiles[key] = load_profile(
            example.profile, data_folder("profiles"), catalogue.requirements, catalogue.parameters, overrides=overrides
        )
    profile = profiles[key]
    policy = Policy(profile.values, NOW)
    told = frozenset({example.requirement, COVERAGE})
    rules = Rules(profile, policy, Waivers((), NOW), Attestations((), NOW), told)
    estate = Estate(snapshot)
    requirement: Requirement = catalogue.table[example.requirement]
    return in_order(record for item in items_of(requirement, estate) for record in judge(item, estate, policy, rules))
