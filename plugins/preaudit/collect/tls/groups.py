"""Which key exchange groups an endpoint accepts under one version."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from preaudit.collect.tls.hello import Hello, Shape
from preaudit.collect.tls.registry import GROUPS, SSL3, SUITES, TLS13
from preaudit.collect.tls.reply import Declined, Picked
from preaudit.collect.tls.steady import Alive, Steady, hello_of
from preaudit.collect.tls.suites import usable_for_groups


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


def find_groups(steady: Steady, version: int, picks: tuple[Picked, ...], *, small: bool = False) -> Grouped:
    """Offer accepted suites with ever fewer groups, until they are refused.

    The hello differs from ones that were accepted in its groups only, so one handshake_failure is a refusal of them.
    """
    found = list(dict.fromkeys(pick.group for pick in picks if pick.group is not None))
    suites = usable_for_groups(picks, version)
    if not suites or version == SSL3:
        nothing = "no suite with a named group is accepted" if not suites else "SSLv3 names no groups"
        return Grouped(tuple(found), complete=not suites and not found, cause=nothing)
    shape = Shape.SMALL if small else Shape.FULL
    needed: tuple[int, ...] = ()
    if version != TLS13 and all(SUITES[code].authentication == "ECDSA" for code in suites):
        leaf = next((pick.chain[0] for pick in picks if pick.suite in suites and pick.chain), b"")
        curve = certificate_curve(leaf)
        if curve is None:
            return Grouped(tuple(found), complete=False, cause="the certificate's curve could not be read")
        needed = (curve,)
    every = hello_of(version, shape)
    offered = every.groups if isinstance(every, Hello) else ()
    cause = ""
    while rest := tuple(group for group in offered if group not in found and group not in needed):
        hello = hello_of(version, shape, suites=suites, groups=(*rest, *needed), server_name=steady.server_name)
        reply = steady.insist(hello)
        if isinstance(reply, Declined):
            break
        if not isinstance(reply, Picked):
            cause = reply.words
            break
        if reply.group in rest:
            found.append(reply.group)
            continue
        if reply.group in needed:
            if reply.group not in found:
                found.append(reply.group)
            cause = "the curve of its ECDSA certificate must be on offer each time, and it prefers that one"
        else:
            cause = "it picks groups that were not offered"
        break
    alive = steady.alive()
    if alive is not Alive.GOOD and not cause:
        cause = steady.dead.words if steady.dead else "the positive control failed in between"
    if small and not cause:
        cause = "it answers small hellos only, so that rare groups were not asked for"
    return Grouped(tuple(found), complete=not cause, cause=cause)
