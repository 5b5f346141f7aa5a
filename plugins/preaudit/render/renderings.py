"""The renderings of a pack: pure functions of records and manifest, so each file of theirs can be made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from preaudit.catalogue import shipped_mapping
from preaudit.endpoint import Endpoint
from preaudit.evidence.manifest import Manifest, with_files
from preaudit.evidence.record import Record
from preaudit.render.controls import render_controls
from preaudit.render.csvfile import render_csv
from preaudit.render.endpoints import endpoint_lines
from preaudit.render.hdf import render_hdf
from preaudit.render.html import render_html
from preaudit.render.inventory import Mask, clients_of, endpoints_of, render_certificates, render_protocols, stored_of
from preaudit.render.junit import render_junit
from preaudit.render.markdown import render_markdown
from preaudit.render.oscal import render_oscal
from preaudit.render.pseudonyms import pseudonymised
from preaudit.render.summary import Summary, summarise
from preaudit.snapshot import Snapshot, parse_time
from preaudit.suites import data_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What every rendering is made of.

    Attributes:
        records: the records of the pack.
        manifest: its manifest without the files of the pack.
        summary: what is counted, made once for all.
        records_sha256: hash of records.jsonl.
        endpoints: what was seen of each endpoint.
        stored: certificates that no endpoint sends: where each stands, and itself (DER in base64).
        mask: how names are shown that stand outside records and manifest.
        reports: the folder of templates, style sheet and schemas.
        attachments: the folder under which Jenkins finds the pack, None for no attachment marks.
    """

    records: Sequence[Record]
    manifest: Manifest
    summary: Summary
    records_sha256: str
    endpoints: Sequence[Endpoint]
    stored: Sequence[tuple[str, str]]
    mask: Mask
    reports: Path
    attachments: str | None = None


def told_of(
    records: Sequence[Record], manifest: Manifest, records_sha256: str, *, snapshot: Snapshot,
    summary: Summary | None = None,
) -> Told:
    """The material of all renderings of a pack, under pseudonyms where its run asked for them.

    Args:
        records: the records of the pack.
        manifest: its manifest.
        records_sha256: hash of records.jsonl.
        snapshot: the pack's, for the inventories.
        summary: their summary, where it was made before.

    Raises:
        UsageError: the manifest did not count these records, or the snapshot holds what cannot be read.
    """
    manifest, mask, stored = with_files(manifest, ()), Mask(), stored_of(snapshot)
    if manifest.run.pseudonyms:
        records, manifest, mask = pseudonymised(records, manifest, clients_of(stored))
        summary = None
    return Told(
        records=records, manifest=manifest, summary=summary or summarise(records, manifest),
        records_sha256=records_sha256, endpoints=endpoints_of(snapshot), stored=stored, mask=mask,
        reports=data_folder("reports"), attachments=manifest.run.attachments or None,
    )  # fmt: skip


def _html(told: Told, stream: IO[bytes]) -> None:
    lines = endpoint_lines(told.endpoints, parse_time(told.manifest.now), told.mask)
    stream.write(render_html(
        told.records, told.manifest, reports=told.reports, summary=told.summary, endpoints=lines,
        endpoint_count=len(told.endpoints),
    ))  # fmt: skip


def _junit(told: Told, stream: IO[bytes]) -> None:
    render_junit(
        told.records, told.manifest, stream, summary=told.summary, evidence_sha256=told.records_sha256,
        attachments=told.attachments,
    )  # fmt: skip


def _hdf(told: Told, stream: IO[bytes]) -> None:
    render_hdf(told.summary, told.manifest, stream)


def _csv(told: Told, stream: IO[bytes]) -> None:
    render_csv(told.records, stream)


def _markdown(told: Told, stream: IO[bytes]) -> None:
    render_markdown(told.summary, told.manifest, stream)


def _oscal(told: Told, stream: IO[bytes]) -> None:
    render_oscal(told.summary, told.manifest, stream, records_sha256=told.records_sha256)


def _controls(told: Told, stream: IO[bytes]) -> None:
    render_controls(told.summary, told.manifest, stream, mapping=shipped_mapping(), reports=told.reports)


def _certificates(told: Told, stream: IO[bytes]) -> None:
    render_certificates(told.endpoints, told.stored, parse_time(told.manifest.now), stream, told.mask)


def _protocols(told: Told, stream: IO[bytes]) -> None:
    render_protocols(told.endpoints, stream, told.mask)


RENDERINGS: dict[str, Callable[[Told, IO[bytes]], None]] = {
    "report.html": _html,
    "controls.html": _controls,
    "junit.xml": _junit,
    "hdf.json": _hdf,
    "oscal.json": _oscal,
    "records.csv": _csv,
    "certificates.csv": _certificates,
    "protocols.csv": _protocols,
    "summary.md": _markdown,
}
"""File name in the pack, and what writes it."""
