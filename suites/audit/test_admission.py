"""Admission: which plugins of the API server look at what is written."""

from preaudit import ApiServer, requirement

_LIMITATION = "How the plugin is configured stands in a file on the node, which is not read."
_ALL = "admission-control"
"""Deprecated: names exactly the plugins that are on, and excludes the other two flags."""


def _names_all(apiserver: ApiServer) -> bool:
    return apiserver.flag(_ALL) is not None


def _is_enabled(apiserver: ApiServer, plugin: str) -> bool:
    """Whether a plugin that is off by default was turned on; the list that turns on is the last read."""
    if _names_all(apiserver):
        return plugin in apiserver.listed(_ALL)
    disabled = plugin in apiserver.listed("disable-admission-plugins")
    return plugin in apiserver.listed("enable-admission-plugins") and not disabled


def _is_left_on(apiserver: ApiServer, plugin: str) -> bool:
    """Whether a plugin that is on by default was not turned off.

    Raises:
        AssertionError: the list that names every plugin lacks it.
    """
    if _names_all(apiserver):
        assert plugin in apiserver.listed(_ALL), f"--{_ALL} names every plugin that is on, and not {plugin}"
        return True
    return plugin not in apiserver.listed("disable-admission-plugins")


@requirement(
    "AUD-221",
    severity="high",
    expected="a list with NodeRestriction",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:1.2.14"],
)
def test_kubelets_change_only_their_own_node(apiserver: ApiServer) -> None:
    """Kubelets can change only their own node and its pods.

    Without NodeRestriction one stolen node can relabel the others and draw their pods to itself.

    Fix: add ``NodeRestriction`` to ``--enable-admission-plugins``.
    """
    assert _is_enabled(apiserver, "NodeRestriction")


@requirement(
    "AUD-222",
    severity="high",
    expected="a list without PodSecurity",
    controls=["nist-800-53r5:cm-6", "nist-800-53r5:ac-6", "stig-kubernetes:V-254800", "stig-kubernetes:V-254801"],
    limitations=_LIMITATION,
)
def test_pod_security_is_not_turned_off(apiserver: ApiServer) -> None:
    """Pod Security admission is not turned off.

    Without it, the Pod Security labels of namespaces are decoration.

    Fix: remove ``PodSecurity`` from ``--disable-admission-plugins``, and ``--admission-control``.
    """
    assert _is_left_on(apiserver, "PodSecurity")


@requirement(
    "AUD-223",
    severity="high",
    expected="a list without AlwaysAdmit",
    controls=["nist-800-53r5:cm-6", "cis-kubernetes-2.0.1:1.2.10"],
)
def test_always_admit_is_not_used(apiserver: ApiServer) -> None:
    """The plugin that admits everything is not turned on.

    AlwaysAdmit is deprecated and says by its name that nothing is looked at.

    Fix: remove ``AlwaysAdmit`` from ``--enable-admission-plugins`` (or ``--admission-control``).
    """
    for flag in (_ALL, "enable-admission-plugins"):
        assert "AlwaysAdmit" not in apiserver.listed(flag)


@requirement(
    "AUD-224",
    severity="low",
    expected="a list with EventRateLimit",
    controls=["nist-800-53r5:sc-5", "cis-kubernetes-2.0.1:1.2.9"],
    limitations=_LIMITATION,
)
def test_events_are_limited_in_their_rate(apiserver: ApiServer) -> None:
    """The API server limits the rate of events.

    One failing workload can fill etcd with events and slow the whole cluster.

    Fix: add ``EventRateLimit`` to ``--enable-admission-plugins`` and configure its limits.
    """
    assert _is_enabled(apiserver, "EventRateLimit")


@requirement(
    "AUD-225",
    severity="high",
    expected="a list without ServiceAccount",
    controls=["nist-800-53r5:ia-2", "nist-800-53r5:ac-3", "cis-kubernetes-2.0.1:1.2.12"],
)
def test_service_account_admission_is_not_turned_off(apiserver: ApiServer) -> None:
    """Service account admission is not turned off.

    It makes sure that a pod uses only an account of its own namespace, and gets a token that expires.

    Fix: remove ``ServiceAccount`` from ``--disable-admission-plugins``, and ``--admission-control``.
    """
    assert _is_left_on(apiserver, "ServiceAccount")


@requirement(
    "AUD-226",
    severity="medium",
    expected="a list without NamespaceLifecycle",
    controls=["nist-800-53r5:cm-6", "cis-kubernetes-2.0.1:1.2.13"],
)
def test_namespace_lifecycle_is_not_turned_off(apiserver: ApiServer) -> None:
    """Namespace lifecycle admission is not turned off.

    Without it objects are made in namespaces that are going away, and the system's namespaces can be deleted.

    Fix: remove ``NamespaceLifecycle`` from ``--disable-admission-plugins``, and ``--admission-control``.
    """
    assert _is_left_on(apiserver, "NamespaceLifecycle")


@requirement(
    "AUD-227",
    severity="medium",
    expected="a list with DenyServiceExternalIPs",
    controls=["nist-800-53r5:sc-7", "cis-kubernetes-2.0.1:1.2.3"],
)
def test_services_claim_no_external_ips(apiserver: ApiServer) -> None:
    """Services cannot claim external IP addresses.

    Who may write a Service may otherwise draw the traffic of any address to a pod (CVE-2020-8554).

    Fix: add ``DenyServiceExternalIPs`` to ``--enable-admission-plugins``, or forbid them by a policy engine.
    """
    assert _is_enabled(apiserver, "DenyServiceExternalIPs")


@requirement(
    "AUD-228",
    severity="low",
    expected="a list with AlwaysPullImages",
    controls=["nist-800-53r5:cm-7", "nist-800-53r5:ac-3", "cis-kubernetes-2.0.1:1.2.11"],
)
def test_images_are_always_pulled(apiserver: ApiServer) -> None:
    """Every start of a pod checks the right to its image.

    An image that a node already holds can otherwise be run by anybody who knows its name.

    Fix: add ``AlwaysPullImages`` to ``--enable-admission-plugins``, if the registry is always within reach.
    """
    assert _is_enabled(apiserver, "AlwaysPullImages")


@requirement(
    "AUD-229",
    severity="medium",
    expected="a list without ValidatingAdmissionWebhook",
    controls=["nist-800-53r5:cm-6", "stig-kubernetes:V-242436"],
)
def test_validating_webhooks_are_not_turned_off(apiserver: ApiServer) -> None:
    """Validating admission webhooks are not turned off.

    Policy engines work through them; without them their policies are not enforced.

    Fix: remove ``ValidatingAdmissionWebhook`` from ``--disable-admission-plugins``, and ``--admission-control``.
    """
    assert _is_left_on(apiserver, "ValidatingAdmissionWebhook")
