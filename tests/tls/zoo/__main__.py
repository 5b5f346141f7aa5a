"""``python -m tests.tls.zoo [NAME…]``: starts the zoo, prints names, addresses and truths, and waits for Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading

from tests.tls.zoo import Zoo, running


def _print(zoo: Zoo) -> None:
    for name, one in zoo.servers.items():
        host, port = zoo.address(name)
        counts = ", ".join(f"{version} {len(suites)}" for version, suites in one.truth.suites.items())
        print(f"{name:32} {host}:{port}  {counts}  {'+'.join(one.truth.identities)}")
    for library, why in zoo.left_out.items():
        print(f"left out: {library}: {why}")
    print(f"{len(zoo.servers)} servers after {zoo.seconds:.1f} s; CA {zoo.folder}/ca.pem; Ctrl-C ends them", flush=True)


if __name__ == "__main__":
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with running(sys.argv[1:] or None) as started:
        _print(started)
        ended.wait()
