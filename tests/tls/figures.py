"""How fast surveys are: many good endpoints, the same by sslyze, and hung ones among them. No test: `figures` returns
what was measured beside what is hoped for; ``python -m tests.tls.figures`` prints it.

A good endpoint is what a hardening guide makes of nginx; what OpenSSL's default groups make of it stands beside it.
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

from preaudit.collect.tls.connection import Connection
from preaudit.collect.tls.pace import UNLIMITED, Pace
from preaudit.collect.tls.survey import Wanted, survey
from preaudit.endpoint import Answer, Tls
from tests.tls import hostile, sslyze_scan
from tests.tls.hostile_lies import says_nothing
from tests.tls.look import dial
from tests.tls.zoo import pki, with_nginx
from tests.tls.zoo.ground import Ground
from tests.tls.zoo.server import Server, Truth

GOOD, MANY, HUNG = 50, 500, 10
ROUNDS = 3
"""Before sslyze, and as many after it."""
THREADS = 16
FEW_THREADS = 4
"""For servers that answer at once, on the same two processors: more threads only change places in Python."""
VERDICTS = Wanted(depth="verdicts", banned=("TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_RSA_WITH_NULL_SHA"))
ASKED = (("every suite, group and chain", Wanted()), ("verdicts", VERDICTS))
Figure = tuple[str, str, str]

_INTERMEDIATE = ("ssl_protocols TLSv1.2 TLSv1.3", "ssl_prefer_server_ciphers off",
                 "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305")  # fmt: skip
GUIDE = (*_INTERMEDIATE, "ssl_ecdh_curve X25519:prime256v1:secp384r1")
"""Mozilla's intermediate configuration, without its finite-field suites."""
CONFIGURATIONS = {
    "Mozilla's intermediate configuration": GUIDE,
    "the same with OpenSSL's default groups": _INTERMEDIATE,
    "the server's order, X25519 and P-256": (
        "ssl_protocols TLSv1.2 TLSv1.3", "ssl_prefer_server_ciphers on", "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20",
        "ssl_ecdh_curve X25519:prime256v1"),
}  # fmt: skip


@contextmanager
def good_endpoints(count: int, lines: tuple[str, ...] = GUIDE) -> Iterator[list[int]]:
    """One nginx on this many ports."""
    folder = Path(tempfile.mkdtemp(prefix="zoo-figures-"))
    ground = Ground(folder, pki.make(folder))
    settings = {"lines": lines, "certificates": ("rsa",)}
    servers = [Server(name=f"good-{one}", library="nginx", truth=Truth(suites={}), settings=settings) for one in range(count)]
    try:
        yield list(with_nginx.start(ground, servers).values())
    finally:
        ground.close()
        shutil.rmtree(folder, ignore_errors=True)


def _survey(ports: list[int], pace: Pace, wanted: Wanted, threads: int = FEW_THREADS) -> tuple[float, list[Tls], dict[int, float]]:
    """Seconds for all, what was seen, and when each port's survey ended."""
    began, ended = time.monotonic(), {}
    with ThreadPoolExecutor(threads) as pool:
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


def figures() -> Iterator[Figure]:
    """(what, measured, goal)."""
    if why := with_nginx.missing():
        yield ("surveys of TLS endpoints", f"not measured: {why}", "")
        return
    for name, lines in CONFIGURATIONS.items():
        with good_endpoints(GOOD, lines) as ports:
            yield (f"{name}:", "", "")
            yield from _alone(ports[0])
            yield from _beside_sslyze(ports)
    with good_endpoints(GOOD) as ports:
        yield _hung(ports)
    with good_endpoints(MANY) as ports:
        full, seen, _ = _survey(ports, UNLIMITED, Wanted())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        yield (f"{MANY} good endpoints, every suite", f"{full:.1f} s, {peak:.0f} MB, {_right(seen)} right", "at most 8 s, 150 MB")


def connections(port: int, wanted: Wanted) -> int:
    """How many a survey makes."""
    opened, opens = [], dial(port)

    def counted(deadline: float) -> Connection:
        opened.append(deadline)
        return opens(deadline)

    survey(counted, server_name="zoo.example", pace=UNLIMITED, wanted=wanted)
    return len(opened)


def _alone(port: int) -> Iterator[Figure]:
    for (what, wanted), most in zip(ASKED, (20, 8), strict=True):
        yield f"  connections to one, {what}", str(connections(port, wanted)), f"at most {most}"
        times = []
        for _ in range(21):
            began = time.monotonic()
            survey(dial(port), server_name="zoo.example", pace=UNLIMITED, wanted=wanted)
            times.append(time.monotonic() - began)
        yield f"  one, {what}", f"{statistics.median(times) * 1000:.1f} ms", "at most 10 ms"


def _beside_sslyze(ports: list[int]) -> Iterator[Figure]:
    """All ports, before sslyze and after it: what else runs on the machine disturbs both."""
    costs: dict[str, list[tuple[float, float]]] = {what: [] for what, _ in ASKED}
    right = []
    for turn in range(2 * ROUNDS):
        for what, wanted in ASKED:
            before = time.process_time()
            wall, seen, _ = _survey(ports, UNLIMITED, wanted)
            costs[what].append((wall, time.process_time() - before))
            right.append(_right(seen))
        if turn == ROUNDS - 1:
            began, cpu = time.monotonic(), _cpu_of_children()
            scans = sslyze_scan.scan([(str(port), "zoo.example", port) for port in ports])
            theirs, cpu = time.monotonic() - began, _cpu_of_children() - cpu
    yield f"  {len(scans)} by sslyze", f"{theirs:.2f} s, {cpu:.2f} s of CPU", ""
    for what, found in costs.items():
        wall, ours = (statistics.median(one) for one in zip(*found, strict=True))
        yield f"  {GOOD}, {what}", f"{wall:.2f} s, {ours:.2f} s of CPU, {min(right)} right", ""
        yield f"  sslyze / {what}", f"{theirs / wall:.0f} x, CPU {cpu / ours:.0f} x", "at least 50 x, CPU 20 x"


def _hung(ports: list[int]) -> Figure:
    """The good ones among hung ones, beside the good ones alone."""
    good = ports[:40]
    patient = Pace(at_once=0, per_second=0)
    alone, _, _ = _survey(good, patient, Wanted(), THREADS)
    with ExitStack() as stack:
        hung = [stack.enter_context(hostile.serving(says_nothing)) for _ in range(HUNG)]
        _, _, ended = _survey(hung + good, patient, Wanted(), THREADS)
    last = max(ended[port] for port in good)
    return f"40 good endpoints behind {HUNG} hung ones", f"{last:.2f} s, {last / alone:.2f} x their own time", "at most 1.5 x"


if __name__ == "__main__":
    for what, value, goal in figures():
        print(f"{what:55} {value:45} {goal}", flush=True)
