"""Controls: what should answer the probe, so that silence of something else means something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from preaudit.collect.endpoints.place import Place, never_dialled
from preaudit.collect.endpoints.pods import PodPlace
from preaudit.endpoint import Fact
from preaudit.probe.isolation import Isolation
from preaudit.probe.reading import Told
from preaudit.probe.words import Knock
from preaudit.subjects.estate import Estate

MOST = 64
"""Controls of a run."""
_PODS = 2
"""Pods that are controls of one node, beside its kubelet."""
_SERVICES = (("default", "kubernetes", 443), ("kube-system", "kube-dns", 53))
"""What every pod of a cluster may talk to."""


@dataclass(frozen=True, slots=True)
class Control:
    """Something that should answer: its name, which survives restarts, where it is, and what knocks there."""

    name: str
    node: str
    knock: Knock


@dataclass(slots=True)
class Controls:
    """The controls of a run, each once.

    Attributes:
        all: in the order in which they are asked.
    """

    all: list[Control] = field(default_factory=list)

    def add(self, several: Sequence[Control]) -> tuple[int, ...]:
        """Take controls, as far as there is room; give the numbers of those that are taken."""
        taken = []
        for one in several:
            if one not in self.all:
                if len(self.all) >= MOST:
                    continue
                self.all.append(one)
            taken.append(self.all.index(one))
        return tuple(taken)

    def fact(self, numbers: Sequence[int], told: Told, where: str) -> Fact:
        """Whether one of some controls answered before and after the questions."""
        held = [self.all[one].name for one in numbers if told.held(one)]
        if held:
            return Fact(True, f"{held[0]} answers before and after")  # noqa: FBT003 - the value
        if not numbers:
            return Fact(None, f"nothing is known {where} that should answer")
        return Fact(False, f"none of {len(numbers)} controls {where} answered before and after")  # noqa: FBT003


def of_cluster(estate: Estate) -> list[Control]:
    """Services that every pod may talk to."""
    found = []
    for namespace, name, port in _SERVICES:
        for one in estate.objects("services", namespace):
            if (one.get("metadata") or {}).get("name") == name:
                address = (one.get("spec") or {}).get("clusterIP")
                if isinstance(address, str) and not never_dialled(address):
                    found.append(Control(f"Service {namespace}/{name}:{port}", "", Knock(address, port)))
    return found


def of_node(
    node: str, places: Sequence[Place], pods: Sequence[PodPlace], policies: Isolation, sure: frozenset[str]
) -> list[Control]:
    """What should answer on one node: pods that no policy isolates, and its kubelet.

    Args:
        node: its name.
        places: where endpoints are, the likeliest to answer first.
        pods: every running pod.
        policies: what isolates them.
        sure: namespaces whose pods and policies were all seen.
    """
    free = {(one.namespace, one.name): one for one in pods
            if one.node == node and not one.on_host and one.namespace in sure
            and not policies.perhaps_isolating(one)}  # fmt: skip
    found = list(_first(places, free))[:_PODS]
    found += [Control(f"the kubelet of node {node}", node, Knock(one.address, one.port)) for one in places
              if one.role == "kubelet" and one.node == node and not one.refused]  # fmt: skip
    return found


def _first(places: Sequence[Place], free: dict[tuple[str, str], PodPlace]) -> Iterator[Control]:
    """One port of each pod, each workload once."""
    told: set[str] = set()
    for one in places:
        pod = free.get((one.namespace, one.pod))
        name = f"{one.owner_kind} {one.namespace}/{one.owner}:{one.port}"
        if pod is not None and not one.refused and one.address in pod.addresses and name not in told:
            told.add(name)
            yield Control(name, pod.node, Knock(one.address, one.port))
