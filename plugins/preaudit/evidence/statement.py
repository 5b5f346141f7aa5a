"""What is signed: an in-toto Statement about manifest.json, with what a reader of the envelope alone needs."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from preaudit.evidence.outline import Outline
from preaudit.evidence.strict import NotStrict, canonical, pretty, read_canonical

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:preaudit:predicate:pack:1"
SUBJECT = "manifest.json"


class Tool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The program that judged; `files_sha256` is the hash of its installed files, "" where it was not told."""

    name: str
    version: str
    files_sha256: str


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules; `sha256` is that of inputs/effective-profile.json: every value that was in force, with its source."""

    name: str
    version: str
    sha256: str


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The run: its id (UUIDv7), its times, the clock that verdicts used (`now`), and what it was asked to repeat.

    Attributes:
        nonce: text of an auditor's choice, "" where none was given.
        previous: sha256 of the manifest of the pack before, "" where none was named.
    """

    id: str
    started: str
    finished: str
    now: str
    interrupted: bool
    nonce: str
    previous: str


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came out.

    Attributes:
        records: number of records.
        verdicts: number of records by verdict, all six keys.
        attested: of them, those that rest on a person's word.
        exit_code: the run's own.
        meaning: of that code, in words.
        partial: the run does not show everything; manifest.json says why.
    """

    records: int
    verdicts: dict[str, int]
    attested: int
    exit_code: int
    meaning: str
    partial: bool


class Redaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How values were hidden: the policy, and whether the key was this pack's own or the customer's ("file")."""

    policy: str
    key: str


class Signer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who says to have signed; it proves nothing until the key or its CA is trusted for another reason.

    Attributes:
        public_key: PEM.
        certificates: its chain, PEM, leaf first; empty where the key has none.
    """

    public_key: str
    certificates: tuple[str, ...]


class Predicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The predicate ``urn:preaudit:predicate:pack:1``; docs/pack.md describes it.

    Attributes:
        cluster_uid: UID of the namespace kube-system, "" where files were judged.
        demo: the cluster is the recorded one that ships with preaudit.
        test_result: sha256 of test-result.dsse.json, "" where the pack has none: it cannot be taken away unnoticed.
    """

    tool: Tool
    profile: Profile
    cluster_uid: str
    demo: bool
    run: Run
    result: Result
    redaction: Redaction
    signer: Signer
    test_result: str


def predicate_of(outline: Outline, manifest: dict[str, Any], signer: Signer, test_result: str = "") -> Predicate:
    """The predicate that belongs to a manifest.

    Args:
        outline: what was read of it.
        manifest: the whole of it.
        signer: who signs.
        test_result: sha256 of test-result.dsse.json, "" where there is none.
    """
    run, totals, profile = outline.run, outline.totals, outline.profile
    hashed = hashlib.sha256(pretty(manifest["profile"])).hexdigest()
    return Predicate(
        tool=Tool(outline.tool.name, outline.tool.version, outline.tool.files_sha256),
        profile=Profile(profile.name, profile.version, hashed),
        cluster_uid=outline.target.cluster_uid,
        demo=outline.demo,
        run=Run(run.id, run.started, run.finished, outline.now, run.interrupted, run.nonce, run.previous),
        result=Result(
            totals.records, totals.verdicts, totals.attested, outline.gate.exit_code, outline.gate.meaning,
            bool(outline.partial),
        ),
        redaction=Redaction(outline.snapshot.redaction.policy, outline.snapshot.redaction.key),
        signer=signer,
        test_result=test_result,
    )  # fmt: skip


def statement(subjects: list[dict[str, Any]], kind: str, predicate: Any) -> bytes:
    """The bytes of an in-toto Statement v1.

    Args:
        subjects: each ``{"name", "digest": {"sha256": hex}}``.
        kind: the predicate's type.
        predicate: a JSON value or a struct.
    """
    told = msgspec.to_builtins(predicate)
    return canonical({"_type": STATEMENT, "subject": subjects, "predicateType": kind, "predicate": told})


def about_manifest(manifest: bytes, predicate: Predicate) -> bytes:
    """The statement about a pack: its subject is manifest.json, which holds the hash of every other file."""
    subject = {"name": SUBJECT, "digest": {"sha256": hashlib.sha256(manifest).hexdigest()}}
    return statement([subject], PREDICATE, predicate)


def read_statement(payload: bytes, kind: str) -> dict[str, Any]:
    """The parts of a statement of one kind: "subject" and "predicate".

    Raises:
        NotStrict: it is none, or of another kind; a clause that says why.
    """
    value = read_canonical(payload)
    if not isinstance(value, dict) or value.keys() != {"_type", "subject", "predicateType", "predicate"}:
        raise NotStrict("is no in-toto statement")
    if value["_type"] != STATEMENT or value["predicateType"] != kind:
        raise NotStrict(f"is no statement with a predicate of type {kind}")
    return value


def read_predicate(payload: bytes) -> tuple[str, Predicate]:
    """The sha256 of manifest.json and the predicate that a statement about a pack tells.

    Raises:
        NotStrict: it is no such statement.
    """
    value = read_statement(payload, PREDICATE)
    match value["subject"]:
        case [{"name": str(name), "digest": {"sha256": str(digest), **others}, **more}] if not others and not more:
            if name != SUBJECT:
                raise NotStrict(f"is about {name[:80]!r}, not about {SUBJECT}")
        case _:
            raise NotStrict(f"is not about {SUBJECT} alone")
    try:
        return digest, msgspec.convert(value["predicate"], Predicate)
    except (msgspec.ValidationError, RecursionError) as error:
        raise NotStrict(f"has a predicate that cannot be read: {error}") from None


def predicate_schema() -> bytes:
    """The JSON schema of the predicate, as it is stored in reports/schemas."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:preaudit:schema:predicate:1",
        "title": f"The predicate of attestation.dsse.json, type {PREDICATE}", **msgspec.json.schema(Predicate),
    }  # fmt: skip
    return pretty(schema)
