"""Who the API server lets in: authentication and authorization."""

from preaudit import ApiServer, requirement


@requirement(
    "AUD-201",
    severity="high",
    expected="false",
    controls=["nist-800-53r5:ac-14", "nist-800-53r5:ia-2", "cis-kubernetes-2.0.1:1.2.1", "stig-kubernetes:V-242390"],
)
def test_apiserver_refuses_anonymous_requests(apiserver: ApiServer) -> None:
    """The API server refuses requests without credentials.

    Anonymous requests are allowed by default, and a single careless binding makes them powerful.

    Fix: set ``--anonymous-auth=false`` and probe the API server over TCP or with a certificate.
    """
    assert not apiserver.switch("anonymous-auth", default=True)


@requirement(
    "AUD-202",
    severity="high",
    expected="unset",
    controls=["nist-800-53r5:ia-5", "cis-kubernetes-2.0.1:1.2.2", "stig-kubernetes:V-245543"],
)
def test_apiserver_takes_no_static_tokens(apiserver: ApiServer) -> None:
    """The API server takes no tokens from a static file.

    Static tokens never expire, stand in clear text on the node and cannot be revoked without a restart.

    Fix: remove ``--token-auth-file`` and use certificates, OIDC or service account tokens.
    """
    assert not apiserver.flag("token-auth-file")


@requirement(
    "AUD-203",
    severity="high",
    expected="unset",
    controls=["nist-800-53r5:ia-5", "stig-kubernetes:V-245542"],
)
def test_apiserver_takes_no_static_passwords(apiserver: ApiServer) -> None:
    """The API server takes no passwords from a static file.

    Passwords in a file never expire and stand in clear text on the node.

    Fix: remove ``--basic-auth-file``; Kubernetes 1.19 and later do not know it any more.
    """
    assert not apiserver.flag("basic-auth-file")


@requirement(
    "AUD-204",
    severity="critical",
    expected="modes without AlwaysAllow",
    controls=["nist-800-53r5:ac-3", "cis-kubernetes-2.0.1:1.2.6", "stig-kubernetes:V-242382", "pci-dss-4.0.1:7.2.1"],
)
def test_apiserver_authorizes_requests(apiserver: ApiServer) -> None:
    """The API server does not allow every request.

    With AlwaysAllow, which is the default, every user and every pod is an administrator.

    Fix: set ``--authorization-mode=Node,RBAC``.
    """
    modes = apiserver.listed("authorization-mode")
    assert modes
    assert "AlwaysAllow" not in modes


@requirement(
    "AUD-205",
    severity="high",
    expected="modes with Node",
    controls=["nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:1.2.7", "stig-kubernetes:V-242382"],
)
def test_apiserver_limits_nodes(apiserver: ApiServer) -> None:
    """The API server authorizes kubelets by the Node mode.

    Without it a kubelet needs roles that let it read the Secrets of all nodes.

    Fix: set ``--authorization-mode=Node,RBAC``.
    """
    assert "Node" in apiserver.listed("authorization-mode")


@requirement(
    "AUD-206",
    severity="high",
    expected="modes with RBAC",
    controls=["nist-800-53r5:ac-3", "nist-800-53r5:ac-6", "cis-kubernetes-2.0.1:1.2.8", "stig-kubernetes:V-242382"],
)
def test_apiserver_authorizes_by_role(apiserver: ApiServer) -> None:
    """The API server authorizes by roles.

    Rights that are no roles cannot be reviewed through the API.

    Fix: set ``--authorization-mode=Node,RBAC``.
    """
    assert "RBAC" in apiserver.listed("authorization-mode")


@requirement(
    "AUD-207",
    severity="high",
    expected="a CA file",
    controls=["nist-800-53r5:ia-2", "nist-800-53r5:sc-17", "cis-kubernetes-2.0.1:1.2.25", "stig-kubernetes:V-242419"],
)
def test_apiserver_verifies_client_certificates(apiserver: ApiServer) -> None:
    """The API server verifies client certificates against a CA.

    Components and administrators show who they are by certificates.

    Fix: set ``--client-ca-file``.
    """
    assert apiserver.flag("client-ca-file")


@requirement(
    "AUD-208",
    severity="high",
    expected="true or unset",
    controls=["nist-800-53r5:ia-5", "nist-800-53r5:ac-12", "cis-kubernetes-2.0.1:1.2.21"],
)
def test_apiserver_looks_tokens_up(apiserver: ApiServer) -> None:
    """The API server refuses tokens of service accounts that were deleted.

    Without the look-up, a stolen token works on after its account is gone.

    Fix: remove ``--service-account-lookup=false``.
    """
    assert apiserver.switch("service-account-lookup", default=True)


@requirement(
    "AUD-209",
    severity="medium",
    expected="a key of its own, or an external signer",
    controls=["nist-800-53r5:sc-12", "cis-kubernetes-2.0.1:1.2.22"],
)
def test_apiserver_has_a_key_for_service_accounts(apiserver: ApiServer) -> None:
    """Service account tokens are verified with a key of their own.

    Without it the key of the API server's certificate is used, and neither can be changed without the other.

    Fix: set ``--service-account-key-file``.
    """
    assert apiserver.flag("service-account-signing-endpoint") or apiserver.listed("service-account-key-file")


@requirement(
    "AUD-210",
    severity="medium",
    expected="an issuer",
    controls=["nist-800-53r5:ia-5", "nist-800-53r5:sc-12"],
)
def test_apiserver_names_the_issuer_of_tokens(apiserver: ApiServer) -> None:
    """Service account tokens name their issuer.

    Bound, expiring tokens need one, and who checks a token elsewhere must know where it comes from.

    Fix: set ``--service-account-issuer``.
    """
    assert apiserver.listed("service-account-issuer")


@requirement(
    "AUD-211",
    severity="low",
    expected="false",
    controls=["nist-800-53r5:ia-5", "nist-800-53r5:ac-12", "cis-kubernetes-2.0.1:1.2.30"],
)
def test_tokens_of_pods_are_not_extended(apiserver: ApiServer) -> None:
    """Tokens of pods expire after an hour and not after a year.

    By default the API server extends them to a year for clients that do not read them again.

    Fix: set ``--service-account-extend-token-expiration=false`` once all clients reload their tokens.
    """
    assert not apiserver.switch("service-account-extend-token-expiration", default=True)
