"""A survey against a truth, and a disturbed survey against an undisturbed one: pure, in sentences."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

from preaudit.endpoint import VERSIONS, Answer, Fact, Offer, Tls
from tests.tls.zoo.pki import Identity
from tests.tls.zoo.server import Truth

FACTS = ("secure_renegotiation", "extended_master_secret", "encrypt_then_mac", "compression", "client_certificate")
_EXTENDED = ("TLSv1.0", "TLSv1.1", "TLSv1.2")


def _sets(what: str, true: frozenset[str], seen: tuple[str, ...]) -> Iterator[str]:
    if missed := true - set(seen):
        yield f"{what}: missed {', '.join(sorted(missed))}"
    if invented := set(seen) - true:
        yield f"{what}: not true {', '.join(sorted(invented))}"


def _answer(truth: Truth, offer: Offer) -> Iterator[str]:
    if offer.version in truth.suites:
        right = {Answer.ACCEPTED}
    elif offer.version in truth.silent:
        right = {Answer.CUT_OFF}
    elif offer.version == "SSLv2":
        # Libraries differ in whether a hello of this form gets an alert or a close; both are no yes, and neither is a doubt.
        right = {Answer.REFUSED, Answer.CUT_OFF}
    else:
        right = {Answer.REFUSED}
    if offer.answer not in right:
        yield f"{offer.version}: {offer.answer} ({offer.cause}), not {' or '.join(sorted(right))}"


def against_truth(truth: Truth, seen: Tls, identities: Mapping[str, Identity]) -> Iterator[str]:
    """What a survey of an undisturbed server has wrong, in a sentence each."""
    for version in VERSIONS:
        offer = seen.offer(version)
        yield from _answer(truth, offer)
        if version in truth.suites and offer.answer is Answer.ACCEPTED:
            yield from _sets(f"{version} suites", truth.suites[version], offer.suites)
            if not offer.suites_complete:
                yield f"{version} suites: not complete ({offer.suites_cause})"
            if version in truth.groups:
                yield from _sets(f"{version} groups", truth.groups[version], offer.groups)
                if not offer.groups_complete:
                    yield f"{version} groups: not complete ({offer.groups_cause})"
            if truth.server_order is not None and len(truth.suites[version]) > 1 and offer.server_order is not truth.server_order:
                yield f"{version} server order: {offer.server_order}, not {truth.server_order}"
    for name in FACTS:
        fact: Fact = getattr(seen, name)
        true = getattr(truth, name)
        if name == "encrypt_then_mac" and not any("_CBC_" in one for version in _EXTENDED for one in truth.suites.get(version, ())):
            true = None
        if fact.value is not true:
            yield f"{name}: {fact.value} ({fact.cause}), not {true}"
    if truth.without_certificate and seen.without_certificate is not truth.without_certificate:
        yield f"without certificate: {seen.without_certificate} ({seen.without_certificate_cause}), not {truth.without_certificate}"
    if tuple(seen.dh_bits) != truth.dh_bits:
        yield f"DH bits: {seen.dh_bits}, not {truth.dh_bits}"
    yield from _chains(truth, seen, identities)


def _chains(truth: Truth, seen: Tls, identities: Mapping[str, Identity]) -> Iterator[str]:
    true = {base64.b64encode(identities[one].der).decode(): identities[one] for one in truth.identities}
    by_leaf = {one.certificates[0]: one for one in seen.chains}
    for leaf, identity in true.items():
        chain = by_leaf.get(leaf)
        if chain is None:
            yield f"certificate {identity.name}: not seen ({seen.chains_cause})"
            continue
        if (count := len(chain.certificates) + chain.unread) != (sent := identity.sent + truth.ca_sent):
            yield f"certificate {identity.name}: {count} certificates, not {sent}"
        trusted = {path.trusted for path in chain.paths}
        if trusted != {truth.trusted}:
            yield f"certificate {identity.name}: trusted {trusted}, not {truth.trusted} ({chain.paths[0].cause if chain.paths else 'no path'})"
    if set(by_leaf) - set(true):
        yield "certificates that are not the server's"


def falsely_good(base: Tls, spoiled: Tls) -> Iterator[str]:
    """What a disturbed survey says better, or otherwise, than the undisturbed one: each would be a false verdict."""
    for version in VERSIONS:
        yield from _offers(base.offer(version), spoiled.offer(version))
    for name in FACTS:
        before, after = getattr(base, name).value, getattr(spoiled, name).value
        if before is not None and after is not None and before is not after:
            yield f"{name}: {after} ({getattr(spoiled, name).cause}), undisturbed {before}"
    certain = {Answer.ACCEPTED, Answer.REFUSED}
    if {base.without_certificate, spoiled.without_certificate} == certain:
        yield f"without certificate: {spoiled.without_certificate} ({spoiled.without_certificate_cause}), undisturbed {base.without_certificate}"
    if spoiled.dh_bits and min(spoiled.dh_bits) > min(base.dh_bits, default=0):
        yield f"DH bits: {spoiled.dh_bits}, undisturbed {base.dh_bits}"
    leaves = {one.certificates[0] for one in spoiled.chains}
    missed = {one.certificates[0] for one in base.chains} - leaves
    if spoiled.chains_complete and missed:
        yield f"chains: called complete without {len(missed)} of {len(base.chains)}"


def _offers(base: Offer, spoiled: Offer) -> Iterator[str]:
    open_answers = {Answer.INCONCLUSIVE, Answer.CUT_OFF}
    if spoiled.answer not in open_answers and spoiled.answer is not base.answer and base.answer not in open_answers:
        yield f"{base.version}: {spoiled.answer} ({spoiled.cause}), undisturbed {base.answer} ({base.cause})"
    if spoiled.answer in open_answers and not spoiled.cause:
        yield f"{base.version}: {spoiled.answer} without a cause"
    if refused := set(spoiled.refused) & set(base.suites):
        yield f"{base.version}: refused {', '.join(sorted(refused))}, undisturbed accepted"
    for what in ("suites", "groups"):
        true, seen = set(getattr(base, what)), set(getattr(spoiled, what))
        complete = getattr(spoiled, f"{what}_complete")
        if complete and (missed := true - seen):
            yield f"{base.version} {what}: called complete without {', '.join(sorted(missed))}"
        if getattr(base, f"{what}_complete") and (invented := seen - true):
            yield f"{base.version} {what}: invented {', '.join(sorted(invented))}"
