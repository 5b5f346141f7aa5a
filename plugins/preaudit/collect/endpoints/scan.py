"""Open ports of one address, by nmap in a process of its own: which, and whether every port was seen.

Read is nmap's own XML: python-nmap leaves out that a host timed out, and shows it as one without open ports.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass

from preaudit.collect.endpoints.place import never_dialled
from preaudit.endpoint import Fact

ALL_PORTS = "1-65535"
_ALL = 65_535
_MAX_OUTPUT = 16 << 20
_SPARE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPace:
    """How politely ports are asked for.

    Attributes:
        per_second: connections that are begun in a second to one host.
        host_seconds: the longest that one host may take.
        run_seconds: the longest that all of them may take.
    """

    per_second: int = 1000
    host_seconds: int = 300
    run_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan of one address gave: open ports, and whether all others were seen to be closed."""

    open: tuple[int, ...]
    complete: Fact


def missing() -> str:
    """Why no port can be scanned here, and what to install; "" where it can be."""
    if importlib.util.find_spec("nmap") is None:
        return "python-nmap is not installed: pip install 'preaudit[ports]'"
    if shutil.which("nmap") is None:
        return "nmap is not installed: apt-get install nmap (or your system's package of that name)"
    return ""


def scan(address: str, pace: PortPace, stop: threading.Event, *, named: bool = False) -> Scanned:
    """Scan all TCP ports of one address.

    Args:
        address: an IP address.
        pace: how politely.
        stop: set when the run is to end.
        named: it may be this machine's own loopback.
    """
    refused = never_dialled(address, named=named)
    if refused:
        return Scanned((), Fact(None, refused))
    command = [sys.executable, "-P", "-m", "preaudit.collect.endpoints.nmap_process", address, ALL_PORTS,
               str(pace.per_second), str(pace.host_seconds)]  # fmt: skip
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, a checked address and numbers
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL, start_new_session=True
        )
        limit = time.monotonic() + pace.host_seconds + _SPARE_SECONDS
        try:
            while process.poll() is None and time.monotonic() < limit and not stop.is_set():
                time.sleep(0.05)
            late = process.poll() is None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # nmap is a child of it
            process.wait()
        if late:
            why = "the run was ended during the scan" if stop.is_set() else "nmap did not end within its time"
            return Scanned((), Fact(None, why))
        output.seek(0)
        raw = output.read(_MAX_OUTPUT)
    return read_xml(raw, address)


def read_xml(raw: bytes, address: str) -> Scanned:
    """What nmap's XML says of one address; whatever is missing in it is not known."""
    try:
        root = ET.fromstring(raw)  # noqa: S314 - nmap writes it, and no text of a peer's is in it
    except ET.ParseError:
        return Scanned((), Fact(None, "nmap gave no result that can be read"))
    hosts = root.findall("host")
    about = [one for one in hosts if address in {entry.get("addr") for entry in one.findall("address")}]
    if len(hosts) != 1 or len(about) != 1:
        return Scanned((), Fact(None, "nmap says nothing of this address"))
    found, states = _states(about[0])
    return Scanned(tuple(sorted(found)), _complete(root, about[0], states))


def _states(host: ET.Element) -> tuple[list[int], Counter[str]]:
    """Open ports, and how many ports are in which state."""
    found, states = [], Counter[str]()
    for port in host.iterfind("ports/port"):
        state = port.find("state")
        word = state.get("state", "") if state is not None else ""
        states[word] += 1
        if word == "open" and port.get("protocol") == "tcp":
            found.append(int(port.get("portid", "0")))
    for rest in host.iterfind("ports/extraports"):
        states[rest.get("state", "")] += int(rest.get("count", "0"))
    return found, states


def _complete(root: ET.Element, host: ET.Element, states: Counter[str]) -> Fact:
    finished = root.find("runstats/finished")
    if finished is None or finished.get("exit") != "success":
        return Fact(None, "nmap did not come to its end")
    if host.get("timedout") == "true":
        return Fact(None, "the host took longer than scan.host_seconds allows")
    unsettled = {word: count for word, count in states.items() if word not in {"open", "closed"}}
    if unsettled:
        told = ", ".join(f"{count} {word or 'in no state'}" for word, count in sorted(unsettled.items()))
        return Fact(None, f"not every port answered: {told}")
    if states.total() != _ALL:
        return Fact(None, f"nmap tells of {states.total()} ports, not of all {_ALL}")
    return Fact(True, "every port is open or closed")  # noqa: FBT003 - a value
