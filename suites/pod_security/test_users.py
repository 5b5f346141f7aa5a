"""Users: as whom a pod's processes run."""

from preaudit import Container, Pod, Policy, requirement

from .versions import VERSION, minor


@requirement(
    "POD-202",
    severity="high",
    expected="true, on the container or on the pod, and false nowhere",
    controls=["pss:restricted/runAsNonRoot", "nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.2.7"],
    uses=[VERSION],
)
def test_container_refuses_to_run_as_root(container: Container, policy: Policy) -> None:
    """Containers refuse to start as root.

    A process that is root in its container is root on the node as soon as it escapes.

    Fix: set ``securityContext.runAsNonRoot: true`` on the pod and have the image name a numeric user.
    """
    pod = container.pod
    if minor(container, policy) >= 35 and pod.read("hostUsers") is False:
        return
    on_pod = pod.read("securityContext.runAsNonRoot")
    assert on_pod in (True, None)
    assert container.read("securityContext.runAsNonRoot", default=on_pod) is True


@requirement(
    "POD-206",
    severity="high",
    expected="a user other than 0",
    controls=["pss:restricted/runAsUser", "nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.2.7"],
    uses=[VERSION],
)
def test_pod_names_no_root_user(pod: Pod, policy: Policy) -> None:
    """Pods and their containers do not ask for the user 0.

    User 0 is root, whatever else the pod says.

    Fix: set ``securityContext.runAsUser`` to a number above 0, or leave it to the image.
    """
    version = minor(pod, policy)
    if version < 23 or (version >= 35 and pod.read("hostUsers") is False):
        return
    for part in (pod, *pod.containers):
        assert part.read("securityContext.runAsUser", default=1) != 0
