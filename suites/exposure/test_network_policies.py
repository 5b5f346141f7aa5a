"""Network policies: nothing may come in or go out unless somebody said so."""

from collections.abc import Iterator
from ipaddress import collapse_addresses, ip_network
from typing import Any

from preaudit import WORKLOAD_SOURCES, Lens, Namespace, NotObservable, requirement

POLICIES = "networkpolicies.networking.k8s.io"
_LAST_PORT = 65535
_EXCEPTING = frozenset({"NotIn", "DoesNotExist"})
_EVERY_NAMESPACE = ("Exists", "kubernetes.io/metadata.name")
_MOST = 200
"""Exceptions of a block that are subtracted."""
_SELECTORS = ("matchLabels", "matchExpressions")
_CONTROLS = ("nist-800-53r5:sc-7(5)", "nist-800-53r5:ac-4", "cis-kubernetes-2.0.1:5.3.2", "pci-dss-4.0.1:1.2.5")
_WITH_WORKLOADS = "every namespace that holds any workload"
_OTHERS = "Policies of Cilium, Calico and AdminNetworkPolicy are not read; that the network enforces any is not proven."


def _holds_workloads(namespace: Namespace) -> bool:
    return namespace.holds_workloads


def _for_pods(namespace: Namespace, direction: str) -> Iterator[tuple[Lens, bool]]:
    """The policies for more than some pods of a namespace in one direction, and whether they hold for every one."""
    for policy in namespace.related(POLICIES):
        selector = policy.read("spec.podSelector", default={})
        if not _is_broad(selector):
            continue
        # Without a list of its own a policy is about what comes in, and about what goes out if it has rules for that.
        implied = ["Ingress", "Egress"] if policy.read("spec.egress") else ["Ingress"]
        if direction in (policy.read("spec.policyTypes") or implied):
            yield policy, not any(selector.get(one) for one in _SELECTORS)


def _is_broad(selector: dict[str, Any]) -> bool:
    """Everything, but for what it names: a list of exceptions leaves in whatever comes next."""
    return not selector.get("matchLabels") and all(
        one.get("operator") in _EXCEPTING or (one.get("operator"), one.get("key")) == _EVERY_NAMESPACE
        for one in selector.get("matchExpressions") or ()
    )


def _allows_all(rule: Lens, peers: str) -> bool:
    if not _are_all_ports(rule.read("ports") or []):
        return False
    others = rule.read(peers)
    return not others or any(map(_is_any_pod, others)) or _is_half_the_world(others)


def _are_all_ports(ports: list[dict[str, Any]]) -> bool:
    """No port is named, or all of a protocol's are."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for one in ports:
        first = one.get("port", 0)
        if isinstance(first, int):
            last = one.get("endPort", first) if first else _LAST_PORT
            ranges.setdefault(one.get("protocol", "TCP"), []).append((first, last))
    return not ports or any(_covers(sorted(several)) for several in ranges.values())


def _covers(ranges: list[tuple[int, int]]) -> bool:
    reached = 0
    for first, last in ranges:
        if first > reached + 1:
            break
        reached = max(reached, last)
    return reached >= _LAST_PORT


def _is_any_pod(peer: dict[str, Any]) -> bool:
    """Every pod of every namespace, or of all but some."""
    if peer.get("ipBlock") is not None or peer.get("namespaceSelector") is None:
        return False
    return all(_is_broad(peer.get(part) or {}) for part in ("namespaceSelector", "podSelector"))


def _is_half_the_world(peers: list[dict[str, Any]]) -> bool:
    """Half of all addresses or more: exceptions for a few, or for private networks, leave in everybody else.

    Raises:
        NotObservable: a block is none that can be read.
    """
    left = [network for peer in peers if peer.get("ipBlock") is not None for network in _left_of(peer["ipBlock"])]
    for version, bits in ((4, 32), (6, 128)):
        allowed = collapse_addresses([one for one in left if one.version == version])
        if sum(one.num_addresses for one in allowed) >= 2 ** (bits - 1):
            return True
    return False


def _left_of(block: dict[str, Any]) -> list[Any]:
    """The networks of a block without its exceptions."""
    left, exceptions = [_network(block.get("cidr"))], block.get("except") or ()
    if len(exceptions) > _MOST:
        raise NotObservable("ipBlock", f"it has {len(exceptions)} exceptions, of which no more than {_MOST} are read")
    for cut in map(_network, exceptions):
        whole = [one for one in left if one.version != cut.version or not one.overlaps(cut)]
        wider = [one for one in left if one.version == cut.version and one != cut and one.supernet_of(cut)]
        left = [*whole, *(part for one in wider for part in one.address_exclude(cut))]
    return left


def _network(text: Any) -> Any:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise NotObservable("ipBlock", f"{text!r} is no block of addresses") from None


def _denies(namespace: Namespace, direction: str, rules: str, peers: str) -> None:
    policies = list(_for_pods(namespace, direction))
    every = [one.read("metadata.name") for one, is_for_all in policies if is_for_all]
    namespace.note(f"policies for every pod, {direction}", every)
    assert every, f"no policy holds for every pod of {namespace.name} ({direction})"
    for policy, _ in policies:
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
