"""Namespaces: what their admission lets in."""

from preaudit import WORKLOAD_SOURCES, Namespace, Policy, parameter, requirement

LEVELS = ("privileged", "baseline", "restricted")
LEVEL = parameter("pod_security.level", str, meaning="Pod Security level that every namespace must enforce.")


@requirement(
    "POD-401",
    severity="high",
    expected="the profile's level or a stricter one",
    controls=["nist-800-53r5:cm-6", "cis-kubernetes-2.0.1:5.2.1", "stig-kubernetes:V-254800"],
    uses=[LEVEL],
    reads=WORKLOAD_SOURCES,
    where=lambda namespace: namespace.name != "default" or namespace.holds_workloads,
    population="every namespace, and default where it holds any workload",
    limitations="A cluster-wide default of the admission plugin is not visible through the API.",
)
def test_namespace_enforces_the_level(namespace: Namespace, policy: Policy) -> None:
    """Namespaces enforce the Pod Security level of the profile.

    Without the label, admission lets every pod in, and what passes today is undone by the next deployment.

    Fix: label the namespace ``pod-security.kubernetes.io/enforce`` with the level.
    """
    wanted = policy[LEVEL]
    namespace.note("pod_security.level", wanted)
    found = namespace.label("pod-security.kubernetes.io/enforce")
    assert found in LEVELS[LEVELS.index(wanted) :]
