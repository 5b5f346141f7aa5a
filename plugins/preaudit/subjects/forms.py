"""The forms in which workloads run: each distinct pod spec of each workload, from live pods and from templates."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from preaudit.snapshot import Snapshot
from preaudit.subjects import podspec
from preaudit.subjects.owners import Owner, Owners, Stored, stored_objects
from preaudit.subjects.ref import Subject

_FINISHED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Part:
    """One container of a pod spec: its list, position, and how it is named in a record."""

    role: str
    name: str
    value: Any
    path: str
    within: str


@dataclass(frozen=True, slots=True)
class Form:
    """One distinct pod spec of one workload.

    Attributes:
        ref: the workload, as a record names it.
        source: "pods" where live pods have it, "template" where the workload's template does.
        pods: number of live pods that share it.
        spec: the pod spec in normal form, shared between forms; read only. None where it cannot be read.
        annotations: the judged annotations; None where they cannot be read.
        digest: sha256 over both.
        path: where the spec stands in the workload's object.
        note: where the template differs from the pods that run.
        static: a mirror pod of a node's static pod.
        owned: a controller (collected or declared) stands above the pod.
    """

    ref: Subject
    source: str
    pods: int
    spec: dict[str, Any] | None
    annotations: dict[str, Any] | None
    labels: dict[str, Any]
    digest: str
    path: str
    note: str
    static: bool
    owned: bool
    parts: tuple[Part, ...] = field(default=())


def template_of(controller: Stored) -> tuple[dict[str, Any] | None, str]:
    """A controller's pod template, None where it has none that can be read, and its path."""
    spec, path = controller.spec_value(), "spec.template"
    if controller.kind == "CronJob":
        job = spec.get("jobTemplate")
        inner = job.get("spec") if isinstance(job, dict) else None
        spec = inner if isinstance(inner, dict) else {}
        path = "spec.jobTemplate.spec.template"
    template = spec.get("template")
    return (template if isinstance(template, dict) else None), path


def current_revision_lives(controller: Stored) -> bool | None:
    """Whether a live pod has the controller's current template; None where its status does not tell."""
    status = controller.status_value()
    observed = status.get("observedGeneration")
    if not isinstance(observed, int) or observed < controller.metadata.generation:
        return None
    if controller.kind == "Deployment":
        return int(status.get("updatedReplicas") or 0) > 0
    if controller.kind == "DaemonSet":
        return int(status.get("updatedNumberScheduled") or 0) > 0
    if controller.kind == "StatefulSet":
        same = status.get("updateRevision") == status.get("currentRevision") and bool(status.get("updateRevision"))
        return int(status.get("updatedReplicas") or 0) > 0 or (same and int(status.get("replicas") or 0) > 0)
    return None


class Forms:
    """All forms of a snapshot, by namespace and by controller; identical specs share one object."""

    def __init__(self, snapshot: Snapshot, owners: Owners) -> None:
        self._shared: dict[str, dict[str, Any] | None] = {}
        self._parts: dict[tuple[str, str], tuple[Part, ...]] = {}
        self.by_namespace: dict[str, list[Form]] = defaultdict(list)
        self.by_controller: dict[int, list[Form]] = defaultdict(list)
        """The forms of the pods below a collected controller, and of its template, by the controller's `id`."""
        self._live(snapshot, owners)
        self._templates(owners)
        for forms in (*self.by_namespace.values(), *self.by_controller.values()):
            forms.sort(key=lambda form: (form.ref.kind, form.ref.name, form.ref.api_version, form.source, form.digest))

    def _live(self, snapshot: Snapshot, owners: Owners) -> None:
        counted: dict[tuple[Any, ...], list[Any]] = {}
        digests = podspec.Digests()
        for pod in stored_objects(snapshot, "pods"):
            if pod.phase in _FINISHED:
                continue
            owner = owners.top(pod)
            spec = podspec.normalise(pod.pod_spec(), pod.metadata.name)
            annotations = podspec.judged_annotations(pod.metadata.annotations)
            digest = digests(spec, annotations)
            ref = owner.ref
            key = (ref.kind, ref.api_version, ref.namespace, ref.name, ref.unverified, digest)
            known = counted.get(key)
            if known is None:
                spec = self._shared.setdefault(digest, spec)
                known = counted[key] = [0, owner, pod.metadata, spec, annotations, {}]
            known[0] += 1
            known[5] |= {id(controller): controller for controller in owner.chain}
        for (*_, digest), (pods, owner, metadata, spec, annotations, controllers) in counted.items():
            path = _live_path(owner)
            form = Form(
                ref=owner.ref, source="pods", pods=pods, spec=spec, annotations=annotations,
                labels=metadata.labels or {}, digest=digest, path=path, note=_differs(owner.controller, spec),
                static=_is_mirror(metadata), owned=owner.ref.kind != "Pod",
                parts=self._containers(digest, path, spec),
            )  # fmt: skip
            self.by_namespace[form.ref.namespace].append(form)
            for controller in controllers:
                self.by_controller[controller].append(form)

    def _templates(self, owners: Owners) -> None:
        for controller in owners.controllers:
            if owners.runs_for_another(controller):
                continue  # an old ReplicaSet, a CronJob's Job: not a subject of its own
            ref = controller.ref
            running = self.by_controller[id(controller)]
            template, path = template_of(controller)
            spec = podspec.normalise(_spec_of(template))
            if running and _is_current(controller, spec, running):
                continue
            metadata = (template or {}).get("metadata") or {}
            labels = metadata.get("labels") if isinstance(metadata, dict) else None
            annotations = (
                podspec.judged_annotations(metadata.get("annotations")) if isinstance(metadata, dict) else None
            )
            digest = podspec.digest(spec, annotations)
            spec = self._shared.setdefault(digest, spec)
            form = Form(
                ref=ref, source="template", pods=0, spec=spec, annotations=annotations,
                labels=labels if isinstance(labels, dict) else {}, digest=digest, path=path + ".spec",
                note=_of_a_template(running, owners.top(controller).ref),
                static=False, owned=True, parts=self._containers(digest, path + ".spec", spec),
            )  # fmt: skip
            self.by_namespace[ref.namespace].append(form)
            running.append(form)

    def _containers(self, digest: str, path: str, spec: dict[str, Any] | None) -> tuple[Part, ...]:
        found = self._parts.get((digest, path))
        if found is None:
            found = self._parts[digest, path] = tuple(_containers(path, spec))
        return found


def _containers(path: str, spec: dict[str, Any] | None) -> list[Part]:
    spec = spec or {}
    parts: list[Part] = []
    seen: set[str] = set()
    for role in podspec.CONTAINER_LISTS:
        items = spec.get(role)
        if items is None and role != "containers":
            continue
        if not isinstance(items, list) or (role == "containers" and not items):
            # Every pod has containers: where they cannot be read, a part that cannot be read stands for them.
            parts.append(Part(role, "", None, f"{path}.{role}", role))
            continue
        for index, item in enumerate(items):
            named = item.get("name") if isinstance(item, dict) else None
            name = named if isinstance(named, str) else ""
            within = f"{role}[{name or index}]"
            if within in seen:
                within = f"{role}[{name}#{index}]"
            seen.add(within)
            parts.append(Part(role, name, item, f"{path}.{role}[{index}]", within))
    return parts


def _live_path(owner: Owner) -> str:
    if owner.ref.kind == "Pod":
        return "spec"
    return "spec.jobTemplate.spec.template.spec" if owner.ref.kind == "CronJob" else "spec.template.spec"


def _is_mirror(metadata: Any) -> bool:
    """A node's static pod: it carries the mirror mark and its node as the only owner."""
    owners = metadata.owners or []
    return (
        "kubernetes.io/config.mirror" in (metadata.annotations or {})
        and len(owners) == 1
        and owners[0].get("kind") == "Node"
        and metadata.name.endswith("-" + str(owners[0].get("name", "")))
    )


def _spec_of(template: dict[str, Any] | None) -> dict[str, Any] | None:
    spec = template.get("spec") if template is not None else None
    return spec if isinstance(spec, dict) else None


def _differs(controller: Stored | None, spec: dict[str, Any] | None) -> str:
    if controller is None or spec is None:
        return ""
    template = podspec.normalise(_spec_of(template_of(controller)[0]))
    if template is None:
        return "the template cannot be read"
    found = podspec.differences(template, spec)
    if not found:
        return ""
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return f"the running pods differ from the template: {', '.join(found[:4])}{more}"


def _of_a_template(running: list[Form], owner: Subject) -> str:
    """What a reader shall know of a template: that other specs run, and by which owner's name its pods stand."""
    notes = ["no running pod has this template yet"] if running else []
    if owner.unverified:
        notes.append(f"its pods are told as those of {owner.kind} {owner.name}, the owner that it names")
    return "; ".join(notes)


def _is_current(controller: Stored, template: dict[str, Any] | None, running: list[Form]) -> bool:
    lives = current_revision_lives(controller)
    if lives is None:
        read = [form.spec for form in running if form.spec is not None]
        return template is not None and any(not podspec.differences(template, spec) for spec in read)
    return lives
