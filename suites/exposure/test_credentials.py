"""Credentials: accounts as products are delivered with them, each tried once (active group credentials)."""

from preaudit import ACCOUNTS, Endpoint, Policy, account_names, listed, requirement


@requirement(
    "NET-801", severity="critical", expected="none", active="credentials", method="TEST", uses=[ACCOUNTS],
    controls=["nist-800-53r5:ia-5", "pci-dss-4.0.1:2.2.2"],
    where=lambda endpoint: endpoint.takes_password and not endpoint.is_in_front,
    population="every endpoint that asks for a password (PostgreSQL, MySQL, Redis, HTTP Basic), at its own address",
    limitations="One try an account; forms and other protocols are not tried, nor what stands in front of pods.",
)  # fmt: skip
def test_default_credentials_are_refused(endpoint: Endpoint, policy: Policy) -> None:
    """Default credentials are refused.

    They stand in every manual, and are the first that anybody tries.

    Fix: set a password of your own for the account before the service is reachable, or remove the account.
    """
    found = endpoint.accounts_let_in(account_names(policy[ACCOUNTS]))
    assert not found, f"let in: {listed(found)}"
