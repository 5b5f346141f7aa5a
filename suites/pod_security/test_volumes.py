"""Volumes and capabilities that the Pod Security Standards leave to the operator's own list."""

import posixpath

from preaudit import Container, Pod, Policy, parameter, requirement

ALLOWED_HOST_PATHS = parameter(
    "pod_security.allowed_host_paths",
    list[str],
    meaning="Directories of the node that pods may mount, with what is below.",
)


@requirement(
    "POD-309",
    severity="high",
    expected="a path from the allowed list",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.2.11"],
    uses=[ALLOWED_HOST_PATHS],
)
def test_pod_mounts_allowed_host_paths_only(pod: Pod, policy: Policy) -> None:
    """Pods mount no directory of their node that is not on the allowed list.

    Where host paths cannot be avoided (log collectors, storage drivers), each one is a decision of its own.

    Fix: remove the hostPath volume, or have the path added to ``pod_security.allowed_host_paths``.
    """
    allowed = policy[ALLOWED_HOST_PATHS]
    pod.note("pod_security.allowed_host_paths", allowed)
    for volume in pod.each("volumes"):
        path = volume.read("hostPath.path")
        assert path is None or _is_below(str(path), allowed)
        assert path is not None or volume.read("hostPath") is None


def _is_below(path: str, allowed: list[str]) -> bool:
    if ".." in path.split("/"):
        return False
    here = posixpath.normpath(path)
    return any(here == one or here.startswith(one.rstrip("/") + "/") for one in map(posixpath.normpath, allowed))


@requirement(
    "POD-312",
    severity="high",
    expected="neither NET_RAW nor ALL",
    controls=["nist-800-53r5:cm-7", "cis-kubernetes-2.0.1:5.2.8"],
)
def test_container_adds_no_raw_sockets(container: Container) -> None:
    """Containers do not ask for raw sockets.

    With NET_RAW a process forges packets and answers in the name of other pods.

    Fix: remove NET_RAW (and ALL) from ``securityContext.capabilities.add``.
    """
    added = container.read("securityContext.capabilities.add", default=[])
    assert not {"NET_RAW", "ALL", "CAP_NET_RAW"} & {str(capability).upper() for capability in added}
