"""Certificates that no endpoint sends: CA bundles that others are trusted by, and certificates that were issued.

Those in Secrets of the type ``kubernetes.io/tls`` are not read: listing Secrets is a right that reads private keys too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import msgspec

from preaudit.errors import NotObservable
from preaudit.kubeconfig import AUTHORITY, CLIENT, HeldCertificates
from preaudit.source import KUBECONFIG
from preaudit.subjects.certificate import Certificate, certificate
from preaudit.subjects.estate import Estate
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.pem import certificates_in
from preaudit.subjects.ref import Subject

_WEBHOOKS = "admissionregistration.k8s.io"
SOURCES = (
    f"validatingwebhookconfigurations.{_WEBHOOKS}", f"mutatingwebhookconfigurations.{_WEBHOOKS}",
    "apiservices.apiregistration.k8s.io", "certificatesigningrequests.certificates.k8s.io", KUBECONFIG,
)  # fmt: skip
_OURS = "the credential of whoever ran the audit"


class StoredCertificates:
    """One bundle of CA certificates, or one issued certificate, alone or with those that lead from it to a CA.

    Attributes:
        source: where it stands.
        ref: the object, and the part of it.
        log: what a check read.
        is_bundle: any certificate of it will do; else all of it must be as it should be.
        platform: it is the cluster's matter; whose a webhook is, its object does not tell.
        closes_no_gate: why findings about it are told at level warn at most; "" where they are not.
    """

    def __init__(  # noqa: PLR0913 - what it is, and whose
        self, source: str, ref: Subject, text: Any, *, is_bundle: bool, platform: bool, closes_no_gate: str = ""
    ) -> None:
        self.source = source
        self.ref = ref
        self.log = ReadLog()
        self.is_bundle = is_bundle
        self.platform = platform
        self.closes_no_gate = closes_no_gate
        self._text = text

    @cached_property
    def digest(self) -> str:
        """Sha256 over the text as it is stored."""
        return hashlib.sha256(str(self._text).encode()).hexdigest()

    @cached_property
    def held(self) -> tuple[list[Certificate], str]:
        """The certificates of it that can be read, and why these are not all; "" where they are."""
        try:
            return certificates_in(base64.b64decode(self._text, validate=True))
        except (binascii.Error, ValueError, TypeError):
            return [], "is not base64"

    def violations(self, is_poor: Callable[[Certificate], bool], *, one_will_do: bool = False) -> list[Certificate]:
        """The certificates of it that are not as they should be; logged.

        Args:
            is_poor: tells such a certificate.
            one_will_do: of a bundle it is enough when one certificate is as it should be.

        Raises:
            NotObservable: none was found to be poor, and not all could be read.
        """
        (found, cause), where = self.held, self.ref.within or self.ref.name
        self.log.entries.append((where, where, [one.name for one in found[:10]]))
        unread = NotObservable(where, cause) if cause else None
        poor = []
        for one in found:
            try:
                poor += [one] if is_poor(one) else []
            except NotObservable as error:
                unread = unread or error
        one_will_do = one_will_do and self.is_bundle
        # What cannot be read may be the one certificate that is as it should be.
        if unread is not None and (one_will_do or not poor):
            raise unread
        return [] if one_will_do and len(poor) < len(found) else poor


class _OfKubeconfig(StoredCertificates):
    """What one field of the kubeconfig in use held.

    The client's certificate is neither the product's nor the cluster's: that it ends soon is for its holder to know,
    and closes nobody's gate.
    """

    def __init__(self, seen: HeldCertificates, ref: Subject) -> None:
        is_client = seen.part == CLIENT
        super().__init__(
            KUBECONFIG, ref, (seen.certificates, seen.cause), is_bundle=seen.part == AUTHORITY, platform=True,
            closes_no_gate=_OURS if is_client else "",
        )  # fmt: skip
        self._seen = seen

    @cached_property
    def held(self) -> tuple[list[Certificate], str]:
        """As it was collected: only what could be read was stored."""
        try:
            return [certificate(one) for one in self._seen.certificates], self._seen.cause
        except NotObservable as error:
            return [], f"holds {error}"


def stored_certificates(estate: Estate, namespace: str) -> Iterator[StoredCertificates]:
    """Every CA bundle of a webhook or an aggregated API, every issued certificate, and those of the kubeconfig in use.

    Raises:
        msgspec.ValidationError: what was kept of the kubeconfig is not as our collector writes it.
    """
    del namespace  # they belong to the cluster
    for source in SOURCES[:2]:
        for one in estate.objects(source):
            listed = one.get("webhooks")
            for webhook in listed if isinstance(listed, list) else []:
                config = webhook.get("clientConfig") if isinstance(webhook, dict) else None
                bundle = config.get("caBundle") if isinstance(config, dict) else None
                if bundle:
                    part = f"webhooks[{webhook.get('name', '')}].clientConfig.caBundle"
                    yield StoredCertificates(source, _ref(one, part), bundle, is_bundle=True, platform=False)
    for source, section, field in ((SOURCES[2], "spec", "caBundle"), (SOURCES[3], "status", "certificate")):
        for one in estate.objects(source):
            holder = one.get(section)
            text = holder.get(field) if isinstance(holder, dict) else None
            if text:
                found, is_bundle = _ref(one, f"{section}.{field}"), field == "caBundle"
                yield StoredCertificates(source, found, text, is_bundle=is_bundle, platform=not is_bundle)
    for one in estate.objects(KUBECONFIG):
        seen = msgspec.convert(one.get("spec"), HeldCertificates)
        yield _OfKubeconfig(seen, _ref(one, seen.part))


def _ref(one: dict[str, Any], within: str) -> Subject:
    metadata = one.get("metadata") or {}
    return Subject(
        api_version=str(one.get("apiVersion", "")), kind=str(one.get("kind", "")), name=str(metadata.get("name", "")),
        uid=str(metadata.get("uid", "")), within=within,
    )  # fmt: skip
