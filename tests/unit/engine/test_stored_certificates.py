"""The kubeconfig in use among the stored certificates: whose matter it is, and what an older snapshot says of it."""

import base64
import hashlib

import msgspec
import pytest
import yaml

from preaudit.account import _not_held
from preaudit.audit import Audit, make_plan
from preaudit.collect.manifests import collect_manifests
from preaudit.errors import UsageError
from preaudit.example import NOW
from preaudit.options import Options
from preaudit.render.inventory import clients_of, stored_of
from preaudit.snapshot import Snapshot, Status
from preaudit.source import KUBECONFIG
from preaudit.subjects.pem import certificates_in
from preaudit.suites import data_folder
from preaudit.verdict import Level, Verdict
from tests.issued import issued

STORED = yaml.safe_load((data_folder("suites") / "tls" / "examples" / "certificates.yaml").read_text())
CA, CLIENT = "cluster.certificate-authority", "user.client-certificate"
BUNDLE = f"""
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {{name: v1.shop.example}}
spec: {{caBundle: {base64.b64encode(issued("CA", now=NOW).pem).decode()}}}
"""


def kubeconfig(part, *names, cause=""):
    texts = ["".join(STORED[name].split()) for name in names]
    return yaml.safe_dump({"kind": "Kubeconfig", "spec": {"name": "in-use", "part": part, "certificates": texts, "cause": cause}})


def told(records):
    return [(one.subject and one.subject.within, one.verdict, one.level, one.scope) for one in records]


@pytest.mark.parametrize(("profile", "theirs", "ours"), [("bank", "fail", "warn"), ("baseline", "info", "info")])
def test_the_auditors_own_credential_closes_no_gate(judged, profile, theirs, ours):
    text = kubeconfig(CA, "soon") + "---\n" + kubeconfig(CLIENT, "soon")
    records = judged("TLS-702", text, profile=profile)
    assert told(records) == [(CA, Verdict.FAIL, Level(theirs), "platform"), (CLIENT, Verdict.FAIL, Level(ours), "platform")]
    assert [one.note for one in records] == ["", "the credential of whoever ran the audit"]


def test_what_could_not_be_read_of_it_is_unknown_with_its_cause(judged):
    text = kubeconfig(CLIENT, "for-clients", cause="1 of its 2 certificates cannot be read")
    (record,) = judged("TLS-701", text)
    assert told([record]) == [(CLIENT, Verdict.UNKNOWN, Level.WARN, "platform")]
    assert record.reason == f"not seen: {CLIENT}: 1 of its 2 certificates cannot be read"


def test_an_odd_observation_is_unknown_and_no_inventory(judged, snapshot):
    text = yaml.safe_dump({"kind": "Kubeconfig", "spec": {"name": "in-use", "part": CA, "certificates": []}})
    folder = snapshot(text, name="odd")
    stored = folder / "kubeconfig-certificates.jsonl"
    raw = stored.read_bytes().replace(b'"part"', b'"trap"')
    stored.write_bytes(raw)
    taken = msgspec.json.decode((folder / "collection.json").read_bytes())
    for one in taken["files"]:
        if one["name"] == stored.name:
            one["sha256"] = hashlib.sha256(raw).hexdigest()
    (folder / "collection.json").write_bytes(msgspec.json.encode(taken))
    assert [one.verdict for one in judge(folder, "TLS-701")] == [Verdict.UNKNOWN]
    with pytest.raises(UsageError, match="a certificate of this snapshot cannot be read"):
        stored_of(Snapshot(folder))


def judge(folder, requirement):
    audit = Audit(make_plan(Options(profile="bank", select=requirement), []), Snapshot(folder))
    return [one for wanted in audit.plan.selected for item in audit.items(wanted) for one in audit.judge(item)]


def without(folder, **changes):
    """The snapshot, with another status for the kubeconfig, or with none."""
    taken = Snapshot(folder).collection
    statuses = [one for one in taken.sources if one.source != KUBECONFIG]
    if changes:
        (mine,) = [one for one in taken.sources if one.source == KUBECONFIG]
        statuses.append(msgspec.structs.replace(mine, **changes))
    (folder / "collection.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(taken, sources=tuple(statuses))))
    return folder


def test_an_older_snapshot_says_nothing_of_it_and_the_manifest_says_that(snapshot):
    new, old = snapshot("", name="new"), without(snapshot("", name="old"))
    (told_new,), (told_old,) = judge(new, "TLS-701"), judge(old, "TLS-701")
    assert (told_new.verdict, told_old.verdict) == (Verdict.NOT_APPLICABLE, Verdict.NOT_APPLICABLE)
    assert f"{KUBECONFIG} (complete list)" in told_new.reason
    assert told_new.population.endswith("certificate of a signing request or of the kubeconfig in use in the cluster")
    assert KUBECONFIG not in told_old.reason
    assert told_old.population.endswith("certificate of a signing request in the cluster")
    notes = {folder: list(_not_held(Audit(make_plan(Options(profile="bank"), []), Snapshot(folder)))) for folder in (new, old)}
    assert notes[new] == []
    assert [one.partition(",")[0] for one in notes[old]] == [f"The snapshot was taken without {KUBECONFIG}"]
    other = Audit(make_plan(Options(profile="bank", select="POD-101"), []), Snapshot(old))
    assert list(_not_held(other)) == []


def test_a_look_at_it_that_went_wrong_is_unknown(snapshot):
    folder = without(snapshot(""), status=Status.ERROR, cause="a fault")
    (record,) = judge(folder, "TLS-701")
    assert (record.verdict, record.reason) == (Verdict.UNKNOWN, f"not seen: {KUBECONFIG} (error: a fault)")


def test_files_bring_no_kubeconfig_and_lack_none(tmp_path):
    (tmp_path / "config.yaml").write_text("apiVersion: v1\nkind: Config\ncurrent-context: c\n---\n" + BUNDLE)
    collect_manifests(tmp_path / "snapshot", paths=[str(tmp_path / "config.yaml")], redaction_key=None, now=NOW)
    (record,) = judge(tmp_path / "snapshot", "TLS-701")
    assert (record.subject.kind, record.verdict) == ("APIService", Verdict.PASS)
    assert "kubeconfig" not in record.population


def test_it_stands_in_the_inventory_with_what_cannot_be_read(snapshot):
    text = kubeconfig(CA, "ca") + "---\n" + kubeconfig(CLIENT, "for-clients", cause="1 of its 2 certificates cannot be read")
    found = stored_of(Snapshot(snapshot(text)))
    client = f"Kubeconfig/in-use {CLIENT}"
    known = {name: "".join(STORED[name].split()) for name in ("ca", "for-clients")}
    assert found == ((f"Kubeconfig/in-use {CA}", known["ca"]), (client, known["for-clients"]), (client, ""))
    assert clients_of(found) == {("User", "web")}


def test_a_client_is_known_by_its_certificate():
    ca = issued("Cluster CA", "Example")
    (jane,), _ = certificates_in(issued("jane", "dev", "ops", by=ca).pem)
    assert jane.identities == (("User", "jane"), ("Group", "dev"), ("Group", "ops"))
    (authority,), _ = certificates_in(ca.pem)
    at = f"Kubeconfig/in-use {CA}"
    assert clients_of([(at, authority.text), ("CertificateSigningRequest/x status.certificate", jane.text), (at, "!")]) == set(jane.identities)


@pytest.mark.parametrize(("kind", "verdict"), [
    ("Kubeconfig", "waived"), ("APIService", "fail"), ("CertificateSigningRequest", "fail"),
])  # fmt: skip
def test_what_is_of_no_namespace_is_waived_without_one(judged, written, kind, verdict):
    path = written(f"""
    waivers:
      - id: W-1
        requirement: TLS-702
        subject: {{kind: {kind}, name: in-use}}
        owner: platform team
        approver: CISO
        reason: it is renewed on Monday
        compensating_control: a calendar
        approved_on: 2026-11-01
        expires: 2026-11-30
    """)
    (record,) = judged("TLS-702", kubeconfig(CA, "soon"), waivers=str(path))
    assert record.verdict == verdict
