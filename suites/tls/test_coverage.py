"""Coverage: which endpoints could not be looked at, told once for all requirements about endpoints."""

from preaudit import EndpointCoverage, requirement


@requirement(
    "TLS-001",
    severity="high",
    expected="every endpoint answers and is understood",
    controls=["nist-800-53r5:ca-7", "nist-800-53r5:cm-8"],
    active="connect",
    method="TEST",
    limitations="An endpoint that nothing in the cluster declares is not looked for without a port scan.",
)
def test_every_endpoint_was_looked_at(endpoint_coverage: EndpointCoverage) -> None:
    """Every declared endpoint was reached, and it is known what it speaks.

    What was not reached may do anything: no other requirement about endpoints says a word about it.

    Fix: run preaudit from where the endpoints are reached, or include a further way (``--active port-forward``).
    """
    assert endpoint_coverage.is_seen
