"""Workloads as subjects: a pod spec as it runs, each of its containers, and the workload's own object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from preaudit.errors import Unreadable
from preaudit.snapshot import REDACTED
from preaudit.subjects.estate import Estate
from preaudit.subjects.forms import Form, Part
from preaudit.subjects.lens import Lens, ReadLog
from preaudit.subjects.rbac import account_is_bound
from preaudit.subjects.ref import Subject


class Pod(Lens):
    """One distinct pod spec of one workload, from its live pods or from its template.

    Attributes:
        form: the spec with what surrounds it.
    """

    __slots__ = ("estate", "form")

    def __init__(self, estate: Estate, form: Form, log: ReadLog | None = None) -> None:
        super().__init__(form.spec, "PodSpec", form.path, "", log or ReadLog(), judged=True)
        self.estate = estate
        self.form = form

    @property
    def ref(self) -> Subject:
        """The workload that a record names."""
        return self.form.ref

    @property
    def is_static(self) -> bool:
        """A node runs it from a file (a mirror pod): it has no service account and no token."""
        return self.form.static

    @property
    def containers(self) -> list[Container]:
        """Init, ordinary and ephemeral containers, in this order, sharing this pod's log.

        Those that cannot be read come last: what the others violate is found before reading them raises.
        """
        parts = sorted(self.form.parts, key=lambda part: not isinstance(part.value, dict))
        return [Container(self.estate, self.form, part, self.log) for part in parts]

    def annotation(self, key: str) -> Any:
        """The value of a judged annotation of the pod, None where it is not set; logged.

        Raises:
            NotObservable: the value was redacted, or the annotations cannot be read.
        """
        path = self.form.path.removesuffix("spec") + "metadata.annotations"
        value = self._judged_annotations().get(key)
        self.log.entries.append((f"{path}[{key}]", f"metadata.annotations[{key}]", value))
        if type(value) is dict and REDACTED in value:
            raise Unreadable(f"{path}[{key}]", "the value was redacted, it cannot be judged")
        return value

    def annotations(self, prefix: str) -> Iterator[tuple[str, Any]]:
        """Key and value of the judged annotations whose key begins with `prefix`; each one logged.

        Raises:
            NotObservable: after those that can be read, where one was redacted; or none can be read.
        """
        found = self._judged_annotations()
        keys = sorted((key for key in found if key.startswith(prefix)), key=lambda key: (type(found[key]) is dict, key))
        yield from ((key, self.annotation(key)) for key in keys)

    def _judged_annotations(self) -> dict[str, Any]:
        if self.form.annotations is None:
            raise Unreadable(self.form.path.removesuffix("spec") + "metadata", "the annotations cannot be read")
        return self.form.annotations

    def related(self, source: str) -> list[Lens]:
        """The objects of another source in this namespace; see `Estate.related`."""
        return self.estate.related(source, self.form.ref.namespace, self.log)

    def account_is_bound(self, name: str) -> bool:
        """Whether some binding gives rights to a service account of this namespace; see `rbac.account_is_bound`."""
        return account_is_bound(self.estate, self.form.ref.namespace, name, self.log)


class Container(Lens):
    """One container (init, ordinary or ephemeral) of one distinct pod spec.

    Attributes:
        name: the container's name.
        role: the list that holds it: initContainers, containers, or ephemeralContainers.
    """

    __slots__ = ("_ref", "estate", "form", "name", "role", "within_name")

    def __init__(self, estate: Estate, form: Form, part: Part, log: ReadLog | None = None) -> None:
        schema = "EphemeralContainer" if part.role == "ephemeralContainers" else "Container"
        super().__init__(part.value, schema, part.path, part.within, log or ReadLog(), judged=True)
        self.estate = estate
        self.form = form
        self.name = part.name
        self.role = part.role
        self.within_name = part.within
        self._ref: Subject | None = None

    @property
    def ref(self) -> Subject:
        """The workload that a record names, with this container as the part."""
        if self._ref is None:
            self._ref = msgspec.structs.replace(self.form.ref, within=self.within_name)
        return self._ref

    @property
    def is_ordinary(self) -> bool:
        """Neither an init nor an ephemeral container."""
        return self.role == "containers"

    @property
    def is_ephemeral(self) -> bool:
        """Added for debugging; it cannot have probes, resources, or ports."""
        return self.role == "ephemeralContainers"

    @property
    def pod(self) -> Pod:
        """The pod spec around the container; its reads go to the same log."""
        return Pod(self.estate, self.form, self.log)

    def related(self, source: str) -> list[Lens]:
        """The objects of another source in this namespace; see `Estate.related`."""
        return self.estate.related(source, self.form.ref.namespace, self.log)


class Workload(Lens):
    """A workload as a whole: the controller's object, or a pod that no controller owns.

    Attributes:
        form: one of its forms.
        ref: the workload that a record names.
        kind: ``Deployment``, ``Pod``.
    """

    __slots__ = ("estate", "form", "kind", "labels", "ref", "static")

    def __init__(
        self, estate: Estate, form: Form, ref: Subject, value: dict[str, Any], log: ReadLog | None = None
    ) -> None:
        super().__init__(value, ref.kind, "", "", log or ReadLog())
        self.estate = estate
        self.form = form
        self.ref = ref
        self.kind = ref.kind
        self.labels = form.labels
        self.static = form.static

    @property
    def owned(self) -> bool:
        """A controller (or a node, for its static pods) keeps it running; logged: checks of bare pods rest on it."""
        owned = self.form.owned or self.form.static
        self.note("metadata.ownerReferences with a controller", owned)
        return owned

    @property
    def pod(self) -> Pod:
        """The pod spec of this form; its reads go to the same log."""
        return Pod(self.estate, self.form, self.log)

    def related(self, source: str) -> list[Lens]:
        """The objects of another source in this namespace; see `Estate.related`."""
        return self.estate.related(source, self.form.ref.namespace, self.log)


def containers(estate: Estate, namespace: str) -> Iterator[Container]:
    """Every container of every distinct pod spec in a namespace."""
    yield from estate.kept(
        "containers", namespace,
        lambda: (
            Container(estate, form, part)
            for form in estate.forms.by_namespace.get(namespace, ())
            for part in form.parts
        ),
    )  # fmt: skip


def pods(estate: Estate, namespace: str) -> Iterator[Pod]:
    """Every distinct pod spec in a namespace."""
    yield from estate.kept(
        "pods", namespace, lambda: (Pod(estate, form) for form in estate.forms.by_namespace.get(namespace, ()))
    )


def workloads(estate: Estate, namespace: str) -> Iterator[Workload]:
    """Every workload in a namespace, once, with the first of its forms.

    A controller below an owner of an uncollected kind is one: what keeps its replicas stands in its own object.
    """
    yield from estate.kept("workloads", namespace, lambda: _workloads(estate, namespace))


def _workloads(estate: Estate, namespace: str) -> Iterator[Workload]:
    seen: set[tuple[str, str, str]] = set()
    for controller in estate.owners.by_namespace.get(namespace, ()):
        ref = controller.ref
        key = (ref.api_version, ref.kind, ref.name)
        if key in seen or estate.owners.runs_for_another(controller):
            continue
        seen.add(key)
        value: dict[str, Any] = {"metadata": {"name": ref.name, "namespace": namespace}}
        value |= {"spec": controller.spec_read(), "status": controller.status_value()}
        yield Workload(estate, estate.forms.by_controller[id(controller)][0], ref, value)
    for form in estate.forms.by_namespace.get(namespace, ()):
        key = (form.ref.api_version, form.ref.kind, form.ref.name)
        if key in seen:
            continue
        seen.add(key)
        value = {"metadata": {"name": form.ref.name, "namespace": namespace}}
        if not form.owned:
            value["spec"] = form.spec
        yield Workload(estate, form, form.ref, value)
