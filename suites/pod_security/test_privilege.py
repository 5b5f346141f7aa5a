"""Privilege: what a container may do to the node it runs on."""

from preaudit import Container, requirement


@requirement(
    "POD-101",
    severity="critical",
    expected="false or unset",
    controls=["pss:baseline/privileged", "nist-800-53r5:ac-6"],
)
def test_container_is_not_privileged(container: Container) -> None:
    """Containers run without the privileged flag.

    A privileged container can take over the node and every other workload on it.

    Fix: remove ``securityContext.privileged`` and grant the single capability that the process needs.
    """
    assert not container.read("securityContext.privileged", default=False)
