"""Which key exchange groups an endpoint accepts under one version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from preaudit.collect.tls.asking import Hello2
from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.registry import GROUPS, SSL3, SUITES, TLS13
from preaudit.collect.tls.reply import Declined, Picked, Reply
from preaudit.collect.tls.signers import signer
from preaudit.collect.tls.steady import Alive, Steady, hello_of
from preaudit.collect.tls.suites import Swept, usable_for_groups
from preaudit.collect.tls.twice import No, Twice


@dataclass(frozen=True)
class Grouped:
    """What is known of a version's groups: codes, whether all others were refused, and why that is not known."""

    groups: tuple[int, ...]
    complete: bool
    cause: str = ""


def certificate_curve(der: bytes) -> int | None:
    """The code of the curve of a certificate's key; None where it has none, or cannot be read."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm, TypeError):
        return None
    names = {name.lower(): code for code, name in GROUPS.items()}
    return names.get(key.curve.name.lower()) if isinstance(key, ec.EllipticCurvePublicKey) else None


def find_groups(
    steady: Steady, version: int, swept: Swept, *, small: bool = False, known: Sequence[int] = ()
) -> Grouped:
    """Offer accepted suites with ever fewer groups, until they are refused.

    The hello differs from ones that were accepted in its groups only, so one handshake_failure is a refusal of them.

    Args:
        steady: with its positive control found.
        version: that is spoken.
        swept: what is known of its suites.
        small: the server answers small hellos only.
        known: accepted groups that need no asking again.
    """
    picks = swept.picks
    found = list(dict.fromkeys((*(pick.group for pick in picks if pick.group is not None), *known)))
    suites = usable_for_groups(picks, version)
    if not suites or version == SSL3:
        nothing = "no suite with a named group is accepted" if not suites else "SSLv3 names no groups"
        cause = nothing if swept.complete else f"not every suite is known: {swept.cause}"
        return Grouped(tuple(found), complete=swept.complete and not suites and not found, cause=cause)
    needed: tuple[int, ...] = ()
    if version != TLS13 and all(SUITES[code].authentication == "ECDSA" for code in suites):
        leaf = next((pick.chain[0] for pick in picks if pick.suite in suites and pick.chain), b"")
        curve = certificate_curve(leaf)
        # Keys of Edwards curves serve ECDSA suites, and bind the server to no group.
        if curve is None and signer(leaf) not in {"Ed25519", "Ed448"}:
            return Grouped(tuple(found), complete=False, cause="the certificate's curve could not be read")
        needed = () if curve is None else (curve,)
    cause = ""
    while rest := tuple(
        group for group in _offered(version, small=small) if group not in found and group not in needed
    ):
        reply = _insist(steady, version, swept.shape, suites, rest, needed)
        if isinstance(reply, Declined):
            break
        if not isinstance(reply, Picked):
            cause = reply.words
            break
        if reply.group in rest:
            found.append(reply.group)
            continue
        if reply.group in needed:
            found += [reply.group] if reply.group not in found else []
            # It came last on offer: a server that takes the first one has none of the others. And where each client
            # has to offer that curve, and then gets it, no other can ever be agreed on.
            if swept.first_group or isinstance(_insist(steady, version, swept.shape, suites, rest, ()), Declined):
                break
            cause = "the curve of its ECDSA certificate must be on offer each time, and it prefers that one"
        else:
            cause = "it picks groups that were not offered"
        break
    if (
        not cause
        and found
        and isinstance(steady.ask(_hello(steady, version, swept.shape, suites, tuple(found))), Picked)
    ):
        # The same hello with the groups that it has: so it was the groups that were refused.
        rare = "it answers small hellos only, so that rare groups were not asked for" if small else ""
        return Grouped(tuple(found), complete=not small, cause=rare)
    if not cause and steady.alive() is Alive.GOOD:
        cause = "accepted groups were refused when they were offered again"
    cause = cause or (steady.dead.words if steady.dead else "the positive control failed in between")
    return Grouped(tuple(found), complete=False, cause=cause)


def _insist(  # noqa: PLR0913, PLR0917 - a hello's parts
    steady: Steady, version: int, shape: Shape, suites: tuple[int, ...], rest: tuple[int, ...], needed: tuple[int, ...]
) -> Reply:
    """One handshake_failure may be a throttle's: the same groups in another order have to get it too."""
    reply = steady.insist(_hello(steady, version, shape, suites, (*rest, *needed)))
    if not isinstance(reply, Declined):
        return reply
    again = _hello(steady, version, shape, suites, (*reversed(rest), *needed))
    # Some servers pick a suite of curves, and only then find that they have none of them.
    return Twice(steady).insist(No.of(steady.connections, reply), lambda: steady.insist(again))


def _offered(version: int, *, small: bool) -> tuple[int, ...]:
    every = hello_of(version, Shape.SMALL if small else Shape.FULL)
    return every.groups if isinstance(every, Hello) else ()


def _hello(
    steady: Steady, version: int, shape: Shape, suites: tuple[int, ...], groups: tuple[int, ...]
) -> Hello | Hello2:
    return hello_of(version, shape, suites=suites, groups=groups, server_name=steady.server_name)
