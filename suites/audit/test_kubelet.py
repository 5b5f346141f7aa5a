"""Kubelets: who may command them, and how they guard their nodes."""

from preaudit import Kubelet, Policy, parameter, requirement

from .settings import TLS_CIPHERS, TLS_MINIMUM, at_least, seconds

IDLE_TIMEOUT = parameter(
    "audit.streaming_idle_timeout", int, unit="s", meaning="Longest time that an idle exec or port-forward may last."
)
_LINUX = "every kubelet of a node that does not run Windows"


def _runs_linux(kubelet: Kubelet) -> bool:
    return not kubelet.is_windows


@requirement(
    "AUD-501",
    severity="critical",
    expected="false",
    controls=["nist-800-53r5:ac-14", "nist-800-53r5:ia-2", "cis-kubernetes-2.0.1:4.2.1", "stig-kubernetes:V-242391"],
)
def test_kubelet_refuses_anonymous_requests(kubelet: Kubelet) -> None:
    """Kubelets refuse requests without credentials.

    A kubelet runs commands in every pod of its node for those that it lets in.

    Fix: set ``authentication.anonymous.enabled: false`` in the kubelet's configuration.
    """
    assert kubelet.setting("authentication.anonymous.enabled", bool) is False


@requirement(
    "AUD-502",
    severity="critical",
    expected="Webhook",
    controls=["nist-800-53r5:ac-3", "cis-kubernetes-2.0.1:4.2.2", "stig-kubernetes:V-242392"],
)
def test_kubelet_asks_whether_a_request_is_allowed(kubelet: Kubelet) -> None:
    """Kubelets ask the API server whether a request is allowed.

    With AlwaysAllow, every client with a certificate of the cluster's CA commands the node.

    Fix: set ``authorization.mode: Webhook`` in the kubelet's configuration.
    """
    assert kubelet.setting("authorization.mode", str) == "Webhook"


@requirement(
    "AUD-503",
    severity="high",
    expected="a CA file",
    controls=["nist-800-53r5:ia-3", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:4.2.3", "stig-kubernetes:V-242420"],
)
def test_kubelet_verifies_client_certificates(kubelet: Kubelet) -> None:
    """Kubelets verify client certificates against a CA.

    The API server shows who it is by a certificate; without a CA the kubelet cannot tell.

    Fix: set ``authentication.x509.clientCAFile`` in the kubelet's configuration.
    """
    assert kubelet.setting("authentication.x509.clientCAFile", str, absent="")


@requirement(
    "AUD-504",
    severity="high",
    expected="0 or unset",
    controls=["nist-800-53r5:cm-7", "nist-800-53r5:ac-3", "cis-kubernetes-2.0.1:4.2.4", "stig-kubernetes:V-242387"],
)
def test_kubelet_has_no_read_only_port(kubelet: Kubelet) -> None:
    """Kubelets have no read-only port.

    It tells anybody on the network what runs on the node, without TLS and without asking who it is.

    Fix: set ``readOnlyPort: 0`` in the kubelet's configuration.
    """
    assert kubelet.setting("readOnlyPort", int, absent=0) == 0


@requirement(
    "AUD-505",
    severity="low",
    expected="more than 0 and at most the profile's audit.streaming_idle_timeout",
    controls=["nist-800-53r5:sc-10", "nist-800-53r5:ac-12", "cis-kubernetes-2.0.1:4.2.5", "stig-kubernetes:V-245541"],
    uses=[IDLE_TIMEOUT],
)
def test_idle_streams_end(kubelet: Kubelet, policy: Policy) -> None:
    """Idle exec, attach and port-forward connections end.

    A forgotten shell in a pod stays open for whoever comes to that desk.

    Fix: set ``streamingConnectionIdleTimeout`` in the kubelet's configuration, and not to 0.
    """
    assert 0 < seconds(kubelet.setting("streamingConnectionIdleTimeout", str)) <= policy[IDLE_TIMEOUT]


@requirement(
    "AUD-506",
    severity="medium",
    expected="true",
    controls=["nist-800-53r5:cm-6", "nist-800-53r5:sc-7", "cis-kubernetes-2.0.1:4.2.6"],
    where=_runs_linux,
    population=_LINUX,
)
def test_kubelet_keeps_its_firewall_chains(kubelet: Kubelet) -> None:
    """Kubelets set up the firewall chains that Kubernetes relies on.

    Among them is the rule that keeps other hosts from reaching what listens on the node's loopback address.

    Fix: set ``makeIPTablesUtilChains: true`` in the kubelet's configuration.
    """
    assert kubelet.setting("makeIPTablesUtilChains", bool) is True


@requirement(
    "AUD-507",
    severity="medium",
    expected="true",
    controls=["nist-800-53r5:cm-6", "nist-800-53r5:sc-39", "stig-kubernetes:V-242434"],
    where=_runs_linux,
    population=_LINUX,
)
def test_kubelet_does_not_change_the_kernel(kubelet: Kubelet) -> None:
    """Kubelets stop when the kernel's settings are not what they expect, and do not change them.

    What hardened the kernel is otherwise overwritten without a word.

    Fix: set ``protectKernelDefaults: true`` in the kubelet's configuration, and the kernel's settings by sysctl.
    """
    assert kubelet.setting("protectKernelDefaults", bool, absent=False) is True


@requirement(
    "AUD-508",
    severity="medium",
    expected="true",
    controls=["nist-800-53r5:sc-12", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:4.2.10"],
)
def test_kubelet_renews_its_client_certificate(kubelet: Kubelet) -> None:
    """Kubelets renew their client certificates by themselves.

    A node whose certificate expires falls out of the cluster.

    Fix: set ``rotateCertificates: true`` in the kubelet's configuration.
    """
    assert kubelet.setting("rotateCertificates", bool, absent=False) is True


@requirement(
    "AUD-509",
    severity="high",
    expected="a certificate with its key, or serverTLSBootstrap",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:4.2.9", "cis-kubernetes-2.0.1:4.2.11",
              "stig-kubernetes:V-242424", "stig-kubernetes:V-242425"],
    limitations="A kubelet tells the certificate that it made itself in the same fields; who signed it is not read.",
)  # fmt: skip
def test_kubelet_has_a_certificate(kubelet: Kubelet) -> None:
    """Kubelets have a server certificate, or ask the cluster for one.

    Logs, exec and port-forward travel on these connections.

    Fix: set ``serverTLSBootstrap: true``, or ``tlsCertFile`` and ``tlsPrivateKeyFile``.
    """
    if kubelet.setting("serverTLSBootstrap", bool, absent=False):
        return
    assert kubelet.setting("tlsCertFile", str, absent="")
    assert kubelet.setting("tlsPrivateKeyFile", str, absent="")


@requirement(
    "AUD-510",
    severity="medium",
    expected="only suites of the profile's audit.tls_cipher_suites",
    controls=["nist-800-53r5:sc-13", "cis-kubernetes-2.0.1:4.2.12"],
    uses=[TLS_CIPHERS],
)
def test_kubelet_offers_strong_ciphers(kubelet: Kubelet, policy: Policy) -> None:
    """Kubelets offer only cipher suites of the profile's list.

    Without a list of its own, a kubelet offers what its version of Go holds for good enough.

    Fix: set ``tlsCipherSuites`` in the kubelet's configuration to suites with ECDHE and AES-GCM or ChaCha20.
    """
    if kubelet.setting("tlsMinVersion", str, absent="") == "VersionTLS13":
        return
    offered = kubelet.setting("tlsCipherSuites", list, absent=[])
    assert offered
    assert all(suite in policy[TLS_CIPHERS] for suite in offered)


@requirement(
    "AUD-511",
    severity="high",
    expected="the profile's audit.tls_min_version or above, or unset (TLS 1.2)",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-13", "pci-dss-4.0.1:4.2.1"],
    uses=[TLS_MINIMUM],
)
def test_kubelet_refuses_old_tls(kubelet: Kubelet, policy: Policy) -> None:
    """Kubelets refuse TLS versions below the profile's minimum.

    TLS 1.0 and 1.1 are broken.

    Fix: set ``tlsMinVersion: VersionTLS12`` in the kubelet's configuration, or VersionTLS13.
    """
    assert at_least(kubelet.setting("tlsMinVersion", str, absent="") or "VersionTLS12", policy[TLS_MINIMUM])


@requirement(
    "AUD-512",
    severity="low",
    expected="1 or more",
    controls=["nist-800-53r5:au-12", "nist-800-53r5:sc-5", "cis-kubernetes-2.0.1:4.2.8"],
)
def test_kubelet_limits_its_events(kubelet: Kubelet) -> None:
    """Kubelets record events, up to a limit.

    Without a limit, one failing pod floods the API server; events of nodes tell what happened there.

    Fix: set ``eventRecordQPS`` in the kubelet's configuration to 1 or more (the default is 50).
    """
    assert kubelet.setting("eventRecordQPS", int) > 0


@requirement(
    "AUD-513",
    severity="medium",
    expected="1 or more",
    controls=["nist-800-53r5:sc-5", "cis-kubernetes-2.0.1:4.2.13"],
    where=_runs_linux,
    population=_LINUX,
)
def test_kubelet_limits_the_processes_of_a_pod(kubelet: Kubelet) -> None:
    """Kubelets limit the number of processes of a pod.

    Without a limit (-1, the default) one pod can take all process numbers of its node.

    Fix: set ``podPidsLimit`` in the kubelet's configuration, for example to 4096.
    """
    assert kubelet.setting("podPidsLimit", int) > 0


@requirement(
    "AUD-514",
    severity="medium",
    expected="true",
    controls=["nist-800-53r5:cm-7", "nist-800-53r5:sc-39", "cis-kubernetes-2.0.1:4.2.14"],
    where=_runs_linux,
    population=_LINUX,
)
def test_kubelet_filters_system_calls(kubelet: Kubelet) -> None:
    """Kubelets filter the system calls of pods that ask for no filter of their own.

    Without it such pods may use every call of the kernel.

    Fix: set ``seccompDefault: true`` in the kubelet's configuration.
    """
    assert kubelet.setting("seccompDefault", bool) is True


@requirement(
    "AUD-515",
    severity="high",
    expected="true",
    controls=["nist-800-53r5:ia-2", "nist-800-53r5:ac-3"],
)
def test_kubelet_checks_tokens(kubelet: Kubelet) -> None:
    """Kubelets let the API server check the tokens that they are shown.

    Metrics collectors come with tokens; without the check they need certificates of administrators.

    Fix: set ``authentication.webhook.enabled: true`` in the kubelet's configuration.
    """
    assert kubelet.setting("authentication.webhook.enabled", bool) is True
