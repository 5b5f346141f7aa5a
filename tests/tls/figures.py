"""How fast surveys are: many good endpoints, the same by sslyze, and hung ones among them. No test: `figures` returns
what was measured beside what is hoped for; ``python -m tests.tls.figures`` prints it.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path

from preaudit.collect.tls.pace import UNLIMITED, Pace
from preaudit.collect.tls.survey import Wanted, survey
from preaudit.endpoint import Answer, Tls
from tests.tls import hostile, sslyze_scan
from tests.tls.hostile_lies import says_nothing
from tests.tls.look import dial
from tests.tls.zoo import pki, with_nginx
from tests.tls.zoo.ground import Ground

GOOD, MANY, HUNG = 50, 500, 10
THREADS = 16
VERDICTS = Wanted(depth="verdicts", banned=("TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_NULL_SHA"))
Figure = tuple[str, str, str]


@contextmanager
def good_endpoints(count: int) -> Iterator[list[int]]:
    """One nginx with a good configuration on this many ports."""
    folder = Path(tempfile.mkdtemp(prefix="zoo-figures-"))
    ground = Ground(folder, pki.make(folder))
    pattern = next(one for one in with_nginx.servers() if one.name == "nginx-server-order")
    servers = [type(pattern)(name=f"good-{one}", library=pattern.library, truth=pattern.truth, settings=pattern.settings) for one in range(count)]
    try:
        yield list(with_nginx.start(ground, servers).values())
    finally:
        ground.close()
        shutil.rmtree(folder, ignore_errors=True)


def _survey(ports: list[int], pace: Pace, wanted: Wanted) -> tuple[float, list[Tls], dict[int, float]]:
    """Seconds for all, what was seen, and when each port's survey ended."""
    began, ended = time.monotonic(), {}
    with ThreadPoolExecutor(THREADS) as pool:
        running: dict[Future[Tls], int] = {pool.submit(survey, dial(port), server_name="zoo.example", pace=pace, wanted=wanted): port for port in ports}
        seen = []
        for one in as_completed(running):
            ended[running[one]] = time.monotonic() - began
            seen.append(one.result())
    return time.monotonic() - began, seen, ended


def _right(seen: list[Tls]) -> int:
    """How many were seen as they are: TLS 1.2 and 1.3, nothing older."""
    return sum([offer.answer for offer in one.offers[2:]] == [Answer.REFUSED] * 2 + [Answer.ACCEPTED] * 2 for one in seen)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def figures() -> list[Figure]:
    """(what, measured, goal)."""
    if why := with_nginx.missing():
        return [("surveys of TLS endpoints", f"not measured: {why}", "")]
    with good_endpoints(GOOD) as ports:
        found = [*_alone(ports[0]), *_beside_sslyze(ports), _hung(ports)]
    with good_endpoints(MANY) as ports:
        full, seen, _ = _survey(ports, UNLIMITED, Wanted())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found.append((f"{MANY} good endpoints, every suite", f"{full:.1f} s, {peak:.0f} MB, {_right(seen)} right", "at most 8 s, 150 MB"))
    return found


def _alone(port: int) -> Iterator[Figure]:
    for what, wanted in (("every suite, group and chain", Wanted()), ("verdicts", VERDICTS)):
        times = []
        for _ in range(21):
            began = time.monotonic()
            survey(dial(port), server_name="zoo.example", pace=UNLIMITED, wanted=wanted)
            times.append(time.monotonic() - began)
        yield f"one good endpoint, {what}", f"{statistics.median(times) * 1000:.1f} ms", "at most 10 ms"


def _beside_sslyze(ports: list[int]) -> Iterator[Figure]:
    costs = []
    for what, wanted in (("every suite, group and chain", Wanted()), ("verdicts", VERDICTS)):
        cpu = time.process_time()
        wall, seen, _ = _survey(ports, UNLIMITED, wanted)
        costs.append((what, wall, time.process_time() - cpu))
        yield f"{GOOD} good endpoints, {what}", f"{wall:.2f} s, {costs[-1][2]:.2f} s of CPU, {_right(seen)} right", ""
    began, cpu = time.monotonic(), _cpu_of_children()
    scans = sslyze_scan.scan([(str(port), "zoo.example", port) for port in ports])
    theirs, cpu = time.monotonic() - began, _cpu_of_children() - cpu
    yield f"the same {len(scans)} by sslyze", f"{theirs:.2f} s, {cpu:.2f} s of CPU", ""
    for what, wall, ours in costs:
        yield f"sslyze / {what}", f"{theirs / wall:.0f} x, CPU {cpu / ours:.0f} x", "at least 50 x, CPU 20 x"


def _hung(ports: list[int]) -> Figure:
    """The good ones among hung ones, beside the good ones alone."""
    good = ports[:40]
    patient = Pace(at_once=0, per_second=0)
    alone, _, _ = _survey(good, patient, Wanted())
    with ExitStack() as stack:
        hung = [stack.enter_context(hostile.serving(says_nothing)) for _ in range(HUNG)]
        _, _, ended = _survey(hung + good, patient, Wanted())
    last = max(ended[port] for port in good)
    return f"40 good endpoints behind {HUNG} hung ones", f"{last:.2f} s, {last / alone:.2f} x their own time", "at most 1.5 x"


if __name__ == "__main__":
    for what, value, goal in figures():
        print(f"{what:55} {value:45} {goal}", flush=True)
