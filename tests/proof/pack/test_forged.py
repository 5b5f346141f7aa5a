"""A pack that was changed and sealed again: integrity cannot see it, judging again does, and names what was changed."""

import contextlib
import hashlib
import json
import shutil
from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest

from preaudit.cli import main
from preaudit.errors import UsageError
from preaudit.evidence import manifest as manifests
from preaudit.evidence.integrity import check
from preaudit.evidence.pack import files_below
from preaudit.evidence.strict import pretty
from preaudit.reperform import reperform
from tests.command import preaudit


@pytest.fixture(scope="session")
def honest(recorded, tmp_path_factory):
    """A pack with fails, passes and populations that are empty; not to be changed."""
    folder = tmp_path_factory.mktemp("honest")
    preaudit("run", "--profile", "bank", "--snapshot", recorded, "--select", "POD-101,POD-102,AUD", "--out", "pack",
             cwd=folder, code=1)  # fmt: skip
    return folder / "pack"


@pytest.fixture
def forge(honest, tmp_path):
    """Change a copy by a function of (folder, manifest), seal it again, and judge it again."""
    folder = tmp_path / "forged"

    def made(change):
        shutil.copytree(honest, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        change(folder, manifest)
        manifest["files"] = [msgspec.to_builtins(one) for one in files_below(folder)]
        (folder / "manifest.json").write_bytes(pretty(manifest))
        checked = check(folder, None, now=datetime.now(UTC))
        assert not checked.findings
        return reperform(folder, manifests.decode(checked.files.manifest_bytes), [])

    return made


def keep(folder, manifest, wanted):
    """Only the records that are wanted, and counts that fit them."""
    lines = [line for line in (folder / "records.jsonl").read_bytes().splitlines() if wanted(json.loads(line))]
    (folder / "records.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    counts = Counter(json.loads(line)["verdict"] for line in lines)
    manifest["totals"] |= {"records": len(lines), "verdicts": {one: counts[one] for one in manifest["totals"]["verdicts"]}}


def test_an_honest_pack_is_the_same(forge):
    again = forge(lambda folder, manifest: None)
    assert again.compared
    assert (again.differing, again.left_out) == ((), ())


CHANGES = {
    "gate.exit_code": 0, "gate.meaning": "nothing is open", "gate.allow": ["unknown"], "gate.gate_severity": "critical",
    "gate.manual_allowed": True, "now": "2020-01-01T00:00:00Z", "partial": [], "target.api_url": "https://prod",
    "target.cluster_uid": "another", "identity.user": "auditor", "permissions.namespace": "another",
    "snapshot.mode": "manifests", "snapshot.started": "2020-01-01T00:00:00Z", "snapshot.notes": ["all was seen"],
    "snapshot.age_seconds": -5, "snapshot.redaction.key": "file", "snapshot.certified": "yes", "retention.days": 1,
    "catalogue[0].title": "All is well.", "catalogue[0].limitations": "none at all", "catalogue[0].level": "info",
    "catalogue[0].controls": [], "catalogue[0].sha256": "0" * 64, "left_out": [{"requirement": "POD-101", "reason": "r"}],
    "sources[0].count": 99_999, "totals.items_collected": 1_000, "totals.items_executed": 1_000, "auditor": "Big Four",
    "profile.parameters[0].source": "a law", "profile.title": "Another",
}  # fmt: skip


def test_everything_in_the_manifest_but_the_runs_own_words_is_derived_again(forge):
    def change(folder, manifest):
        for place, value in CHANGES.items():
            *parents, last = place.replace("[0]", ".0").split(".")
            where = manifest
            for part in parents:
                where = where[int(part) if part.isdigit() else part]
            where[last] = value
        (folder / "inputs/effective-profile.json").write_bytes(pretty(manifest["profile"]))

    told = "\n".join(forge(change).differing)
    assert [place for place in CHANGES if f"manifest.json tells {place} = " not in told] == []


WAIVER = {
    "id": "W-1", "requirement": "POD-101", "subject": {"kind": "Pod"}, "owner": "o", "approver": "a", "reason": "r",
    "compensating_control": "c", "approved_on": "2026-01-01", "expires": "2026-12-31", "state": "live", "days_left": 9,
    "subjects": 1,
}  # fmt: skip
ATTESTATION = {
    "id": "A-1", "requirement": "POD-101", "subject": {"kind": "Cluster"}, "verdict": "pass", "author": "a", "role": "r",
    "statement": "s", "attested_on": "2026-01-01", "expires": "2026-12-31", "state": "live", "days_left": 9,
}  # fmt: skip


def declare(folder, manifest):
    manifest["waivers"], manifest["attestations"] = [WAIVER], [ATTESTATION]
    for one in ("waivers", "attestations"):
        (folder / f"inputs/{one}.yaml").write_text(f"{one}: []\n")


def deselect(folder, manifest):
    names = set()
    keep(folder, manifest, lambda one: one["requirement"] != "POD-101" or names.add(one["namespace"]))
    manifest["deselected"] = [{"item": f"POD-101[{name}]", "reason": "r"} for name in sorted(names)]
    manifest["totals"]["items_deselected"] = len(names)
    manifest["totals"]["items_executed"] -= len(names)


def hide(folder, manifest):
    keep(folder, manifest, lambda one: one["requirement"] != "POD-101")
    manifest["catalogue"] = [one for one in manifest["catalogue"] if one["id"] != "POD-101"]
    selection = json.loads((folder / "inputs/selection.json").read_text())
    selection["exclude"] = "POD-101"
    (folder / "inputs/selection.json").write_bytes(pretty(selection))


def never_reached(folder, manifest):
    bare = {"subject": None, "verdict": "unknown", "reason": "not judged: so it is", "source": "", "spec": "", "pods": None}
    lines = {}  # of many records that become the same, one
    for line in (folder / "records.jsonl").read_bytes().splitlines():
        one = json.loads(line)
        if one["requirement"] == "POD-101" and one["namespace"] == "kube-system":
            one |= bare | {"observed": [], "note": "", "population": ""}
        lines[msgspec.json.encode(one)] = None
    (folder / "records.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    keep(folder, manifest, lambda one: True)


def foreign(folder, manifest):
    path = folder / "records.jsonl"
    last = path.read_bytes().splitlines()[-1].replace(b'"requirement":"POD-102"', b'"requirement":"ZZZ-1"')
    path.write_bytes(path.read_bytes() + last + b"\n")
    keep(folder, manifest, lambda one: True)


def no_record(folder, manifest):
    path = folder / "records.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"severity":"critical"', b'"severity":"comical"'))


def other_demo(folder, manifest):
    collection = folder / "snapshot/collection.json"
    collection.write_bytes(collection.read_bytes().replace(b'"user": "kubernetes-admin"', b'"user": "somebody"'))
    manifest["snapshot"]["sha256"] = hashlib.sha256(collection.read_bytes()).hexdigest()
    manifest["demo"] = True


@pytest.mark.parametrize(("change", "sentence"), [
    (declare, "manifest.json tells attestations = "),
    (declare, "manifest.json tells waivers = "),
    (deselect, "requirements of the profile were left out by --select POD-101,POD-102,AUD"),
    (hide, "manifest.json tells partial[0] = "),
    (never_reached, "derived again it is 1"),
    (foreign, "ZZZ-1: it has records, and the manifest's catalogue does not hold it"),
    (no_record, "it has lines that are no records"),
    (other_demo, "manifest.json tells of the demo's cluster, the snapshot is another one"),
    (lambda folder, manifest: (folder / "inputs/suites.json").write_bytes(b"{}\n"), "inputs/suites.json: made again"),
    (lambda folder, manifest: (folder / "inputs/approval.txt").write_bytes(b"approved\n"), "no run writes such a file"),
    (lambda folder, manifest: (folder / "README.txt").write_bytes(b"trust us\n"), "README.txt: made again"),
    (lambda folder, manifest: (folder / "hdf.json").unlink(), "hdf.json: the pack does not hold it"),
    (lambda folder, manifest: (folder / "junit.xml").write_bytes(b"<testsuites/>\n"), "junit.xml: made again"),
    (lambda folder, manifest: (folder / "report.html").write_bytes(b"<h1>All is well</h1>\n"), "report.html: made again"),
])  # fmt: skip
def test_what_was_changed_is_named(forge, change, sentence):
    assert any(sentence in told for told in forge(change).differing)


def test_a_run_whose_own_words_do_not_fit_together_is_not_proven(forge):
    left = forge(lambda folder, manifest: manifest["run"].update(started="2020-01-01T00:00:00Z")).left_out
    assert any(told.startswith("the run's times") for told in left)
    assert any(told.startswith("the run's id") for told in left)


@pytest.mark.parametrize("started", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"])
def test_a_snapshot_of_an_impossible_time_is_refused_in_a_sentence(forge, tmp_path, started):
    def change(folder, manifest):
        collection = folder / "snapshot/collection.json"
        told = json.loads(collection.read_text()) | {"started": started}
        collection.write_bytes(pretty(told))
        manifest["snapshot"]["sha256"] = hashlib.sha256(collection.read_bytes()).hexdigest()

    with contextlib.suppress(UsageError):
        forge(change)
    told = preaudit("verify", "forged", "--reperform", cwd=tmp_path)
    assert told.returncode in {1, 6}
    assert "year" in told.stdout
    preaudit("run", "--profile", "bank", "--snapshot", "forged/snapshot", cwd=tmp_path, code=4)


def test_whatever_judging_again_ends_in_is_told_and_never_verified(honest, monkeypatch, capsys):
    def broken(*_):
        raise ZeroDivisionError("nobody foresaw it")

    monkeypatch.setattr("preaudit.reperform.reperform", broken)
    assert main(["verify", str(honest), "--reperform"]) == 1
    assert "ZeroDivisionError: nobody foresaw it" in capsys.readouterr().out
