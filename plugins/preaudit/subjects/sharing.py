"""Which endpoints of the whole estate have one private key."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from preaudit.endpoint import Endpoint as Seen
from preaudit.endpoint import Tls
from preaudit.errors import NotObservable
from preaudit.source import ENDPOINTS
from preaudit.subjects.chain import presented
from preaudit.subjects.coverage import missing_anywhere
from preaudit.subjects.endpoint import by_place
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.ref import Subject

OTHERS = "others"
_BEFORE_OTHERS = frozenset({"Ingress", "Gateway", "HTTPRoute", "TLSRoute", "Service", "Target"})
"""What stands before endpoints of others and shows their certificates."""
_PLATFORM = frozenset({"apiserver", "kube-system"})
_NAMED = 12


def party(seen: Seen) -> str:
    """Within what a key may be shared: the API server, a namespace, a node."""
    return seen.role if seen.role == "apiserver" else seen.namespace or f"{seen.owner_kind} {seen.owner}"


def keys_of(tls: Tls) -> Iterator[str | NotObservable]:
    """Hashes of the keys of an endpoint's own certificates, and what was not seen of them."""
    for one in presented(tls, leaves=True):
        if isinstance(one, NotObservable):
            yield one
            continue
        try:
            yield one.certificate.key_sha256
        except NotObservable as error:
            yield error


class Keys:
    """The keys of many endpoints.

    Attributes:
        places: party and name of the endpoints that have a key, by its hash.
        unseen: what was not seen of any of them.
    """

    def __init__(self, seen: Iterable[Seen], left_out: frozenset[str]) -> None:
        self.places: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.unseen: list[NotObservable] = []
        for one in seen:
            if one.owner_kind in left_out or not one.understood:
                continue
            if one.tls is None:
                if one.tls_cause or one.protocol == "tls":
                    self.unseen.append(NotObservable(f"the key of {one.name}", one.tls_cause or "TLS was not seen"))
                continue
            for key in keys_of(one.tls):
                if isinstance(key, str):
                    self.places[key].add((party(one), f"{one.namespace}/{one.name}".removeprefix("/")))
                else:
                    self.unseen.append(NotObservable(f"the key of {one.name}", key.why))


class ServedKey:
    """One private key that serves in several places, or all keys that do not.

    Attributes:
        places: the endpoints that have it.
        log: what a check read.
        ref: the key as a record names it, by the beginning of its hash; "others" for the rest.
        platform: all of its endpoints belong to the cluster.
    """

    __slots__ = ("log", "places", "platform", "ref", "source")

    def __init__(self, name: str, places: Iterable[str], *, platform: bool) -> None:
        self.source = ENDPOINTS[0]
        self.places = tuple(sorted(places))
        self.platform = platform
        self.ref = Subject(kind="Key", name=name, api_version="preaudit/v1")
        self.log = ReadLog()

    @property
    def digest(self) -> str:
        """Sha256 over the key's name and its places."""
        return hashlib.sha256("\n".join((self.ref.name, *self.places)).encode()).hexdigest()

    @property
    def is_shared(self) -> bool:
        """It serves in several places; logged."""
        self.log.entries.append(("places", "places", list(self.places[:_NAMED])))
        return self.ref.name != OTHERS


def served_keys(estate: Estate, namespace: str) -> Iterator[ServedKey]:
    """Every key that serves several namespaces or nodes, and one subject for all others.

    What only stands before endpoints of others (an Ingress, a Service) shows their certificates, and is left out.

    Raises:
        NotObservable: after the shared ones, where not every endpoint's key was seen: others may share one with those.
    """
    del namespace  # keys are compared across the whole estate
    keys = Keys((seen for several in by_place(estate).values() for _, seen in several), _BEFORE_OTHERS)
    unseen = [*keys.unseen, *(NotObservable(what, why) for what, why in missing_anywhere(estate))]
    alone: list[str] = []
    for key, places in sorted(keys.places.items()):
        if len({party for party, _ in places}) > 1:
            platform = all(party in _PLATFORM or party.startswith("Node ") for party, _ in places)
            yield ServedKey(key[:16], (name for _, name in places), platform=platform)
        else:
            alone += [name for _, name in places]
    if unseen:
        more = f" (and {len(unseen) - 1} more endpoints)" if len(unseen) > 1 else ""
        raise NotObservable(unseen[0].what, unseen[0].why + more)
    if alone:
        yield ServedKey(OTHERS, alone, platform=False)


def key_places(estate: Estate) -> list[str]:
    """Keys are compared in one item, for the whole cluster; not at all in a run that is limited to namespaces."""
    return [CLUSTER] if estate.snapshot.collection.scope_namespaces is None else []
