"""Network policies: nothing may come in or go out unless somebody said so."""

from collections.abc import Iterator
from typing import Any

from preaudit import WORKLOAD_SOURCES, Lens, Namespace, requirement

POLICIES = "networkpolicies.networking.k8s.io"
_EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})
_SELECTORS = ("matchLabels", "matchExpressions")
_CONTROLS = ("nist-800-53r5:sc-7(5)", "nist-800-53r5:ac-4", "cis-kubernetes-2.0.1:5.3.2", "pci-dss-4.0.1:1.2.5")
_WITH_WORKLOADS = "every namespace that holds any workload"
_OTHERS = "Policies of Cilium, Calico and AdminNetworkPolicy are not read; that the network enforces any is not proven."


def _holds_workloads(namespace: Namespace) -> bool:
    return namespace.holds_workloads


def _for_every_pod(namespace: Namespace, direction: str) -> Iterator[Lens]:
    """The policies that hold for every pod of a namespace in one direction."""
    for policy in namespace.related(POLICIES):
        selector = policy.read("spec.podSelector", default={})
        if any(selector.get(one) for one in _SELECTORS):
            continue
        # Without a list of its own a policy is about what comes in, and about what goes out if it has rules for that.
        implied = ["Ingress", "Egress"] if policy.read("spec.egress") else ["Ingress"]
        if direction in (policy.read("spec.policyTypes") or implied):
            yield policy


def _allows_all(rule: Lens, peers: str) -> bool:
    if rule.read("ports"):
        return False
    others = rule.read(peers)
    return not others or any(map(_is_anybody, others))


def _is_anybody(peer: dict[str, Any]) -> bool:
    """Every address, or every pod of every namespace."""
    block = peer.get("ipBlock")
    if block is not None:
        return block.get("cidr") in _EVERYWHERE and not block.get("except")
    if peer.get("namespaceSelector") is None:
        return False
    return not any(
        (peer.get(part) or {}).get(one) for part in ("namespaceSelector", "podSelector") for one in _SELECTORS
    )


def _denies(namespace: Namespace, direction: str, rules: str, peers: str) -> None:
    policies = list(_for_every_pod(namespace, direction))
    namespace.note(f"policies for every pod, {direction}", [one.read("metadata.name") for one in policies])
    assert policies, f"no policy holds for every pod of {namespace.name} ({direction})"
    for policy in policies:
        for rule in policy.each(f"spec.{rules}"):
            name = policy.read("metadata.name")
            # What one policy allows no other forbids.
            assert not _allows_all(rule, peers), f"the policy {name} allows everything ({direction})"


@requirement(
    "NET-504", severity="medium", expected="a policy for every pod that denies by default", controls=_CONTROLS,
    reads=(POLICIES, *WORKLOAD_SOURCES), where=_holds_workloads, population=_WITH_WORKLOADS, limitations=_OTHERS,
)  # fmt: skip
def test_nothing_comes_in_by_default(namespace: Namespace) -> None:
    """Namespaces with workloads deny what comes in unless a network policy allows it.

    Without it every pod of the cluster reaches every port of every other, the intruder's as well.

    Fix: add a NetworkPolicy with ``podSelector: {}`` and ``policyTypes: [Ingress]``, then allow what is needed.
    """
    _denies(namespace, "Ingress", "ingress", "from")


@requirement(
    "NET-505", severity="medium", expected="a policy for every pod that denies by default",
    controls=[*_CONTROLS[:3], "pci-dss-4.0.1:1.3.2"], reads=(POLICIES, *WORKLOAD_SOURCES), where=_holds_workloads,
    population=_WITH_WORKLOADS, limitations=_OTHERS,
)  # fmt: skip
def test_nothing_goes_out_by_default(namespace: Namespace) -> None:
    """Namespaces with workloads deny what goes out unless a network policy allows it.

    What breaks in sends data out and fetches its tools; a pod that may not call out is a poor place for it.

    Fix: add a NetworkPolicy with ``podSelector: {}`` and ``policyTypes: [Egress]``, then allow DNS and what is needed.
    """
    _denies(namespace, "Egress", "egress", "to")
