"""Ports, with the real nmap, on loopback only."""

import importlib.util
import os
import shutil
import socket
import threading

import pytest

from preaudit.collect.endpoints.scan import PortPace, scan

MISSING = [name for name, there in (("python-nmap", importlib.util.find_spec("nmap")), ("nmap", shutil.which("nmap"))) if not there]
pytestmark = pytest.mark.skipif(bool(MISSING) and os.environ.get("CI") != "true", reason=f"left out, not installed: {', '.join(MISSING)}")


def test_nmap_sees_what_listens_here_and_that_all_else_is_closed():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told = scan("127.0.0.1", PortPace(per_second=100_000, host_seconds=60), threading.Event(), named=True)
        assert listener.getsockname()[1] in told.open
    assert told.complete.value is True


def test_a_host_that_takes_too_long_is_not_one_without_open_ports():
    told = scan("127.0.0.1", PortPace(per_second=500, host_seconds=2), threading.Event(), named=True)
    assert (told.open, told.complete.value) == ((), None)
    assert "longer than scan.host_seconds" in told.complete.cause


def test_an_end_of_the_run_ends_nmap_too():
    stop = threading.Event()
    timer = threading.Timer(0.8, stop.set)
    timer.start()
    told = scan("127.0.0.1", PortPace(per_second=100, host_seconds=60), stop, named=True)
    timer.join()
    assert (told.complete.value, told.complete.cause) == (None, "the run was ended during the scan")
