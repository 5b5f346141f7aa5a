"""Keys: one private key in several places."""

from preaudit import Endpoint, key_sharers, requirement

from .settings import listed

_BEFORE_OTHERS = frozenset({"Ingress", "Gateway", "HTTPRoute", "TLSRoute", "Service", "Target"})
"""What stands before endpoints of others and shows their certificates."""


@requirement(
    "TLS-414", severity="low", expected="no other endpoint with the same key",
    controls=["nist-800-53r5:sc-12", "nist-800-53r5:sc-17"], active="connect", method="TEST",
    where=lambda endpoint: endpoint.seen.owner_kind not in _BEFORE_OTHERS and endpoint.speaks_tls,
    population="every endpoint of a workload or node that speaks TLS",
    limitations="Within a namespace, sharing a key is no finding. The rule is ours.",
)  # fmt: skip
def test_keys_stay_in_one_place(endpoint: Endpoint) -> None:
    """A private key serves the endpoints of one namespace or one node, and no others.

    Whoever takes it from the weakest of its places is taken for all others.

    Fix: issue a certificate with a key of its own for each of them.
    """
    found = key_sharers(endpoint, _BEFORE_OTHERS)
    assert not found, f"the same key serves {listed(found)}"
