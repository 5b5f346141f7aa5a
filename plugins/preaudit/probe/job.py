"""The Job as it is sent: one pod with no rights, no token, no sidecar, that ends by itself and is then cleared away."""

from __future__ import annotations

from typing import Any

from preaudit.probe.parameters import Settings

LABEL = "preaudit.dev/probe"
"""Names the run that owns a Job and its pod."""
PREFIX = "preaudit-probe-"
CONTAINER = "probe"
KEPT_SECONDS = 300
"""After its end, for the case that nobody deletes it."""
USER = 65532


def labels(run_id: str) -> dict[str, str]:
    """Labels of the Job and its pod; meshes leave a pod with these alone."""
    return {
        "app.kubernetes.io/name": "preaudit-probe", LABEL: run_id,
        "sidecar.istio.io/inject": "false", "kuma.io/sidecar-injection": "disabled",
    }  # fmt: skip


def job(settings: Settings, run_id: str, plan: str) -> dict[str, Any]:
    """The Job of one run; its pod meets the restricted Pod Security Standard.

    Args:
        settings: where and how.
        run_id: of this run, unique.
        plan: the probe's argument.
    """
    container = {
        "name": CONTAINER,
        "image": settings.image,
        "command": ["python3", "-m", "preaudit.probe.inside"],
        "args": [plan],
        "env": [{"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}, {"name": "HOME", "value": "/"}],
        "resources": {
            "requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"cpu": "500m", "memory": "384Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "privileged": False,
            "readOnlyRootFilesystem": True, "runAsNonRoot": True,
        },
    }  # fmt: skip
    pod = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": {
            "runAsGroup": USER, "runAsNonRoot": True, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 2,
    }  # fmt: skip
    annotations = {"linkerd.io/inject": "disabled", "sidecar.istio.io/inject": "false"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": PREFIX + run_id, "namespace": settings.namespace, "labels": labels(run_id)},
        "spec": {
            "activeDeadlineSeconds": settings.seconds,
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": labels(run_id), "annotations": annotations}, "spec": pod},
        },
    }
