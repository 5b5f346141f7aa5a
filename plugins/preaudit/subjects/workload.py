"""Workloads as subjects: a pod spec as it runs, each of its containers, and the workload's own object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from preaudit.subjects.estate import Estate
from preaudit.subjects.forms import Form, Part
from preaudit.subjects.lens import Lens, ReadLog
from preaudit.subjects.ref import Subject


class Pod(Lens):
    """One distinct pod spec of one workload, from its live pods or from its template.

    Attributes:
        form: the spec with what surrounds it.
    """

    __slots__ = ("estate", "form")

    def __init__(self, estate: Estate, form: Form, log: ReadLog | None = None) -> None:
        super().__init__(form.spec, "PodSpec", form.path, "", log or ReadLog())
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
        """Init, ordinary and ephemeral containers, in this order, sharing this pod's log."""
        return [Container(self.estate, self.form, part, self.log) for part in self.form.parts]

    def annotation(self, key: str) -> Any:
        """The value of a judged annotation of the pod, None where it is not set; logged."""
        value = self.form.annotations.get(key)
        path = self.form.path.removesuffix("spec") + f"metadata.annotations[{key}]"
        self.log.entries.append((path, f"metadata.annotations[{key}]", value))
        return value

    def annotations(self, prefix: str) -> dict[str, Any]:
        """The judged annotations whose key begins with `prefix`; each one logged."""
        keys = sorted(key for key in self.form.annotations if key.startswith(prefix))
        return {key: self.annotation(key) for key in keys}

    def related(self, source: str) -> list[Lens]:
        """The objects of another source in this namespace; see `Estate.related`."""
        return self.estate.related(source, self.form.ref.namespace, self.log)

    def account_is_bound(self, name: str) -> bool:
        """Whether some binding gives rights to a service account of this namespace; see `Estate.is_bound`."""
        return self.estate.is_bound(self.form.ref.namespace, name, self.log)


class Container(Lens):
    """One container (init, ordinary or ephemeral) of one distinct pod spec.

    Attributes:
        name: the container's name.
        role: the list that holds it: initContainers, containers, or ephemeralContainers.
    """

    __slots__ = ("_ref", "estate", "form", "name", "role", "within_name")

    def __init__(self, estate: Estate, form: Form, part: Part, log: ReadLog | None = None) -> None:
        schema = "EphemeralContainer" if part.role == "ephemeralContainers" else "Container"
        super().__init__(part.value, schema, part.path, part.within, log or ReadLog())
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
        form: one of its forms (the current template where there is one).
        kind: ``Deployment``, ``Pod``.
    """

    __slots__ = ("estate", "form", "kind", "labels", "static")

    def __init__(self, estate: Estate, form: Form, value: dict[str, Any], log: ReadLog | None = None) -> None:
        super().__init__(value, form.ref.kind, "", "", log or ReadLog())
        self.estate = estate
        self.form = form
        self.kind = form.ref.kind
        self.labels = form.labels
        self.static = form.static

    @property
    def ref(self) -> Subject:
        """The workload that a record names."""
        return self.form.ref

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
    """Every workload in a namespace, once, with the first of its forms."""
    yield from estate.kept("workloads", namespace, lambda: _workloads(estate, namespace))


def _workloads(estate: Estate, namespace: str) -> Iterator[Workload]:
    objects = {(one.kind, one.metadata.name): one for one in estate.owners.by_namespace.get(namespace, ())}
    seen: set[tuple[str, str, str]] = set()
    for form in estate.forms.by_namespace.get(namespace, ()):
        key = (form.ref.api_version, form.ref.kind, form.ref.name)
        if key in seen:
            continue
        seen.add(key)
        controller = objects.get((form.ref.kind, form.ref.name))
        value: dict[str, Any] = {"metadata": {"name": form.ref.name, "namespace": namespace}}
        if controller is not None:
            value |= {"spec": controller.spec_value(), "status": controller.status_value()}
        elif not form.owned:
            value["spec"] = form.spec
        yield Workload(estate, form, value)
