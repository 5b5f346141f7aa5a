"""Reach: rights that lead into pods, nodes, volumes and Secrets."""

from preaudit import Grant, Policy, requirement

from .trusted import TRUSTED, is_trusted, refuse, refuse_unnamed

READS = ("get", "list", "watch")


@requirement(
    "RBAC-201",
    severity="high",
    expected="no right to read Secrets beyond single names",
    controls=["nist-800-53r5:ac-6", "nist-800-53r5:sc-28", "cis-kubernetes-2.0.1:5.1.2"],
    uses=[TRUSTED],
)
def test_nobody_may_read_secrets_at_large(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may read Secrets beyond single ones by name.

    Who lists Secrets reads the credentials of every workload in reach.

    Fix: limit the rule to get with ``resourceNames``, or mount the Secret instead of reading it.
    """
    if not is_trusted(grant, policy):
        refuse_unnamed(grant, *((verb, "", "secrets") for verb in READS))


@requirement(
    "RBAC-205",
    severity="high",
    expected="no right to create pods",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.4"],
    uses=[TRUSTED],
    limitations="Creating a workload creates pods as well; operators live on that right, it is not judged here.",
)
def test_nobody_may_create_pods(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may create pods directly.

    Who creates a pod may use every service account, Secret and volume of the namespace.

    Fix: let a controller create pods, and grant the workload kind (deployments) instead.
    """
    if not is_trusted(grant, policy):
        refuse(grant, ("create", "", "pods"))


@requirement(
    "RBAC-206",
    severity="high",
    expected="no right to exec, attach or forward",
    controls=["nist-800-53r5:ac-6", "nist-800-53r5:ac-17"],
    uses=[TRUSTED],
)
def test_nobody_may_enter_pods(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may open a session in a running pod.

    By exec, attach and port-forward a subject acts as the pod and reads what it holds.

    Fix: remove pods/exec, pods/attach and pods/portforward from the rule.
    """
    if not is_trusted(grant, policy):
        refuse(
            grant,
            *((verb, "", f"pods/{way}") for way in ("exec", "attach", "portforward") for verb in ("create", "get")),
        )


@requirement(
    "RBAC-207",
    severity="high",
    expected="no right to add ephemeral containers",
    controls=["nist-800-53r5:ac-6", "nist-800-53r5:cm-5"],
    uses=[TRUSTED],
)
def test_nobody_may_add_ephemeral_containers(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may add debug containers to running pods.

    An ephemeral container shares the pod's processes and secrets, and nobody reviewed its image.

    Fix: remove pods/ephemeralcontainers from the rule.
    """
    if not is_trusted(grant, policy):
        refuse(grant, *((verb, "", "pods/ephemeralcontainers") for verb in ("update", "patch")))


@requirement(
    "RBAC-208",
    severity="critical",
    expected="no right to the nodes' proxy",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.10"],
    uses=[TRUSTED],
)
def test_nobody_may_use_the_nodes_proxy(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may reach kubelets through the API server.

    With nodes/proxy a subject runs commands in every pod of a node, past admission and audit.

    Fix: remove nodes/proxy; for metrics and configuration grant nodes/metrics, nodes/stats and nodes/configz.
    """
    if not is_trusted(grant, policy):
        refuse(grant, *((verb, "", "nodes/proxy") for verb in ("get", "create", "update", "patch", "delete")))


@requirement(
    "RBAC-212",
    severity="medium",
    expected="no right to create persistent volumes",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.9"],
    uses=[TRUSTED],
)
def test_nobody_may_create_persistent_volumes(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may create persistent volumes.

    A persistent volume may be any directory of a node.

    Fix: let a storage class provision volumes, and remove create on persistentvolumes.
    """
    if not is_trusted(grant, policy):
        refuse(grant, ("create", "", "persistentvolumes"))
