"""Freezes the RBAC objects that every API server makes itself: names and rules, over several Kubernetes versions.

Usage: python -m testbed.freeze.bootstrap KUBERNETES_MODULE_FOLDER [...] > plugins/preaudit/subjects/bootstrap.json

The output holds, for each kind, "namespace/name" (or "name") and the union of its rules over the versions; for
bindings the role and the subjects. Aggregated roles hold the rules that are aggregated into them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

DATA = "plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata"
LISTS = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")


def canonical(rule: dict[str, Any]) -> str:
    """A rule with its lists sorted, as text."""
    return json.dumps({key: sorted(rule[key]) for key in LISTS if rule.get(key)}, sort_keys=True)


def selects(rule: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether an aggregation rule takes a role with these labels."""
    selectors = rule.get("clusterRoleSelectors") or []
    return any(one["matchLabels"].items() <= labels.items() for one in selectors)


def freeze(folders: list[str]) -> dict[str, dict[str, list[str]]]:
    """The frozen table of several versions."""
    table: dict[str, dict[str, set[str]]] = {}
    for folder in folders:
        items: list[dict[str, Any]] = []
        for path in sorted(Path(folder, DATA).glob("*.yaml")):
            items += (yaml.safe_load(path.read_text()) or {}).get("items") or []
        roles = [one for one in items if one["kind"] == "ClusterRole"]
        for one in items:
            meta = one["metadata"]
            name = "/".join(part for part in (meta.get("namespace"), meta["name"]) if part)
            known = table.setdefault(one["kind"], {}).setdefault(name, set())
            if "roleRef" in one:
                known.add("role " + one["roleRef"]["kind"] + " " + one["roleRef"]["name"])
                known.update(
                    " ".join((subject["kind"], subject.get("namespace", ""), subject["name"]))
                    for subject in one.get("subjects") or []
                )
                continue
            known.update(map(canonical, one.get("rules") or []))
            # Two levels are enough: view is aggregated into edit, edit into admin.
            wanted, below = one.get("aggregationRule") or {}, []
            for role in roles:
                if selects(wanted, role["metadata"].get("labels") or {}):
                    below.append(role)
                    inner = role.get("aggregationRule") or {}
                    below += [two for two in roles if selects(inner, two["metadata"].get("labels") or {})]
            known.update(canonical(rule) for role in below for rule in role.get("rules") or [])
    return {
        kind: {name: sorted(rules) for name, rules in sorted(names.items())} for kind, names in sorted(table.items())
    }


if __name__ == "__main__":
    json.dump(freeze(sys.argv[1:]), sys.stdout, indent=0)
    sys.stdout.write("\n")
