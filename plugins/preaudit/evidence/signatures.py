"""The signatures of a pack: who signed what, and whether the verifier trusts that at the moment that counts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from preaudit.errors import UsageError
from preaudit.evidence import p256
from preaudit.evidence.certificates import (
    CertificateRefused,
    leaf_key,
    load_certificates,
    name_of,
    verify_chain,
)
from preaudit.evidence.contents import ATTESTATION, TEST_RESULT, TIMESTAMP
from preaudit.evidence.envelope import MAX_ENVELOPE, NoEnvelope, Sealed, unseal
from preaudit.evidence.files import Files
from preaudit.evidence.finding import Fault, Finding, finding
from preaudit.evidence.images import manifest_of
from preaudit.evidence.keys import load_public
from preaudit.evidence.statement import Predicate, Signer, predicate_of, read_predicate
from preaudit.evidence.strict import NotStrict
from preaudit.evidence.timestamp import MAX_TOKEN, TimestampRefused, verified_time
from preaudit.evidence.trust import Trust
from preaudit.plainfile import TooMuch, read_plain


@dataclass(frozen=True, slots=True)
class Signatures:
    """What was found of the signatures; `trusted` only where one leads to what the verifier trusts."""

    findings: tuple[Finding, ...]
    proved: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    trusted: bool = False


class _Refused(ValueError):  # noqa: N818 - it ends the look at one signature
    """A finding after which there is nothing left to look at."""

    def __init__(self, fault: Fault, sentence: str) -> None:
        super().__init__(sentence)
        self.found = finding(fault, sentence)


def check_signatures(  # noqa: PLR0913 - the moment and the two trusts are each other things
    folder: Path, files: Files, manifest_sha256: str, trust: Trust | None, *,
    now: datetime, timestamp_trust: Sequence[x509.Certificate],
) -> Signatures:  # fmt: skip
    """Check attestation.dsse.json, test-result.dsse.json and timestamp.tsr of a pack.

    Args:
        folder: of the pack.
        files: what `check_files` found there.
        manifest_sha256: hash of manifest.json as it was read.
        trust: None to look only at what the signatures say of themselves.
        now: moment of the check.
        timestamp_trust: authorities for time.
    """
    if ATTESTATION not in files.names:
        return _unsigned(files, trust)
    notes: list[str] = []
    try:
        raw = _read(folder, ATTESTATION, MAX_ENVELOPE)
        sealed, predicate, key = _attestation(raw, files, manifest_sha256)
        chain = _chain(predicate.signer, key)
        moment, told = _moment(folder, files, raw, now, timestamp_trust, notes)
        proved = [f"{ATTESTATION}: signed with the key {sealed.key_id}"]
        proved += _trusted(trust, key, chain, moment, told, notes)
        if TEST_RESULT in files.names or predicate.test_result:
            _test_result(folder, files, predicate, key, manifest_sha256)
            proved.append(f"{TEST_RESULT}: signed with the same key, about this manifest.json")
    except _Refused as refused:
        return Signatures((refused.found,), notes=tuple(notes))
    return Signatures((), tuple(proved), tuple(notes), trusted=trust is not None)


def _unsigned(files: Files, trust: Trust | None) -> Signatures:
    left = sorted(files.names & {TEST_RESULT, TIMESTAMP})
    findings = [finding(Fault.UNSIGNED, f"{name} is there, but {ATTESTATION} is missing") for name in left]
    if trust is not None:
        findings.append(finding(Fault.UNSIGNED, f"the pack is not signed: {ATTESTATION} is missing"))
    return Signatures(tuple(findings), notes=("the pack is not signed",))


def _read(folder: Path, name: str, most: int) -> bytes:
    try:
        return read_plain(folder / name, most)
    except (OSError, TooMuch) as error:
        raise _Refused(Fault.MALFORMED, f"{name} cannot be read: {error}") from None


def _unseal(raw: bytes, name: str) -> Sealed:
    try:
        return unseal(raw)
    except NoEnvelope as error:
        raise _Refused(Fault.MALFORMED, f"{name} {error}") from None


def _attestation(raw: bytes, files: Files, manifest_sha256: str) -> tuple[Sealed, Predicate, ec.EllipticCurvePublicKey]:
    """The attestation, signed by the key that it names, about this manifest and telling the same as it."""
    sealed = _unseal(raw, ATTESTATION)
    try:
        digest, predicate = read_predicate(sealed.payload)
        key = load_public(predicate.signer.public_key.encode(), f"the public key in {ATTESTATION}")
    except NotStrict as error:
        raise _Refused(Fault.MALFORMED, f"the payload of {ATTESTATION} {error}") from None
    except UsageError as error:
        raise _Refused(Fault.MALFORMED, str(error)) from None
    if p256.key_id(key) != sealed.key_id or p256.public_pem(key) != predicate.signer.public_key:
        raise _Refused(Fault.SIGNATURE, f"{ATTESTATION} names another key than the one of its signature")
    if not sealed.signed_by(key):
        raise _Refused(Fault.SIGNATURE, f"the signature of {ATTESTATION} is wrong: it does not fit what is signed")
    if digest != manifest_sha256:
        raise _Refused(
            Fault.SIGNATURE,
            f"the signature is about another manifest.json: sha256 {digest[:64]}, this one has {manifest_sha256}",
        )
    if files.outline is not None and predicate != predicate_of(
        files.outline, files.manifest, predicate.signer, predicate.test_result
    ):
        raise _Refused(Fault.CONTRADICTION, f"{ATTESTATION} tells of another run than manifest.json does")
    return sealed, predicate, key


def _chain(signer: Signer, key: ec.EllipticCurvePublicKey) -> tuple[x509.Certificate, ...]:
    if not signer.certificates:
        return ()
    try:
        raw = "".join(signer.certificates).encode()
        chain = load_certificates(raw, f"the certificate chain in {ATTESTATION}")
    except UsageError as error:
        raise _Refused(Fault.CERTIFICATE, str(error)) from None
    if leaf_key(chain[0]) != key:
        raise _Refused(Fault.CERTIFICATE, f"the certificate in {ATTESTATION} is not that of the signing key")
    return chain


def _moment(  # noqa: PLR0913, PLR0917 - what a token is judged by
    folder: Path, files: Files, envelope: bytes, now: datetime, authorities: Sequence[x509.Certificate],
    notes: list[str],
) -> tuple[datetime, str]:  # fmt: skip
    """The time that certificates are judged at, and what it is."""
    if TIMESTAMP not in files.names:
        if authorities:
            raise _Refused(Fault.TIMESTAMP, f"{TIMESTAMP} is missing, though an authority for time was given")
        return now, "now"
    token = _read(folder, TIMESTAMP, MAX_TOKEN)
    if not authorities:
        notes.append(f"{TIMESTAMP} was not judged: give the authority's CA with --timestamp-trust")
        return now, "now"
    try:
        moment = verified_time(token, envelope, authorities)
    except TimestampRefused as error:
        raise _Refused(Fault.TIMESTAMP, f"{TIMESTAMP} {error}") from None
    if moment > now:
        raise _Refused(Fault.TIMESTAMP, f"{TIMESTAMP} is of {moment:%Y-%m-%dT%H:%M:%SZ}, which is yet to come")
    return moment, f"{moment:%Y-%m-%dT%H:%M:%SZ}, the time of the RFC 3161 token"


def _trusted(  # noqa: PLR0913, PLR0917 - what trust is judged by
    trust: Trust | None, key: ec.EllipticCurvePublicKey, chain: tuple[x509.Certificate, ...], moment: datetime,
    told: str, notes: list[str],
) -> list[str]:  # fmt: skip
    """Sentences about the trust in the key; a refusal where there is none."""
    stamped = [] if told == "now" else [f"the signature existed at {told}"]
    if trust is None:
        notes.append("nobody says whose the signing key is")
        return stamped
    if trust.key is not None:
        if trust.key != key:
            raise _Refused(
                Fault.UNTRUSTED,
                f"the pack is signed with the key {p256.key_id(key)}, not with the trusted one "
                f"{p256.key_id(trust.key)}",
            )
        if chain:
            notes.append("the signer's certificate was not judged: its key itself is trusted")
        return [*stamped, f"the key is the one in {trust.name}"]
    if not chain:
        raise _Refused(Fault.UNTRUSTED, f"the signing key has no certificate that could lead to the CA in {trust.name}")
    try:
        verify_chain(chain, trust.authorities, moment)
    except CertificateRefused as error:
        raise _Refused(Fault.CERTIFICATE, f"{error} (judged at {told})") from None
    return [
        *stamped,
        f"the key is that of {name_of(chain[0])}, certified through the CA in {trust.name}, valid at {told}",
    ]


def _test_result(
    folder: Path, files: Files, predicate: Predicate, key: ec.EllipticCurvePublicKey, manifest_sha256: str
) -> None:
    if TEST_RESULT not in files.names:
        raise _Refused(Fault.MISSING, f"{TEST_RESULT} is missing; {ATTESTATION} names it")
    raw = _read(folder, TEST_RESULT, MAX_ENVELOPE)
    sealed = _unseal(raw, TEST_RESULT)
    if sealed.key_id != p256.key_id(key):
        raise _Refused(Fault.UNTRUSTED, f"{TEST_RESULT} is signed with another key than {ATTESTATION}")
    if not sealed.signed_by(key):
        raise _Refused(Fault.SIGNATURE, f"the signature of {TEST_RESULT} is wrong: it does not fit what is signed")
    try:
        digest = manifest_of(sealed.payload)
    except NotStrict as error:
        raise _Refused(Fault.MALFORMED, f"the payload of {TEST_RESULT} {error}") from None
    if digest != manifest_sha256:
        raise _Refused(Fault.SIGNATURE, f"{TEST_RESULT} is about another manifest.json")
    if hashlib.sha256(raw).hexdigest() != predicate.test_result:
        raise _Refused(Fault.CHANGED, f"{TEST_RESULT} is not the one that {ATTESTATION} names")
