"""What Heimdall and the SAF converters make of hdf.json: nothing that is open or was not seen ever becomes green."""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from preaudit.evidence.manifest import AttestationUse
from preaudit.evidence.record import in_order
from preaudit.render.hdf import render_hdf
from preaudit.render.summary import summarise
from preaudit.verdict import Level, Severity, Verdict
from tests.unit.render.sample import manifest_for, record, sample_records

FOLDER = os.environ.get("PREAUDIT_SAF", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="run it by tests/heimdall/with-saf, which installs the converters")
CKL = {Verdict.PASS: "NotAFinding", Verdict.FAIL: "Open"}
XCCDF = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.UNKNOWN: "unknown"}
SHOWN = {Verdict.PASS: "Passed", Verdict.FAIL: "Failed", Verdict.UNKNOWN: "Profile Error"}
CASES = {
    f"{severity.name}-{number}": (severity, level, verdicts)
    for number, verdicts in enumerate(
        (*itertools.combinations(Verdict, 1), *itertools.combinations(Verdict, 2), *itertools.combinations(Verdict, 3))
    )
    for severity, level in ((Severity.INFO, Level.INFO), (Severity.CRITICAL, Level.FAIL))
}
"""Control id: severity, level, and the verdicts of its records, worst first."""
ATTESTED = {"ATTESTED-1": (Verdict.PASS,), "ATTESTED-2": (Verdict.UNKNOWN, Verdict.PASS),
            "ATTESTED-3": (Verdict.FAIL, Verdict.PASS), "ATTESTED-4": (Verdict.FAIL,)}  # fmt: skip
"""The same with a person's word behind each pass and fail."""
EXPECTED = {name: verdicts[0] for name, (_, _, verdicts) in CASES.items()} | {
    name: verdicts[0] for name, verdicts in ATTESTED.items()
}


def one(name, verdict, **given):
    waiver = "W-7" if verdict is Verdict.WAIVED else None
    found = record("POD-101", verdict, reason=f"it is {verdict.value}", waiver=waiver, **given)
    return msgspec.structs.replace(found, requirement=name)


def all_cases():
    for name, (severity, level, verdicts) in CASES.items():
        yield from (one(name, verdict, severity=severity, level=level) for verdict in verdicts)
    for name, verdicts in ATTESTED.items():
        for verdict in verdicts:
            yield one(name, verdict, attestation=None if verdict is Verdict.UNKNOWN else "A-1")


def run(*command):
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def hdf(tmp_path_factory):
    found = in_order([*all_cases(), *sample_records()])
    use = AttestationUse(id="A-1", requirement="ATTESTED-1", subject={}, verdict="pass", author="an officer",
                         role="CISO", statement="seen in the store", attested_on="2026-11-01", expires="2027-10-01",
                         state="live", days_left=313)  # fmt: skip
    manifest = manifest_for(found, attestations=(use,))
    stream = io.BytesIO()
    render_hdf(summarise(found, manifest), manifest, stream)
    path = tmp_path_factory.mktemp("hdf") / "hdf.json"
    path.write_bytes(stream.getvalue())
    return path


def converted(hdf, kind, suffix):
    out = hdf.with_suffix(suffix)
    told = run("node", "node_modules/@mitre/saf/bin/run", "convert", kind, "-i", str(hdf), "-o", str(out))
    assert out.is_file(), told.stdout + told.stderr
    return ET.parse(out).getroot()


def test_the_checklist_is_never_greener(hdf):
    found = {}
    for vulnerability in converted(hdf, "hdf2ckl", ".ckl").iter("VULN"):
        data = {pair.findtext("VULN_ATTRIBUTE"): pair.findtext("ATTRIBUTE_DATA") for pair in vulnerability.iter("STIG_DATA")}
        found[data["Vuln_Num"]] = vulnerability.findtext("STATUS")
    assert {name: found[name] for name in EXPECTED} == {
        name: CKL.get(verdict, "Not_Reviewed") for name, verdict in EXPECTED.items()
    }


def test_the_xccdf_results_are_never_greener(hdf):
    space = "{http://checklists.nist.gov/xccdf/1.2}"
    root = converted(hdf, "hdf2xccdf", ".xml")
    found = {one.get("idref"): one.findtext(f"{space}result") for one in root.iter(f"{space}rule-result")}
    assert {name: found[f"xccdf_hdf_rule_{name}_rule"] for name in EXPECTED} == {
        name: XCCDF.get(verdict, "notchecked") for name, verdict in EXPECTED.items()
    }


def test_heimdall_shows_nothing_greener(hdf):
    found = json.loads(run("node", str(Path(__file__).parent / "read.cjs"), FOLDER, str(hdf)).stdout)
    assert {name: found[name] for name in EXPECTED} == {
        name: SHOWN.get(verdict, "Not Reviewed") for name, verdict in EXPECTED.items()
    }


def test_each_pair_is_converted():
    pairs = {frozenset(verdicts) for _, _, verdicts in CASES.values() if len(verdicts) == 2}
    assert len(pairs) == len(list(itertools.combinations(Verdict, 2)))
