"""The command that renders a pack again: from its records and manifest alone, without ever unsealing it."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import IO

import msgspec

from preaudit.errors import UsageError
from preaudit.evidence import manifest as manifests
from preaudit.evidence.archive import open_pack
from preaudit.evidence.pack import RECORDS, Records, read_manifest, reason
from preaudit.render.renderings import RENDERINGS, Told, told_of
from preaudit.snapshot import Snapshot
from preaudit.verdict import Exit


def report(parsed: argparse.Namespace, out: IO[str]) -> int:
    """Render again: in place where every byte comes out as the manifest names it, else into ``--out``."""
    with open_pack(Path(parsed.pack)) as folder:
        told = read_manifest(folder)
        sealed = {one.name: one.sha256 for one in told.files}
        told = msgspec.structs.replace(told, run=_with_options(told.run, parsed))
        try:
            material = told_of(Records(folder / RECORDS, told.totals.records), told, sealed.get(RECORDS, ""),
                               snapshot=Snapshot(folder / "snapshot"))  # fmt: skip
            if parsed.preaudit_out:
                _write_apart(material, Path(parsed.preaudit_out), out)
            else:
                _write_in_place(material, folder, sealed, out)
        except OSError as error:
            raise UsageError(f"{error.filename or parsed.pack} cannot be read or written: {reason(error)}") from None
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001 - a stranger's manifest may hold anything where renderings look
            why = f"{type(error).__name__}: {error}"
            raise UsageError(
                f"{parsed.pack} cannot be rendered ({why}): its manifest is not one that a run writes; "
                "see preaudit verify --reperform"
            ) from None
    return Exit.OK.value


def _with_options(run: manifests.Run, parsed: argparse.Namespace) -> manifests.Run:
    """The run's own choices for its renderings, unless the command line makes others."""
    return msgspec.structs.replace(
        run, pseudonyms=run.pseudonyms or bool(parsed.preaudit_pseudonyms),
        attachments=parsed.preaudit_junit_attachments or run.attachments,
    )  # fmt: skip


def _write_apart(material: Told, folder: Path, out: IO[str]) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"{folder} exists already; nothing is overwritten, give another --out") from None
    for name, render in RENDERINGS.items():
        with (folder / name).open("xb") as stream:
            render(material, stream)
        out.write(f"{folder / name}\n")


def _write_in_place(material: Told, folder: Path, sealed: dict[str, str], out: IO[str]) -> None:
    """Restore the renderings; a file that would come out otherwise would make the pack one that fails its check."""
    other = []
    for name, render in RENDERINGS.items():
        fresh = folder / f".{name}.new"
        try:
            with fresh.open("wb") as stream:
                render(material, stream)
            with fresh.open("rb") as stream:
                same = hashlib.file_digest(stream, "sha256").hexdigest() == sealed.get(name)
            if same:
                fresh.replace(folder / name)
                out.write(f"{folder / name}\n")
            else:
                other.append(name)
        finally:
            fresh.unlink(missing_ok=True)
    if other:
        raise UsageError(
            f"{', '.join(other)}: comes out other than the pack's manifest names it (another build of preaudit, or "
            f"another option), so the pack stays as it is; give --out DIR to write it beside"
        )
