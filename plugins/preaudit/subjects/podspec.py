"""Pod specs in a normal form: what differs between replicas of one workload is taken out, then they are compared."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from preaudit.subjects.fields import PER_REPLICA

TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
JUDGED_ANNOTATIONS = (
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/pod",
)
"""Annotations of a pod that a check may read; they are part of what makes two pods the same."""
CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
_ADMITTED = frozenset({
    "tolerations", "priority", "preemptionPolicy", "serviceAccount", "serviceAccountName", "enableServiceLinks",
    "imagePullSecrets", "schedulerName", "nodeName", "affinity",
})  # fmt: skip
"""Fields that scheduling and the built-in admission plugins set; they make no template differ from its pods."""
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


def judged_annotations(annotations: Any) -> dict[str, Any] | None:
    """The annotations that a check may read; None where they cannot be read."""
    if annotations is None:
        return {}
    if not isinstance(annotations, dict):
        return None
    return {key: value for key, value in annotations.items() if key.startswith(JUDGED_ANNOTATIONS)}


def normalise(spec: dict[str, Any] | None, pod_name: str = "") -> dict[str, Any] | None:
    """Take out of a pod's spec, in place, what differs between the replicas of one workload.

    Node name, host name, subdomain, the node affinity that a DaemonSet adds, the generated names of token volumes and
    the claim names of a StatefulSet (which end in the pod's name). None, a spec that cannot be read, stays None.
    """
    if spec is None:
        return None
    for field in PER_REPLICA:
        spec.pop(field, None)
    volumes = spec.get("volumes")
    if isinstance(volumes, list):
        for volume in volumes:
            _normalise_volume(volume, pod_name)
    for list_name in CONTAINER_LISTS:
        containers = spec.get(list_name)
        for container in containers if isinstance(containers, list) else ():
            mounts = container.get("volumeMounts") if isinstance(container, dict) else None
            for mount in mounts if isinstance(mounts, list) else ():
                if isinstance(mount, dict) and TOKEN_VOLUME.fullmatch(str(mount.get("name", ""))):
                    mount["name"] = "kube-api-access"
    if "affinity" in spec:
        _drop_daemon_affinity(spec)
    return spec


def _normalise_volume(volume: Any, pod_name: str) -> None:
    if not isinstance(volume, dict):
        return
    if TOKEN_VOLUME.fullmatch(str(volume.get("name", ""))):
        volume["name"] = "kube-api-access"
    claim = volume.get("persistentVolumeClaim")
    if pod_name and isinstance(claim, dict) and str(claim.get("claimName", "")).endswith("-" + pod_name):
        claim["claimName"] = claim["claimName"].removesuffix(pod_name) + "$(POD_NAME)"


def _drop_daemon_affinity(spec: dict[str, Any]) -> None:
    """Remove ``matchFields: metadata.name`` terms, and what is empty after that."""
    trail: list[tuple[dict[str, Any], str]] = []
    here: Any = spec
    for step in ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"):
        if not isinstance(here, dict) or step not in here:
            return
        trail.append((here, step))
        here = here[step]
    terms = here.get("nodeSelectorTerms") if isinstance(here, dict) else None
    if not isinstance(terms, list):
        return
    for term in terms:
        fields = term.get("matchFields") if isinstance(term, dict) else None
        named = fields if isinstance(fields, list) else [None]
        if all(isinstance(one, dict) and one.get("key") == "metadata.name" for one in named):
            del term["matchFields"]
    if any(terms):
        return
    del here["nodeSelectorTerms"]
    for holder, step in reversed(trail):
        if not holder[step]:
            del holder[step]


def digest(spec: dict[str, Any] | None, annotations: dict[str, Any] | None) -> str:
    """Sha256 in hex over a normalised spec and its judged annotations."""
    return hashlib.sha256(_ENCODE({"annotations": annotations, "spec": spec})).hexdigest()


class Digests:
    """Digests of many specs, of which most are the same: what is written alike is hashed once."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def __call__(self, spec: dict[str, Any] | None, annotations: dict[str, Any] | None) -> str:
        """The same as `digest`."""
        # In the order of its own keys, which replicas share; another order only costs another look.
        written = hashlib.sha256(msgspec.json.encode((spec, annotations))).digest()
        found = self._known.get(written)
        if found is None:
            found = self._known[written] = digest(spec, annotations)
        return found


def differences(template: dict[str, Any], running: dict[str, Any]) -> list[str]:
    """Where a running pod's spec is not what its template says, as paths; admission and sidecar injection do that.

    What scheduling and built-in admission always add is left out. Both specs are in normal form.
    """
    found: list[str] = []
    for field in sorted((template.keys() | running.keys()) - _ADMITTED):
        before, after = template.get(field), running.get(field)
        if before == after:
            continue
        if field in CONTAINER_LISTS or field == "volumes":
            found += _named_differences(field, before, after)
        else:
            found.append(field)
    return found


def _named_differences(field: str, before: Any, after: Any) -> list[str]:
    old, new = _named(before), _named(after)
    found = []
    for name in sorted(old.keys() | new.keys()):
        if name == "kube-api-access":
            continue
        if name not in old:
            found.append(f"{field}[{name}] added")
        elif name not in new:
            found.append(f"{field}[{name}] removed")
        elif field == "volumes":
            if old[name] != new[name]:
                found.append(f"{field}[{name}]")
        else:
            found += [f"{field}[{name}].{key}" for key in _differing(old[name], new[name])]
    return found


def _named(items: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(items, list):
        return {}
    return {str(item.get("name", "")): item for item in items if isinstance(item, dict)}


def _differing(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    def mounts(container: dict[str, Any]) -> list[Any]:
        listed = container.get("volumeMounts")
        return [one for one in listed if not _is_token_mount(one)] if isinstance(listed, list) else []

    keys = sorted(key for key in old.keys() | new.keys() if key != "volumeMounts" and old.get(key) != new.get(key))
    return keys + (["volumeMounts"] if mounts(old) != mounts(new) else [])


def _is_token_mount(mount: Any) -> bool:
    return isinstance(mount, dict) and mount.get("name") == "kube-api-access"
