"""Privilege: what a container may do to the node it runs on."""

from preaudit import Container, Pod, Policy, requirement

from .versions import VERSION, minor

DEFAULT_CAPABILITIES = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip


@requirement(
    "POD-101",
    severity="critical",
    expected="false or unset",
    controls=["pss:baseline/privileged", "nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.2.2"],
)
def test_container_is_not_privileged(container: Container) -> None:
    """Containers run without the privileged flag.

    A privileged container can take over the node and every other workload on it.

    Fix: remove ``securityContext.privileged`` and grant the single capability that the process needs.
    """
    assert not container.read("securityContext.privileged", default=False)


@requirement(
    "POD-106",
    severity="high",
    expected="only capabilities of the container runtime's default set",
    controls=["pss:baseline/capabilities_baseline", "nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.2.8"],
)
def test_container_adds_no_capability_beyond_the_default_set(container: Container) -> None:
    """Containers add no Linux capability beyond the container runtime's default set.

    Capabilities such as SYS_ADMIN or NET_RAW open the node or its network to the process.

    Fix: remove the capability from ``securityContext.capabilities.add``.
    """
    added = container.read("securityContext.capabilities.add", default=[])
    assert all(capability in DEFAULT_CAPABILITIES for capability in added)


@requirement(
    "POD-112",
    severity="critical",
    expected="false or unset",
    controls=["pss:baseline/windowsHostProcess", "nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.2.10"],
)
def test_pod_is_no_windows_host_process(pod: Pod) -> None:
    """Windows pods do not run as processes of the host.

    A HostProcess container has the node's own file system, network and accounts.

    Fix: remove ``securityContext.windowsOptions.hostProcess`` from the pod and its containers.
    """
    assert not pod.read("securityContext.windowsOptions.hostProcess", default=False)
    for container in pod.containers:
        assert not container.read("securityContext.windowsOptions.hostProcess", default=False)


@requirement(
    "POD-203",
    severity="high",
    expected="false",
    controls=["pss:restricted/allowPrivilegeEscalation", "nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.2.6"],
    uses=[VERSION],
)
def test_container_forbids_privilege_escalation(container: Container, policy: Policy) -> None:
    """Containers forbid their processes to gain more privileges than their parent.

    Without it, a setuid program in the image turns any process into root.

    Fix: set ``securityContext.allowPrivilegeEscalation: false`` on every container.
    """
    version = minor(container, policy)
    if version < 8 or (version >= 25 and container.pod.read("os.name") == "windows"):
        return
    assert container.read("securityContext.allowPrivilegeEscalation") is False


@requirement(
    "POD-205",
    severity="high",
    expected="drop ALL, and nothing added but NET_BIND_SERVICE",
    controls=["pss:restricted/capabilities_restricted", "nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.2.9"],
    uses=[VERSION],
)
def test_container_drops_all_capabilities(container: Container, policy: Policy) -> None:
    """Containers drop all Linux capabilities and add back at most NET_BIND_SERVICE.

    The runtime's default set still lets a process change owners, bypass file permissions and forge audit records.

    Fix: set ``securityContext.capabilities.drop: [ALL]`` and add nothing, or NET_BIND_SERVICE.
    """
    version = minor(container, policy)
    if version < 22 or (version >= 25 and container.pod.read("os.name") == "windows"):
        return
    added = container.read("securityContext.capabilities.add", default=[])
    assert all(capability == "NET_BIND_SERVICE" for capability in added)
    assert "ALL" in container.read("securityContext.capabilities.drop", default=[])
