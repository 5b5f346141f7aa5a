"""Kubelets as subjects: the configuration that each one runs with, as it tells it itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE
from preaudit.subjects.estate import Estate
from preaudit.subjects.objects import ObjectSubject

SOURCE = "nodes/configz"
_MISSING: Any = object()
_NAMED = 5
T = TypeVar("T")


class Kubelet(ObjectSubject):
    """One node's kubelet.

    Attributes:
        missing: why nothing of it is seen, "" where its configuration is.
    """

    __slots__ = ("missing",)

    def __init__(self, estate: Estate, value: dict[str, Any], missing: str = "") -> None:
        super().__init__(estate, SOURCE, value)
        self.missing = missing

    def setting(self, path: str, type: type[T], *, absent: T = _MISSING) -> T:  # noqa: A002 - the word of the field
        """The value at `path` below ``config``; logged.

        Args:
            path: ``authentication.anonymous.enabled``.
            type: what the value must be: bool, int, str, list.
            absent: the value where the kubelet leaves it out because it is empty; others are always told.

        Raises:
            NotObservable: the value is of another type, or missing though a kubelet always tells it.
        """
        if self.missing:
            raise NotObservable(SOURCE, self.missing)
        value = self.read(f"config.{path}")
        if value is None and absent is not _MISSING:
            return absent
        if not isinstance(value, type) or (type is int and isinstance(value, bool)):
            told = "is not told" if value is None else f"is no {type.__name__}"
            raise NotObservable(f"{self.name}: config.{path}", told)
        return value

    @property
    def is_windows(self) -> bool:
        """Its node runs Windows, where settings of the Linux kernel mean nothing."""
        for node in self.estate.objects("nodes"):
            if (node.get("metadata") or {}).get("name") == self.name:
                status = node.get("status")
                info = status.get("nodeInfo") if isinstance(status, dict) else None
                return isinstance(info, dict) and info.get("operatingSystem") == "windows"
        return False


def kubelets(estate: Estate, namespace: str) -> Iterator[Kubelet]:
    """Every kubelet that told its configuration, and one subject for the nodes whose kubelet is missing unnoticed."""
    del namespace  # kubelets belong to the cluster
    told = set()
    for value in estate.objects(SOURCE):
        kubelet = Kubelet(estate, value)
        told.add(kubelet.name)
        yield kubelet
    if not told or not estate.snapshot.coverage(SOURCE, EVERYWHERE).complete:
        return  # judged as a source that was not seen
    silent = sorted({str((node.get("metadata") or {}).get("name", "")) for node in estate.objects("nodes")} - told)
    if silent:
        more = f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else ""
        names = ", ".join(silent[:_NAMED]) + more
        value = {"metadata": {"name": f"nodes {names}"}, "config": {}}
        yield Kubelet(estate, value, f"the kubelets of these nodes told nothing: {names}")
