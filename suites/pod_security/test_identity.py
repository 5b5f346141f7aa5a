"""Identity: what a pod may say it is, and the secrets that it is handed."""

from preaudit import BINDINGS, Container, Lens, Pod, requirement

_OF_THE_API = "kubernetes.default.svc"
"""Part of the audiences by which API servers are called; they take a token without any as well."""


@requirement(
    "POD-306",
    severity="medium",
    expected="no mounted token, or a service account that is bound to a role",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.6"],
    reads=["serviceaccounts", *BINDINGS],
    limitations="A bound service account shows that somebody meant the pod to use the API, not that it does. It counts "
    "as bound by its name, its user name or a group of service accounts, not by what every authenticated user may. A "
    "projected token for another audience than the API server's is taken for another service's.",
    where=lambda pod: not pod.is_static,
    population="every workload's pods but the nodes' static ones, which have no service account",
)
def test_pod_mounts_no_token_without_need(pod: Pod) -> None:
    """Pods mount a service account token only where they have rights to use.

    A token that nobody needs is a credential that an intruder finds in every container.

    Fix: set ``automountServiceAccountToken: false`` on the pod or on its service account, and remove projected volumes
    with a ``serviceAccountToken``.
    """
    name = pod.read("serviceAccountName", default="") or "default"
    on_pod = pod.read("automountServiceAccountToken")
    if on_pod or _projects_token(pod) or (on_pod is None and _mounts_token(pod, name)):
        assert pod.account_is_bound(name), f"the token of service account {name} is mounted, and no role is bound to it"


def _mounts_token(pod: Pod, account: str) -> bool:
    """Whether an account's token is mounted where the pod does not say."""
    accounts = [one for one in pod.related("serviceaccounts") if one.read("metadata.name") == account]
    return not any(one.read("automountServiceAccountToken") is False for one in accounts)


def _projects_token(pod: Pod) -> bool:
    """Whether a volume holds a token that the API server takes, whatever was said about mounting one."""
    return any(_is_token(source) for volume in pod.each("volumes") for source in volume.each("projected.sources"))


def _is_token(source: Lens) -> bool:
    if source.read("serviceAccountToken") is None:
        return False
    audience = source.read("serviceAccountToken.audience", default="")
    return not audience or _OF_THE_API in str(audience)


@requirement(
    "POD-308",
    severity="medium",
    expected="a service account of the workload's own",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:5.1.5"],
    where=lambda pod: not pod.is_static,
    population="every workload's pods but the nodes' static ones, which have no service account",
)
def test_pod_does_not_use_the_default_service_account(pod: Pod) -> None:
    """Pods run under a service account of their own, not under default.

    Rights given to default are given to every pod of the namespace that names no account.

    Fix: make a ServiceAccount for the workload and name it in ``serviceAccountName``.
    """
    assert pod.read("serviceAccountName", default="default") not in ("", "default")


@requirement(
    "POD-311",
    severity="high",
    expected="no literal that looks like a credential",
    controls=["nist-800-53r5:ia-5", "cis-kubernetes-2.0.1:5.4.1", "pci-dss-4.0.1:8.6.2"],
    limitations="Judged on what the collector noted when it replaced the value: rules for names and shapes.",
)
def test_container_has_no_credential_in_its_environment(container: Container) -> None:
    """Containers get no credential as a literal in their environment.

    Everybody who may read the workload, its history or a support dump reads the credential.

    Fix: put the value into a Secret and mount it, or name it by ``valueFrom.secretKeyRef``.
    """
    for variable in container.each("env"):
        noted = variable.mark("value") or {}
        name = variable.read("name")
        assert not noted.get("hits"), f"env {name} holds a literal that looks like a credential ({noted.get('hits')})"
