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
        spec: the pod spec in normal form, shared between forms; read only.
        annotations: the judged annotations.
        digest: sha256 over both.
        path: where the spec stands in the workload's object.
        note: where the template differs from the pods that run.
        static: a mirror pod of a node's static pod.
        owned: a controller (collected or declared) stands above the pod.
    """

    ref: Subject
    source: str
    pods: int
    spec: dict[str, Any]
    annotations: dict[str, Any]
    labels: dict[str, Any]
    digest: str
    path: str
    note: str
    static: bool
    owned: bool
    parts: tuple[Part, ...] = field(default=())


def template_of(controller: Stored) -> tuple[dict[str, Any], str]:
    """A controller's pod template and its path; the template is empty where there is none."""
    spec, path = controller.spec_value(), "spec.template"
    if controller.kind == "CronJob":
        job = spec.get("jobTemplate")
        inner = job.get("spec") if isinstance(job, dict) else None
        spec = inner if isinstance(inner, dict) else {}
        path = "spec.jobTemplate.spec.template"
    template = spec.get("template")
    return (template if isinstance(template, dict) else {}), path


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
    """All forms of a snapshot, by namespace; identical specs share one object."""

    def __init__(self, snapshot: Snapshot, owners: Owners) -> None:
        self._shared: dict[str, dict[str, Any]] = {}
        self._parts: dict[tuple[str, str], tuple[Part, ...]] = {}
        self.by_namespace: dict[str, list[Form]] = defaultdict(list)
        live = self._live(snapshot, owners)
        for form_group in live.values():
            for form in form_group:
                self.by_namespace[form.ref.namespace].append(form)
        self._templates(owners, live)
        for forms in self.by_namespace.values():
            forms.sort(key=lambda form: (form.ref.kind, form.ref.name, form.ref.api_version, form.source, form.digest))

    def _live(self, snapshot: Snapshot, owners: Owners) -> dict[tuple[str, str, str], list[Form]]:
        counted: dict[tuple[Any, ...], list[Any]] = {}
        digests = podspec.Digests()
        for pod in stored_objects(snapshot, "pods"):
            if pod.phase in _FINISHED:
                continue
            owner = owners.top(pod)
            spec = podspec.normalise(pod.spec_value(), pod.metadata.name)
            annotations = podspec.judged_annotations(pod.metadata.annotations)
            digest = digests(spec, annotations)
            ref = owner.ref
            key = (ref.kind, ref.api_version, ref.namespace, ref.name, ref.unverified, digest)
            known = counted.get(key)
            if known is None:
                spec = self._shared.setdefault(digest, spec)
                counted[key] = [1, owner, pod.metadata, spec, annotations]
            else:
                known[0] += 1
        live: dict[tuple[str, str, str], list[Form]] = defaultdict(list)
        for (kind, _, namespace, name, _, digest), (pods, owner, metadata, spec, annotations) in counted.items():
            path = _live_path(owner)
            live[kind, namespace, name].append(
                Form(
                    ref=owner.ref, source="pods", pods=pods, spec=spec, annotations=annotations,
                    labels=metadata.labels or {}, digest=digest, path=path, note=_differs(owner.controller, spec),
                    static=_is_mirror(metadata), owned=owner.ref.kind != "Pod",
                    parts=self._containers(digest, path, spec),
                )
            )  # fmt: skip
        return live

    def _templates(self, owners: Owners, live: dict[tuple[str, str, str], list[Form]]) -> None:
        for controller in owners.controllers:
            top = owners.top(controller)
            if top.controller is not None or top.ref.unverified:
                continue  # an old ReplicaSet, a CronJob's Job: not a subject of its own
            ref = controller.ref
            running = live.get((ref.kind, ref.namespace, ref.name), [])
            template, path = template_of(controller)
            metadata = template.get("metadata")
            metadata = metadata if isinstance(metadata, dict) else {}
            inner = template.get("spec")
            spec = podspec.normalise(inner if isinstance(inner, dict) else {})
            if running and _is_current(controller, spec, running):
                continue
            annotations = podspec.judged_annotations(metadata.get("annotations"))
            digest = podspec.digest(spec, annotations)
            spec = self._shared.setdefault(digest, spec)
            labels = metadata.get("labels")
            note = "no running pod has this template yet" if running else ""
            self.by_namespace[ref.namespace].append(
                Form(
                    ref=ref, source="template", pods=0, spec=spec, annotations=annotations,
                    labels=labels if isinstance(labels, dict) else {}, digest=digest, path=path + ".spec", note=note,
                    static=False, owned=True, parts=self._containers(digest, path + ".spec", spec),
                )
            )  # fmt: skip

    def _containers(self, digest: str, path: str, spec: dict[str, Any]) -> tuple[Part, ...]:
        found = self._parts.get((digest, path))
        if found is None:
            found = self._parts[digest, path] = tuple(_containers(path, spec))
        return found


def _containers(path: str, spec: dict[str, Any]) -> list[Part]:
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


def _template_spec(controller: Stored) -> dict[str, Any]:
    inner = template_of(controller)[0].get("spec")
    return podspec.normalise(inner if isinstance(inner, dict) else {})


def _differs(controller: Stored | None, spec: dict[str, Any]) -> str:
    if controller is None:
        return ""
    found = podspec.differences(_template_spec(controller), spec)
    if not found:
        return ""
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return f"the running pods differ from the template: {', '.join(found[:4])}{more}"


def _is_current(controller: Stored, template: dict[str, Any], running: list[Form]) -> bool:
    lives = current_revision_lives(controller)
    if lives is None:
        return any(not podspec.differences(template, form.spec) for form in running)
    return lives
