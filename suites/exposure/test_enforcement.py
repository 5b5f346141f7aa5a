"""What the network really does, asked by a pod of ours inside the cluster (active group in-cluster)."""

from preaudit import IsolatedPod, MetadataAddress, SidecarPort, requirement

_FROM_ONE_POD = "Seen from one pod on one node, over TCP, at the time of the run."


@requirement(
    "NET-506", severity="high", active="in-cluster", method="TEST",
    expected="no answer, while controls on the same node and the same port through a port-forward answer",
    controls=["nist-800-53r5:sc-7(5)", "nist-800-53r5:ac-4"],
    limitations=f"{_FROM_ONE_POD} A sample of each namespace; what comes in alone. Policies of Cilium, "
    "Calico and AdminNetworkPolicy are not read: what they allow besides looks like a policy that is not enforced.",
)  # fmt: skip
def test_policies_are_enforced(isolated_pod: IsolatedPod) -> None:
    """Pods that network policies isolate do not answer a pod that no policy lets in.

    A NetworkPolicy is a wish: the API server takes it whether or not the network plugin knows of policies.

    Fix: use a network plugin that enforces NetworkPolicy (Calico, Cilium, Antrea, kube-network-policies).
    """
    assert not isolated_pod.lets_strangers_in(), "it answers a pod that no policy lets in"


@requirement(
    "NET-507", severity="high", active="in-cluster", method="TEST",
    expected="no answer, while a control answers", controls=["nist-800-53r5:sc-7", "nist-800-53r5:ac-6"],
    limitations=f"{_FROM_ONE_POD} Port 80 of in_cluster.metadata_addresses; pods on the node's network "
    "may still reach them.",
)  # fmt: skip
def test_metadata_is_out_of_reach(metadata_address: MetadataAddress) -> None:
    """The cloud's metadata address does not answer pods.

    It gives whoever asks the credentials of the node, with which an intruder leaves the cluster for the cloud account.

    Fix: deny 169.254.169.254/32 to pods, by a NetworkPolicy, the node's firewall, or the cloud's hop limit.
    """
    assert not metadata_address.answers(), "it answers a pod"


def _is_open(port: SidecarPort) -> bool:
    return not port.is_closed


@requirement(
    "NET-508", severity="high", active="in-cluster", method="TEST", expected="no plaintext at the pod's address",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-8(1)"], where=_is_open,
    population="every declared port that is open behind a sidecar that ends TLS",
    limitations=f"{_FROM_ONE_POD} Sidecars are known by their container's name (in_cluster.sidecars); ports that no "
    "container declares are not asked.",
)  # fmt: skip
def test_no_plaintext_past_the_sidecar(sidecar_port: SidecarPort) -> None:
    """Ports behind a TLS sidecar do not speak plaintext to other pods.

    A sidecar that takes both, or an application that listens beside it, leaves the traffic open to all of the network.

    Fix: bind the application to 127.0.0.1, or demand mutual TLS (Istio: PeerAuthentication STRICT; Linkerd: a policy).
    """
    assert not sidecar_port.fact("plaintext"), "it speaks plaintext to a pod outside of the mesh"


@requirement(
    "NET-509", severity="medium", active="in-cluster", method="TEST", expected="a CertificateRequest",
    controls=["nist-800-53r5:ia-3"], where=_is_open,
    population="every declared port that is open behind a sidecar that ends TLS",
    limitations=f"{_FROM_ONE_POD} That a certificate is asked for is seen, not which ones are taken.",
)  # fmt: skip
def test_sidecars_ask_who_comes(sidecar_port: SidecarPort) -> None:
    """Sidecars of a mesh ask their clients for a certificate.

    Without it the mesh encrypts for anybody: its policies by identity have nobody's identity to go by.

    Fix: demand mutual TLS (Istio: PeerAuthentication STRICT; Linkerd: a Server with MeshTLSAuthentication).
    """
    assert sidecar_port.fact("tls"), "it speaks no TLS"
    assert sidecar_port.fact("client_certificate"), "it asks for no client certificate"
