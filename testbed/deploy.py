"""The product that audits are tried on: the vendor application "shop", as it should be shipped, or as it should not."""

from __future__ import annotations

import json
import subprocess
import time

from testbed import identities, registry
from testbed.access import administrator
from testbed.api import MERGE, Api, Object
from testbed.build import CONTOUR_MODULE, build, module_file
from testbed.layout import NODES, SOURCE, STATE, TestbedError, node_address

VARIANTS = ("good", "bad", "usual")
NAMESPACES = {
    "good": ("shop", "shop-data", "shop-system"),
    "bad": ("bad-shop", "bad-shop-data", "bad-shop-system"),
    "usual": ("usual", "usual-routes"),
}
"""All variants fit into one cluster: none names anything of another."""
DOORS = {"good": "198.18.255.11", "bad": "198.18.255.12", "usual": "198.18.254.1"}
"""Addresses of load balancers: kube-proxy answers for them at any node as soon as a Service's status names them."""
CLASS = "shop"
"""The class of Ingresses that no controller looks after: the product's nginx serves their hosts itself."""
KINDS = {"usual": ("examples/contour/01-crds.yaml", "examples/gateway/00-crds.yaml")}
"""Kinds of a variant's own, which Contour ships: its own, and those of the Gateway API, experimental ones too."""
_PUBLISHED = ("v1/gateways", "v1/httproutes", "v1alpha2/tlsroutes")
READY_LIMIT, DELETE_LIMIT, APPLY_LIMIT = 180.0, 120.0, 60.0  # seconds


def manifests(variant: str, *, gateway: bool = True) -> str:
    """Give a variant's manifests as one YAML stream, its images named by the digests of this testbed's registry.

    Args:
        variant: One of VARIANTS.
        gateway: With the objects of the Gateway API.

    Raises:
        TestbedError: The cluster is down, so nobody knows the digests.
    """
    known = STATE / "images.json"
    if not known.exists():
        raise TestbedError("the cluster is down: run `python -m testbed up`")
    files = sorted((SOURCE / "product" / variant).glob("*.yaml"))
    files = [path for path in files if gateway or not path.name.endswith("-gateway.yaml")]
    namespaces, *others = [path.read_text() for path in files]  # first, for the Secrets to go into
    made = [json.dumps(one) for one in identities.objects(variant)]
    text = "\n---\n".join((namespaces, *made, *others))
    for name, pinned in json.loads(known.read_text()).items():
        text = text.replace(f"{name}@digest", pinned)
    return identities.with_bundles(variant, text)


def deploy(variant: str) -> None:
    """Apply a variant as its users do, by ``kubectl apply``, and wait until all of it runs.

    Raises:
        TestbedError: The API server refused something, or something does not run after the limit; with what.
    """
    known = STATE / "images.json"
    if known.exists():
        known.write_text(json.dumps(registry.fill()))  # the cluster may have come up before an image was changed
    _have_kinds(variant)
    text = manifests(variant)
    kubectl(["apply", "-f", "-"], text, APPLY_LIMIT)
    api = Api(administrator())
    deadline = time.monotonic() + READY_LIMIT
    try:
        while waiting := _not_ready(api, NAMESPACES[variant]):
            if time.monotonic() > deadline:
                raise TestbedError(f"after {READY_LIMIT:.0f} s: {'; '.join(waiting)} (look at `kubectl describe`)")
            time.sleep(0.5)
        _open_doors(api, variant)
        while not all(_has_door(one) for namespace in NAMESPACES[variant] for one in _ingresses(api, namespace)):
            if time.monotonic() > deadline:
                raise TestbedError(f"after {READY_LIMIT:.0f} s an Ingress of {variant} has no address")
            time.sleep(0.2)
        while waiting := _unanswered(api, variant):
            if time.monotonic() > deadline:
                raise TestbedError(f"after {READY_LIMIT:.0f} s nobody has answered for {', '.join(waiting)}")
            time.sleep(0.2)
    finally:
        api.close()


def undeploy(variant: str) -> None:
    """Delete a variant and wait until it is gone; one that is not there is no error.

    Its own kinds go last: to take kinds away while namespaces are being emptied holds those up.
    """
    words = ["delete", "--ignore-not-found", f"--timeout={DELETE_LIMIT:.0f}s", "-f", "-"]
    # Kubectl does not even try to delete objects of kinds that the server has not.
    names = kubectl(["api-resources", "--api-group=gateway.networking.k8s.io", "-o", "name"]).split()
    kubectl(words, manifests(variant, gateway=bool(names)), DELETE_LIMIT + 30)
    for kinds in _kinds(variant) if names else ():
        kubectl(words, kinds, DELETE_LIMIT + 30)
    identities.forget(variant)


def _kinds(variant: str) -> list[str]:
    return [module_file("contour", CONTOUR_MODULE, path) for path in KINDS.get(variant, ())]


def _have_kinds(variant: str) -> None:
    """Have the server know a variant's own kinds."""
    for kinds in _kinds(variant):
        # By the server: what kubectl would write beside them is too long for some.
        kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], kinds, APPLY_LIMIT)
        kubectl(["wait", "--for=condition=Established", "-f", "-"], kinds, APPLY_LIMIT)


def kubectl(words: list[str], text: str = "", limit: float = 60.0) -> str:
    """Run kubectl as the administrator, `text` on its standard input; give what it prints.

    Raises:
        TestbedError: It failed, or had not ended after the limit in seconds.
    """
    command = [str(build("kube")), "kubectl", "--kubeconfig", str(administrator()), *words]
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise TestbedError(f"kubectl {' '.join(words)} has not ended after {limit:.0f} s") from None
    if done.returncode:
        raise TestbedError(f"kubectl {' '.join(words)} failed:\n{done.stderr.strip()[-1500:]}")
    return done.stdout


def _open_doors(api: Api, variant: str) -> None:
    """Write into statuses what a cloud's load balancer and an ingress controller write there."""
    if variant == "usual":  # no node's own address, so the way there leads through one, as routers are told it
        route = ["ip", "route", "replace", DOORS[variant], "via", node_address(NODES[-1])]
        subprocess.run(route, check=True, timeout=APPLY_LIMIT)
    status = {"status": {"loadBalancer": {"ingress": [{"ip": DOORS.get(variant, "")}]}}}
    for namespace in NAMESPACES[variant]:
        services = f"/api/v1/namespaces/{namespace}/services"
        for one in api.get(services)["items"]:
            if one["spec"]["type"] == "LoadBalancer":
                api.do("PATCH", f"{services}/{one['metadata']['name']}/status", status, MERGE)
        ingresses = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses"
        for one in _ingresses(api, namespace):
            if one["spec"].get("ingressClassName") == CLASS:
                api.do("PATCH", f"{ingresses}/{one['metadata']['name']}/status", status, MERGE)


def _ingresses(api: Api, namespace: str) -> list[Object]:
    return list(api.get(f"/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses")["items"])


def _has_door(one: Object) -> bool:
    return bool(one["status"]["loadBalancer"].get("ingress"))


def _unanswered(api: Api, variant: str) -> list[str]:
    """Gateways without an address, and routes about which their Gateway has said nothing yet."""
    found = []
    for namespace in NAMESPACES[variant] if variant in KINDS else ():
        for place in _PUBLISHED:
            version, _, kind = place.partition("/")
            field = "addresses" if kind == "gateways" else "parents"
            listed = api.get(f"/apis/gateway.networking.k8s.io/{version}/namespaces/{namespace}/{kind}")["items"]
            silent = [one["metadata"]["name"] for one in listed if not one.get("status", {}).get(field)]
            found += [f"{kind[:-1]} {namespace}/{name}" for name in silent]
    return found


def _not_ready(api: Api, namespaces: tuple[str, ...]) -> list[str]:
    """Everything that was asked for and does not run yet, and pods that are on their way out."""
    found = []
    for namespace in namespaces:
        for kind in ("deployments", "statefulsets", "daemonsets"):
            for one in api.get(f"/apis/apps/v1/namespaces/{namespace}/{kind}")["items"]:
                found += _problem(kind, one)
        for one in api.get(f"/apis/batch/v1/namespaces/{namespace}/jobs")["items"]:
            if not one["status"].get("succeeded"):
                found.append(f"job {namespace}/{one['metadata']['name']} has not succeeded")
        for one in api.get(f"/api/v1/namespaces/{namespace}/pods")["items"]:
            name, phase = one["metadata"]["name"], one["status"].get("phase")
            if "deletionTimestamp" in one["metadata"] or phase not in ("Running", "Succeeded"):
                found.append(f"pod {namespace}/{name} is {phase}")
    return found


def _problem(kind: str, one: Object) -> list[str]:
    status, metadata = one["status"], one["metadata"]
    if kind == "daemonsets":
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
        current = status.get("updatedNumberScheduled", 0)
    else:
        wanted = one["spec"].get("replicas", 1)
        ready, current = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    seen = status.get("observedGeneration", 0) >= metadata["generation"]
    # An empty DaemonSet is one that no controller has looked at yet: both nodes take pods.
    if seen and ready == wanted and current == wanted and (wanted or kind != "daemonsets"):
        return []
    return [f"{kind[:-1]} {metadata['namespace']}/{metadata['name']}: {ready} of {wanted} ready"]
