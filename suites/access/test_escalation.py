"""Escalation: rights that turn into any other right."""

from preaudit import Grant, Policy, requirement

from .trusted import TRUSTED, is_trusted, refuse

WEBHOOKS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
WRITES = ("create", "update", "patch", "delete", "deletecollection")
CONSTRAINED = (
    ("impersonate:user-info", "users"),
    ("impersonate:user-info", "groups"),
    ("impersonate:serviceaccount", "serviceaccounts"),
    ("impersonate:arbitrary-node", "nodes"),
    ("impersonate:associated-node", "nodes"),
)
"""Constrained impersonation: who one may be. The verbs impersonate-on:… say for what, and allow nothing alone."""
ROLES = tuple(("rbac.authorization.k8s.io", kind) for kind in ("roles", "clusterroles"))


@requirement(
    "RBAC-104",
    severity="critical",
    expected="cluster-admin for trusted subjects only",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.1"],
    uses=[TRUSTED],
)
def test_cluster_admin_is_for_trusted_subjects(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects are bound to cluster-admin.

    Who is cluster-admin may do everything, also undo the audit.

    Fix: bind a role that holds what the subject needs, or name it in ``access.trusted_subjects``.
    """
    if not is_trusted(grant, policy):
        assert grant.role != "ClusterRole/cluster-admin", f"{grant.identity} is bound to ClusterRole/cluster-admin"


@requirement(
    "RBAC-202",
    severity="critical",
    expected="no right to escalate roles",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.8"],
    uses=[TRUSTED],
)
def test_nobody_may_escalate_roles(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may give a role more rights than they have.

    The verb escalate on roles switches off the check that stops people from granting what they do not have.

    Fix: remove the verb escalate from the rule.
    """
    if not is_trusted(grant, policy):
        refuse(grant, *(("escalate", *kind) for kind in ROLES))


@requirement(
    "RBAC-203",
    severity="critical",
    expected="no right to bind roles",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.8"],
    uses=[TRUSTED],
)
def test_nobody_may_bind_roles(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may bind roles that they do not hold.

    The verb bind lets a subject give itself any role that it names, cluster-admin included.

    Fix: remove the verb bind from the rule, or limit it by ``resourceNames`` to harmless roles and waive that.
    """
    if not is_trusted(grant, policy):
        refuse(grant, *(("bind", *kind) for kind in ROLES))


@requirement(
    "RBAC-204",
    severity="critical",
    expected="no right to impersonate",
    controls=["nist-800-53r5:ac-6", "nist-800-53r5:ia-2", "cis-kubernetes-2.0.1:5.1.8"],
    uses=[TRUSTED],
)
def test_nobody_may_impersonate(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may act as another user, group, service account or node.

    Who impersonates has the rights of everybody, and the audit log is the only place that tells.

    Fix: remove the verb impersonate, and every verb that begins with ``impersonate:``, from the rule.
    """
    if not is_trusted(grant, policy):
        refuse(
            grant,
            *(("impersonate", "", kind) for kind in ("users", "groups", "serviceaccounts")),
            ("impersonate", "authentication.k8s.io", "userextras/scopes"),
            *((verb, "authentication.k8s.io", kind) for verb, kind in CONSTRAINED),
        )


@requirement(
    "RBAC-209",
    severity="high",
    expected="no right to create service account tokens",
    controls=["nist-800-53r5:ac-6", "nist-800-53r5:ia-5", "cis-kubernetes-2.0.1:5.1.13"],
    uses=[TRUSTED],
)
def test_nobody_may_create_tokens(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may create tokens of service accounts.

    Who creates a token for an account holds the rights of that account.

    Fix: remove create on serviceaccounts/token.
    """
    if not is_trusted(grant, policy):
        refuse(grant, ("create", "", "serviceaccounts/token"))


@requirement(
    "RBAC-210",
    severity="high",
    expected="no right to approve or sign certificates",
    controls=["nist-800-53r5:ac-6", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:5.1.11"],
    uses=[TRUSTED],
)
def test_nobody_may_approve_certificates(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may approve or sign certificate requests.

    A signed client certificate can name any user and group, and it cannot be revoked.

    Fix: remove approval, status and signers from the rule.
    """
    if not is_trusted(grant, policy):
        refuse(
            grant,
            ("update", "certificates.k8s.io", "certificatesigningrequests/approval"),
            ("patch", "certificates.k8s.io", "certificatesigningrequests/approval"),
            ("approve", "certificates.k8s.io", "signers"),
            ("sign", "certificates.k8s.io", "signers"),
        )


@requirement(
    "RBAC-211",
    severity="high",
    expected="no right to write admission webhooks",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.12"],
    uses=[TRUSTED],
)
def test_nobody_may_write_admission_webhooks(grant: Grant, policy: Policy) -> None:
    """Only trusted subjects may change admission webhooks.

    A webhook sees every object that is written, Secrets included, and may change each of them; a policy engine's
    webhook that somebody deletes forbids nothing any more.

    Fix: remove the write verbs on webhook configurations.
    """
    if not is_trusted(grant, policy):
        refuse(grant, *((verb, "admissionregistration.k8s.io", kind) for kind in WEBHOOKS for verb in WRITES))
