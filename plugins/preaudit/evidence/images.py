"""The second attestation: the result, about the images that ran, for whoever asks about an image and not about a run.

Its predicate is in-toto's ``test-result``, version 0.1. It names only digests that stand in the snapshot.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from preaudit.evidence.outline import Outline
from preaudit.evidence.pack import RECORDS
from preaudit.evidence.statement import SUBJECT, read_statement, statement
from preaudit.evidence.strict import NotStrict
from preaudit.snapshot import MAX_LINE
from preaudit.verdict import Exit, Level, Verdict

PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
PODS = "snapshot/pods.jsonl"
MAX_IMAGES = 10_000
_REFERENCE = re.compile(r"(?:[a-z-]+://)?([a-zA-Z0-9][a-zA-Z0-9._:/-]*?)(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?@sha256:([0-9a-f]{64})")
_CLOSED = frozenset({Verdict.PASS, Verdict.NOT_APPLICABLE})


class _Container(msgspec.Struct, frozen=True):
    image: Any = ""


class _Running(msgspec.Struct, frozen=True, rename={"image_id": "imageID"}):
    image_id: Any = ""


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    containers: tuple[_Container, ...] = ()
    init_containers: tuple[_Container, ...] = ()
    ephemeral_containers: tuple[_Container, ...] = ()


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    container_statuses: tuple[_Running, ...] = ()
    init_container_statuses: tuple[_Running, ...] = ()
    ephemeral_container_statuses: tuple[_Running, ...] = ()


class _Pod(msgspec.Struct, frozen=True):
    spec: _Spec = _Spec()
    status: _Status = _Status()


class _Judged(msgspec.Struct, frozen=True):
    requirement: str
    verdict: Verdict
    level: Level


def about_images(folder: Path, outline: Outline, manifest: bytes) -> bytes | None:
    """The bytes of the statement about the images, None where the snapshot names no digest.

    Args:
        folder: of a pack whose files were checked.
        outline: of its manifest.
        manifest: its bytes.
    """
    subjects = [
        {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(set(_images(folder / PODS)))
    ]  # fmt: skip
    if not subjects:
        return None
    passed, warned, failed = _requirements(folder / RECORDS)
    result = {Exit.OK: "PASSED", Exit.FAILED: "FAILED"}.get(Exit(outline.gate.exit_code), "WARNED")
    if result == "PASSED" and outline.partial:
        result = "WARNED"  # what was not looked at is never told as passed
    configuration = [{"name": SUBJECT, "digest": {"sha256": hashlib.sha256(manifest).hexdigest()}}] + [
        {"name": f"profile {layer.get('name', '')}", "digest": {"sha256": layer.get("sha256", "")}}
        for layer in outline.profile.layers
    ]
    predicate = {
        "result": result, "configuration": configuration, "passedTests": passed, "warnedTests": warned,
        "failedTests": failed,
    }  # fmt: skip
    return statement(subjects[:MAX_IMAGES], PREDICATE, predicate)


def manifest_of(payload: bytes) -> str:
    """The sha256 of the manifest that a test-result rests on.

    Raises:
        NotStrict: it is no such statement; a clause that says why.
    """
    value = read_statement(payload, PREDICATE)
    match value["predicate"]:
        case {"configuration": [{"name": str(name), "digest": {"sha256": str(digest)}}, *_]} if name == SUBJECT:
            return digest
    raise NotStrict(f"does not name the {SUBJECT} that it rests on")


def _images(path: Path) -> Iterator[tuple[str, str]]:
    if not path.exists():
        return
    decode = msgspec.json.Decoder(_Pod).decode
    with path.open("rb") as stream:
        while line := stream.readline(MAX_LINE):
            try:
                pod = decode(line)
            except (msgspec.DecodeError, ValueError, RecursionError):
                continue  # a pod of another form names no image that could be told
            spec, status = pod.spec, pod.status
            told = [one.image for one in (*spec.containers, *spec.init_containers, *spec.ephemeral_containers)]
            told += [
                one.image_id
                for one in (
                    *status.container_statuses, *status.init_container_statuses, *status.ephemeral_container_statuses,
                )
            ]  # fmt: skip
            for reference in told:
                if isinstance(reference, str) and (found := _REFERENCE.fullmatch(reference[:1000])):
                    yield found[1], found[2]


def _requirements(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Ids of the requirements by their worst outcome: nothing open, something open or waived, something failing."""
    decode = msgspec.json.Decoder(_Judged).decode
    failed: set[str] = set()
    warned: set[str] = set()
    passed: set[str] = set()
    with path.open("rb") as stream:
        for line in stream:
            one = decode(line)
            if one.verdict is Verdict.FAIL and one.level is Level.FAIL:
                failed.add(one.requirement)
            elif one.verdict not in _CLOSED:
                warned.add(one.requirement)
            elif one.verdict is Verdict.PASS:
                passed.add(one.requirement)
    return sorted(passed - warned - failed), sorted(warned - failed), sorted(failed)
