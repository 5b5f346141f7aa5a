"""Disclosure: what an endpoint tells about itself to those who have not said who they are."""

from preaudit import ComponentEndpoint, Endpoint, listed, requirement

from .settings import HTTP, speaks_http


@requirement(
    "NET-201", severity="low", expected="no version", controls=["nist-800-53r5:cm-7", "nist-800-53r5:si-11"],
    where=speaks_http, population=HTTP, active="connect", method="TEST",
    limitations="The pages that were asked for stand in the evidence, and 16 KiB of their text were searched; others "
    "may tell more.",
)  # fmt: skip
def test_no_version_is_disclosed(endpoint: Endpoint) -> None:
    """Headers and error pages name no version of the software.

    Who knows the version knows which of its published holes to try.

    Fix: switch it off (nginx ``server_tokens off``, Apache ``ServerTokens Prod``, Spring ``server.error.*``), or have
    the proxy before it remove Server, X-Powered-By, Via and X-AspNet-Version.
    """
    found = endpoint.pages("disclosed versions", lambda page: page.disclosed, texts=True)
    assert not found, f"it names {listed(found)}"


@requirement(
    "NET-202", severity="low", expected="401 or 403", controls=["nist-800-53r5:ac-14", "nist-800-53r5:cm-7"],
    where=lambda component_endpoint: component_endpoint.seen.role == "apiserver",
    population="every endpoint of the API server", active="connect", method="TEST",
    limitations="Kubernetes gives /version to everybody unless its binding system:public-info-viewer is changed.",
)  # fmt: skip
def test_apiserver_hides_its_version(component_endpoint: ComponentEndpoint) -> None:
    """The API server tells its version only to those who say who they are.

    The page names the patch release, and so every hole that was closed after it.

    Fix: remove system:unauthenticated from the ClusterRoleBinding system:public-info-viewer (probes of load balancers
    may need /livez: bind that alone), or set ``--anonymous-auth=false``.
    """
    assert component_endpoint.status_of("/version") in {401, 403}
