"""Which endpoints of the whole estate have one private key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from preaudit.endpoint import Endpoint as Seen
from preaudit.endpoint import Tls
from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE
from preaudit.subjects.chain import presented
from preaudit.subjects.coverage import missing_anywhere
from preaudit.subjects.endpoint import Endpoint, by_place


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


def key_sharers(endpoint: Endpoint, left_out: frozenset[str]) -> list[str]:
    """Endpoints of other namespaces and nodes that have one of an endpoint's private keys; logged.

    Args:
        endpoint: whose keys are looked for.
        left_out: kinds of owners that only stand before the endpoints of others.

    Raises:
        NotObservable: none was found, and the keys of all endpoints were not seen: the other may be among the rest.
    """
    estate = endpoint.estate

    def made() -> Iterator[Keys]:
        keys = Keys((seen for several in by_place(estate).values() for _, seen in several), left_out)
        keys.unseen += [NotObservable(what, why) for what, why in missing_anywhere(estate)]
        yield keys

    (keys,) = estate.kept(f"keys of endpoints without {', '.join(sorted(left_out))}", EVERYWHERE, made)
    mine = party(endpoint.seen)
    own = [one for one in keys_of(endpoint.tls) if isinstance(one, str)]
    sharing = [name for key in own for other, name in keys.places.get(key, ()) if other != mine]
    return endpoint.found("others with the same key", sharing, keys.unseen)
