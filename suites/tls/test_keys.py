"""Keys: one private key in several places."""

from preaudit import ServedKey, listed, requirement


@requirement(
    "TLS-414", severity="low", expected="no key that serves several namespaces or nodes",
    controls=["nist-800-53r5:sc-12", "nist-800-53r5:sc-17"], active="connect", method="TEST",
    limitations="Within a namespace, sharing a key is no finding. The rule is ours.",
)  # fmt: skip
def test_keys_stay_in_one_place(served_key: ServedKey) -> None:
    """A private key serves the endpoints of one namespace or one node, and no others.

    Whoever takes it from the weakest of its places is taken for all others.

    Fix: issue a certificate with a key of its own for each of them.
    """
    assert not served_key.is_shared, f"the same key serves {listed(served_key.places)}"
