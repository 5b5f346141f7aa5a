"""The commands about the seal of a pack: keygen, sign, verify."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from preaudit.errors import UsageError
from preaudit.evidence.archive import ArchiveRefused, open_pack
from preaudit.evidence.integrity import check
from preaudit.evidence.keys import generate, load_signer
from preaudit.evidence.opinion import Comparison, opinion
from preaudit.evidence.p256 import key_id
from preaudit.evidence.seal import sign_pack
from preaudit.evidence.trust import load_authorities, load_trust
from preaudit.verdict import Exit

if TYPE_CHECKING:
    from preaudit.reperform import Reperformed


def keygen(parsed: argparse.Namespace, out: IO[str]) -> int:
    """Make a key pair for those who have none."""
    key, pub = generate(Path(parsed.out))
    out.write(f"{key}  the private key: keep it, give it to nobody\n")
    out.write(f"{pub}  the public key: give it to whoever verifies, on another way than the packs\n")
    out.write(f"key id {key_id(load_signer(str(key)).public)}\n")
    return Exit.OK.value


def sign(parsed: argparse.Namespace, out: IO[str]) -> int:
    """Sign a pack."""
    folder = Path(parsed.pack)
    if folder.is_file():
        raise UsageError(f"{folder} is a file; unpack it (tar --zstd -xf), sign the folder, and archive it again")
    if not folder.is_dir():
        raise UsageError(f"{folder}: no pack there")
    signer = load_signer(parsed.key, Path(parsed.cert) if parsed.cert else None)
    written = sign_pack(folder, signer, test_result=bool(getattr(parsed, "test_result", False)))
    out.write(f"{written}\nkey id {key_id(signer.public)}\n")
    return Exit.OK.value


def verify(parsed: argparse.Namespace, out: IO[str]) -> int:
    """Check a pack; see `preaudit.evidence.opinion` for what is told."""
    if parsed.live is not None and parsed.live < 1:
        raise UsageError("--live takes the number of objects to read again, at least 1")
    trust = load_trust(Path(parsed.trust)) if parsed.trust else None
    times = load_authorities(Path(parsed.timestamp_trust)) if parsed.timestamp_trust else ()
    try:
        with open_pack(Path(parsed.pack)) as folder:
            checked = check(folder, trust, now=datetime.now(UTC), timestamp_trust=times)
            comparisons = [] if checked.findings else _second_looks(parsed, folder, checked.files.manifest_bytes)
            told, code = opinion(checked, comparisons, trusted=trust is not None)
    except ArchiveRefused as refused:
        out.write(f"WRONG: {refused}\n\nNOT VERIFIED: the archive was not opened\n")
        return Exit.FAILED.value
    out.write(told)
    return code.value


def _judged_again(look: Callable[[], Reperformed]) -> Comparison:
    """What came of judging again; a stranger's pack may make that end in anything, and none of it is a pass."""
    try:
        again = look()
    except UsageError as error:
        return Comparison("records judged again", 0, (str(error),), ())
    except Exception as error:  # noqa: BLE001 - it is told, and the pack is not verified
        why = f"what the pack stores cannot be judged: {type(error).__name__}: {error}"
        return Comparison("records judged again", 0, (why,), ())
    return Comparison(
        "records judged again", again.compared, again.differing, again.left_out, derived=again.compared > 0
    )  # fmt: skip


def _second_looks(parsed: argparse.Namespace, folder: Path, manifest: bytes) -> list[Comparison]:
    found: list[Comparison] = []
    if not parsed.reperform and parsed.live is None:
        return found
    from preaudit.evidence.manifest import decode  # noqa: PLC0415 - only who looks again needs the whole of it

    try:
        told = decode(manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        why = f"manifest.json is not one that this version of preaudit writes, so nothing can be compared: {error}"
        return [Comparison("second look", 0, (), (why,))]
    if parsed.reperform:
        from preaudit.reperform import reperform  # noqa: PLC0415 - brings the suites

        found.append(_judged_again(lambda: reperform(folder, told, [Path(path) for path in parsed.paths])))
    if parsed.live is not None:
        from preaudit.recheck import recheck  # noqa: PLC0415 - brings the kubernetes package

        seen = recheck(
            folder, told, parsed.live, kubeconfig=parsed.preaudit_kubeconfig, context=parsed.preaudit_context,
            redaction_key_file=parsed.preaudit_redaction_key_file,
        )  # fmt: skip
        found.append(Comparison("objects read again", seen.compared, seen.differing, seen.left_out))
    return found
