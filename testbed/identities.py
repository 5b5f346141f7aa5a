"""Who is who in the product: the certificates of each variant, as Secrets of type kubernetes.io/tls, and its CA."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import time

from testbed.api import Object
from testbed.certificates import Authority, Pair, Wanted
from testbed.layout import STATE

FOLDER = STATE / "product"
FRESH = 20 * 3600  # seconds; the shortest certificate lives for three days, and is renewed before a day is over
_MARK = re.compile("@ca-bundle(?:/([a-z]+))?")
"""Stands in manifests for a CA in base64, as a webhook's caBundle wants it: the variant's own, or one by name."""


def _served(service: str, namespace: str, **more: float) -> Wanted:
    return Wanted((f"{service}.{namespace}.svc", f"{service}.{namespace}", service), **more)


_GOOD = {
    "shop/web-tls": _served("web", "shop"),
    "shop/web-metrics-tls": _served("web-metrics", "shop"),
    "shop/shop-example-tls": Wanted(("shop.example",)),
    "shop/admin-example-tls": Wanted(("admin.shop.example",)),
    # As a mesh issues them: for three days, renewed in time.
    "shop/api-tls": _served("api", "shop", begins=-0.3, ends=2.7, bits=3072),
    # RSA: what groups an ECDSA server of TLS 1.2 takes beside that of its key cannot be told from outside.
    "shop-data/postgres-tls": _served("postgres", "shop-data", bits=3072),
    "shop-data/queue-tls": _served("queue", "shop-data"),
    "shop-data/cache-tls": _served("cache", "shop-data"),
    "shop-data/ledger-tls": _served("ledger", "shop-data"),
    "shop-system/log-shipper-tls": _served("log-shipper", "shop-system"),
    "shop-system/exporter-tls": _served("exporter", "shop-system"),
    "shop-system/admission-tls": _served("admission", "shop-system"),
}
_BRANCH = ("branches.bad-shop.svc",)
_SHARED = Wanted(("gateway.bad-shop.svc", "admission.bad-shop-system.svc"), bits=2048, issuer="other")
_BAD = {
    "bad-shop/edge-tls": Wanted(("edge.bad-shop.svc",), bits=1024, issuer="self", ends=3650),
    "bad-shop/curve-tls": _served("curve", "bad-shop", bits=2048),
    "bad-shop/expired-tls": Wanted(_BRANCH, begins=-90, ends=-1, bits=2048),
    "bad-shop/sha1-tls": Wanted(_BRANCH, bits=2048, sha1=True),
    "bad-shop/future-tls": Wanted(_BRANCH, begins=30, bits=2048),
    "bad-shop/wrong-name-tls": Wanted(("elsewhere.example",), bits=2048),
    "bad-shop/other-ca-tls": Wanted(_BRANCH, bits=2048, issuer="other"),
    "bad-shop/self-signed-tls": Wanted(_BRANCH, bits=2048, issuer="self"),
    "bad-shop/odd-ca-tls": Wanted(_BRANCH, bits=2048, issuer="odd"),
    "bad-shop/soon-tls": Wanted(_BRANCH, begins=-87, ends=3, bits=2048),
    "bad-shop/long-tls": Wanted(_BRANCH, ends=1200, bits=2048),
    "bad-shop/client-tls": Wanted(_BRANCH, bits=2048, client=True),
    "bad-shop/legacy-tls": _served("legacy", "bad-shop", bits=2048),
    "bad-shop/kiosk-tls": _served("kiosk", "bad-shop", bits=2048),
    # One key in two namespaces.
    "bad-shop/shared-tls": _SHARED,
    "bad-shop-system/shared-tls": _SHARED,
}
_USUAL = {
    f"usual/{name}-tls": _served(name, "usual", bits=2048)
    for name in ("nginx", "envoy", "redis", "postgres", "mariadb")
} | {
    "usual/go-tls": Wanted(("go.usual.svc", "go.usual", "go", "go.through.example"), bits=2048),
    "usual/one-example-tls": Wanted(("one.usual.example",)),
    "usual/two-example-tls": Wanted(("two.usual.example",), bits=2048),
    "usual/red-example-tls": Wanted(("*.red.example",)),
    "usual/blue-example-tls": Wanted(("*.blue.example",), bits=2048),
}
IDENTITIES = {"good": _GOOD, "bad": _BAD, "usual": _USUAL}


def objects(variant: str) -> list[Object]:
    """Give the Secrets of a variant and a ConfigMap ``ca`` in each of its namespaces; the same ones for a day.

    Raises:
        OSError: The testbed's folder cannot be written.
    """
    kept = FOLDER / f"{variant}.json"
    if not is_fresh(variant):
        FOLDER.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(_made(variant)))
        kept.chmod(0o600)
    return list(json.loads(kept.read_text()))


def is_fresh(variant: str) -> bool:
    """Say whether a variant has certificates that are good for hours."""
    kept = FOLDER / f"{variant}.json"
    return kept.exists() and time.time() - kept.stat().st_mtime < FRESH


def forget(variant: str) -> None:
    """Have the next deployment make certificates anew."""
    (FOLDER / f"{variant}.json").unlink(missing_ok=True)


def authority_file(variant: str) -> str:
    """Give the path of a file with a variant's CA, as an auditor gets it from the customer (``--ca``)."""
    path = FOLDER / f"{variant}-ca.crt"
    path.write_text(_bundles(variant)["ca.crt"])
    return str(path)


def with_bundles(variant: str, text: str) -> str:
    """Give manifests with CAs in the place of their marks."""
    known = _bundles(variant)
    return _MARK.sub(lambda mark: base64.b64encode(known[f"{mark[1] or 'ca'}.crt"].encode()).decode(), text)


def _bundles(variant: str) -> dict[str, str]:
    return next(dict(one["data"]) for one in objects(variant) if one["kind"] == "ConfigMap")


def _made(variant: str) -> list[Object]:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    wanted = IDENTITIES[variant]
    # SHA-1 signatures are made by RSA authorities alone; the good one signs with P-256.
    bits = 0 if variant == "good" else 2048
    ca, other = Authority(f"{variant} shop CA", now, bits=bits), Authority("CA of somebody", now, bits=bits)
    odd = Authority("CA without key usage", now, bits=bits, conforming=False)
    forgotten = {
        "expired": Authority("CA of last year", now, ends=-10),
        "soon": Authority("CA that ends", now, ends=3),
        "small": Authority("CA of long ago", now, bits=1024),
    }
    by_issuer = {"ca": ca, "self": ca, "other": other, "odd": odd}
    pairs: dict[int, Pair] = {}
    made: list[Object] = []
    for place, one in wanted.items():
        namespace, _, name = place.partition("/")
        pair = pairs.setdefault(id(one), by_issuer[one.issuer].issue(one))
        metadata = {"name": name, "namespace": namespace}
        data = {"tls.crt": pair.chain, "tls.key": pair.key}
        secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls"}
        made.append({**secret, "metadata": metadata, "stringData": data})
    for namespace in sorted({place.partition("/")[0] for place in wanted}):
        metadata = {"name": "ca", "namespace": namespace}
        data = {"ca.crt": ca.pem}
        if variant == "bad":
            data = {"ca.crt": ca.pem + odd.pem, **{f"{name}.crt": one.pem for name, one in forgotten.items()}}
        made.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    return made
