"""etcd: who may talk to it, and to whom it talks."""

from preaudit import Etcd, Policy, requirement

from .settings import TLS_MINIMUM, at_least

_TLS = ("https://", "unixs://")


@requirement(
    "AUD-401",
    severity="high",
    expected="a certificate and its key",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:2.1", "stig-kubernetes:V-242427",
              "stig-kubernetes:V-242428"],
)  # fmt: skip
def test_etcd_has_a_certificate(etcd: Etcd) -> None:
    """Etcd has a certificate and a key for its clients.

    Everything that the cluster knows, Secrets included, travels on these connections.

    Fix: set ``--cert-file`` and ``--key-file``.
    """
    assert etcd.flag("cert-file")
    assert etcd.flag("key-file")


@requirement(
    "AUD-402",
    severity="critical",
    expected="true",
    controls=["nist-800-53r5:ia-3", "nist-800-53r5:ac-3", "cis-kubernetes-2.0.1:2.2", "stig-kubernetes:V-242423"],
)
def test_etcd_asks_clients_for_certificates(etcd: Etcd) -> None:
    """Etcd asks its clients for certificates.

    Otherwise whoever reaches its port reads and writes the whole cluster.

    Fix: set ``--client-cert-auth=true`` and ``--trusted-ca-file``.
    """
    assert etcd.switch("client-cert-auth", default=False)


@requirement(
    "AUD-403",
    severity="high",
    expected="false or unset",
    controls=["nist-800-53r5:sc-17", "nist-800-53r5:sc-8", "cis-kubernetes-2.0.1:2.3", "stig-kubernetes:V-242379"],
)
def test_etcd_makes_no_certificates_for_clients(etcd: Etcd) -> None:
    """Etcd does not make its own certificate for clients.

    Nobody can verify a certificate that its owner made at the start.

    Fix: remove ``--auto-tls`` and set ``--cert-file`` and ``--key-file``.
    """
    assert not etcd.switch("auto-tls", default=False)


@requirement(
    "AUD-404",
    severity="high",
    expected="a certificate and its key",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:2.4", "stig-kubernetes:V-242432",
              "stig-kubernetes:V-242433"],
)  # fmt: skip
def test_etcd_has_a_certificate_for_peers(etcd: Etcd) -> None:
    """Etcd has a certificate and a key for its peers.

    Members send each other everything that is written.

    Fix: set ``--peer-cert-file`` and ``--peer-key-file``.
    """
    assert etcd.flag("peer-cert-file")
    assert etcd.flag("peer-key-file")


@requirement(
    "AUD-405",
    severity="critical",
    expected="true",
    controls=["nist-800-53r5:ia-3", "nist-800-53r5:ac-3", "cis-kubernetes-2.0.1:2.5", "stig-kubernetes:V-242426"],
)
def test_etcd_asks_peers_for_certificates(etcd: Etcd) -> None:
    """Etcd asks its peers for certificates.

    Otherwise a stranger may join the cluster and receive all of its data.

    Fix: set ``--peer-client-cert-auth=true`` and ``--peer-trusted-ca-file``.
    """
    assert etcd.switch("peer-client-cert-auth", default=False)


@requirement(
    "AUD-406",
    severity="high",
    expected="false or unset",
    controls=["nist-800-53r5:sc-17", "nist-800-53r5:sc-8", "cis-kubernetes-2.0.1:2.6", "stig-kubernetes:V-242380"],
)
def test_etcd_makes_no_certificates_for_peers(etcd: Etcd) -> None:
    """Etcd does not make its own certificate for peers.

    Nobody can verify a certificate that its owner made at the start.

    Fix: remove ``--peer-auto-tls`` and set ``--peer-cert-file`` and ``--peer-key-file``.
    """
    assert not etcd.switch("peer-auto-tls", default=False)


@requirement(
    "AUD-407",
    severity="medium",
    expected="a CA file that is not the API server's --client-ca-file",
    controls=["nist-800-53r5:sc-12", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:2.7"],
    limitations="Names of files are compared; two files may hold the same CA.",
)
def test_etcd_trusts_a_ca_of_its_own(etcd: Etcd) -> None:
    """Etcd trusts a CA of its own and not the cluster's.

    With the cluster's CA, every client certificate of the cluster opens etcd.

    Fix: make a CA for etcd, and name it in ``--trusted-ca-file``.
    """
    others = [apiserver.flag("client-ca-file") for apiserver in etcd.beside("kube-apiserver")]
    trusted = etcd.flag("trusted-ca-file")
    assert trusted
    assert trusted not in others


@requirement(
    "AUD-408",
    severity="high",
    expected="a CA file",
    controls=["nist-800-53r5:sc-17", "nist-800-53r5:ia-3", "cis-kubernetes-2.0.1:2.5"],
)
def test_etcd_verifies_peers(etcd: Etcd) -> None:
    """Etcd verifies its peers' certificates against a CA that it was given.

    Without one, the system's own list of CAs decides, which holds half the internet.

    Fix: set ``--peer-trusted-ca-file``.
    """
    assert etcd.flag("peer-trusted-ca-file")


@requirement(
    "AUD-409",
    severity="high",
    expected="https URLs only",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-8(1)"],
)
def test_etcd_listens_with_tls_only(etcd: Etcd) -> None:
    """Etcd listens with TLS only, for clients and for peers.

    By default it listens without; a certificate alone does not change that.

    Fix: write https in every URL of ``--listen-client-urls``, ``--listen-client-http-urls`` and ``--listen-peer-urls``.
    """
    for flag in ("listen-client-urls", "listen-peer-urls"):
        urls = etcd.listed(flag)
        assert urls
        assert all(url.startswith(_TLS) for url in urls)
    assert all(url.startswith(_TLS) for url in etcd.listed("listen-client-http-urls"))


@requirement(
    "AUD-410",
    severity="medium",
    expected="the profile's audit.tls_min_version or above, or unset (TLS 1.2)",
    controls=["nist-800-53r5:sc-8", "nist-800-53r5:sc-13"],
    uses=[TLS_MINIMUM],
    limitations="Before etcd 3.4.25 and 3.5.7 there was no such flag, and Go's own minimum holds.",
)
def test_etcd_refuses_old_tls(etcd: Etcd, policy: Policy) -> None:
    """Etcd refuses TLS versions below the profile's minimum.

    TLS 1.0 and 1.1 are broken.

    Fix: set ``--tls-min-version=TLS1.2``, or TLS1.3.
    """
    assert at_least(etcd.flag("tls-min-version") or "TLS1.2", policy[TLS_MINIMUM])
