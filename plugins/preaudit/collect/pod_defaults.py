"""What the API server fills in to a pod specification that is given in a file, so that files and clusters compare.

The live tests compare every rule with a server-side dry run.
"""

from __future__ import annotations

from typing import Any

_VOLUME_SOURCES_WITH_MODE = ("secret", "configMap", "projected", "downwardAPI")


def default_pod_spec(spec: dict[str, Any]) -> None:
    """Fill in the defaults of ``spec`` of a pod or of its template; in place."""
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    if spec.get("serviceAccount") and not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    elif spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    for key in ("containers", "initContainers", "ephemeralContainers"):
        for container in mappings(spec.get(key)):
            _container(container, host_network=spec.get("hostNetwork") is True)
    for volume in mappings(spec.get("volumes")):
        _volume(volume)


def default_pod(spec: dict[str, Any]) -> None:
    """What is filled in to a pod itself, but not to a template; in place."""
    for key in ("containers", "initContainers"):
        for container in mappings(spec.get(key)):
            _requests(container.get("resources"))
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])


def _container(container: dict[str, Any], *, host_network: bool) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = _pull_policy(str(container.get("image", "")))
    for port in mappings(container.get("ports")):
        port.setdefault("protocol", "TCP")
        if host_network and "containerPort" in port and not port.get("hostPort"):
            port["hostPort"] = port["containerPort"]
    container.setdefault("resources", {})
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(name), dict):
            _probe(container[name])
    lifecycle = container.get("lifecycle")
    if isinstance(lifecycle, dict):
        for name in ("postStart", "preStop"):
            if isinstance(lifecycle.get(name), dict):
                _handler(lifecycle[name])
    for variable in mappings(container.get("env")):
        source = variable.get("valueFrom")
        if isinstance(source, dict):
            field_reference(source.get("fieldRef"))
            _divisor(source.get("resourceFieldRef"))


def _requests(resources: Any) -> None:
    """A limit without a request is a request too; in a template it stays unsaid until there is a pod."""
    limits = resources.get("limits") if isinstance(resources, dict) else None
    if not isinstance(limits, dict):
        return
    if resources.get("requests") is None:
        resources["requests"] = {}
    if isinstance(resources["requests"], dict):
        for name, quantity in limits.items():
            resources["requests"].setdefault(name, quantity)


def _probe(probe: dict[str, Any]) -> None:
    for key, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)):
        if not probe.get(key):
            probe[key] = value
    _handler(probe)


def _handler(handler: dict[str, Any]) -> None:
    request = handler.get("httpGet")
    if isinstance(request, dict):
        request.setdefault("path", "/")
        request.setdefault("scheme", "HTTP")
    grpc = handler.get("grpc")
    if isinstance(grpc, dict):
        grpc.setdefault("service", "")


def _pull_policy(image: str) -> str:
    """``Always`` for the tag latest and for no tag and no digest."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if digest:
        return "Always" if tag == "latest" else "IfNotPresent"
    return "Always" if tag in {"", "latest"} else "IfNotPresent"


def _volume(volume: dict[str, Any]) -> None:
    if not any(key != "name" and value is not None for key, value in volume.items()):
        volume["emptyDir"] = {}
    for key in _VOLUME_SOURCES_WITH_MODE:
        if isinstance(volume.get(key), dict):
            volume[key].setdefault("defaultMode", 0o644)
    if isinstance(volume.get("hostPath"), dict):
        volume["hostPath"].setdefault("type", "")
    if isinstance(volume.get("downwardAPI"), dict):
        _downward(volume["downwardAPI"])
    if isinstance(volume.get("projected"), dict):
        for source in mappings(volume["projected"].get("sources")):
            if isinstance(source.get("serviceAccountToken"), dict):
                source["serviceAccountToken"].setdefault("expirationSeconds", 3600)
            if isinstance(source.get("downwardAPI"), dict):
                _downward(source["downwardAPI"])
    claim = volume.get("ephemeral")
    if isinstance(claim, dict) and isinstance(claim.get("volumeClaimTemplate"), dict):
        spec = claim["volumeClaimTemplate"].get("spec")
        if isinstance(spec, dict):
            spec.setdefault("volumeMode", "Filesystem")


def _downward(source: dict[str, Any]) -> None:
    for item in mappings(source.get("items")):
        field_reference(item.get("fieldRef"))
        _divisor(item.get("resourceFieldRef"))


def field_reference(reference: Any) -> None:
    """Fill in the version of a reference to the pod's own fields."""
    if isinstance(reference, dict):
        reference.setdefault("apiVersion", "v1")


def _divisor(reference: Any) -> None:
    if isinstance(reference, dict):
        reference.setdefault("divisor", "0")


def mappings(items: Any) -> list[dict[str, Any]]:
    """The mappings of a list; nothing where it is no list."""
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
