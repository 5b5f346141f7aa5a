"""What the probe is asked: made from a snapshot and from what was seen from outside, bounded, and told back to whom."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from preaudit.collect.endpoints.find import Found
from preaudit.collect.endpoints.look import host_of
from preaudit.collect.endpoints.place import Place
from preaudit.collect.endpoints.pods import PodPlace, RunningPods
from preaudit.endpoint import Endpoint, Reached
from preaudit.probe.controls import Controls, of_cluster, of_node
from preaudit.probe.isolation import POLICIES, Isolation, Origin
from preaudit.probe.parameters import Settings
from preaudit.probe.words import MAX_PLAN, Knock, Plan, Spot, encoded
from preaudit.reachability import Question, Reachability
from preaudit.subjects.estate import Estate

PER_NAMESPACE = 3
"""Isolated workloads of one namespace that are asked."""
MOST_POLICIES, MOST_SIDECARS, MOST_LOOKS = 96, 150, 250
_PLAN_SHARE = 0.6
"""Of the probe's life, for its work; the rest is for the image and the start."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One question: what is known of it, where, and which controls belong to it."""

    about: Reachability
    place: Place | None
    controls: tuple[int, ...] = ()


@dataclass(slots=True)
class Questions:
    """Everything that a run asks.

    Attributes:
        controls: what should answer.
        policies: isolated pods.
        metadata: addresses that should not answer.
        sidecars: ports behind a sidecar.
        looks: places that were not reached from outside.
        gaps: why the search was not complete, by namespace.
        unasked: sidecar ports that there was no room for.
    """

    controls: Controls = field(default_factory=Controls)
    policies: list[Asking] = field(default_factory=list)
    metadata: list[Asking] = field(default_factory=list)
    sidecars: list[Asking] = field(default_factory=list)
    looks: list[Place] = field(default_factory=list)
    gaps: dict[str, str] = field(default_factory=dict)
    unasked: list[Reachability] = field(default_factory=list)

    @property
    def knocked(self) -> list[Asking]:
        """In the order of the plan's questions."""
        return [*self.policies, *self.metadata]

    @property
    def spots(self) -> list[Place]:
        """In the order of the plan's spots."""
        return [*(one.place for one in self.sidecars if one.place is not None), *self.looks]

    def plan(self, settings: Settings, *, per_second: float, at_once: int, endpoint_seconds: float) -> Plan:
        """What the probe is told, made shorter until it fits; what is left out is looked at no further."""
        while True:
            plan = Plan(
                seconds=settings.seconds * _PLAN_SHARE, per_second=per_second, at_once=at_once,
                endpoint_seconds=endpoint_seconds, controls=tuple(one.knock for one in self.controls.all),
                questions=tuple(Knock(one.about.address, one.about.port) for one in self.knocked),
                spots=tuple(map(_spot, self.spots)),
            )  # fmt: skip
            if len(encoded(plan)) <= MAX_PLAN or not self.looks:
                return plan
            del self.looks[-max(1, len(self.looks) // 4) :]


def questions(
    estate: Estate, found: Found, seen: Sequence[tuple[Place, Endpoint]], settings: Settings, origin: Origin
) -> Questions:
    """What is to be asked.

    Args:
        estate: the snapshot.
        found: where the cluster declares endpoints.
        seen: what was seen there from outside; empty where nobody looked.
        settings: of the probe.
        origin: where it asks from.
    """
    made = Questions()
    policies, pods = Isolation(estate), RunningPods(estate).all
    for namespace in estate.namespaces:
        if unseen := estate.gaps(("pods", POLICIES), namespace):
            why = "; ".join(f"{source}: {told}" for source, told in unseen)
            made.gaps[namespace] = f"what policies isolate was not seen: {why}"
    sure = frozenset(estate.namespaces) - made.gaps.keys()
    open_at = {place.where for place, one in seen if one.understood}
    # What answered from outside, or what a Service leads to, is likelier to answer at all.
    places = sorted(found.places, key=lambda one: (one.where not in open_at, not one.served, one.endpoint, one.address))
    everywhere = made.controls.add(of_cluster(estate))
    of_nodes: dict[str, tuple[int, ...]] = {}
    for about, place, node in _isolated(pods, places, policies, sure, origin):
        if node not in of_nodes:
            of_nodes[node] = made.controls.add(of_node(node, places, pods, policies, sure))
        made.policies.append(Asking(about, place, of_nodes[node]))
    for address in settings.metadata:
        about = Reachability(question=Question.METADATA, owner_kind="Address", owner=address, port=80, address=address,
                             origin=origin.namespace)  # fmt: skip
        made.metadata.append(Asking(about, None, everywhere))
    for about, place in _sidecars(pods, settings.sidecars, policies, origin):
        if len(made.sidecars) < MOST_SIDECARS:
            made.sidecars.append(Asking(about, place))
        else:
            made.unasked.append(about)
    made.looks = [place for place, one in seen if _is_hidden(place, one)][:MOST_LOOKS]
    return made


def _isolated(
    pods: Sequence[PodPlace], places: Sequence[Place], policies: Isolation, sure: frozenset[str], origin: Origin
) -> Iterator[tuple[Reachability, Place, str]]:
    """A sample: one port of one pod of the first workloads of each namespace that the origin may not enter."""
    by_name: Mapping[tuple[str, str], PodPlace] = {(one.namespace, one.name): one for one in pods}
    told: set[tuple[str, str, str]] = set()
    counts: Counter[str] = Counter()
    for place in places:
        pod, owner = by_name.get((place.namespace, place.pod)), (place.namespace, place.owner_kind, place.owner)
        if pod is None or pod.on_host or place.refused or place.address not in pod.addresses or owner in told:
            continue
        if pod.namespace not in sure or counts[pod.namespace] >= PER_NAMESPACE or len(told) >= MOST_POLICIES:
            continue
        names = policies.isolating(pod)
        if names and not policies.may_enter(pod, place.port, origin):
            told.add(owner)
            counts[pod.namespace] += 1
            about = Reachability(
                question=Question.POLICY, owner_kind=place.owner_kind, owner=place.owner, namespace=place.namespace,
                port=place.port, address=place.address, pod=place.pod, origin=origin.namespace,
                isolated_by=tuple(names),
            )  # fmt: skip
            yield about, place, pod.node


def _sidecars(
    pods: Sequence[PodPlace], sidecars: Sequence[str], policies: Isolation, origin: Origin
) -> Iterator[tuple[Reachability, Place]]:
    """Each port that a container declares beside a sidecar, at one pod of each workload."""
    ports: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for pod in pods:
        names = [str(one.get("name", "")) for one in pod.containers()]
        sidecar = next((one for one in names if one in sidecars), "")
        if not sidecar or pod.on_host or not pod.address:
            continue
        for container in pod.containers():
            if container.get("name") == sidecar:
                continue
            for port in _ports(container):
                owner = (pod.namespace, pod.owner_kind, pod.owner)
                if port in ports[owner]:
                    continue
                ports[owner].add(port)
                yield (
                    Reachability(
                        question=Question.SIDECAR, owner_kind=pod.owner_kind, owner=pod.owner, namespace=pod.namespace,
                        port=port, address=pod.address, pod=pod.name, origin=origin.namespace, sidecar=sidecar,
                        isolated_by=tuple(policies.perhaps_isolating(pod)),
                    ),
                    Place(owner_kind=pod.owner_kind, owner=pod.owner, namespace=pod.namespace, address=pod.address,
                          port=port, pod=pod.name, node=pod.node),
                )  # fmt: skip


def _ports(container: dict[str, object]) -> Iterator[int]:
    listed = container.get("ports")
    for one in listed if isinstance(listed, list) else []:
        port = one.get("containerPort") if isinstance(one, dict) else None
        if isinstance(port, int) and 0 < port < 65536 and one.get("protocol", "TCP") == "TCP":
            yield port


def _is_hidden(place: Place, seen: Endpoint) -> bool:
    """It was not reached from outside, though it may be dialled."""
    return (
        not place.refused and bool(place.address) and place.owner_kind != "Target" and not seen.understood
        and seen.reached is not Reached.OPEN
    )  # fmt: skip


def _spot(place: Place) -> Spot:
    return Spot(
        address=place.address, port=place.port, host=host_of(place)[:253], server_name=place.server_name[:253],
        role=place.role, hint=place.hint, starttls=place.starttls,
    )  # fmt: skip
