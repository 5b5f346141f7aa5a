"""How the API server talks: its own TLS, and its connections to etcd and to kubelets; what it leaves open."""

from preaudit import ApiServer, Policy, parameter, requirement

from .settings import TLS_CIPHERS, TLS_MINIMUM, meets_minimum, offers_only_allowed, seconds

REQUEST_TIMEOUT = parameter(
    "audit.request_timeout", int, unit="s", meaning="Longest time that the API server may spend on a request."
)


@requirement(
    "AUD-241",
    severity="low",
    expected="false",
    controls=["nist-800-53r5:cm-7", "cis-kubernetes-2.0.1:1.2.15"],
)
def test_apiserver_offers_no_profiling(apiserver: ApiServer) -> None:
    """The API server offers no profiling.

    Profiles show how the program works inside, and making them costs it time.

    Fix: set ``--profiling=false``.
    """
    assert not apiserver.switch("profiling", default=True)


@requirement(
    "AUD-242",
    severity="high",
    expected="a configuration file",
    controls=["nist-800-53r5:sc-28", "nist-800-53r5:sc-28(1)", "cis-kubernetes-2.0.1:1.2.27",
              "stig-kubernetes:V-274882"],
    limitations="Which provider comes first stands in a file on the node, which is not read.",
)  # fmt: skip
def test_apiserver_is_told_how_to_encrypt(apiserver: ApiServer) -> None:
    """The API server is given a configuration for encryption at rest.

    Without one, Secrets stand in clear text in etcd, in its snapshots and in its backups.

    Fix: set ``--encryption-provider-config`` to a file whose first provider for secrets is not identity.
    """
    assert apiserver.flag("encryption-provider-config")


@requirement(
    "AUD-243",
    severity="high",
    expected="a certificate and a private key",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:1.2.24", "stig-kubernetes:V-242422"],
)
def test_apiserver_has_a_certificate(apiserver: ApiServer) -> None:
    """The API server has a certificate and a key that were made for it.

    Without them it makes a self-signed certificate at its start, which nobody can verify.

    Fix: set ``--tls-cert-file`` and ``--tls-private-key-file``.
    """
    assert apiserver.flag("tls-cert-file")
    assert apiserver.flag("tls-private-key-file")


@requirement(
    "AUD-244",
    severity="high",
    expected="the profile's audit.tls_min_version or above, or unset (TLS 1.2)",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-13", "stig-kubernetes:V-242378", "pci-dss-4.0.1:4.2.1"],
    uses=[TLS_MINIMUM],
)
def test_apiserver_refuses_old_tls(apiserver: ApiServer, policy: Policy) -> None:
    """The API server refuses TLS versions below the profile's minimum.

    TLS 1.0 and 1.1 are broken.

    Fix: set ``--tls-min-version=VersionTLS12``, or VersionTLS13.
    """
    assert meets_minimum(apiserver, policy)


@requirement(
    "AUD-245",
    severity="medium",
    expected="only suites of the profile's audit.tls_cipher_suites",
    controls=["nist-800-53r5:sc-13", "cis-kubernetes-2.0.1:1.2.29", "stig-kubernetes:V-242418"],
    uses=[TLS_CIPHERS],
)
def test_apiserver_offers_strong_ciphers(apiserver: ApiServer, policy: Policy) -> None:
    """The API server offers only cipher suites of the profile's list.

    Without a list of its own, it offers what its version of Go holds for good enough.

    Fix: set ``--tls-cipher-suites`` to suites with ECDHE and AES-GCM or ChaCha20.
    """
    assert offers_only_allowed(apiserver, policy)


@requirement(
    "AUD-246",
    severity="critical",
    expected="0 or unset, and no address",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:ac-3", "stig-kubernetes:V-242386", "stig-kubernetes:V-242388"],
    limitations="Before Kubernetes 1.20 an unset port was 8080; such versions are not told apart here.",
)
def test_apiserver_has_no_insecure_port(apiserver: ApiServer) -> None:
    """The API server has no port without TLS and authentication.

    Whoever reaches that port is an administrator.

    Fix: remove ``--insecure-port`` and ``--insecure-bind-address``.
    """
    assert not apiserver.flag("insecure-bind-address")
    assert apiserver.number("insecure-port", default=0) == 0


@requirement(
    "AUD-247",
    severity="low",
    expected="more than 0 and at most the profile's audit.request_timeout, or unset (60 s)",
    controls=["nist-800-53r5:sc-5", "cis-kubernetes-2.0.1:1.2.20", "stig-kubernetes:V-242438"],
    uses=[REQUEST_TIMEOUT],
)
def test_requests_end_in_time(apiserver: ApiServer, policy: Policy) -> None:
    """Requests to the API server end within the profile's time.

    Requests that may last for hours hold memory and connections, until there are none left.

    Fix: remove ``--request-timeout``, or set it to 300s or less.
    """
    assert 0 < seconds(apiserver.flag("request-timeout") or "60s") <= policy[REQUEST_TIMEOUT]


@requirement(
    "AUD-248",
    severity="high",
    expected="a CA file",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-23", "cis-kubernetes-2.0.1:1.2.26", "stig-kubernetes:V-242429"],
)
def test_apiserver_verifies_etcd(apiserver: ApiServer) -> None:
    """The API server verifies etcd's certificate.

    A false etcd would see every Secret and could answer anything.

    Fix: set ``--etcd-cafile``.
    """
    assert apiserver.flag("etcd-cafile")


@requirement(
    "AUD-249",
    severity="high",
    expected="a client certificate and its key",
    controls=["nist-800-53r5:ia-3", "nist-800-53r5:sc-8", "cis-kubernetes-2.0.1:1.2.23", "stig-kubernetes:V-242430",
              "stig-kubernetes:V-242431"],
)  # fmt: skip
def test_apiserver_shows_etcd_a_certificate(apiserver: ApiServer) -> None:
    """The API server shows etcd a client certificate.

    An etcd that asks for none hands the whole cluster to whoever reaches its port.

    Fix: set ``--etcd-certfile`` and ``--etcd-keyfile``.
    """
    assert apiserver.flag("etcd-certfile")
    assert apiserver.flag("etcd-keyfile")


@requirement(
    "AUD-250",
    severity="high",
    expected="https URLs only",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-8(1)"],
)
def test_apiserver_reaches_etcd_over_tls(apiserver: ApiServer) -> None:
    """The API server reaches etcd over TLS only.

    Everything that the cluster knows travels on this connection.

    Fix: write every URL of ``--etcd-servers`` with https.
    """
    servers = apiserver.listed("etcd-servers")
    assert servers
    assert all(url.startswith("https://") for url in servers)


@requirement(
    "AUD-251",
    severity="high",
    expected="a client certificate and its key",
    controls=["nist-800-53r5:ia-3", "nist-800-53r5:sc-8", "cis-kubernetes-2.0.1:1.2.4", "stig-kubernetes:V-245544"],
)
def test_apiserver_shows_kubelets_a_certificate(apiserver: ApiServer) -> None:
    """The API server shows kubelets a client certificate.

    A kubelet that asks for none runs commands in its pods for anybody.

    Fix: set ``--kubelet-client-certificate`` and ``--kubelet-client-key``.
    """
    assert apiserver.flag("kubelet-client-certificate")
    assert apiserver.flag("kubelet-client-key")


@requirement(
    "AUD-252",
    severity="high",
    expected="a CA file",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-23", "cis-kubernetes-2.0.1:1.2.5"],
)
def test_apiserver_verifies_kubelets(apiserver: ApiServer) -> None:
    """The API server verifies the certificates of kubelets.

    Without it, logs, exec and port-forward can be read and changed on their way.

    Fix: let the cluster's CA sign the kubelets' certificates, and set ``--kubelet-certificate-authority``.
    """
    assert apiserver.flag("kubelet-certificate-authority")
