"""Surveys through a real API server's port-forward, beside the floor: as many bare streams, opened and closed the same
way, without any TLS. No test; ``python -m tests.tls.forwarded`` prints it, with PREAUDIT_TESTBED_KUBECONFIG set.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from preaudit.collect.endpoints.classify import Unopened, classify
from preaudit.collect.endpoints.place import Place
from preaudit.collect.endpoints.portforward import PortForward
from preaudit.collect.kubeconfig import Access, load_access
from preaudit.collect.tls.connection import Broken, Connection
from preaudit.collect.tls.pace import UNLIMITED
from preaudit.collect.tls.survey import survey
from preaudit.endpoint import Answer
from tests.tls.figures import THREADS, VERDICTS, Figure

ENDPOINTS, ROUNDS = 100, 3
OPEN_SECONDS = 20.0
_ON_NODES = (6443, 2379, 2380, 10250, 10257, 10259)
"""Where the parts of a control plane serve TLS, on the loopback of their node."""


def _pods(access: Access) -> list[dict[str, Any]]:
    said = access.authorization()
    answer = access.pool.request("GET", f"{access.api_url}/api/v1/pods", headers={"Authorization": said} if said else {})
    return json.loads(answer.data)["items"]


def _candidates(pods: Sequence[dict[str, Any]]) -> Iterator[Place]:
    """Ports that running pods declare, and on the nodes' own network those of a control plane."""
    for pod in pods:
        spec, status, meta = pod["spec"], pod.get("status", {}), pod["metadata"]
        if status.get("phase") != "Running" or not status.get("podIP"):
            continue
        declared = {one["containerPort"] for container in spec["containers"] for one in container.get("ports", ()) if one.get("protocol", "TCP") == "TCP"}
        for port in sorted(declared | (set(_ON_NODES) if spec.get("hostNetwork") else set())):
            yield Place(owner_kind="Pod", owner=meta["name"], namespace=meta["namespace"], pod=meta["name"], address=status["podIP"], port=port)


def _serves_tls(way: PortForward, place: Place) -> bool:
    try:
        return classify(lambda deadline: way.open(place, deadline), place.port).tls
    except Unopened:
        return False


def endpoints(way: PortForward) -> list[Place]:
    """Each pod's port behind which TLS is spoken, seen through port-forward; a node's port once."""
    once = {(one.address, one.port): one for one in _candidates(_pods(way.access))}
    with ThreadPoolExecutor(THREADS) as pool:
        tls = pool.map(lambda one: _serves_tls(way, one), once.values())
        return [one for one, yes in zip(once.values(), tls, strict=True) if yes]


def _timed(work: Callable[[Place], Any], places: Sequence[Place]) -> tuple[float, list[Any]]:
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        done = list(pool.map(work, places))
    return time.monotonic() - began, done


def figures(kubeconfig: str) -> Iterator[Figure]:
    """(what, measured, goal)."""
    way = PortForward(load_access(kubeconfig, None), threading.Event())
    found = endpoints(way)
    if not found:
        yield ("surveys by port-forward", "not measured: no pod of the cluster serves TLS", "")
        return
    places = list(itertools.islice(itertools.cycle(found), ENDPOINTS))
    opened: list[Place] = []

    def dial(place: Place, deadline: float) -> Connection:
        opened.append(place)
        return way.open(place, deadline)

    def look(place: Place) -> bool:
        seen = survey(lambda deadline: dial(place, deadline), pace=UNLIMITED, wanted=VERDICTS)
        return any(offer.answer is Answer.ACCEPTED for offer in seen.offers)

    def bare(place: Place) -> bool:
        try:
            way.open(place, time.monotonic() + OPEN_SECONDS).close()
        except Broken:
            return False
        return True

    ours, floors, seen, whole = [], [], [], []
    for _ in range(ROUNDS):
        opened.clear()
        wall, answered = _timed(look, places)
        ours.append(wall)
        seen.append(sum(answered))
        # The same pods and ports, as often as they were dialled.
        wall, streams = _timed(bare, tuple(opened))
        floors.append(wall)
        whole.append(sum(streams) / len(streams))
    yield (f"{ENDPOINTS} endpoints by port-forward, verdicts", f"{statistics.median(ours):.2f} s, {min(seen)} answered", "")
    yield ("  pods' ports that serve TLS, in turn", str(len(found)), "")
    yield ("  connections per endpoint", f"{len(opened) / ENDPOINTS:.1f}", "at most 8")
    yield (f"  floor: {len(opened)} bare streams", f"{statistics.median(floors):.2f} s, {min(whole):.0%} opened", "")
    ratio = statistics.median(one / floor for one, floor in zip(ours, floors, strict=True))
    yield ("  surveys / floor", f"{ratio:.2f} x", "")


if __name__ == "__main__":
    named = os.environ.get("PREAUDIT_TESTBED_KUBECONFIG", "")
    rows = figures(named) if named else [("surveys by port-forward", "not measured: PREAUDIT_TESTBED_KUBECONFIG names no cluster", "")]
    for what, value, goal in rows:
        print(f"{what:55} {value:45} {goal}", flush=True)
