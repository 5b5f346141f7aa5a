"""The pages that are opened: of the demo, of a run with every verdict, of an empty one, a hostile one, and large ones."""

from __future__ import annotations

import io

import msgspec

from preaudit.catalogue import shipped_mapping
from preaudit.evidence.manifest import AttestationUse, Control, Totals, WaiverUse
from preaudit.evidence.record import Observation, in_order
from preaudit.render.controls import render_controls
from preaudit.render.html import render_html
from preaudit.render.summary import summarise
from preaudit.snapshot import Identity, SourceStatus, Status
from preaudit.suites import data_folder
from preaudit.verdict import Level, Verdict
from tests.command import preaudit
from tests.unit.render.sample import entry, manifest_for, record, sample_records, workload
from tests.unit.render.strategies import HOSTILE

REPORTS = data_folder("reports")
PAYLOADS = (
    *HOSTILE,
    '"><img src=x onerror="alert(1)">',
    "' onmouseover='alert(1)' autofocus onfocus='alert(1)",
    "</title></style></script><script>alert(1)</script>",
    "<iframe src=javascript:alert(1)></iframe><base href=http://198.18.0.1/><meta http-equiv=refresh content=0;url=/>",
    "<link rel=stylesheet href=http://198.18.0.1/a.css><style>*{display:none}</style>",
    "<form action=http://198.18.0.1/><input name=filter><details open ontoggle=alert(1)>",
    "\u202e\u2067desrever\u2069 \u05d0\u05d1\u05d2 \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
)
LONG = "n" * 126 + "-" + "m" * 126
MEGABYTE = "<b>why</b> " * 95_326
_UNSEEN = SourceStatus(source="pods", namespace="payments", status=Status.TRUNCATED, cause="cut after 500 objects")


def written(folder, found, manifest):
    """Both pages in `folder`, as a pack holds them."""
    folder.mkdir(parents=True, exist_ok=True)
    summary = summarise(found, manifest)
    (folder / "report.html").write_bytes(render_html(found, manifest, reports=REPORTS, summary=summary))
    stream = io.BytesIO()
    render_controls(summary, manifest, stream, mapping=shipped_mapping(), reports=REPORTS)
    (folder / "controls.html").write_bytes(stream.getvalue())
    return folder


def demo(folder):
    """The pack that `preaudit demo` makes of the recorded cluster."""
    folder.mkdir()
    preaudit("demo", "--out", folder / "pack", cwd=folder)
    return folder / "pack"


def everything(folder):
    """Every verdict, waiver state and attestation state; every optional fact of the first page; a partial run."""
    found = sample_records()
    found.append(record("AUD-302", Verdict.PASS, namespace="cluster", source="attestation", attestation="A-1",
                        reason="attested by Jane Doe, platform lead: the log store keeps 400 days"))  # fmt: skip
    found.append(record("RBAC-202", Verdict.FAIL, namespace="cluster", source="attestation", attestation="A-2",
                        level=Level.WARN, reason="attested by Jane Doe, platform lead: one account may"))  # fmt: skip
    found = in_order(found)
    plain = manifest_for(found)
    live, expired = plain.waivers
    waivers = (live, expired, *(
        msgspec.structs.replace(live, id=f"W-{state}", state=state, subjects=0)
        for state in ("unused", "stale", "unknown", "changed")
    ))  # fmt: skip
    use = AttestationUse(id="A-1", requirement="AUD-302", subject={"kind": "Cluster", "uid": "7f3c"}, verdict="pass",
                         author="Jane Doe", role="platform lead", statement="The log store keeps 400 days.",
                         file="retention.pdf", file_sha256="5e" * 32, attested_on="2026-11-01",
                         expires="2027-10-31", state="live", days_left=343, subjects=1)  # fmt: skip
    attestations = (use, *(
        msgspec.structs.replace(use, id=f"A-{state}", state=state, subjects=0, days_left=-3 if state == "expired" else 9)
        for state in ("expired", "future", "unused", "unknown")
    ))  # fmt: skip
    totals = Totals(items_collected=52, items_executed=49, items_deselected=2, items_lost=1, records=len(found),
                    verdicts=plain.totals.verdicts, attested=2)  # fmt: skip
    manifest = manifest_for(
        found, waivers=waivers, attestations=attestations, totals=totals,
        tool=plain.tool | {"files_sha256": "b7" * 32},
        run=msgspec.structs.replace(plain.run, nonce="auditor-4711", previous="9a" * 32, interrupted=True),
        retention={"days": 365, "until": "2027-11-22", "source": "one year, until the next audit has been through"},
        snapshot=plain.snapshot | {"redaction": {"policy": "preaudit.redaction/1", "key": "file", "counts": {}}},
        partial=("only the namespaces edge, orders and shop were asked for",),
        deselected=({"item": "POD-104[shop]", "reason": "--deselect"},) * 2,
    )  # fmt: skip
    return written(folder, found, manifest)


def empty(folder):
    """A run that judged nothing."""
    return written(folder, [], manifest_for([], sources=(), waivers=(), left_out=()))


def hostile(folder):
    """Every place that a cluster, a profile or a suite of others can fill, filled with what would do harm."""
    found = []
    for number, word in enumerate(PAYLOADS):
        for verdict in Verdict:
            one = workload("POD-101", verdict, word, word, f"{word}-{number}", waiver=word, note=word,
                           reason=MEGABYTE if number == verdict.rank else word,
                           observed=(Observation(word, word), Observation(word, [word])))  # fmt: skip
            subject = msgspec.structs.replace(one.subject, within=word)
            found.append(msgspec.structs.replace(one, requirement=word, area=word, title=word, expected=word, subject=subject))
    found.append(workload("POD-101", Verdict.FAIL, "shop", "Pod", LONG))
    plain = manifest_for([])
    waiver = msgspec.structs.replace(plain.waivers[0], requirement="POD-101")
    texts = [field for field in WaiverUse.__struct_fields__ if isinstance(getattr(waiver, field), str)]
    manifest = manifest_for(
        found,
        waivers=tuple(
            msgspec.structs.replace(waiver, subject={word: word}, **dict.fromkeys(texts, word)) for word in PAYLOADS
        ),
        partial=PAYLOADS, left_out=tuple({"requirement": word, "reason": word} for word in PAYLOADS),
        identity=Identity(user=PAYLOADS[0], groups=PAYLOADS),
        catalogue=tuple(
            msgspec.structs.replace(
                entry("POD-101"), id=word, area=word, title=word, why=word, fix=word, expected=word, method=word,
                population=word, sources=(word,), reperform=word, file=word, sha256=word, limitations=word,
                reviewer=word, parameters=(word,),
                controls=(Control(framework=word, id=word, relationship=word),
                          Control(framework="pss", id=word, relationship="full")),
            )
            for word in PAYLOADS
        ),
        sources=(*plain.sources, _UNSEEN,
                 *(SourceStatus(source=word, namespace=word, status=Status.FORBIDDEN, cause=word, call=word)
                   for word in PAYLOADS)),
        snapshot={"mode": "live", "notes": list(PAYLOADS)},
        profile=msgspec.structs.replace(plain.profile, name=PAYLOADS[1], title=PAYLOADS[2], version=PAYLOADS[3]),
        run=msgspec.structs.replace(plain.run, operator=PAYLOADS[4], command=PAYLOADS, nonce=PAYLOADS[5]),
    )  # fmt: skip
    return written(folder, in_order(found), manifest)


def large(folder, number):
    """A run with `number` open records of three requirements, each about a subject of its own."""
    found = in_order(
        workload(f"POD-10{1 + one % 3}", Verdict.FAIL, f"ns-{one % 97}", "Deployment", f"service-{one:06}")
        for one in range(number)
    )
    return written(folder, found, manifest_for(found))
