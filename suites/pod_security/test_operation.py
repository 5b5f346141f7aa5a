"""Operation: what keeps a workload from hurting itself and its neighbours."""

from preaudit import Container, Workload, requirement, selects

_REPLICATED = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")


def _is_batch(container: Container) -> bool:
    """A Job or CronJob that was collected runs it: any pod may name an owner of another group that is called so."""
    return container.ref.kind in {"Job", "CronJob"} and not container.ref.unverified


@requirement(
    "POD-301",
    severity="medium",
    expected="true",
    controls=["nist-800-53r5:cm-7", "nist-800-53r5:ac-6"],
    where=lambda container: container.pod.read("os.name") != "windows",
    population="every container of every workload that is not for Windows, where the API refuses the field",
)
def test_container_has_a_read_only_root(container: Container) -> None:
    """Containers cannot write to their own root file system.

    An intruder who cannot write cannot leave tools behind or change the program.

    Fix: set ``securityContext.readOnlyRootFilesystem: true`` and mount an emptyDir where the program must write.
    """
    assert container.read("securityContext.readOnlyRootFilesystem") is True


@requirement(
    "POD-302",
    severity="medium",
    expected="a request and a limit for cpu and for memory",
    controls=["nist-800-53r5:sc-5", "nist-800-53r5:cm-6"],
    where=lambda container: not container.is_ephemeral,
    population="every init and ordinary container of every workload",
)
def test_container_bounds_its_resources(container: Container) -> None:
    """Containers request CPU and memory and are limited in both.

    Without requests the scheduler overloads nodes, without limits one container starves its neighbours.

    Fix: set ``resources.requests`` and ``resources.limits`` for cpu and memory, on the container or (Kubernetes 1.34)
    on the pod.
    """
    for resource in ("cpu", "memory"):
        limit = _bound(container, "limits", resource)
        # The API server takes the limit for the request where none is given.
        request = _bound(container, "requests", resource) if limit is None else limit
        assert request is not None, _unbounded("requests", resource)
        assert limit is not None, _unbounded("limits", resource)


def _bound(container: Container, kind: str, resource: str) -> object:
    """A request or limit of the container, or else of the pod as a whole."""
    own = container.key(f"resources.{kind}", resource)
    return container.pod.key(f"resources.{kind}", resource) if own is None else own


def _unbounded(kind: str, resource: str) -> str:
    return f"resources.{kind}[{resource}] is set neither on the container nor on the pod"


@requirement(
    "POD-303",
    severity="low",
    expected="a readiness probe and a liveness probe",
    controls=["nist-800-53r5:si-6", "nist-800-53r5:cm-6"],
    where=lambda container: container.is_ordinary and not _is_batch(container),
    population="every ordinary container of every workload that serves (Jobs and CronJobs do not)",
)
def test_container_can_be_probed(container: Container) -> None:
    """Containers that serve tell by probes whether they are ready and alive.

    Without probes the cluster sends requests to a process that hangs, and never restarts it.

    Fix: add ``readinessProbe`` and ``livenessProbe``.
    """
    assert container.read("readinessProbe") is not None
    assert container.read("livenessProbe") is not None


@requirement(
    "POD-307",
    severity="medium",
    expected="a controller that owns the pod",
    controls=["nist-800-53r5:cm-6", "nist-800-53r5:cp-10"],
)
def test_workload_is_no_bare_pod(workload: Workload) -> None:
    """Pods belong to a controller that starts them again elsewhere.

    A pod without a controller is gone with its node, and nobody rolls out a fix to it.

    Fix: run the pod by a Deployment, StatefulSet, DaemonSet or Job.
    """
    assert workload.owned


@requirement(
    "POD-313",
    severity="low",
    expected="a PodDisruptionBudget that selects the pods",
    controls=["nist-800-53r5:cp-10", "nist-800-53r5:sc-5"],
    reads=["poddisruptionbudgets.policy"],
    where=lambda workload: workload.kind in _REPLICATED and (workload.read("spec.replicas", default=1) or 0) >= 2,
    population="every replicated workload of two or more replicas",
)
def test_replicated_workload_has_a_disruption_budget(workload: Workload) -> None:
    """Workloads of two or more replicas have a PodDisruptionBudget.

    Without one, draining nodes for maintenance may stop all replicas at the same time.

    Fix: add a PodDisruptionBudget whose selector matches the workload's pod labels.
    """
    workload.read("spec.replicas")
    budgets = workload.related("poddisruptionbudgets.policy")
    selecting = [one for one in budgets if selects(one.read("spec.selector"), workload.labels)]
    name = f"{workload.kind} {workload.ref.name}"
    assert selecting, f"none of {len(budgets)} PodDisruptionBudgets selects the pods of {name}"
