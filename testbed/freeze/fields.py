"""Freezes the API's field paths: reads the OpenAPI documents of one or more Kubernetes versions, prints JSON.

Usage: python -m testbed.freeze.fields SWAGGER.json [SWAGGER.json ...] > plugins/preaudit/subjects/fields.json

The output maps a type to its fields: "" for a plain value, "Type" for an object, "[]Type" for a list of objects,
"{}" for a free mapping, "[]" for a list of plain values. Fields of all versions given are united.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOTS = (
    "Pod", "PodSpec", "PodTemplateSpec", "Container", "EphemeralContainer", "Volume", "ObjectMeta", "Namespace", "Node",
    "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController",
    "ServiceAccount", "Service", "ConfigMap", "LimitRange", "ResourceQuota", "PersistentVolume",
    "PersistentVolumeClaim", "NetworkPolicy", "PodDisruptionBudget", "Role", "ClusterRole", "RoleBinding",
    "ClusterRoleBinding", "PolicyRule", "Subject", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
    "EndpointSlice", "Ingress", "APIService", "CertificateSigningRequest",
)  # fmt: skip
PREFERRED = ("core.v1.", "apps.v1.", "batch.v1.", "rbac.v1.", "policy.v1.", "networking.v1.", "meta.v1.", "v1.",
             "discovery.v1.")  # fmt: skip


def definition(definitions: dict[str, Any], name: str) -> str | None:
    """The full name of the stable definition of a type."""
    ends = [full for full in definitions if full.endswith("." + name)]
    for preferred in PREFERRED:
        for full in ends:
            if full.endswith(preferred + name):
                return full
    return None


def kind_of(spec: dict[str, Any], definitions: dict[str, Any]) -> tuple[str, str | None]:
    """How a field is written in the frozen file, and the full definition that it leads to."""
    if "$ref" in spec:
        full = spec["$ref"].rpartition("/")[2]
        target = definitions.get(full, {})
        return (full.rpartition(".")[2], full) if "properties" in target else ("", None)
    if spec.get("type") == "array":
        inner, full = kind_of(spec.get("items", {}), definitions)
        return "[]" + (inner if full else ""), full
    return ("{}", None) if spec.get("type") == "object" else ("", None)


def freeze(paths: list[str]) -> dict[str, dict[str, str]]:
    """The united field table of several OpenAPI documents."""
    table: dict[str, dict[str, str]] = {}
    for path in paths:
        definitions = json.loads(Path(path).read_text())["definitions"]
        wanted = [full for name in ROOTS if (full := definition(definitions, name))]
        seen: set[str] = set()
        while wanted:
            full = wanted.pop()
            if full in seen:
                continue
            seen.add(full)
            fields = table.setdefault(full.rpartition(".")[2], {})
            for field, spec in definitions[full].get("properties", {}).items():
                kind, leads_to = kind_of(spec, definitions)
                fields[field] = kind
                if leads_to:
                    wanted.append(leads_to)
    return table


if __name__ == "__main__":
    frozen = sorted(freeze(sys.argv[1:]).items())
    rows = (f"{json.dumps(name)}: {json.dumps(fields, sort_keys=True)}" for name, fields in frozen)
    sys.stdout.write("{\n" + ",\n".join(rows) + "\n}\n")
