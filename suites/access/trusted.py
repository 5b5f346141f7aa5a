"""Who may hold powerful rights without being a finding: what Kubernetes ships, and whom the profile names."""

from preaudit import Grant, Policy, Role, parameter

TRUSTED = parameter(
    "access.trusted_subjects",
    list[str],
    meaning='Identities that may hold powerful rights, each like "Group system:masters" or "ServiceAccount ns/name".',
)


def is_trusted(grant: Grant, policy: Policy) -> bool:
    """Whether a grant is as Kubernetes makes it, or goes to an identity of the profile's list; noted."""
    if grant.platform:
        grant.note("binding and role", "as Kubernetes ships them")
        return True
    if grant.identity in policy[TRUSTED]:
        grant.note("access.trusted_subjects", grant.identity)
        return True
    return False


def is_shipped(role: Role) -> bool:
    """Whether a role is as Kubernetes makes it; noted."""
    if role.platform:
        role.note("role", "as Kubernetes ships it")
    return role.platform


def refuse(grant: Grant, *actions: tuple[str, str, str]) -> None:
    """Fail on the first rule that allows one of several (verb, group, resource), and say the whole chain."""
    for rule in grant.rules:
        for verb, group, resource in actions:
            if rule.allows_some(verb, group, resource):
                rule.log_rule()
                name = f"{resource}.{group}" if group else resource
                raise AssertionError(f"{rule.chain} allows {verb} {name}")
    grant.note("rules that allow it", 0)


def refuse_unnamed(grant: Grant, *actions: tuple[str, str, str]) -> None:
    """The same, but a rule that is limited to single object names is no finding."""
    for rule in grant.rules:
        for verb, group, resource in actions:
            if rule.allows(verb, group, resource):
                rule.log_rule()
                raise AssertionError(f"{rule.chain} allows {verb} {resource} of any name")
    grant.note("rules that allow it", 0)
