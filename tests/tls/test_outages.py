"""A server that fails from the k-th connection on, for good or for a while: for every k, nothing weak turns good."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.tls.comparing import falsely_good
from tests.tls.look import look_through
from tests.tls.proxies import Fault, Over

SERVERS = ("go-weak", "python-ssl-tls10-tls11", "nginx-two-certificates", "nginx-tls10-cbc", "tlslite-sslv3-to-tls12", "canned-compression",
           "envoy-permissive", "canned-sslv2-and-tls10", "s_server-five-groups", "gnutls-no-secure-renegotiation", "nginx-tls13-two-certificates")  # fmt: skip
THREADS = 40
FOR_GOOD = tuple(Fault(name=f"{over} from {first + 1} on", first=first, over=over)
                 for over, step in ((Over.RESET, 1), (Over.FAILURE, 1), (Over.VERSION, 2), (Over.INTERNAL, 2))
                 for first in range(1, 31, step))  # fmt: skip
# A handshake_failure counts only when a second, different hello gets it too, with something else between the two.
FOR_A_WHILE = tuple(
    Fault(name=f"{over} {outage} times from {first + 1} on", first=first, outage=outage, over=over)
    for over, outage, step in ((Over.RESET, 1, 1), (Over.RESET, 2, 1), (Over.RESET, 4, 2), (Over.RESET, 8, 2),
                               (Over.INTERNAL, 1, 1), (Over.INTERNAL, 3, 2), (Over.FAILURE, 1, 1), (Over.FAILURE, 2, 1), (Over.FAILURE, 3, 1),
                               (Over.FAILURE, 6, 3))
    for first in range(1, 26, step)
)  # fmt: skip
IN_A_RHYTHM = tuple(Fault(name=f"{over} at each {every}. from {first} on", first=first, every=every, over=over)
                    for over in (Over.FAILURE, Over.RESET) for every in (2, 3, 4) for first in range(every))  # fmt: skip


@pytest.mark.parametrize(
    ("names", "faults"), [(SERVERS, FOR_GOOD), (SERVERS[::2], FOR_A_WHILE), (SERVERS, IN_A_RHYTHM)], ids=["for-good", "for-a-while", "in-a-rhythm"],
)
def test_outage_at_every_connection(names, faults, zoo, surveys, told):
    began = time.monotonic()
    pairs = [(name, fault) for name in names if name in surveys for fault in faults]
    with ThreadPoolExecutor(THREADS) as pool:
        seen = pool.map(lambda pair: look_through(zoo, *pair), pairs)
        wrong = [f"{name}, {fault.name}: {said}" for (name, fault), one in zip(pairs, seen, strict=True) for said in falsely_good(surveys[name], one)]
    told[f"{len(pairs)} outages"] = told.get(f"{len(pairs)} outages", 0.0) + time.monotonic() - began
    assert not wrong, f"{len(wrong)} false answers:\n" + "\n".join(wrong)
