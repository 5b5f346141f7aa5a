"""Certificates that no endpoint sends: CA bundles that the API server trusts by, and certificates that it issued.

Those in Secrets of the type ``kubernetes.io/tls`` are not read: listing Secrets is a right that reads private keys too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Any

from preaudit.errors import NotObservable
from preaudit.subjects.certificate import Certificate, certificate
from preaudit.subjects.estate import Estate
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.ref import Subject

_WEBHOOKS = "admissionregistration.k8s.io"
SOURCES = (
    f"validatingwebhookconfigurations.{_WEBHOOKS}", f"mutatingwebhookconfigurations.{_WEBHOOKS}",
    "apiservices.apiregistration.k8s.io", "certificatesigningrequests.certificates.k8s.io",
)  # fmt: skip
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.{1,65536}?)-----END CERTIFICATE-----", re.DOTALL)
_MOST = 64
"""Certificates of one bundle that are read."""


class StoredCertificates:
    """One bundle of CA certificates, or one issued certificate.

    Attributes:
        source: where it stands.
        ref: the object, and the part of it.
        log: what a check read.
        is_bundle: any certificate of it will do; else it is a single one.
    """

    __slots__ = ("_text", "is_bundle", "log", "ref", "source")

    def __init__(self, source: str, ref: Subject, text: Any, *, is_bundle: bool) -> None:
        self.source = source
        self.ref = ref
        self.log = ReadLog()
        self.is_bundle = is_bundle
        self._text = text

    @property
    def digest(self) -> str:
        """Sha256 over the text as it is stored."""
        return hashlib.sha256(str(self._text).encode()).hexdigest()

    @property
    def platform(self) -> bool:
        """Issued certificates are the cluster's matter; whose a webhook is, its object does not tell."""
        return not self.is_bundle

    @property
    def certificates(self) -> list[Certificate]:
        """Every certificate of it; logged.

        Raises:
            NotObservable: it holds none that can be read, or more than are read.
        """
        where = self.ref.within or self.ref.name
        try:
            pem = base64.b64decode(self._text, validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise NotObservable(where, "is not base64") from None
        parts = _PEM.findall(pem)
        if not parts or len(parts) > _MOST:
            raise NotObservable(where, f"holds {len(parts)} certificates in PEM form, not 1 to {_MOST}")
        found = [certificate(b"".join(one.split()).decode("ascii", "replace")) for one in parts]
        self.log.entries.append((where, where, [one.name for one in found][:10]))
        return found


def stored_certificates(estate: Estate, namespace: str) -> Iterator[StoredCertificates]:
    """Every CA bundle of a webhook or an aggregated API, and every certificate that a signing request got."""
    del namespace  # they belong to the cluster
    for source in SOURCES[:2]:
        for one in estate.objects(source):
            listed = one.get("webhooks")
            for webhook in listed if isinstance(listed, list) else []:
                config = webhook.get("clientConfig") if isinstance(webhook, dict) else None
                bundle = config.get("caBundle") if isinstance(config, dict) else None
                if bundle:
                    part = f"webhooks[{webhook.get('name', '')}].clientConfig.caBundle"
                    yield StoredCertificates(source, _ref(one, part), bundle, is_bundle=True)
    for source, section, field in ((SOURCES[2], "spec", "caBundle"), (SOURCES[3], "status", "certificate")):
        for one in estate.objects(source):
            holder = one.get(section)
            text = holder.get(field) if isinstance(holder, dict) else None
            if text:
                found = _ref(one, f"{section}.{field}")
                yield StoredCertificates(source, found, text, is_bundle=field == "caBundle")


def _ref(one: dict[str, Any], within: str) -> Subject:
    metadata = one.get("metadata") or {}
    return Subject(
        api_version=str(one.get("apiVersion", "")), kind=str(one.get("kind", "")), name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")), within=within,
    )  # fmt: skip
