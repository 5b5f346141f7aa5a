"""Where a run's snapshot comes from: a live cluster, files, or a snapshot that was stored before."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from preaudit.audit import Plan
from preaudit.errors import UsageError
from preaudit.manner import (
    ACCOUNTS,
    AT_ONCE,
    DEBUG_PATHS,
    ENDPOINT_SECONDS,
    HOST_SECONDS,
    PER_SECOND,
    PORTS_PER_SECOND,
    RUN_SECONDS,
    SCAN_SECONDS,
)
from preaudit.options import READ_WORDS, words
from preaudit.parameter import Policy
from preaudit.probe.parameters import settings_of
from preaudit.snapshot import Snapshot, stored_snapshot

if TYPE_CHECKING:
    from preaudit.collect.endpoints.collected import Manner

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
    from preaudit.collect.endpoints.targets import parse_target  # noqa: PLC0415
    from preaudit.collect.progress import progress_for  # noqa: PLC0415

    targets = [parse_target(one) for one in options.target or ()]
    if options.targets_only:
        from preaudit.collect.endpoints.alone import collect_targets  # noqa: PLC0415

        collect_targets(folder, targets, manner=_manner(plan), now=now, progress=progress_for(sys.stderr))
        return
    from preaudit.collect.cluster import collect_cluster  # noqa: PLC0415

    collect_cluster(
        folder, sources=plan.sources, kubeconfig=options.kubeconfig, context=options.context,
        namespaces=options.namespace, read=read_words(options.read), redaction_key=key,
        kubelet_ca=options.kubelet_ca, now=now, progress=progress_for(sys.stderr), manner=_manner(plan),
        targets=targets,
    )  # fmt: skip


def _manner(plan: Plan) -> Manner:
    """How the profile and the options want endpoints to be looked at."""
    from preaudit.collect.endpoints.accounts import parse_accounts  # noqa: PLC0415 - a live run only
    from preaudit.collect.endpoints.closer import Closer  # noqa: PLC0415
    from preaudit.collect.endpoints.collected import Manner  # noqa: PLC0415
    from preaudit.collect.endpoints.debug_paths import parse_paths  # noqa: PLC0415
    from preaudit.collect.endpoints.scan import PortPace  # noqa: PLC0415
    from preaudit.collect.endpoints.targets import read_anchors  # noqa: PLC0415

    policy = Policy(plan.profile.values, datetime.now(UTC))
    groups = frozenset({*plan.profile.active, *words(plan.options.active)})
    paths, accounts = parse_paths(policy[DEBUG_PATHS]), parse_accounts(policy[ACCOUNTS])
    judged = groups & {one.active for one in plan.selected}
    closer = Closer(
        paths=paths if "scan" in judged else (), attacks="scan" in judged,
        accounts=accounts if "credentials" in judged else (), seconds=policy[SCAN_SECONDS],
    )  # fmt: skip
    ports = PortPace(
        per_second=policy[PORTS_PER_SECOND], host_seconds=policy[HOST_SECONDS], run_seconds=policy[SCAN_SECONDS]
    )
    return Manner(
        per_second=policy[PER_SECOND], at_once=policy[AT_ONCE], endpoint_seconds=policy[ENDPOINT_SECONDS],
        run_seconds=policy[RUN_SECONDS],
        groups=groups, closer=closer, ports=ports, probe=settings_of(policy) if "in-cluster" in groups else None,
        anchors={f"--ca {path}": read_anchors(path, "--ca ") for path in plan.options.ca or ()},
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
