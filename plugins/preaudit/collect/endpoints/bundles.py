"""CA bundles: by what the API server trusts a webhook or an aggregated API, so what its certificate must lead to."""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from preaudit.subjects.estate import Estate

_WEBHOOKS = "admissionregistration.k8s.io"
WEBHOOK_SOURCES = (f"validatingwebhookconfigurations.{_WEBHOOKS}", f"mutatingwebhookconfigurations.{_WEBHOOKS}")
API_SERVICES = "apiservices.apiregistration.k8s.io"
_MAX = 1 << 20
Bundles = dict[tuple[str, str], dict[str, bytes]]
"""By namespace and name of a Service: bundles (PEM) by the name of the anchors that they are."""


def bundles(estate: Estate) -> Bundles:
    """The bundle of every Service that the API server calls over TLS."""
    found: Bundles = defaultdict(dict)
    for said, service, bundle in _calls(estate):
        namespace, name = service.get("namespace"), service.get("name")
        if isinstance(namespace, str) and isinstance(name, str) and isinstance(bundle, str) and len(bundle) < _MAX:
            try:
                pem = base64.b64decode(bundle, validate=True)
            except (binascii.Error, ValueError):
                continue  # the API server cannot use it either; the certificate then has no such anchor
            if b"-----BEGIN CERTIFICATE-----" in pem:
                found[namespace, name][f"caBundle of {said}"] = pem
    return found


def _calls(estate: Estate) -> Iterator[tuple[str, dict[str, Any], Any]]:
    for source in WEBHOOK_SOURCES:
        for one in estate.objects(source):
            name = (one.get("metadata") or {}).get("name", "")
            listed = one.get("webhooks")
            for webhook in listed if isinstance(listed, list) else []:
                config = webhook.get("clientConfig") if isinstance(webhook, dict) else None
                if not isinstance(config, dict):
                    continue
                service = config.get("service")
                if isinstance(service, dict):
                    said = f"{one.get('kind', 'webhook')}/{name} {webhook.get('name', '')}"
                    yield said, service, config.get("caBundle")
    for one in estate.objects(API_SERVICES):
        spec = one.get("spec")
        if not isinstance(spec, dict):
            continue
        service = spec.get("service")
        if isinstance(service, dict):
            yield f"APIService/{(one.get('metadata') or {}).get('name', '')}", service, spec.get("caBundle")
