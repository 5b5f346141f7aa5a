"""Services: what is published on nodes and load balancers."""

from preaudit import Container, Policy, Service, parameter, requirement

SERVICES = parameter(
    "exposure.allowed_services", list[str], meaning="Services that may be published outside, as namespace/name."
)
HOST_PORTS = parameter("exposure.allowed_host_ports", list[str], meaning="Ports that pods may take of their nodes.")
_PUBLISHED = ("NodePort", "LoadBalancer")
_CONTROLS = ("nist-800-53r5:sc-7", "nist-800-53r5:cm-7", "pci-dss-4.0.1:1.4.1")


@requirement(
    "NET-501", severity="medium", expected="ClusterIP, or a Service of the profile's exposure.allowed_services",
    controls=[*_CONTROLS, "nist-800-53r5:sc-7(5)"], uses=[SERVICES],
)  # fmt: skip
def test_services_stay_inside(service: Service, policy: Policy) -> None:
    """Only Services that the profile names are published on nodes or load balancers.

    Each of them is a door in the wall, and only the doors that somebody listed are watched.

    Fix: set ``type: ClusterIP`` and publish by an Ingress, or add the Service to exposure.allowed_services.
    """
    kind = service.read("spec.type", default="ClusterIP")
    if kind in _PUBLISHED:
        name = f"{service.namespace}/{service.name}"
        service.note("exposure.allowed_services", policy[SERVICES])
        assert name in policy[SERVICES], f"{name} is of type {kind} and not in the profile's list"


@requirement(
    "NET-502", severity="medium", expected="0, unset, or a port of the profile's exposure.allowed_host_ports",
    controls=_CONTROLS, uses=[HOST_PORTS],
)  # fmt: skip
def test_host_ports_are_allowed(container: Container, policy: Policy) -> None:
    """Containers take only those ports of their node that the profile names.

    Such a port is open on each node that the pod runs on, past Services and most network policies.

    Fix: remove ``hostPort``, or add ``namespace/workload:port`` to exposure.allowed_host_ports.
    """
    owner = container.ref
    for port in container.each("ports"):
        number = port.read("hostPort", default=0)
        name = f"{owner.namespace}/{owner.name}:{number}"
        assert number == 0 or name in policy[HOST_PORTS], f"{name} is not in the profile's list"


@requirement(
    "NET-503", severity="high", expected="empty or unset", controls=_CONTROLS,
)  # fmt: skip
def test_services_claim_no_addresses(service: Service) -> None:
    """Services claim no external addresses (externalIPs).

    Whoever may write a Service takes over traffic of the whole cluster to any address that way (CVE-2020-8554).

    Fix: remove ``spec.externalIPs``, and let the admission plugin DenyServiceExternalIPs refuse it.
    """
    assert not service.read("spec.externalIPs")
