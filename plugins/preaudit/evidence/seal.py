"""Signing a pack: the last step, apart from writing it, perhaps on another machine."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import IO

from preaudit.errors import UsageError
from preaudit.evidence import p256
from preaudit.evidence.contents import ATTESTATION, TEST_RESULT
from preaudit.evidence.durable import write_new
from preaudit.evidence.envelope import seal
from preaudit.evidence.files import check_files
from preaudit.evidence.keys import PackSigner
from preaudit.evidence.pack import reason
from preaudit.evidence.statement import Signer, about_manifest, predicate_of


def sign_pack(folder: Path, signer: PackSigner, *, test_result: bool = False) -> Path:
    """Sign a pack: write attestation.dsse.json, and if wanted test-result.dsse.json, beside its manifest.

    Args:
        folder: the pack.
        signer: of `preaudit.evidence.keys.load_signer`.
        test_result: also sign the result about the image digests that the snapshot names, where it names any.

    Returns:
        The attestation's path.

    Raises:
        UsageError: it is signed already, its files are not those of its manifest, or it cannot be written.
    """
    target = folder / ATTESTATION
    if any(os.path.lexists(folder / name) for name in (ATTESTATION, TEST_RESULT)):
        raise UsageError(f"{folder} is signed already; a signature is never replaced")
    checked = check_files(folder)
    if checked.findings or checked.outline is None:
        first = checked.findings[0].sentence
        more = f" (and {len(checked.findings) - 1} more, see preaudit verify)" if len(checked.findings) > 1 else ""
        raise UsageError(f"{folder} is not signed, because its files are not what its manifest says: {first}{more}")
    said = Signer(p256.public_pem(signer.public), signer.chain)
    hashed = ""
    if test_result:
        from preaudit.evidence.images import about_images  # noqa: PLC0415 - reads records and pods

        images = about_images(folder, checked.outline, checked.manifest_bytes)
        if images is not None:
            sealed = seal(images, signer)
            hashed = hashlib.sha256(sealed).hexdigest()
            _write(folder / TEST_RESULT, sealed)
    predicate = predicate_of(checked.outline, checked.manifest, said, hashed)
    _write(target, seal(about_manifest(checked.manifest_bytes, predicate), signer))
    return target


def _write(path: Path, content: bytes) -> None:
    """Write a whole file or none, never over another; what a killed process leaves lies beside the pack, not in it."""
    pack = path.parent
    try:
        write_new(path, lambda stream: _put(stream, content), _beside(pack))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {reason(error)}") from None


def _beside(pack: Path) -> Path:
    """The folder that the pack lies in; the pack itself where that one is another file system, or not ours."""
    same = pack.stat().st_dev == pack.parent.stat().st_dev
    return pack.parent if same and os.access(pack.parent, os.W_OK) else pack


def _put(stream: IO[bytes], content: bytes) -> None:
    stream.write(content)
