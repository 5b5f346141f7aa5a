"""The content of a small pack: a few records with every verdict, and the manifest about them."""

import hashlib
from collections import Counter
from datetime import UTC, datetime

from preaudit.evidence.manifest import Gate, Manifest, Profile, Run, Totals
from preaudit.evidence.record import Observation, Record, Subject, in_order
from preaudit.snapshot import Identity, Target
from preaudit.verdict import Level, Severity, Verdict

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def layers():
    return {"bank": b"profile: bank\nextends: baseline\n", "baseline": b"profile: baseline\n"}


def small_records(number=0):
    """Two records of each verdict; one pass rests on a person's word."""
    found = []
    for verdict in Verdict:
        for where in ("shop", "b\u00fcro"):
            subject = None
            if verdict not in {Verdict.NOT_APPLICABLE, Verdict.UNKNOWN}:
                subject = Subject(api_version="v1", kind="Pod", namespace=where, name=f"web-{number}", within="containers[c]")
            found.append(
                Record(
                    requirement="POD-101", title="Containers run without the privileged flag.", area="pod_security",
                    severity=Severity.CRITICAL, controls=("pss:baseline/privileged",), namespace=where, subject=subject,
                    verdict=verdict, level=Level.FAIL, scope="product", source="pods", pods=1, spec="9f" * 32,
                    reason=f"it is {verdict.value}", expected="false or unset",
                    observed=(Observation("spec.containers[c].privileged", {"b": 1, "a": [1.5, None]}),),
                    waiver="W-1" if verdict is Verdict.WAIVED else None,
                    attestation="A-1" if verdict is Verdict.PASS and where == "shop" else None,
                )
            )  # fmt: skip
    return in_order(found)


def small_manifest(records, collection, number=0):
    """The manifest about them, without its files."""
    counts = Counter(one.verdict for one in records)
    chain = tuple({"name": name, "file": f"{name}.yaml", "sha256": hashlib.sha256(raw).hexdigest()} for name, raw in layers().items())
    return Manifest(
        tool={"name": "preaudit", "version": "0.1.0"},
        profile=Profile(name="bank", title="Bank", version="1", layers=chain, parameters=()),
        now="2026-11-22T12:00:00Z",
        target=Target(api_url="https://198.18.0.1:6443", cluster_uid=f"uid-{number}", version="v1.35.4"),
        identity=Identity(user="auditor"),
        snapshot={"mode": "live", "sha256": hashlib.sha256(collection.read_bytes()).hexdigest(),
                  "redaction": {"policy": "preaudit.redaction/1", "key": "per-pack", "counts": {}}},
        sources=(), partial=("one thing was left out",), left_out=(), deselected=(), catalogue=(),
        totals=Totals(items_collected=3, items_executed=3, items_deselected=0, records=len(records),
                      verdicts={one.value: counts[one] for one in Verdict}, attested=1),
        waivers=(), gate=Gate(exit_code=1, meaning="something fails"),
        run=Run(id=f"01a2051f-904b-70ef-95a2-7a55010451e{number}", started="2026-11-22T12:00:00Z",
                finished="2026-11-22T12:00:05Z", local_offset="+0000", operator="root", command=("preaudit", "run"),
                python="3.11.7", platform="Linux", nonce="said by the auditor"),
    )  # fmt: skip
