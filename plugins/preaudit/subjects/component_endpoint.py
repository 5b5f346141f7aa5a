"""Endpoints of the cluster's own components: every cluster has them, so that one who sees none has not looked."""

from __future__ import annotations

from collections.abc import Iterator

from preaudit.endpoint import Answer, Reached
from preaudit.endpoint import Endpoint as Seen
from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE
from preaudit.subjects.coverage import coverage_places, gaps, missing_anywhere
from preaudit.subjects.endpoint import Endpoint, by_place
from preaudit.subjects.estate import CLUSTER, Estate

READ_ONLY = "kubelet-read-only"
_PUBLIC = ("/healthz", "/livez", "/readyz", "/version", "/.well-known/openid-configuration")
"""Pages that components give to everybody by design; what they tell is judged elsewhere."""
_NAMED = 5


class ComponentEndpoint(Endpoint):
    """An endpoint of the API server, a kubelet, etcd, the scheduler or the controller manager."""

    __slots__ = ()

    @property
    def demands_certificate(self) -> bool:
        """A client without a certificate is turned away by TLS itself; logged.

        Raises:
            NotObservable: it is not known.
        """
        asked, answer = self.tls.client_certificate, self.tls.without_certificate
        self.note("asks for a client certificate", asked.value)
        self.note("a handshake without one", answer.value)
        if answer is Answer.ACCEPTED or asked.value is False:
            return False
        # A refusal that follows no question may be about something else.
        if answer is Answer.REFUSED and asked.value:
            return True
        why = self.tls.without_certificate_cause or asked.cause or answer.value
        raise NotObservable("a handshake without client certificate", why)

    def let_in(self) -> list[str]:
        """Guarded pages that were given to a client without credentials; logged.

        Raises:
            NotObservable: none was, and none was refused with 401 or 403 either, or some were not answered.
        """
        # A request that names no host is malformed: that it is turned away tells nothing.
        guarded = [one for one in self.seen.pages
                   if not _is_public(one.path) and (one.host or not 400 <= one.status < 500)]  # fmt: skip
        if not any(page.status for page in guarded) and self.demands_certificate:
            return self.found("pages given to anybody", (), ())
        turned_away = any(one.status in {401, 403} for one in guarded)
        unseen = [
            NotObservable(f"{one.method} {one.path}", one.cause or f"{one.status} tells nothing of rights")
            for one in guarded
            if one.status not in {401, 403} and not 200 <= one.status < 300
            # A kubelet answers 404 for paths that it does not have before it asks who comes: nothing was given there.
            and not (one.status == 404 and turned_away)
        ]
        if not guarded:
            unseen.append(NotObservable("guarded pages", "none was asked for"))
        for page in guarded:
            self.note(f"{page.method} {page.path}", page.status)
        given = [f"{one.method} {one.path}: {one.status}" for one in guarded if 200 <= one.status < 300]
        return self.found("pages given to anybody", given, unseen)

    def status_of(self, path: str) -> int:
        """The status that a page answered to a client without credentials; logged.

        Raises:
            NotObservable: it was not asked for, or did not answer.
        """
        for page in self.seen.pages:
            if page.path == path:
                self.note(f"{page.method} {path}", page.status)
                if page.status:
                    return page.status
                raise NotObservable(path, page.cause or "no answer came")
        raise NotObservable(path, "it was not asked for")


class ClosedPort(Endpoint):
    """A port that must be closed, on one node.

    Attributes:
        missing: why nobody looked, "" where somebody did.
    """

    __slots__ = ("missing",)

    def __init__(self, estate: Estate, source: str, seen: Seen, missing: str = "") -> None:
        super().__init__(estate, source, seen)
        self.missing = missing

    @property
    def is_closed(self) -> bool:
        """Connections are refused there; logged.

        Raises:
            NotObservable: nobody answered, which a firewall on the way does as well.
        """
        if self.missing:
            raise NotObservable(self.seen.name, self.missing)
        self.note(f"port {self.seen.port}", self.seen.reached.value)
        if self.seen.reached in {Reached.OPEN, Reached.CLOSED}:
            return self.seen.reached is Reached.CLOSED
        raise NotObservable(f"port {self.seen.port}", self.seen.cause or self.seen.reached.value)


def _is_public(path: str) -> bool:
    return any(path == one or path.startswith((f"{one}/", f"{one}?")) for one in _PUBLIC)


def component_endpoints(estate: Estate, namespace: str) -> Iterator[ComponentEndpoint]:
    """The endpoints that play a role in the cluster and were understood."""
    del namespace  # they belong to the cluster, wherever their owner lives
    for source, seen in _all(estate):
        if seen.role and seen.role != READ_ONLY and seen.understood:
            yield ComponentEndpoint(estate, source, seen)


def read_only_ports(estate: Estate, namespace: str) -> Iterator[ClosedPort]:
    """The read-only port of every kubelet, and one subject for the nodes where nobody looked."""
    del namespace  # nodes belong to the cluster
    looked = set()
    for source, seen in _all(estate):
        if seen.role == READ_ONLY:
            looked.add(seen.owner)
            yield ClosedPort(estate, source, seen)
    left = sorted({str((node.get("metadata") or {}).get("name", "")) for node in estate.objects("nodes")} - looked)
    if looked and left:
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        names = ", ".join(left[:_NAMED]) + more
        nobody = Seen(owner_kind="Node", owner=names, port=10255, role=READ_ONLY, reached=Reached.NOT_DIALLED)
        yield ClosedPort(estate, "endpoints/connect", nobody, f"nobody looked at these nodes: {names}")


def cluster_alone(estate: Estate) -> list[str]:
    """Where items about the cluster's components stand: nowhere in a run that is limited to namespaces."""
    return [CLUSTER] if estate.snapshot.collection.scope_namespaces is None else []


def components_missing(estate: Estate, namespace: str) -> list[tuple[str, str]]:
    """What could not be looked at, wherever a component may be."""
    del namespace
    return missing_anywhere(estate)


def ports_missing(estate: Estate, namespace: str) -> list[tuple[str, str]]:
    """Searches that were not complete, so that the port of some node may have been left out."""
    del namespace
    return [*dict.fromkeys(one for place in [CLUSTER, *coverage_places(estate)] for one in gaps(estate, place)),
            *estate.gaps(("nodes",), EVERYWHERE)]  # fmt: skip


def _all(estate: Estate) -> Iterator[tuple[str, Seen]]:
    for _, several in sorted(by_place(estate).items()):
        yield from several
