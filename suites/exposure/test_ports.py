"""Ports: what listens without anybody having said so (active group scan)."""

from preaudit import HostPorts, Policy, parameter, requirement

OPEN = parameter(
    "exposure.allowed_open_ports", list[str],
    meaning="Open ports that nothing in the cluster declares, as namespace/Kind/name:port; * stands for any letters.",
)  # fmt: skip


@requirement(
    "NET-601", severity="medium", expected="none", active="scan", method="TEST", uses=[OPEN],
    controls=["nist-800-53r5:cm-7", "nist-800-53r5:sc-7", "pci-dss-4.0.1:2.2.4"],
    limitations="TCP only, from one place, the first replica of each workload; what a firewall drops is unknown.",
)  # fmt: skip
def test_open_ports_are_declared(host_ports: HostPorts, policy: Policy) -> None:
    """Every open port is declared by a container, a Service or the cluster itself.

    A listener that nobody wrote down is one that nobody patches, and that no network policy was written for.

    Fix: switch the listener off, or declare it (``containerPort``) and protect it; add what a node needs to
    exposure.allowed_open_ports.
    """
    found = host_ports.undeclared(policy[OPEN])
    assert not found, f"open, and declared nowhere: {', '.join(map(str, found[:12]))}"
