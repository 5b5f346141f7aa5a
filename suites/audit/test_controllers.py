"""The controller manager and the scheduler: their rights, their keys, what they leave open."""

from preaudit import ControllerManager, Policy, Scheduler, parameter, requirement

from .settings import TLS_CIPHERS, TLS_MINIMUM, is_loopback, meets_minimum, offers_only_allowed

FINISHED_PODS = parameter(
    "audit.finished_pods", int, meaning="Most finished pods that the cluster may keep before it removes old ones."
)


@requirement(
    "AUD-301",
    severity="low",
    expected="false",
    controls=["nist-800-53r5:cm-7", "cis-kubernetes-2.0.1:1.3.2", "stig-kubernetes:V-242409"],
)
def test_controller_manager_offers_no_profiling(controller_manager: ControllerManager) -> None:
    """The controller manager offers no profiling.

    Profiles show how the program works inside, and making them costs it time.

    Fix: set ``--profiling=false``.
    """
    assert not controller_manager.switch("profiling", default=True)


@requirement(
    "AUD-302",
    severity="high",
    expected="true",
    controls=["nist-800-53r5:ac-6", "nist-800-53r5:ac-2", "cis-kubernetes-2.0.1:1.3.3", "stig-kubernetes:V-242381"],
)
def test_each_controller_has_its_own_account(controller_manager: ControllerManager) -> None:
    """Each controller acts under a service account of its own.

    Otherwise all of them share one identity that needs the rights of all, and the audit log cannot tell them apart.

    Fix: set ``--use-service-account-credentials=true``.
    """
    assert controller_manager.switch("use-service-account-credentials", default=False)


@requirement(
    "AUD-303",
    severity="medium",
    expected="a key file",
    controls=["nist-800-53r5:sc-12", "cis-kubernetes-2.0.1:1.3.4"],
)
def test_controller_manager_signs_tokens_with_a_key(controller_manager: ControllerManager) -> None:
    """The controller manager has a private key for service account tokens.

    The key belongs to the tokens alone, so that it can be changed without the certificates.

    Fix: set ``--service-account-private-key-file``.
    """
    assert controller_manager.flag("service-account-private-key-file")


@requirement(
    "AUD-304",
    severity="medium",
    expected="a CA file",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:1.3.5", "stig-kubernetes:V-242421"],
)
def test_pods_can_verify_the_apiserver(controller_manager: ControllerManager) -> None:
    """Pods are given the CA by which they verify the API server.

    Without it a pod cannot tell the API server from somebody who stands in between.

    Fix: set ``--root-ca-file``.
    """
    assert controller_manager.flag("root-ca-file")


@requirement(
    "AUD-305",
    severity="medium",
    expected="RotateKubeletServerCertificate=true or unset",
    controls=["nist-800-53r5:sc-12", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:1.3.6"],
)
def test_kubelet_certificates_may_be_renewed(controller_manager: ControllerManager) -> None:
    """The renewal of kubelets' server certificates is not turned off.

    A certificate that nobody renews expires, and with it the reach to logs and commands on that node.

    Fix: remove ``RotateKubeletServerCertificate=false`` from ``--feature-gates``.
    """
    assert controller_manager.gate("RotateKubeletServerCertificate", default=True)


@requirement(
    "AUD-306",
    severity="medium",
    expected="a loopback address",
    controls=["nist-800-53r5:sc-7", "nist-800-53r5:cm-7", "cis-kubernetes-2.0.1:1.3.7", "stig-kubernetes:V-242385"],
)
def test_controller_manager_listens_locally(controller_manager: ControllerManager) -> None:
    """The controller manager listens on its own node alone.

    By default it listens on all addresses, and nobody else on the network needs it.

    Fix: set ``--bind-address=127.0.0.1``.
    """
    assert is_loopback(controller_manager.flag("bind-address"))


@requirement(
    "AUD-307",
    severity="low",
    expected="more than 0 and at most the profile's audit.finished_pods, or unset (12500)",
    controls=["nist-800-53r5:sc-5", "cis-kubernetes-2.0.1:1.3.1"],
    uses=[FINISHED_PODS],
)
def test_finished_pods_are_removed(controller_manager: ControllerManager, policy: Policy) -> None:
    """Finished pods are removed before there are more than the profile allows.

    Finished pods fill etcd and slow every list, until the cluster is no longer available.

    Fix: set ``--terminated-pod-gc-threshold`` to a number that fits the cluster.
    """
    assert 0 < controller_manager.number("terminated-pod-gc-threshold", default=12500) <= policy[FINISHED_PODS]


@requirement(
    "AUD-308",
    severity="medium",
    expected="the profile's audit.tls_min_version or above, or unset (TLS 1.2)",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-13", "stig-kubernetes:V-242376"],
    uses=[TLS_MINIMUM],
)
def test_controller_manager_refuses_old_tls(controller_manager: ControllerManager, policy: Policy) -> None:
    """The controller manager refuses TLS versions below the profile's minimum.

    TLS 1.0 and 1.1 are broken.

    Fix: set ``--tls-min-version=VersionTLS12``, or VersionTLS13.
    """
    assert meets_minimum(controller_manager, policy)


@requirement(
    "AUD-309",
    severity="low",
    expected="only suites of the profile's audit.tls_cipher_suites",
    controls=["nist-800-53r5:sc-13"],
    uses=[TLS_CIPHERS],
)
def test_controller_manager_offers_strong_ciphers(controller_manager: ControllerManager, policy: Policy) -> None:
    """The controller manager offers only cipher suites of the profile's list.

    Without a list of its own, it offers what its version of Go holds for good enough.

    Fix: set ``--tls-cipher-suites`` to suites with ECDHE and AES-GCM or ChaCha20.
    """
    assert offers_only_allowed(controller_manager, policy)


@requirement(
    "AUD-351",
    severity="low",
    expected="false",
    controls=["nist-800-53r5:cm-7", "cis-kubernetes-2.0.1:1.4.1"],
)
def test_scheduler_offers_no_profiling(scheduler: Scheduler) -> None:
    """The scheduler offers no profiling.

    Profiles show how the program works inside, and making them costs it time.

    Fix: set ``--profiling=false``, or ``enableProfiling: false`` in the file of ``--config``.
    """
    assert not scheduler.switch("profiling", default=True)


@requirement(
    "AUD-352",
    severity="medium",
    expected="a loopback address",
    controls=["nist-800-53r5:sc-7", "nist-800-53r5:cm-7", "cis-kubernetes-2.0.1:1.4.2", "stig-kubernetes:V-242384"],
)
def test_scheduler_listens_locally(scheduler: Scheduler) -> None:
    """The scheduler listens on its own node alone.

    By default it listens on all addresses, and nobody else on the network needs it.

    Fix: set ``--bind-address=127.0.0.1``.
    """
    assert is_loopback(scheduler.flag("bind-address"))


@requirement(
    "AUD-353",
    severity="medium",
    expected="the profile's audit.tls_min_version or above, or unset (TLS 1.2)",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-13", "stig-kubernetes:V-242377"],
    uses=[TLS_MINIMUM],
)
def test_scheduler_refuses_old_tls(scheduler: Scheduler, policy: Policy) -> None:
    """The scheduler refuses TLS versions below the profile's minimum.

    TLS 1.0 and 1.1 are broken.

    Fix: set ``--tls-min-version=VersionTLS12``, or VersionTLS13.
    """
    assert meets_minimum(scheduler, policy)


@requirement(
    "AUD-354",
    severity="low",
    expected="only suites of the profile's audit.tls_cipher_suites",
    controls=["nist-800-53r5:sc-13"],
    uses=[TLS_CIPHERS],
)
def test_scheduler_offers_strong_ciphers(scheduler: Scheduler, policy: Policy) -> None:
    """The scheduler offers only cipher suites of the profile's list.

    Without a list of its own, it offers what its version of Go holds for good enough.

    Fix: set ``--tls-cipher-suites`` to suites with ECDHE and AES-GCM or ChaCha20.
    """
    assert offers_only_allowed(scheduler, policy)
