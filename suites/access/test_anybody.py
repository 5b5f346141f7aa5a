"""Anybody: rights of those who said nothing, or next to nothing, about who they are."""

from preaudit import Binding, Grant, Namespace, Policy, requirement

from .trusted import TRUSTED, is_trusted


@requirement(
    "RBAC-301",
    severity="critical",
    expected="no grant beyond the public discovery that Kubernetes ships",
    controls=["nist-800-53r5:ac-14", "cis-kubernetes-2.0.1:1.2.1"],
)
def test_anonymous_users_have_no_rights(grant: Grant) -> None:
    """Anonymous users have no rights beyond the public discovery that Kubernetes ships.

    What is bound to anonymous users is open to everybody who reaches the API server.

    Fix: remove the subject from the binding.
    """
    if grant.platform:
        grant.note("binding and role", "as Kubernetes ships them")
        return
    grant.note("subject", grant.identity)
    assert grant.identity not in ("User system:anonymous", "Group system:unauthenticated"), (
        f"{grant.identity} <- {grant.ref.kind}/{grant.ref.name} <- {grant.role}"
    )


@requirement(
    "RBAC-302",
    severity="high",
    expected="no grant beyond the built-in discovery roles",
    controls=["nist-800-53r5:ac-6", "nist-800-53r5:ac-3"],
)
def test_every_authenticated_user_has_discovery_only(grant: Grant) -> None:
    """The group of all authenticated users has no rights beyond the built-in discovery roles.

    Every workload's token is an authenticated user: what the group may, each pod in the cluster may.

    Fix: bind the role to the users, groups or service accounts that need it.
    """
    if grant.platform:
        grant.note("binding and role", "as Kubernetes ships them")
        return
    grant.note("subject", grant.identity)
    everybody = ("Group system:authenticated", "Group system:serviceaccounts", "Group system:serviceaccounts:")
    assert not grant.identity.startswith(everybody), (
        f"{grant.identity} <- {grant.ref.kind}/{grant.ref.name} <- {grant.role}"
    )


@requirement(
    "RBAC-303",
    severity="high",
    expected="no right for a default service account",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.5"],
    uses=[TRUSTED],
)
def test_default_service_accounts_have_no_rights(grant: Grant, policy: Policy) -> None:
    """Default service accounts have no rights.

    Every pod that names no account of its own gets what default may.

    Fix: bind the role to a service account of the workload's own.
    """
    if is_trusted(grant, policy):
        return
    grant.note("subject", grant.identity)
    assert not (grant.kind == "ServiceAccount" and grant.name == "default"), (
        f"{grant.identity} <- {grant.ref.kind}/{grant.ref.name} <- {grant.role}"
    )


@requirement(
    "RBAC-304",
    severity="medium",
    expected="no Secret with a service account's token",
    controls=["nist-800-53r5:ia-5", "nist-800-53r5:ac-2"],
    reads=["secrets"],
    limitations="Judged on the type of Secrets alone; their content is never read.",
)
def test_no_secret_holds_a_service_account_token(namespace: Namespace) -> None:
    """No Secret holds a token of a service account that never expires.

    Such a token is valid until somebody deletes it, wherever it was copied to.

    Fix: delete the Secret, and let pods use the tokens that the API server mounts and renews.
    """
    for secret in namespace.related("secrets"):
        kind, name = secret.read("type"), secret.read("metadata.name")
        assert kind != "kubernetes.io/service-account-token", f"Secret {name} is of the type {kind}"


@requirement(
    "RBAC-305",
    severity="low",
    expected="a role that exists and at least one subject",
    controls=["nist-800-53r5:ac-2"],
)
def test_binding_binds_something(binding: Binding) -> None:
    """Bindings bind a role that exists to at least one subject.

    Whoever creates the missing role or subject later gets the binding's rights without anybody granting them.

    Fix: delete the binding.
    """
    if binding.platform:
        binding.note("binding", "as Kubernetes ships it")
        return
    subjects = binding.each("subjects")
    assert subjects, f"{binding.ref.kind}/{binding.ref.name} has no subject"
    for subject in subjects:
        subject.read("name")
    assert not binding.role_is_missing


@requirement(
    "RBAC-306",
    severity="low",
    expected="a service account that exists",
    controls=["nist-800-53r5:ac-2"],
    reads=["serviceaccounts"],
    where=lambda grant: grant.kind == "ServiceAccount",
    population="every service account that a binding names",
)
def test_bound_service_account_exists(grant: Grant) -> None:
    """Service accounts that are bound to a role exist.

    Whoever may create a service account of that name gets its rights.

    Fix: remove the subject from the binding.
    """
    if grant.platform:
        grant.note("binding and role", "as Kubernetes ships them")
        return
    accounts = grant.estate.related("serviceaccounts", grant.namespace, grant.log)
    found = any(one.read("metadata.name") == grant.name for one in accounts)
    assert found, f"{grant.identity} does not exist, and {grant.ref.kind}/{grant.ref.name} binds it to {grant.role}"
