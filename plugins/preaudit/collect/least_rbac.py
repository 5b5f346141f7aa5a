"""The least roles with which nothing stays unknown for want of rights, and their bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from preaudit.collect.preflight import verb_of
from preaudit.errors import UsageError
from preaudit.snapshot import EVERYWHERE, Identity
from preaudit.source import GROUP_RIGHTS, PROBE_RIGHTS, WITHOUT_RIGHTS, Source, source_named

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_GROUP = "rbac.authorization.k8s.io"
READER = "preaudit-reader"
SECRETS = "preaudit-secrets-metadata"
PROBE = "preaudit-in-cluster"
_SERVICE_ACCOUNT = "system:serviceaccount:"
_NAMING = "kube-system"
"""The namespace whose UID names the cluster; without it a pack cannot say which cluster it is about."""
_HEAD = """\
# What preaudit needs to read, and nothing more. Apply as an administrator: kubectl apply -f FILE
"""
_SECRETS_HEAD = """\
# The right to list Secrets also lets its holder read their values; preaudit asks for metadata only.
"""


_GROUP_HEAD = """\
# Only for --active {}: it lets its holder do more than read. Leave it out where the group is not wanted.
"""


def least_rbac(
    sources: Collection[str], namespaces: Sequence[str] | None, identity: Identity, groups: Collection[str] = (),
    probe_namespace: str = "",
) -> str:  # fmt: skip
    """Roles and bindings for the identity that the server confirmed, as YAML.

    Args:
        sources: names of the sources to be read; Secrets get a role of their own.
        namespaces: Roles in these, or None for ClusterRoles.
        identity: who is to read.
        groups: active groups that are included; each that needs a right gets a role of its own.
        probe_namespace: where the probe pod runs (``in_cluster.namespace``); "" for no probe.

    Raises:
        UsageError: the identity is not known, or a source is not.
    """
    if not identity.user:
        raise UsageError(f"no role can be bound: {identity.cause or 'the server did not say who we are'}")
    named = [source_named(name) for name in sorted({*sources, "namespaces"} - WITHOUT_RIGHTS)]
    ordinary = [source for source in named if not source.opt_in]
    opted = [source for source in named if source.opt_in]
    documents = _documents(READER, ordinary, namespaces, identity)
    text = _HEAD + yaml.safe_dump_all(documents, sort_keys=False)
    if opted:
        more = _documents(SECRETS, opted, namespaces, identity)
        text += "---\n" + _SECRETS_HEAD + yaml.safe_dump_all(more, sort_keys=False)
    for group in sorted(GROUP_RIGHTS.keys() & set(groups)):
        resources = [one.name for one in GROUP_RIGHTS[group]]
        # A WebSocket is opened by GET; newer servers want "create" for it as well.
        rule = {"apiGroups": [""], "resources": resources, "verbs": ["create", "get"]}
        places = [EVERYWHERE] if namespaces is None else sorted(set(namespaces))
        more = [one for place in places for one in _grant(f"preaudit-{group}", place, [rule], identity)]
        text += f"---\n{_GROUP_HEAD.format(group)}" + yaml.safe_dump_all(more, sort_keys=False)
    if "in-cluster" in groups and probe_namespace:
        text += "---\n" + probe_rbac(probe_namespace, identity)
    return text


def probe_rbac(namespace: str, identity: Identity) -> str:
    """The role of the active group in-cluster and its binding, in the probe's namespace alone, as YAML."""
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)} for group, resource, verbs in PROBE_RIGHTS
    ]
    documents = _grant(PROBE, namespace, rules, identity)
    return _GROUP_HEAD.format("in-cluster") + yaml.safe_dump_all(documents, sort_keys=False)


def _documents(
    name: str, sources: list[Source], namespaces: Sequence[str] | None, identity: Identity
) -> list[dict[str, Any]]:
    if namespaces is None:
        places = [EVERYWHERE]
    else:
        places = sorted(set(namespaces))
        sources = [source for source in sources if source.namespaced or source.name == "namespaces"]
    documents: list[dict[str, Any]] = []
    for place in places:
        documents += _grant(name, place, _rules(sources, place), identity)
    if namespaces is not None and name == READER and _NAMING not in places:
        naming = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"], "resourceNames": [_NAMING]}
        documents += _grant(name, _NAMING, [naming], identity)
    return documents


def _grant(name: str, place: str, rules: list[dict[str, Any]], identity: Identity) -> list[dict[str, Any]]:
    """A role in one place with its binding."""
    kind = "ClusterRole" if place == EVERYWHERE else "Role"
    metadata = {"name": name} if place == EVERYWHERE else {"name": name, "namespace": place}
    return [
        {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{_GROUP}/v1",
            "kind": kind + "Binding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": name},
            "subjects": [_subject(identity)],
        },
    ]


def _rules(sources: list[Source], place: str) -> list[dict[str, Any]]:
    """One rule for each API group and verb."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for source in sources:
        grouped.setdefault((source.group, verb_of(source, place)), []).append(source.resource)
    rules: list[dict[str, Any]] = []
    for (group, verb), resources in sorted(grouped.items()):
        rule: dict[str, Any] = {"apiGroups": [group], "resources": sorted(resources), "verbs": [verb]}
        if resources == ["namespaces"] and verb == "get":
            rule["resourceNames"] = [place]
        rules.append(rule)
    return rules


def _subject(identity: Identity) -> dict[str, str]:
    if identity.user.startswith(_SERVICE_ACCOUNT):
        namespace, _, name = identity.user.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return {"kind": "ServiceAccount", "namespace": namespace, "name": name}
    return {"apiGroup": _GROUP, "kind": "User", "name": identity.user}
