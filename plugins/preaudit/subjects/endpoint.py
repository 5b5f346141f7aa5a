"""Endpoints as subjects: what each one was seen to do with TLS, in three values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import msgspec

from preaudit.endpoint import VERSIONS, Answer, Fact, Tls
from preaudit.endpoint import Endpoint as Seen
from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE
from preaudit.source import ENDPOINTS
from preaudit.subjects.chain import Presented, presented
from preaudit.subjects.ciphersuite import CipherSuite
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.observed import EXTERNAL
from preaudit.subjects.probed import Probed

_OLDEST = ("SSLv2", "SSLv3")


class Endpoint(Probed):
    """One endpoint that answered, and of which it is known what it speaks."""

    __slots__ = ()

    # What it speaks

    @property
    def speaks_tls(self) -> bool:
        """It speaks TLS.

        Raises:
            NotObservable: nothing of it could be seen.
        """
        if self.seen.tls is None and (self.seen.tls_cause or self.seen.protocol == "tls"):
            raise NotObservable("TLS", self.seen.tls_cause or "nothing was told of it")
        return self.seen.tls is not None

    @property
    def tls(self) -> Tls:
        """What was seen of TLS.

        Raises:
            NotObservable: nothing was.
        """
        if self.seen.tls is None:
            raise NotObservable("TLS", self.seen.tls_cause or "it speaks none")
        return self.seen.tls

    def accepts(self, version: str) -> bool:
        """It speaks a version ("TLSv1.1"); logged.

        Raises:
            NotObservable: it was not asked, or its answer proves nothing. Of SSLv2 and SSLv3 that is at most a
                warning where they are cut off each time: proxies that know neither do so.
        """
        offer = self.tls.offer(version)
        self.note(version, offer.answer.value)
        if offer.answer not in {Answer.ACCEPTED, Answer.REFUSED}:
            raise self._unsettled(version)
        return offer.answer is Answer.ACCEPTED

    def accepts_any(self, *versions: str) -> bool:
        """It speaks one of some versions, named with those first whose answer is to be known for sure.

        Raises:
            NotObservable: none was seen to be accepted, and not all were seen to be refused.
        """
        if any(self.tls.offer(version).answer is Answer.ACCEPTED for version in versions):
            return True
        for version in versions:
            self.accepts(version)
        return False

    def _unsettled(self, version: str) -> NotObservable:
        offer = self.tls.offer(version)
        mild = version in _OLDEST and offer.answer is Answer.CUT_OFF
        said = {Answer.CUT_OFF: "not reachable from here", Answer.NOT_ASKED: "not asked for"}
        why = ": ".join(one for one in (said.get(offer.answer, "no answer that proves anything"), offer.cause) if one)
        return NotObservable(version, why, "warn" if mild else "")

    # Lists of what it accepts

    def suites(self, what: str, bad: Callable[[str, CipherSuite], bool]) -> list[str]:
        """Accepted suites that are bad, each with its version; logged as `what`. `bad` takes version and suite."""
        violations, unseen = [], [*self._versions_unseen(VERSIONS), *self._suites_unseen(VERSIONS, bad)]
        for offer in self.tls.offers:
            for name in offer.suites:
                try:
                    if bad(offer.version, CipherSuite(name)):
                        violations.append(f"{offer.version} {name}")
                except NotObservable as error:
                    unseen.append(error)
        return self.found(what, violations, unseen)

    def groups(self, what: str, bad: Callable[[str], bool]) -> list[str]:
        """Accepted groups for key exchange that are bad, each with its version; logged as `what`."""
        violations, unseen = [], self._versions_unseen(VERSIONS[2:])
        for offer in self.tls.offers:
            violations += [f"{offer.version} {name}" for name in offer.groups if bad(name)]
        return self.found(what, violations, [*unseen, *self._groups_unseen(VERSIONS[2:])])

    def offers_group(self, what: str, wanted: Callable[[str], bool], versions: Sequence[str] = VERSIONS[2:]) -> bool:
        """It accepts a group that is wanted, in one of some versions; logged as `what`."""
        accepted = {name for one in self.tls.offers if one.version in versions for name in one.groups if wanted(name)}
        return bool(self.found(what, accepted, [*self._versions_unseen(versions), *self._groups_unseen(versions)]))

    def fields_below(self, bits: int) -> list[str]:
        """Sizes of finite fields that it used for key exchange up to TLS 1.2 and that are too small; logged."""
        up_to_12 = VERSIONS[1:5]
        unseen = [
            *self._versions_unseen(up_to_12), *self._suites_unseen(up_to_12, lambda _, suite: suite.finite_field),
        ]  # fmt: skip
        if not self.tls.dh_bits:
            unseen.append(NotObservable("finite fields", "no key exchange in one was read"))
        self.note("bits of finite fields", list(self.tls.dh_bits))
        return self.found(
            f"finite fields below {bits} bits", (str(one) for one in self.tls.dh_bits if one < bits), unseen
        )

    def _suites_unseen(
        self, versions: Sequence[str], bad: Callable[[str, CipherSuite], bool]
    ) -> list[NotObservable]:
        """Versions with suites that may be bad, and of which it is not known whether they are accepted."""

        def harmless(version: str, names: Sequence[str]) -> bool:
            try:
                return bool(names) and not any(bad(version, CipherSuite(name)) for name in names)
            except NotObservable:
                return False

        return [
            NotObservable(f"suites of {offer.version}", offer.suites_cause or "not all were asked for")
            for offer in self.tls.offers
            if offer.version in versions and offer.answer is Answer.ACCEPTED and not offer.suites_complete
            and not harmless(offer.version, offer.unasked)
        ]  # fmt: skip

    def _groups_unseen(self, versions: Sequence[str]) -> list[NotObservable]:
        return [
            NotObservable(f"groups of {offer.version}", offer.groups_cause or "not all were asked for")
            for offer in self.tls.offers
            if offer.version in versions and offer.answer is Answer.ACCEPTED and not offer.groups_complete
        ]

    def _versions_unseen(self, versions: Sequence[str]) -> list[NotObservable]:
        """Versions of which it is not known whether they are spoken."""
        settled = {Answer.ACCEPTED, Answer.REFUSED}
        unseen = [self._unsettled(one) for one in versions if self.tls.offer(one).answer not in settled]
        if not any(offer.answer is Answer.ACCEPTED for offer in self.tls.offers):
            unseen.append(NotObservable("TLS", "it was not seen to accept any version"))
        return unseen

    # Certificates and single facts

    def certificates(self, what: str, bad: Callable[[Presented], str], *, leaves: bool = False) -> list[str]:
        """What is bad about the certificates that it sends, each with the certificate's name; logged as `what`.

        Args:
            what: what is looked for.
            bad: says what is bad about one certificate, "" where nothing is.
            leaves: look at the server's own certificates only.
        """
        violations, unseen = [], []
        for one in presented(self.tls, leaves=leaves):
            if isinstance(one, NotObservable):
                unseen.append(one)
                continue
            try:
                if told := bad(one):
                    violations.append(f"{one.certificate.name}: {told}")
            except NotObservable as error:
                unseen.append(error)
        return self.found(what, violations, unseen)

    @property
    def client_names(self) -> tuple[str, ...]:
        """The names under which clients reach it; logged.

        Raises:
            NotObservable: nothing says what they are.
        """
        names = self.seen.names or tuple(filter(None, (self.seen.server_name,)))
        self.note("names that clients use", list(names))
        if not names:
            raise NotObservable("names that clients use", "nothing in the cluster says under which it is reached")
        return names

    def fact(self, name: str) -> bool:
        """A yes or no by its field's name ("compression", "plaintext"); logged.

        Raises:
            NotObservable: it is not known.
        """
        fact: Fact = getattr(self.seen, name) if hasattr(self.seen, name) else getattr(self.tls, name)
        told = name.replace("_", " ")
        self.note(told, fact.value)
        return self.known(told, fact)


def endpoints(estate: Estate, namespace: str) -> Iterator[Endpoint]:
    """The endpoints of one item that were understood; the others are told by `coverage`."""
    for source, seen in by_place(estate).get(namespace, []):
        if seen.understood:
            yield Endpoint(estate, source, seen)


def places(estate: Estate) -> list[str]:
    """Where items about endpoints stand: each place where one was understood; "cluster" where there is none."""
    found = {place for place, several in by_place(estate).items() if any(seen.understood for _, seen in several)}
    return sorted(found) or [CLUSTER]


def by_place(estate: Estate) -> dict[str, list[tuple[str, Seen]]]:
    """Every endpoint by the item that it belongs to, each with its source."""

    def made() -> Iterator[dict[str, list[tuple[str, Seen]]]]:
        table: dict[str, list[tuple[str, Seen]]] = defaultdict(list)
        for source in ENDPOINTS:
            for one in estate.snapshot.objects(source):
                seen = msgspec.convert(one["spec"], Seen)
                place = EXTERNAL if seen.owner_kind == "Target" else seen.namespace or CLUSTER
                table[place].append((source, seen))
        yield dict(table)

    (table,) = estate.kept("endpoints by place", EVERYWHERE, made)
    return table
