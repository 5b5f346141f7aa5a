"""What network policies say about a pod and the probe: in doubt they let it in, so that nobody is blamed wrongly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from preaudit.collect.endpoints.pods import PodPlace
from preaudit.subjects.estate import Estate

POLICIES = "networkpolicies.networking.k8s.io"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the probe asks from.

    Attributes:
        namespace: its namespace.
        labels: the labels of its pod; a value that is no text is not known.
        namespace_labels: those of its namespace; None where they are not known.
    """

    namespace: str
    labels: Mapping[str, Any]
    namespace_labels: Mapping[str, Any] | None


class Isolation:
    """The network policies of a snapshot.

    Args:
        estate: the snapshot.
    """

    def __init__(self, estate: Estate) -> None:
        self._by_namespace: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        for one in estate.objects(POLICIES):
            metadata, spec = one.get("metadata") or {}, one.get("spec")
            if isinstance(spec, dict):
                self._by_namespace[str(metadata.get("namespace", ""))].append((str(metadata.get("name", "")), spec))

    def isolating(self, pod: PodPlace) -> list[str]:
        """Names of the policies that surely isolate a pod from what comes in, sorted."""
        return sorted(
            name for name, spec in self._by_namespace.get(pod.namespace, ())
            if "Ingress" in _types(spec) and selects(spec.get("podSelector"), pod.labels) is True
        )  # fmt: skip

    def perhaps_isolating(self, pod: PodPlace) -> list[str]:
        """Names of the policies that isolate it, or of which that is not known, sorted."""
        return sorted(
            name for name, spec in self._by_namespace.get(pod.namespace, ())
            if "Ingress" in _types(spec) and selects(spec.get("podSelector"), pod.labels) is not False
        )  # fmt: skip

    def may_enter(self, pod: PodPlace, port: int, origin: Origin) -> bool:
        """A policy perhaps lets the origin into a port of a pod."""
        return any(
            _allows(rule, port) and _names(rule, pod.namespace, origin)
            for _, spec in self._by_namespace.get(pod.namespace, ())
            if "Ingress" in _types(spec) and selects(spec.get("podSelector"), pod.labels) is not False
            for rule in _list(spec.get("ingress"))
        )

    def holding_back(self, origin: Origin) -> list[str]:
        """Names of the policies that perhaps limit what the origin may send, sorted."""
        return sorted(
            name for name, spec in self._by_namespace.get(origin.namespace, ())
            if "Egress" in _types(spec) and selects(spec.get("podSelector"), origin.labels) is not False
        )  # fmt: skip


def _types(spec: dict[str, Any]) -> list[str]:
    """The directions that a policy is about; without a list it is about what comes in, and goes out if it says so."""
    given = spec.get("policyTypes")
    if isinstance(given, list) and given:
        return [one for one in given if isinstance(one, str)]
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def selects(selector: Any, labels: Mapping[str, Any]) -> bool | None:
    """Whether a label selector selects; None where that is not known."""
    if selector is None:
        return True
    if not isinstance(selector, dict):
        return None
    equal, sets = selector.get("matchLabels") or {}, selector.get("matchExpressions") or []
    if not isinstance(equal, dict) or not isinstance(sets, list):
        return None
    answers = [_is_one_of(labels, key, [value]) for key, value in equal.items()]
    answers += [_holds(labels, one) for one in sets]
    return False if False in answers else None if None in answers else True


def _is_one_of(labels: Mapping[str, Any], key: str, values: Any) -> bool | None:
    found = labels.get(key)
    if found is None:
        return False
    if not isinstance(found, str) or not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        return None
    return found in values


def _holds(labels: Mapping[str, Any], expression: Any) -> bool | None:
    if not isinstance(expression, dict) or not isinstance(expression.get("key"), str):
        return None
    key, operator = expression["key"], expression.get("operator")
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    within = _is_one_of(labels, key, expression.get("values"))
    if operator == "In":
        return within
    if operator == "NotIn":
        return None if within is None else not within
    return None


def _allows(rule: Any, port: int) -> bool:
    """A rule perhaps opens a TCP port; named ports are not looked up."""
    ports = _list(rule.get("ports")) if isinstance(rule, dict) else []
    if not ports:
        return True
    for one in ports:
        if not isinstance(one, dict):
            return True
        if one.get("protocol", "TCP") != "TCP":
            continue
        first, last = one.get("port"), one.get("endPort")
        if not isinstance(first, int) or port == first or (isinstance(last, int) and first <= port <= last):
            return True
    return False


def _names(rule: Any, namespace: str, origin: Origin) -> bool:
    """A rule's peers perhaps include the origin; its address is not known before it runs."""
    peers = _list(rule.get("from")) if isinstance(rule, dict) else []
    return not peers or any(_is_peer(one, namespace, origin) for one in peers)


def _is_peer(peer: Any, namespace: str, origin: Origin) -> bool:
    if not isinstance(peer, dict) or peer.get("ipBlock") is not None:
        return True
    far, pods = peer.get("namespaceSelector"), peer.get("podSelector")
    if far is None:
        near: bool | None = origin.namespace == namespace
    elif origin.namespace_labels is None:
        near = None
    else:
        near = selects(far, origin.namespace_labels)
    return near is not False and selects(pods, origin.labels) is not False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
