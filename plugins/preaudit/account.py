"""The account of a run: what its manifest tells, made of what was planned, seen and judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from preaudit.audit import Audit
from preaudit.catalogue import entries
from preaudit.errors import UsageError
from preaudit.evidence import manifest as manifests
from preaudit.evidence.record import Record
from preaudit.gate import GateCount, meaning
from preaudit.installed import tool
from preaudit.rules import RETENTION
from preaudit.source import SOURCES
from preaudit.verdict import Exit, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What became of a run's items.

    Attributes:
        items: number of items that were collected and kept.
        lost: names of those that were never judged.
        cause: why they were not.
        deselected: items that the user left out, with the reason.
        records: every record, in the order of the pack; who counts as they come may leave those out that neither a
            waiver nor an attestation can be about.
        count: every record, counted.
        interrupted: Ctrl-C ended the run.
    """

    items: int
    lost: Sequence[str]
    cause: str
    deselected: Mapping[str, str]
    records: Sequence[Record]
    count: GateCount
    interrupted: bool

    @property
    def exit(self) -> Exit:
        """The exit code of the run."""
        return Exit.INTERRUPTED if self.interrupted else self.count.exit

    @property
    def partial(self) -> list[str]:
        """Why the records do not show everything that was planned."""
        said = []
        if self.deselected:
            reasons = ", ".join(sorted(set(self.deselected.values())))
            said.append(f"{len(self.deselected)} items were deselected: {reasons}")
        if self.lost:
            said.append(f"{len(self.lost)} items were not judged: {self.cause}")
        return said


def account(
    audit: Audit, judged: Judged, run: manifests.Run, *, collection_sha256: str, demo: bool
) -> manifests.Manifest:
    """The manifest, without the files of its pack.

    Args:
        audit: plan and snapshot.
        judged: what became of its items.
        run: what differs between two runs on one snapshot.
        collection_sha256: hash of the snapshot's collection.json.
        demo: the snapshot is the one that ships with preaudit.
    """
    plan, collection, records = audit.plan, audit.snapshot.collection, judged.records
    lost = len(judged.lost)
    told = manifests.Manifest(
        tool=tool(),
        profile=plan.profile.described,
        now=f"{audit.now:%Y-%m-%dT%H:%M:%SZ}",
        target=collection.target,
        identity=collection.identity,
        permissions=collection.permissions,
        snapshot={
            "mode": collection.mode, "started": collection.started, "finished": collection.finished,
            "sha256": collection_sha256, "notes": [*collection.notes, *_not_held(audit)],
            "namespaces": list(collection.scope_namespaces) if collection.scope_namespaces is not None else None,
            "age_seconds": int((audit.now - audit.snapshot.started).total_seconds()),
            "redaction": collection.redaction,
        },
        sources=collection.sources,
        partial=(*plan.partial, *judged.partial),
        left_out=tuple(_left_out(audit)),
        deselected=tuple({"item": name, "reason": why} for name, why in sorted(judged.deselected.items())),
        catalogue=entries(plan.selected, plan.profile),
        totals=manifests.Totals(
            items_collected=judged.items + len(judged.deselected), items_executed=judged.items - lost,
            items_deselected=len(judged.deselected), items_lost=lost, records=judged.count.verdicts.total(),
            verdicts={one.value: judged.count.verdicts[one] for one in Verdict},
            attested=sum(one.attestation is not None for one in records),
        ),
        waivers=audit.waivers.uses(records, plan.catalogue.names) if audit.waivers.entries else (),
        attestations=audit.attestations.uses(records, plan.catalogue.names),
        gate=manifests.Gate(
            exit_code=judged.exit.value, meaning=meaning(judged.exit), allow=tuple(sorted(plan.gate.allow)),
            gate_severity=plan.options.gate_severity or "", manual_allowed=plan.gate.manual_allowed,
        ),
        retention=_retention(audit),
        run=run,
        demo=demo,
    )  # fmt: skip
    # As a reader of manifest.json will have it: a mapping in a YAML file has another order, and renderings show it.
    return manifests.decode(manifests.encode(told))


def _not_held(audit: Audit) -> Iterable[str]:
    """What requirements of the run read today and the snapshot knows nothing of: no verdict would tell."""
    collection = audit.snapshot.collection
    if collection.mode == "live" and collection.scope_namespaces is None:
        for name in sorted({source for one in audit.plan.selected for source in one.sources}):
            if SOURCES[name].later and not audit.snapshot.tells_of(name):
                yield (
                    f"The snapshot was taken without {name}, by an older version or for other requirements: nothing is "
                    "said about it."
                )


def _left_out(audit: Audit) -> Iterable[dict[str, str]]:
    for one in audit.plan.inactive:
        yield {"requirement": one.id, "reason": f"needs the active group {one.active}, which is not included"}
    scoped = audit.snapshot.collection.scope_namespaces is not None
    for one in audit.plan.about_clusters:
        yield {"requirement": one.id, "reason": "it is about a cluster, and only --target was given"}
    for one in audit.plan.selected:
        outside = one.subject.cluster_sources if one.subject.places is None else not one.subject.places(audit.estate)
        if scoped and outside:
            yield {"requirement": one.id, "reason": "cluster-wide subjects lie outside the declared namespaces"}
        elif audit.estate.given and (not one.subject.namespace_sources or one.subject.places is not None):
            yield {"requirement": one.id, "reason": "files cannot answer it"}


def _retention(audit: Audit) -> dict[str, object]:
    days = audit.policy[RETENTION]
    source = next(one.source for one in audit.plan.profile.parameters if one.name == RETENTION.name)
    try:
        until = (audit.now + timedelta(days=days)).date()
    except OverflowError:
        raise UsageError(f"{RETENTION.name} is {days}, which ends after the year 9999; give fewer days") from None
    return {"days": days, "until": f"{until}", "source": source}
