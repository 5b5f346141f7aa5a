"""The host: what a pod may share with its node."""

from preaudit import Container, Lens, Pod, Policy, requirement

from .versions import VERSION, minor

SAFE_SYSCTLS = (
    (0, "kernel.shm_rmid_forced"),
    (0, "net.ipv4.ip_local_port_range"),
    (0, "net.ipv4.tcp_syncookies"),
    (0, "net.ipv4.ping_group_range"),
    (0, "net.ipv4.ip_unprivileged_port_start"),
    (27, "net.ipv4.ip_local_reserved_ports"),
    (29, "net.ipv4.tcp_keepalive_time"),
    (29, "net.ipv4.tcp_fin_timeout"),
    (29, "net.ipv4.tcp_keepalive_intvl"),
    (29, "net.ipv4.tcp_keepalive_probes"),
    (32, "net.ipv4.tcp_rmem"),
    (32, "net.ipv4.tcp_wmem"),
    (37, "net.ipv4.tcp_slow_start_after_idle"),
    (37, "net.ipv4.tcp_notsent_lowat"),
)
"""Sysctls that a pod may set, each with the first minor version that calls it safe."""


@requirement(
    "POD-102",
    severity="critical",
    expected="false or unset",
    controls=["pss:baseline/hostNamespaces", "nist-800-53r5:sc-39", "cis-kubernetes-2.0.1:5.2.3"],
)
def test_pod_shares_no_host_namespace(pod: Pod) -> None:
    """Pods share neither the network, the process table nor the IPC of their node.

    In the host's namespaces a process sees and reaches what belongs to the node and to other tenants.

    Fix: remove ``hostNetwork``, ``hostPID`` and ``hostIPC``.
    """
    assert not pod.read("hostNetwork", default=False)
    assert not pod.read("hostPID", default=False)
    assert not pod.read("hostIPC", default=False)


@requirement(
    "POD-103",
    severity="high",
    expected="no hostPath volume",
    controls=["pss:baseline/hostPathVolumes", "nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.2.11"],
)
def test_pod_mounts_no_host_path(pod: Pod) -> None:
    """Pods mount no directory of their node.

    A hostPath volume reads and writes the node's files past every other isolation.

    Fix: use a PersistentVolumeClaim, a ConfigMap or an emptyDir instead of the hostPath volume.
    """
    for volume in pod.each("volumes"):
        assert volume.read("hostPath") is None


@requirement(
    "POD-104",
    severity="medium",
    expected="0 or unset",
    controls=["pss:baseline/hostPorts", "nist-800-53r5:sc-7", "cis-kubernetes-2.0.1:5.2.12"],
)
def test_container_takes_no_host_port(container: Container) -> None:
    """Containers take no port of their node.

    A host port is reachable past every Service and, with most network plugins, past every network policy.

    Fix: remove ``hostPort`` and publish the port by a Service.
    """
    for port in container.each("ports"):
        assert port.read("hostPort", default=0) == 0


@requirement(
    "POD-105",
    severity="medium",
    expected="empty or unset",
    controls=["pss:baseline/hostProbesAndHostLifecycle", "nist-800-53r5:sc-7"],
    uses=[VERSION],
)
def test_container_probes_no_other_host(container: Container, policy: Policy) -> None:
    """Probes and lifecycle hooks name no host, so that they reach their own pod only.

    With a host of its own choice, a probe makes the kubelet send requests anywhere in the node's network.

    Fix: remove ``host`` from the httpGet and tcpSocket handlers of probes and lifecycle hooks.
    """
    if minor(container, policy) < 34:
        return
    for holder in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop"):
        for handler in ("httpGet", "tcpSocket"):
            assert not container.read(f"{holder}.{handler}.host", default="")


@requirement(
    "POD-111",
    severity="high",
    expected="a sysctl from the safe set",
    controls=["pss:baseline/sysctls", "nist-800-53r5:cm-7"],
    uses=[VERSION],
)
def test_pod_sets_safe_sysctls_only(pod: Pod, policy: Policy) -> None:
    """Pods set no kernel parameter outside the safe set.

    Other sysctls change the kernel for every pod of the node or switch its protections off.

    Fix: remove the sysctl from ``securityContext.sysctls``, or have the node's owner set it.
    """
    version = minor(pod, policy)
    safe = {name for since, name in SAFE_SYSCTLS if since <= version}
    for sysctl in pod.each("securityContext.sysctls"):
        assert sysctl.read("name") in safe


@requirement(
    "POD-201",
    severity="medium",
    expected="a volume of a restricted type",
    controls=["pss:restricted/restrictedVolumes", "nist-800-53r5:ac-6"],
)
def test_pod_uses_restricted_volume_types(pod: Pod) -> None:
    """Pods use only volume types that cannot reach the node or foreign storage by themselves.

    Types such as nfs, iscsi or hostPath name storage directly, past the cluster's access control for volumes.

    Fix: mount the storage by a PersistentVolumeClaim.
    """
    for volume in pod.each("volumes"):
        assert _is_restricted(volume), f"{volume.read('name')}: its type is none that the restricted level allows"


def _is_restricted(volume: Lens) -> bool:
    allowed = (
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
        "secret",
    )  # fmt: skip
    return any(volume.read(kind) is not None for kind in allowed)


@requirement(
    "POD-109",
    severity="medium",
    expected="Default or unset",
    controls=["pss:baseline/procMount", "nist-800-53r5:ac-6"],
    uses=[VERSION],
)
def test_container_masks_proc(container: Container, policy: Policy) -> None:
    """Containers keep the default mask over /proc unless they run in a user namespace.

    An unmasked /proc shows and changes parameters of the node's kernel.

    Fix: remove ``securityContext.procMount``.
    """
    if minor(container, policy) >= 35 and container.pod.read("hostUsers") is False:
        return
    assert container.read("securityContext.procMount", default="Default") == "Default"


@requirement(
    "POD-207",
    severity="medium",
    expected="Default or unset",
    controls=["pss:restricted/procMount_restricted", "nist-800-53r5:ac-6"],
    uses=[VERSION],
)
def test_container_masks_proc_always(container: Container, policy: Policy) -> None:
    """Containers keep the default mask over /proc, in a user namespace as well.

    The restricted level admits no unmasked /proc, whatever else isolates the pod.

    Fix: remove ``securityContext.procMount``.
    """
    if minor(container, policy) < 35:
        return
    assert container.read("securityContext.procMount", default="Default") == "Default"
