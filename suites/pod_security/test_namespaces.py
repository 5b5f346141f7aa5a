"""Namespaces: what their admission lets in."""

import re

from preaudit import WORKLOAD_SOURCES, Namespace, Policy, parameter, requirement

from .versions import VERSION, minor

LEVELS = ("privileged", "baseline", "restricted")
LEVEL = parameter(
    "pod_security.level", str, meaning="Pod Security level that every namespace must enforce.", among=LEVELS
)
_BASELINE = ((19, "the fields of seccomp profiles"), (34, "the hosts of probes and lifecycle hooks"))
ADDED = {
    "privileged": (),
    "baseline": _BASELINE,
    "restricted": (
        (8, "privilege escalation"),
        (19, "that a seccomp profile is named"),
        (22, "capabilities"),
        (23, "the user 0"),
        *_BASELINE,
    ),
}
"""What a level looks at only since a minor version; what later versions only allow in addition is not here."""


@requirement(
    "POD-401",
    severity="high",
    expected="the profile's level or a stricter one, in no version that lacks a check of the profile's",
    controls=["nist-800-53r5:cm-6", "cis-kubernetes-2.0.1:5.2.1", "stig-kubernetes:V-254800"],
    uses=[LEVEL, VERSION],
    reads=WORKLOAD_SOURCES,
    where=lambda namespace: namespace.name != "default" or namespace.holds_workloads,
    population="every namespace, and default where it holds any workload",
    limitations="A cluster-wide default of the admission plugin (of level or version) is not visible through the API. "
    "A namespace without enforce-version follows its API server, which may be older than the profile's version.",
)
def test_namespace_enforces_the_level(namespace: Namespace, policy: Policy) -> None:
    """Namespaces enforce the Pod Security level of the profile.

    Without the label, admission lets every pod in, and what passes today is undone by the next deployment.

    A pinned version lets in what later versions of the same level refuse.

    Fix: label the namespace ``pod-security.kubernetes.io/enforce`` with the level, and remove
    ``pod-security.kubernetes.io/enforce-version`` or set it to ``latest``.
    """
    wanted = policy[LEVEL]
    namespace.note("pod_security.level", wanted)
    asked = minor(namespace, policy)
    found = namespace.label("pod-security.kubernetes.io/enforce")
    assert found in LEVELS[LEVELS.index(wanted) :]
    version = namespace.label("pod-security.kubernetes.io/enforce-version")
    if version in {None, "latest"}:
        return
    pinned = re.fullmatch(r"v1\.([0-9]|[1-9][0-9]{1,2})", str(version))
    assert pinned, f"enforce-version {version} is neither latest nor v1.N"
    lacking = [f"{what} (1.{since})" for since, what in ADDED[wanted] if int(pinned[1]) < since <= asked]
    assert not lacking, f"enforce-version {version} does not look at {', '.join(lacking)}"
