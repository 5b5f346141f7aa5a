"""Roles: rights that are named one by one."""

from preaudit import Role, requirement

from .trusted import is_shipped


def _has_wildcard(role: Role, field: str) -> None:
    if is_shipped(role):
        return
    for rule in role.rules:
        words = rule.words(field)
        if any("*" in word for word in words):
            rule.log_rule()
            raise AssertionError(f"{rule.chain} has {field} {', '.join(words)}")


@requirement(
    "RBAC-101",
    severity="high",
    expected="verbs named one by one",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.3"],
)
def test_role_names_its_verbs(role: Role) -> None:
    """Roles name the verbs that they allow, without wildcards.

    A wildcard allows escalate, bind and impersonate, and every verb that a later version adds.

    Fix: name the verbs that are used.
    """
    _has_wildcard(role, "verbs")


@requirement(
    "RBAC-102",
    severity="high",
    expected="resources named one by one",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.3"],
)
def test_role_names_its_resources(role: Role) -> None:
    """Roles name the resources that they allow, without wildcards.

    A wildcard includes Secrets, subresources such as pods/exec, and every resource that is added later.

    Fix: name the resources that are used.
    """
    _has_wildcard(role, "resources")
    _has_wildcard(role, "nonResourceURLs")


@requirement(
    "RBAC-103",
    severity="medium",
    expected="API groups named one by one",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.3"],
)
def test_role_names_its_groups(role: Role) -> None:
    """Roles name the API groups that they allow, without wildcards.

    A wildcard reaches into every extension that anybody installs later.

    Fix: name the API groups that are used.
    """
    _has_wildcard(role, "apiGroups")
