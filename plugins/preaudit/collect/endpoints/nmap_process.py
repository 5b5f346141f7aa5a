"""The process in which nmap runs by way of python-nmap: prints nmap's own XML, and nothing of the library's reading.

Usage: ``python -m preaudit.collect.endpoints.nmap_process ADDRESS PORTS RATE SECONDS``. python-nmap is GPL-3.0, so that
it is never imported elsewhere; it splits what it is given as hosts like a shell, so that only an address is taken.
"""

from __future__ import annotations

import ipaddress
import re
import sys


def main(address: str, ports: str, rate: str, seconds: str) -> int:
    """Scan one address."""
    ip = ipaddress.ip_address(address)
    if not re.fullmatch(r"[0-9,-]+", ports):
        raise ValueError(f"{ports!r} are no ports")
    import nmap  # noqa: PLC0415 - an extra, and in this process only

    scanner = nmap.PortScanner()
    # Connects only, no name is looked up, nobody is pinged, and no service is asked for its version (-sV).
    arguments = f"-sT -Pn -n --max-retries 1 --host-timeout {int(seconds)}s --max-rate {int(rate)}"
    scanner.scan(hosts=str(ip), ports=ports, arguments=f"{arguments} -6" if ip.version == 6 else arguments)
    told = scanner.get_nmap_last_output()
    sys.stdout.write(told.decode() if isinstance(told, bytes) else told)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
