"""Kernel profiles: AppArmor, SELinux and seccomp around a pod's processes."""

from preaudit import Container, Lens, Pod, Policy, requirement

from .versions import VERSION, minor

APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
CONFINED = ("RuntimeDefault", "Localhost")


@requirement(
    "POD-107",
    severity="high",
    expected="RuntimeDefault, Localhost, or unset",
    controls=["pss:baseline/appArmorProfile", "nist-800-53r5:ac-6"],
)
def test_pod_is_confined_by_apparmor(pod: Pod) -> None:
    """Pods do not switch the runtime's AppArmor profile off.

    Unconfined, a process may use every file and mount that its user could.

    Fix: set ``appArmorProfile.type`` to RuntimeDefault or Localhost, and remove annotations that say unconfined.
    """
    for part in (pod, *pod.containers):
        if part.read("securityContext.appArmorProfile") is not None:
            assert part.read("securityContext.appArmorProfile.type") in CONFINED
    for _, value in pod.annotations(APPARMOR):
        assert value in ("", "runtime/default") or str(value).startswith("localhost/")


@requirement(
    "POD-108",
    severity="high",
    expected="a container type, and neither user nor role",
    controls=["pss:baseline/seLinuxOptions", "nist-800-53r5:ac-6"],
    uses=[VERSION],
)
def test_pod_keeps_the_selinux_type_of_containers(pod: Pod, policy: Policy) -> None:
    """Pods keep an SELinux type made for containers, and set neither user nor role.

    Another type or role takes the process out of the policy that confines containers.

    Fix: remove ``seLinuxOptions.user`` and ``role``, and set ``type`` to container_t or leave it out.
    """
    types = {"", "container_t", "container_init_t", "container_kvm_t"}
    if minor(pod, policy) >= 31:
        types.add("container_engine_t")
    for part in (pod, *pod.containers):
        assert part.read("securityContext.seLinuxOptions.type", default="") in types
        assert not part.read("securityContext.seLinuxOptions.user", default="")
        assert not part.read("securityContext.seLinuxOptions.role", default="")


@requirement(
    "POD-110",
    severity="high",
    expected="RuntimeDefault, Localhost, or unset",
    controls=["pss:baseline/seccompProfile_baseline", "nist-800-53r5:cm-7"],
    uses=[VERSION],
)
def test_pod_does_not_switch_seccomp_off(pod: Pod, policy: Policy) -> None:
    """Pods do not switch the runtime's seccomp filter off.

    Unconfined, a process may use every system call of the node's kernel.

    Fix: set ``seccompProfile.type`` to RuntimeDefault or Localhost, on the pod and wherever a container differs.
    """
    if minor(pod, policy) < 19:
        keys = [SECCOMP_POD, *(SECCOMP_CONTAINER + container.name for container in pod.containers)]
        for key in keys:
            value = pod.annotation(key)
            assert value is None or _annotation_confines(value)
        return
    for part in (pod, *pod.containers):
        if part.read("securityContext.seccompProfile") is not None:
            assert part.read("securityContext.seccompProfile.type") in CONFINED


def _annotation_confines(value: object) -> bool:
    return value in ("runtime/default", "docker/default") or str(value).startswith("localhost/")


@requirement(
    "POD-204",
    severity="high",
    expected="RuntimeDefault or Localhost, on the container or on the pod",
    controls=["pss:restricted/seccompProfile_restricted", "nist-800-53r5:cm-7", "stig-kubernetes:V-254800"],
    uses=[VERSION],
)
def test_container_is_confined_by_seccomp(container: Container, policy: Policy) -> None:
    """Containers run under a seccomp filter that they or their pod name.

    Without a profile named, a node may run the container with every system call allowed.

    Fix: set ``securityContext.seccompProfile.type: RuntimeDefault`` on the pod.
    """
    version, pod = minor(container, policy), container.pod
    if version < 19 or (version >= 25 and pod.read("os.name") == "windows"):
        return
    on_pod = _named(pod)
    assert on_pod is None or on_pod in CONFINED
    on_container = _named(container)
    assert on_container in CONFINED or (on_container is None and on_pod in CONFINED)


def _named(part: Lens) -> object:
    """The profile's type; None where no profile is set, "" where one is set without a type."""
    if part.read("securityContext.seccompProfile") is None:
        return None
    return part.read("securityContext.seccompProfile.type", default="")
