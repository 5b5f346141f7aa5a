"""An attestation decides what is left to a person, and nothing else; every count tells it apart."""

import hashlib
import json
from datetime import UTC, datetime

import pytest

from preaudit.attestation import Attestations, load_attestations
from preaudit.errors import UsageError
from preaudit.subjects.ref import Subject
from tests.command import preaudit

NOW = datetime(2026, 11, 22, tzinfo=UTC)
UID = "7f3c9a00-0000-4000-8000-000000000001"
ATTESTATION = f"""
attestations:
  - id: A-1
    requirement: AUD-221
    subject: {{kind: Cluster, uid: {UID}}}
    verdict: pass
    author: Jane Doe
    role: platform lead of the provider
    statement: The provider's report of 2026 says so.
    attested_on: 2026-11-01
    expires: 2026-11-30
"""


def loaded(path, text=ATTESTATION, uid=UID, now=NOW):
    path.write_text(text)
    return load_attestations(path, now, uid)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "attestations.yaml"


def test_it_decides_for_its_requirement_and_cluster_only(path):
    found = loaded(path)
    assert found.decide("AUD-221", None).by.id == "A-1"
    assert found.decide("AUD-222", None).by is None
    assert found.decide("AUD-221", Subject(kind="Node", name="n1")).by is None
    assert loaded(path, uid="another").decide("AUD-221", None).by is None
    assert loaded(path, uid="").decide("AUD-221", None).by is None


@pytest.mark.parametrize(("now", "note"), [
    (datetime(2026, 11, 30, 23, 59, tzinfo=UTC), None),
    (datetime(2026, 12, 1, tzinfo=UTC), "attestation A-1 does not hold: it expired at the end of 2026-11-30 (UTC)"),
    (datetime(2026, 10, 31, tzinfo=UTC), "attestation A-1 does not hold: it starts on 2026-11-01 (UTC)"),
])  # fmt: skip
def test_it_holds_on_its_days_only(path, now, note):
    found = loaded(path, now=now).decide("AUD-221", None)
    assert (found.by is None, found.note) == (note is not None, note or "")


@pytest.mark.parametrize(("change", "sentence"), [
    (("verdict: pass", "verdict: not-applicable"), "pass or fail, nothing else"),
    (("verdict: pass", "verdict: unknown"), "pass or fail, nothing else"),
    (("    author: Jane Doe\n", ""), "attestations.yaml:3: the attestation needs author"),
    (("expires: 2026-11-30", "expires: 2027-11-30"), "a year after"),
    (("kind: Cluster, uid: ", "kind: Cluster, name: "), "subject needs uid for a Cluster"),
    ((UID, '"*"'), "wildcards are not taken"),
    (("    role:", "    rank: 1\n    role:"), "unknown key 'rank'"),
    (("    role:", "    file: x.pdf\n    role:"), "go together"),
    (("    role:", "    file: x.pdf\n    file_sha256: abc\n    role:"), "64 lower-case hex digits"),
    (("    role:", f"    file: ../x.pdf\n    file_sha256: {'a' * 64}\n    role:"), "without a folder"),
    (("attestations:", "waivers:"), "under the one key 'attestations:'"),
])  # fmt: skip
def test_a_mistake_is_one_sentence_with_file_and_line(path, change, sentence):
    with pytest.raises(UsageError, match=sentence.replace("(", r"\(")):
        loaded(path, ATTESTATION.replace(*change))


def test_a_document_beside_the_file_must_be_the_attested_one(path, tmp_path):
    (tmp_path / "report.pdf").write_bytes(b"one")
    good = hashlib.sha256(b"one").hexdigest()
    text = ATTESTATION.replace("    role:", f"    file: report.pdf\n    file_sha256: {good}\n    role:")
    assert loaded(path, text).entries[0].file_sha256 == good
    (tmp_path / "report.pdf").write_bytes(b"two")
    with pytest.raises(UsageError, match="another document"):
        loaded(path, text)


def test_none_decides_nothing():
    assert Attestations((), NOW, UID).decide("AUD-221", None).by is None


HIDDEN = """\
apiVersion: v1
kind: Namespace
metadata: {name: kube-system, uid: %s}
---
apiVersion: v1
kind: Node
metadata: {name: n1, uid: n1}
""" % UID  # noqa: UP031 - braces


def test_a_run_tells_attested_apart_everywhere(snapshot, tmp_path, path):
    """A cluster that shows no control plane: the person's word decides one requirement, the rest stays manual."""
    path.write_text(ATTESTATION)
    stored = snapshot(HIDDEN)
    collection = json.loads((stored / "collection.json").read_text())
    collection["target"] = {"cluster_uid": UID}
    (stored / "collection.json").write_text(json.dumps(collection))
    profile = tmp_path / "hosted.yaml"
    profile.write_text('profile: hosted\ntitle: hosted\nversion: "1"\nextends: bank\ncontrol_plane: manual\n')
    base = ["run", "--profile", str(profile), "--snapshot", str(stored), "--select", "AUD-221,AUD-222"]
    preaudit(*base, "--out", "plain", cwd=tmp_path, code=6)
    told = preaudit(*base, "--attestations", str(path), "--out", "pack", cwd=tmp_path, code=6)
    records = [json.loads(line) for line in (tmp_path / "pack/records.jsonl").read_text().splitlines()]
    assert [(one["verdict"], one["attestation"]) for one in records] == [("pass", "A-1"), ("manual", None)]
    assert records[0]["reason"].startswith("attested by Jane Doe, platform lead of the provider: The provider's")
    manifest = json.loads((tmp_path / "pack/manifest.json").read_text())
    assert manifest["totals"]["attested"] == 1
    assert manifest["attestations"][0]["state"] == "live"
    assert "1 verdict of these: attested by a person, not observed" in told.stdout
    report = (tmp_path / "pack/report.html").read_text()
    assert "attested (A-1), not observed" in report
    assert "1 record of these: attested by a person" in report
    assert "(attested)" in (tmp_path / "pack/junit.xml").read_text()
    assert (tmp_path / "pack/inputs/attestations.yaml").read_bytes() == path.read_bytes()
    again = preaudit(*base, "--attestations", str(path), "--at", "2026-12-24T00:00:00Z", "--out", "late",
                     cwd=tmp_path, code=6)  # fmt: skip
    assert "A-1 (expired)" in again.stdout


def test_of_two_persons_who_contradict_one_another_the_worse_word_counts(path):
    entry = ATTESTATION.partition("attestations:\n")[2]
    other = entry.replace("id: A-1", "id: A-2").replace("verdict: pass", "verdict: fail")
    for text in (entry + other, other + entry):
        assert loaded(path, f"attestations:\n{text}").decide("AUD-221", None).by.id == "A-2"


def test_nobody_attests_on_what_is_too_old(snapshot, tmp_path, path):
    """A complete look that is out of date is unknown, also where what it did not show would be left to a person."""
    path.write_text(ATTESTATION.replace("2026-11-30", "2027-10-31"))
    stored = snapshot(HIDDEN)
    collection = json.loads((stored / "collection.json").read_text())
    collection["target"] = {"cluster_uid": UID}
    (stored / "collection.json").write_text(json.dumps(collection))
    profile = tmp_path / "hosted.yaml"
    profile.write_text('profile: hosted\ntitle: hosted\nversion: "1"\nextends: bank\ncontrol_plane: manual\n')
    preaudit("run", "--profile", str(profile), "--snapshot", str(stored), "--select", "AUD-221", "--attestations", path,
             "--at", "2027-09-01T00:00:00Z", "--out", "pack", cwd=tmp_path, code=6)  # fmt: skip
    (record,) = [json.loads(line) for line in (tmp_path / "pack/records.jsonl").read_text().splitlines()]
    assert (record["verdict"], record["attestation"]) == ("unknown", None)
    assert record["reason"].startswith("stale: ")
