"""Single objects as subjects: a namespace, a service account, a Service."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE, parse_time
from preaudit.source import SOURCES
from preaudit.subjects.estate import Estate
from preaudit.subjects.lens import Lens, ReadLog
from preaudit.subjects.owners import WORKLOAD_SOURCES
from preaudit.subjects.ref import Subject

_ENCODE = msgspec.json.Encoder(order="deterministic").encode
_IDENTITY = ("uid", "resourceVersion", "creationTimestamp", "generation")


class ObjectSubject(Lens):
    """One object of one source; subclasses only name it, so that a check's first parameter can.

    Attributes:
        namespace: the object's namespace, for a Namespace its own name, "" for other cluster-wide objects.
        name: the object's name.
    """

    __slots__ = ("estate", "name", "namespace", "ref", "source")

    def __init__(self, estate: Estate, source: str, value: dict[str, Any]) -> None:
        known = SOURCES[source]
        metadata = value.get("metadata") or {}
        self.estate = estate
        self.source = source
        self.name = str(metadata.get("name", ""))
        self.namespace = self.name if known.kind == "Namespace" else str(metadata.get("namespace", ""))
        self.ref = Subject(
            api_version=str(value.get("apiVersion") or known.api_version),
            kind=str(value.get("kind") or known.kind),
            namespace=str(metadata.get("namespace", "")),
            name=self.name,
            uid=str(metadata.get("uid", "")),
        )
        super().__init__(value, known.kind, "", "", ReadLog())

    @property
    def digest(self) -> str:
        """Sha256 over the (redacted) object without what is its identity and not its content."""
        value = {key: part for key, part in self._value.items() if key not in {"metadata", "status"}}
        metadata = self._value.get("metadata") or {}
        value["metadata"] = {key: part for key, part in metadata.items() if key not in _IDENTITY}
        return hashlib.sha256(_ENCODE(value)).hexdigest()

    def label(self, key: str) -> Any:
        """The value of a label, None where it is not set; logged."""
        return self.key("metadata.labels", key)

    def annotation(self, key: str) -> Any:
        """The value of an annotation, None where it is not set; logged."""
        return self.key("metadata.annotations", key)

    def related(self, source: str) -> list[Lens]:
        """The objects of another source in this namespace, or of a cluster-wide source; see `Estate.related`."""
        return self.estate.related(source, self.namespace or EVERYWHERE, self.log)


class Namespace(ObjectSubject):
    """A namespace; judged in its own item."""

    __slots__ = ()

    @property
    def holds_workloads(self) -> bool:
        """Whether any workload lives in it.

        Raises:
            NotObservable: none was seen, and the workloads of this namespace were not all seen.
        """
        if self.estate.forms.by_namespace.get(self.name):
            return True
        for source in WORKLOAD_SOURCES:
            self.estate.snapshot.require(source, self.name)
        return False


class ServiceAccount(ObjectSubject):
    """A service account."""

    __slots__ = ()


class Service(ObjectSubject):
    """A Service."""

    __slots__ = ()


class ManagedCertificate(ObjectSubject):
    """A Certificate of cert-manager: what is to be issued, and what became of it."""

    __slots__ = ()

    @property
    def is_ready(self) -> bool:
        """cert-manager says that it was issued and is up to date; logged."""
        return any(
            one.read("status") == "True" for one in self.each("status.conditions") if one.read("type") == "Ready"
        )

    @property
    def ends(self) -> datetime:
        """The end of the certificate that was issued; logged.

        Raises:
            NotObservable: the status does not tell.
        """
        text = self.read("status.notAfter")
        try:
            return parse_time(str(text))
        except ValueError:
            raise NotObservable("status.notAfter", "no certificate was issued, or its end is not told") from None


def of_source(source: str, subject: type[ObjectSubject]) -> Callable[[Estate, str], Iterator[ObjectSubject]]:
    """An enumeration of the objects of one source in a namespace."""

    def enumerate_objects(estate: Estate, namespace: str) -> Iterator[ObjectSubject]:
        for value in estate.objects(source, namespace):
            if source != "namespaces" or value["metadata"].get("name") == namespace:
                yield subject(estate, source, value)

    return enumerate_objects
