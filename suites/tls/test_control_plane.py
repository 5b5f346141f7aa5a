"""Control plane: nobody gets in without showing who it is."""

from preaudit import ClosedPort, ComponentEndpoint, requirement


@requirement(
    "TLS-601", severity="critical", expected="a handshake without a certificate is refused", active="connect",
    controls=["nist-800-53r5:ia-3", "nist-800-53r5:sc-8", "cis-kubernetes-2.0.1:2.2", "stig-kubernetes:V-242423"],
    where=lambda component_endpoint: component_endpoint.seen.role in {"etcd-client", "etcd-peer"},
    population="every endpoint of etcd, for clients and for peers", method="TEST",
)  # fmt: skip
def test_etcd_demands_certificates(component_endpoint: ComponentEndpoint) -> None:
    """Etcd turns away everybody who has no client certificate.

    It holds every Secret of the cluster, and asks for no other credentials.

    Fix: set ``--client-cert-auth=true`` with ``--trusted-ca-file``, and the same for peers.
    """
    assert component_endpoint.demands_certificate


@requirement(
    "TLS-602", severity="critical", expected="no page for anybody", active="connect", method="TEST",
    controls=["nist-800-53r5:ac-14", "nist-800-53r5:ia-2", "cis-kubernetes-2.0.1:4.2.1", "stig-kubernetes:V-242391"],
    where=lambda component_endpoint: component_endpoint.seen.role == "kubelet",
    population="every kubelet's endpoint", limitations="The pages that were asked for stand in the evidence.",
)  # fmt: skip
def test_kubelets_refuse_anybody(component_endpoint: ComponentEndpoint) -> None:
    """Kubelets answer 401 or 403 to requests without credentials.

    A kubelet runs commands in every pod of its node for those that it lets in.

    Fix: set ``authentication.anonymous.enabled: false`` and ``authorization.mode: Webhook``.
    """
    found = component_endpoint.let_in()
    assert not found, f"it gives to anybody: {', '.join(found)}"


@requirement(
    "TLS-603", severity="critical", expected="no page for anybody", active="connect", method="TEST",
    controls=["nist-800-53r5:ac-14", "nist-800-53r5:ia-2", "cis-kubernetes-2.0.1:1.2.1", "stig-kubernetes:V-242390"],
    where=lambda component_endpoint: component_endpoint.seen.role in {"apiserver", "scheduler", "controller-manager"},
    population="every endpoint of the API server, the scheduler and the controller manager",
    limitations="Health pages and /version are open by design and left out; NET-202 judges /version.",
)  # fmt: skip
def test_control_plane_refuses_anybody(component_endpoint: ComponentEndpoint) -> None:
    """API server, scheduler and controller manager answer 401 or 403 without credentials.

    What they give to anybody on the network they give to an intruder first.

    Fix: remove bindings for system:anonymous and system:unauthenticated, or set ``--anonymous-auth=false``.
    """
    found = component_endpoint.let_in()
    assert not found, f"it gives to anybody: {', '.join(found)}"


@requirement(
    "TLS-604", severity="high", expected="closed", active="connect", method="TEST",
    controls=["nist-800-53r5:cm-7", "nist-800-53r5:ac-3", "cis-kubernetes-2.0.1:4.2.4", "stig-kubernetes:V-242387"],
    limitations="A port that a firewall hides from here is unknown: it may be open to pods. Where the firewall refuses "
    "in the kubelet's name, it looks closed.",
)  # fmt: skip
def test_read_only_port_is_closed(closed_port: ClosedPort) -> None:
    """Nothing answers at the kubelets' read-only port.

    It tells anybody on the network what runs on the node, without TLS and without asking who it is.

    Fix: set ``readOnlyPort: 0`` in the kubelet's configuration.
    """
    assert closed_port.is_closed
