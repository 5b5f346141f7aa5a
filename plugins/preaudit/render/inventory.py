"""The inventories: every certificate that was seen, and what every endpoint speaks (PCI DSS 4.2.1.1 and 12.3.3).

Both are CSV: a line a certificate, a line an endpoint and protocol version. What was not seen is a line as well.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO

import msgspec

from preaudit.endpoint import Endpoint, TrustPath
from preaudit.errors import NotObservable, UsageError
from preaudit.kubeconfig import CLIENT
from preaudit.render.csvfile import cell
from preaudit.snapshot import Snapshot
from preaudit.source import ENDPOINTS
from preaudit.subjects.certificate import Certificate, certificate
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.stored_certificate import stored_certificates

CERTIFICATES = (
    "sha256", "subject", "issuer", "not_before", "not_after", "days_left", "key", "signature", "names",
    "self_signed", "position", "trusted_by", "not_trusted_by", "seen_at",
)  # fmt: skip
PROTOCOLS = (
    "namespace", "endpoint", "server_name", "port", "vantage", "exposure", "replicas", "reached", "protocol",
    "version", "answer", "cause", "suites", "suites_complete", "groups", "groups_complete",
)  # fmt: skip
_UNREADABLE = "cannot be read"


@dataclass(frozen=True, slots=True)
class Mask:
    """How names are shown: as they are, or as pseudonyms."""

    text: Callable[[str], str] = str
    host: Callable[[str], str] = str


def endpoints_of(snapshot: Snapshot) -> tuple[Endpoint, ...]:
    """The endpoints of a snapshot.

    Raises:
        UsageError: one cannot be read.
    """
    try:
        return tuple(
            msgspec.convert(one["spec"], Endpoint) for source in ENDPOINTS for one in snapshot.objects(source)
        )
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise UsageError(f"{snapshot.folder}: an endpoint of this snapshot cannot be read: {error}") from None


def render_protocols(endpoints: Sequence[Endpoint], stream: IO[bytes], mask: Mask) -> None:
    """Write protocols.csv: what each endpoint speaks, version by version.

    Args:
        endpoints: what was seen.
        stream: where to write.
        mask: how names are shown.
    """
    _write(stream, PROTOCOLS, (row for one in endpoints for row in _spoken(one, mask)))


def _spoken(one: Endpoint, mask: Mask) -> Iterator[Sequence[str]]:
    head = (
        one.namespace, mask.text(one.name), mask.host(one.server_name), str(one.port), one.vantage, one.exposure,
        str(len(one.replicas) + one.unlooked), one.reached.value, one.protocol,
    )  # fmt: skip
    if one.tls is None:
        yield (*head, "", "", mask.text(one.cause or one.protocol_cause or one.tls_cause), "", "", "", "")
        return
    for offer in one.tls.offers:
        yield (
            *head, offer.version, offer.answer.value, offer.cause or offer.suites_cause, " ".join(offer.suites),
            _yes(offer.suites_complete), " ".join(offer.groups), _yes(offer.groups_complete),
        )  # fmt: skip


def stored_of(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """Certificates that stand in objects of a snapshot: where each stands, and itself (DER in base64).

    What of an object cannot be read is one entry with "" for a certificate, beside those that can be.

    Raises:
        UsageError: an object is not as our collector writes it.
    """
    found = []
    try:
        for one in stored_certificates(Estate(snapshot), CLUSTER):
            where = f"{one.ref.kind}/{one.ref.name} {one.ref.within}"
            certificates, cause = one.held
            found += [(where, certificate.text) for certificate in certificates]
            if cause:
                found.append((where, ""))
    except msgspec.MsgspecError as error:
        raise UsageError(f"{snapshot.folder}: a certificate of this snapshot cannot be read: {error}") from None
    return tuple(found)


def clients_of(stored: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The users and groups ("User", "jane") that stored certificates of clients name; see `stored_of`."""
    found: set[tuple[str, str]] = set()
    for where, encoded in stored:
        # The API server takes a certificate without any extended key usage as well.
        with suppress(NotObservable):
            one = certificate(encoded)
            if one.is_clients or where.endswith(f" {CLIENT}"):
                found.update(one.identities)
    return found


def render_certificates(
    endpoints: Sequence[Endpoint], stored: Sequence[tuple[str, str]], now: datetime, stream: IO[bytes], mask: Mask
) -> None:
    """Write certificates.csv: each certificate once, with every endpoint that sent it and every object that holds it.

    Args:
        endpoints: what was seen.
        stored: certificates that stand in objects.
        now: the run's clock, for the days that are left.
        stream: where to write.
        mask: how names are shown.
    """
    seen: dict[str, _Places] = {}
    for one in endpoints:
        where = f"{one.namespace}/{mask.text(one.name)}".lstrip("/")
        for chain in one.tls.chains if one.tls is not None else ():
            for position, encoded in enumerate(chain.certificates):
                seen.setdefault(encoded, _Places()).add("leaf" if position == 0 else "sent with a leaf", where)
                if position == 0:
                    seen[encoded].paths += chain.paths
    for where, encoded in stored:
        seen.setdefault(encoded, _Places()).add("stored", mask.text(where))
    _write(stream, CERTIFICATES, sorted(_certificate(encoded, places, now, mask) for encoded, places in seen.items()))


@dataclass(slots=True)
class _Places:
    """Where one certificate was seen."""

    how: set[str] = field(default_factory=set)
    where: set[str] = field(default_factory=set)
    paths: list[TrustPath] = field(default_factory=list)

    def add(self, how: str, where: str) -> None:
        self.how.add(how)
        self.where.add(where)


def _certificate(encoded: str, places: _Places, now: datetime, mask: Mask) -> tuple[str, ...]:
    tail = (
        ", ".join(sorted(places.how)),
        "; ".join(sorted({path.anchor for path in places.paths if path.trusted})),
        "; ".join(sorted({f"{path.anchor} ({path.cause})" for path in places.paths if not path.trusted})),
        "; ".join(sorted(places.where)),
    )
    try:
        found = Certificate(base64.b64decode(encoded, validate=True))
    except (NotObservable, binascii.Error, ValueError):
        return (_UNREADABLE, *[""] * (len(CERTIFICATES) - len(tail) - 1), *tail)
    return (
        found.sha256, _read(lambda: mask.text(found.name)), _read(lambda: mask.text(found.issuer)),
        _read(lambda: _time(found.not_before)), _read(lambda: _time(found.not_after)),
        _read(lambda: str((found.not_after - now).days)), _read(lambda: " ".join(map(str, found.key))),
        _read(lambda: found.signature_hash),
        _read(lambda: " ".join(mask.host(name) for part in found.names for name in part)),
        _read(lambda: _yes(found.self_signed)), *tail,
    )  # fmt: skip


def _read(part: Callable[[], str]) -> str:
    """One part of a certificate, or that it cannot be read."""
    try:
        return part()
    except NotObservable:
        return _UNREADABLE


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _yes(value: bool) -> str:  # noqa: FBT001 - a value that is shown
    return "yes" if value else "no"


def _write(stream: IO[bytes], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """RFC 4180, as records.csv: every cell in quotes, lines end with CR LF."""
    for row in (columns, *rows):
        quoted = ('"' + cell(text).replace('"', '""') + '"' for text in row)
        stream.write((",".join(quoted) + "\r\n").encode(errors="replace"))
