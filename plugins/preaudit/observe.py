"""Where a run's snapshot comes from: a live cluster, files, or a snapshot that was stored before."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from pathlib import Path

from preaudit.audit import Plan
from preaudit.errors import UsageError
from preaudit.evidence.pack import MANIFEST
from preaudit.options import READ_WORDS, words
from preaudit.snapshot import Snapshot

MIN_KEY = 16


def observe(plan: Plan, folder: Path, now: datetime) -> None:
    """Fill an empty folder with the snapshot that the options name.

    Raises:
        UsageError: the target cannot be used; one sentence.
    """
    options = plan.options
    if options.snapshot:
        _copy(stored_snapshot(Path(options.snapshot)), folder)
        return
    key = redaction_key(options.redaction_key_file)
    # The collectors bring the kubernetes package with them, which judging a stored snapshot can do without.
    if options.manifests:
        from preaudit.collect.manifests import collect_manifests  # noqa: PLC0415

        collect_manifests(folder, paths=options.manifests, redaction_key=key, now=now)
        return
    from preaudit.collect.cluster import collect_cluster  # noqa: PLC0415
    from preaudit.collect.progress import progress_for  # noqa: PLC0415

    collect_cluster(
        folder, sources=plan.sources, kubeconfig=options.kubeconfig, context=options.context,
        namespaces=options.namespace, read=read_words(options.read), redaction_key=key,
        kubelet_ca=options.kubelet_ca, now=now, progress=progress_for(sys.stderr),
    )  # fmt: skip


def read_words(text: str | None) -> list[str]:
    """The words of ``--read``.

    Raises:
        UsageError: a word is unknown.
    """
    found = words(text)
    for word in found:
        if word not in READ_WORDS:
            raise UsageError(f"--read {word}: unknown word; it takes {', '.join(READ_WORDS)}")
    return found


def stored_snapshot(given: Path) -> Path:
    """The snapshot folder of a path that names one, or the pack that holds it."""
    is_pack = (given / MANIFEST).is_file() or (given / "snapshot" / "collection.json").is_file()
    return given / "snapshot" if is_pack else given


def _copy(source: Path, folder: Path) -> None:
    """Copy what a snapshot's collection.json names, and nothing else that may lie beside it."""
    snapshot = Snapshot(source)
    for name in (*(stored.name for stored in snapshot.collection.files), "collection.json"):
        shutil.copyfile(source / name, folder / name)


def redaction_key(path: str | None) -> bytes | None:
    """The customer's redaction key, None where no file is named.

    Raises:
        UsageError: the file cannot be read, or is too short for a key.
    """
    if path is None:
        return None
    try:
        key = Path(path).read_bytes().strip()
    except OSError as error:
        raise UsageError(f"--redaction-key-file {path}: cannot be read: {error.strerror}") from None
    if len(key) < MIN_KEY:
        raise UsageError(f"--redaction-key-file {path}: {len(key)} bytes; a key has at least {MIN_KEY}")
    return key
