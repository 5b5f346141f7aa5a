"""The control plane's components as subjects: the static pods that its nodes run, and the flags they run with.

The API server shows a static pod as a mirror pod, which is what the node really runs. A pod that only carries the
label of a component is anybody's, and no subject.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from preaudit.errors import NotObservable
from preaudit.snapshot import REDACTED
from preaudit.subjects.command import CommandLine, Given, parse
from preaudit.subjects.estate import Estate
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.ref import Subject

SYSTEM = "kube-system"
MIRROR = "kubernetes.io/config.mirror"
CONTROL_PLANE_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_FINISHED = frozenset({"Succeeded", "Failed"})
_NAMED = 5
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class Component:
    """One running instance of a component of the control plane, read through its flags.

    Args:
        estate: the snapshot.
        ref: what the record names.
        container: the component's container; None where no pod of it is seen.
        missing: why nothing of it is seen, where there is no container.

    Attributes:
        program: base name of the program, and value of the pod's label ``component``.
        deciders: by flag, the flags that name a file which decides in its place.
    """

    program: ClassVar[str] = ""
    deciders: ClassVar[dict[str, str]] = {}

    __slots__ = ("_container", "_line", "_missing", "_path", "estate", "log", "ref")
    source = "pods"

    def __init__(self, estate: Estate, ref: Subject, container: dict[str, Any] | None, missing: str = "") -> None:
        self.estate = estate
        self.ref = ref
        self.log = ReadLog()
        self._container = container or {}
        self._missing = missing
        self._path = f"spec.containers[{self._container.get('name', self.program)}].command"
        self._line: CommandLine | None = None

    @property
    def digest(self) -> str:
        """Sha256 over the container, "" where there is none."""
        return hashlib.sha256(_ENCODE(self._container)).hexdigest() if self._container else ""

    def flag(self, name: str, default: str | None = None) -> str | None:
        """The value of a flag as the program takes it (the last one given), `default` where it is not given; logged.

        Raises:
            NotObservable: the value was redacted, stands in a file that is not seen, or the command line is not seen.
        """
        given = self._given(name)
        value = given[-1].value if given else self._undeclared(name)
        if given and value is None:
            raise NotObservable(self._where(name), "it is given without a value")
        self._log(name, value)
        return default if value is None else value

    def switch(self, name: str, *, default: bool) -> bool:
        """The value of a flag that is true or false; a bare flag is true; logged.

        Raises:
            NotObservable: as for `flag`, or the value is neither true nor false.
        """
        given = self._given(name)
        text = given[-1].value if given else self._undeclared(name)
        if given and given[-1].separate:
            raise NotObservable(self._where(name), "a switch takes its value only after =, so this is not its value")
        if given and text is None:
            text = "true"
        self._log(name, text)
        if text is None:
            return default
        if text not in _TRUE | _FALSE:
            raise NotObservable(self._where(name), f"{text!r} is neither true nor false")
        return text in _TRUE

    def number(self, name: str, *, default: int) -> int:
        """The value of a flag that is a whole number; logged.

        Raises:
            NotObservable: as for `flag`, or the value is no such number.
        """
        text = self.flag(name)
        if text is None:
            return default
        if _NUMBER.fullmatch(text) is None:  # a leading 0 would be octal to the program
            raise NotObservable(self._where(name), f"{text!r} is no whole number")
        return int(text)

    def listed(self, name: str) -> list[str]:
        """The values of a flag that is a list: every one given, split at commas; none where it is not given; logged.

        Raises:
            NotObservable: as for `flag`.
        """
        given = self._given(name)
        texts = [one.value for one in given] if given else [self._undeclared(name)]
        if given and None in texts:
            raise NotObservable(self._where(name), "it is given without a value")
        kept = [text for text in texts if text]
        self._log(name, ",".join(kept) if kept else None)
        return [part.strip() for text in kept for part in text.split(",") if part.strip()]

    def gate(self, name: str, *, default: bool) -> bool:
        """Whether a beta feature gate is on; logged.

        Raises:
            NotObservable: as for `flag`, or the gate is neither true nor false.
        """
        gates: dict[str, str] = {}
        for part in self.listed("feature-gates"):
            gate, _, value = part.partition("=")
            gates[gate.strip().rpartition(":")[2]] = value.strip()
        text = gates.get(name, gates.get("AllBeta"))
        if text is None:
            return default
        if text not in _TRUE | _FALSE:
            raise NotObservable(self._where("feature-gates"), f"{text!r} is neither true nor false")
        return text in _TRUE

    def note(self, what: str, value: Any) -> None:
        """Log a fact that a verdict rests on and that stands outside the component: a profile's value."""
        self.log.entries.append((what, what, value))

    def beside(self, program: str) -> list[Component]:
        """The instances of another component, sharing this one's log.

        Raises:
            NotObservable: none is seen.
        """
        found = list(_instances(self.estate, _BY_PROGRAM[program]))
        if not found:
            raise NotObservable(program, "no instance of it is visible through the API")
        for one in found:
            one.log = self.log
        return found

    def _given(self, name: str) -> list[Given]:
        """Every occurrence of a flag, all of them known; where a file decides in its place, that is not seen."""
        found = self._occurrences(name)
        for given in found:
            if given.hidden:
                raise NotObservable(self._where(name), given.hidden)
        decider = self.deciders.get(name)
        if decider and self._occurrences(decider):
            self._log(decider, self._occurrences(decider)[-1].value)
            raise NotObservable(self._where(name), f"the file that --{decider} names decides, and it is not visible")
        return found

    def _occurrences(self, name: str) -> list[Given]:
        if self._missing:
            raise NotObservable(self.ref.name, self._missing)
        if self._line is None:
            self._line = parse(_joined(self._container), self.program)
        if self._line.hidden:
            raise NotObservable(self._path, self._line.hidden)
        return self._line.flags.get(name, [])

    def _undeclared(self, name: str) -> str | None:  # noqa: ARG002 - where another place may give the flag
        """The value of a flag that the command line does not give."""
        return None

    def _where(self, name: str) -> str:
        return f"{self._path}[--{name}]"

    def _log(self, name: str, value: str | None) -> None:
        self.log.entries.append((self._where(name), f"--{name}", value))


class ApiServer(Component):
    """An instance of kube-apiserver."""

    program = "kube-apiserver"
    deciders: ClassVar[dict[str, str]] = {"authorization-mode": "authorization-config"}
    __slots__ = ()

    def _undeclared(self, name: str) -> str | None:
        # With --anonymous-auth given, the server refuses a file that configures it too; without it, the file decides.
        if name == "anonymous-auth" and self._occurrences("authentication-config"):
            raise NotObservable(
                self._where(name), "the file that --authentication-config names may decide, and it is not visible"
            )
        return None


class ControllerManager(Component):
    """An instance of kube-controller-manager."""

    program = "kube-controller-manager"
    __slots__ = ()


class Scheduler(Component):
    """An instance of kube-scheduler."""

    program = "kube-scheduler"
    deciders: ClassVar[dict[str, str]] = {"profiling": "config"}
    __slots__ = ()


class Etcd(Component):
    """A member of etcd; what its command line does not give, its environment may."""

    program = "etcd"
    __slots__ = ()

    def _given(self, name: str) -> list[Given]:
        if self._occurrences("config-file") or self._variable("config-file") is not None:
            raise NotObservable(self._where(name), "the file that --config-file names decides, and it is not visible")
        return super()._given(name)

    def _undeclared(self, name: str) -> str | None:
        return self._variable(name)

    def _variable(self, name: str) -> str | None:
        variable = "ETCD_" + name.upper().replace("-", "_")
        entries = self._container.get("env")
        found: str | None = None
        if self._container.get("envFrom") or not isinstance(entries, (list, type(None))):
            raise NotObservable(self._where(name), f"{variable} may be set by envFrom, which is not seen")
        for entry in entries or ():
            if not isinstance(entry, dict) or entry.get("name") != variable:
                continue
            value = entry.get("value", "" if "valueFrom" not in entry else None)
            if not isinstance(value, str) or REDACTED in entry or "$(" in value:
                raise NotObservable(self._where(name), f"the variable {variable} decides, and its value is not seen")
            found = value or None
        return found


_BY_PROGRAM: dict[str, type[Component]] = {one.program: one for one in (ApiServer, ControllerManager, Scheduler, Etcd)}


def components(kind: type[Component], ask: str) -> Any:
    """An enumeration of the instances of one component, and of those that its nodes must have but do not show."""

    def enumerate_components(estate: Estate, namespace: str) -> Iterator[Component]:
        del namespace  # a component belongs to the cluster
        seen = list(_instances(estate, kind))
        yield from seen
        if not seen:
            return  # nothing at all is shown: judged by the profile, as for a cluster that hides its control plane
        shown = {one.ref.name for one in seen}
        hidden = [node for node in _control_plane(estate) if f"{kind.program}-{node}" not in shown]
        if hidden:
            more = f" and {len(hidden) - _NAMED} more" if len(hidden) > _NAMED else ""
            nodes = ", ".join(hidden[:_NAMED]) + more
            ref = Subject(kind="Component", namespace=SYSTEM, name=kind.program, within=f"nodes[{nodes}]")
            yield kind(estate, ref, None, f"these control plane nodes show no pod of it: {nodes}; ask for: {ask}")

    return enumerate_components


def _instances(estate: Estate, kind: type[Component]) -> Iterator[Component]:
    for pod in estate.objects("pods", SYSTEM):
        metadata = pod.get("metadata") or {}
        labels = metadata.get("labels")
        if not isinstance(labels, dict) or labels.get("component") != kind.program or not _is_mirror(pod):
            continue
        status = pod.get("status")
        if isinstance(status, dict) and status.get("phase") in _FINISHED:
            continue
        ref = Subject(
            api_version="v1", kind="Pod", namespace=SYSTEM, name=str(metadata.get("name", "")),
            uid=str(metadata.get("uid", "")),
        )  # fmt: skip
        container = _container(pod, kind.program)
        yield kind(estate, ref, container, "" if container else f"it has no single container that runs {kind.program}")


def _is_mirror(pod: dict[str, Any]) -> bool:
    """The node runs it from a file: it carries the mirror mark, and its node is its only owner and controls it."""
    metadata = pod.get("metadata") or {}
    owners = metadata.get("ownerReferences")
    annotations = metadata.get("annotations")
    if not isinstance(owners, list) or len(owners) != 1 or not isinstance(owners[0], dict):
        return False
    node, spec = owners[0].get("name"), pod.get("spec")
    return (
        isinstance(annotations, dict)
        and MIRROR in annotations
        and owners[0].get("apiVersion") == "v1"
        and owners[0].get("kind") == "Node"
        and owners[0].get("controller") is True
        and isinstance(spec, dict)
        and spec.get("nodeName") == node
        and str(metadata.get("name", "")).endswith(f"-{node}")
    )


def _container(pod: dict[str, Any], program: str) -> dict[str, Any] | None:
    """The one container of the pod that runs the program; None where there is none, or more than one may.

    One that is named like the program and starts something else (a shell) may run it as well.
    """
    spec = pod["spec"]
    containers, early = spec.get("containers"), spec.get("initContainers") or []
    if not isinstance(containers, list) or not isinstance(early, list):
        return None
    if not all(isinstance(one, dict) and REDACTED not in one for one in (*containers, *early)):
        return None
    found = [one for one in containers if _runs(one, program) or one.get("name") == program]
    hidden = any(one.get("name") == program for one in early)
    return found[0] if len(found) == 1 and not hidden else None


def _runs(container: dict[str, Any], program: str) -> bool:
    elements = _joined(container)
    first = elements[0] if elements else None
    return isinstance(first, str) and first.rpartition("/")[2] == program


def _joined(container: dict[str, Any]) -> list[Any]:
    """The elements of ``command``, then of ``args``; none where the image's own entrypoint is run."""
    command, arguments = container.get("command"), container.get("args")
    if not isinstance(command, list) or not command or not isinstance(arguments, (list, type(None))):
        return []
    return [*command, *(arguments or [])]


def _control_plane(estate: Estate) -> list[str]:
    """Names of the nodes that say they belong to the control plane, sorted."""
    found = []
    for node in estate.objects("nodes"):
        metadata = node.get("metadata") or {}
        labels = metadata.get("labels")
        if isinstance(labels, dict) and any(label in labels for label in CONTROL_PLANE_LABELS):
            found.append(str(metadata.get("name", "")))
    return sorted(found)
