"""Two packs compared: what is worse, what is fixed, and that nothing unseen is ever called fixed."""

import hashlib
import json
import xml.etree.ElementTree as ET

import pytest

from preaudit.errors import UsageError
from preaudit.evidence.comparison import Change, compare
from preaudit.render.comparison import RENDERED
from tests.command import preaudit

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{containers: [{{name: c, image: "i:1", securityContext: {{privileged: {privileged}}}}}]}}
"""


def pod(name="web", privileged=False, namespace="shop"):
    return POD.format(name=name, privileged=str(privileged).lower(), namespace=namespace)


@pytest.fixture
def pack(snapshot, tmp_path):
    """Judges a cluster of pods; its pack."""

    def make(name, *pods, sources=None, options=(), select="POD-101"):
        folder = snapshot("---".join(pods), f"{name}-cluster", sources)
        preaudit("run", "--profile", "bank", "--select", select, "--snapshot", folder, "--out", name, *options, cwd=tmp_path)
        return tmp_path / name

    return make


def changes(old, new):
    return sorted((one.change, one.subject.partition(" ")[0]) for one in compare(old, new).differences)


@pytest.mark.parametrize(("old", "new", "change"), [
    (pod(), pod(privileged=True), Change.NEW_FAILURE),
    (pod(privileged=True), pod(), Change.FIXED),
    (pod(privileged=True), pod(privileged=True), Change.STILL),
    (pod(privileged=True), pod("other"), Change.GONE),
    (pod("other"), pod(privileged=True), Change.NEW_FAILURE),
])  # fmt: skip
def test_what_became_of_a_subject(pack, old, new, change):
    assert changes(pack("old", old), pack("new", new)) == [(change, "shop/Pod/web")]


@pytest.mark.parametrize("privileged", [True, False])
@pytest.mark.parametrize("how", ["forbidden", "error", "truncated", "deselected", "not selected"])
def test_what_is_no_longer_seen_is_lost_and_never_fixed(pack, privileged, how):
    there = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    old = pack("old", there, pod(privileged=privileged))
    if how == "deselected":
        new = pack("new", there, options=["-k", "not POD-101"], select="POD-101,POD-102")
    elif how == "not selected":
        new = pack("new", there, select="POD-102")
    else:
        new = pack("new", there, sources={"pods": how})
    differences = compare(old, new).differences
    assert (Change.LOST, "shop/Pod/web containers[c]") in {(one.change, one.subject) for one in differences}
    assert not {Change.FIXED, Change.GONE} & {one.change for one in differences}


def test_a_scope_without_the_namespace_loses_sight_of_it(pack, tmp_path):
    old = pack("old", pod(privileged=True), pod(namespace="bank"))
    new = pack("new", pod(namespace="bank"))
    manifest = json.loads((new / "manifest.json").read_text())
    manifest["snapshot"]["namespaces"] = ["bank"]
    (new / "manifest.json").write_text(json.dumps(manifest))
    assert changes(old, new) == [(Change.LOST, "shop/Pod/web")]


WAIVER = """
waivers:
  - id: W-1
    requirement: POD-101
    subject: {kind: Pod, namespace: shop, name: web}
    owner: platform team
    approver: CISO
    reason: the CNI
    compensating_control: pinned
    approved_on: 2026-11-01
    expires: 2026-11-30
"""


def test_a_waiver_is_no_fix_and_its_end_is_a_new_failure(pack, written):
    path = str(written(WAIVER))
    plain = pack("plain", pod(privileged=True))
    waived = pack("waived", pod(privileged=True), options=["--waivers", path])
    late = pack("late", pod(privileged=True), options=["--waivers", path, "--at", "2026-12-24T00:00:00Z"])
    assert changes(plain, waived) == [(Change.WAIVED, "shop/Pod/web")]
    found = compare(waived, late)
    assert [(one.change, one.note) for one in found.differences] == [(Change.NEW_FAILURE, "waiver W-1 holds no more")]
    assert found.waivers == (("W-1", "expired"),)


def test_values_requirements_and_populations_that_changed_are_told(pack):
    old = pack("old", pod(), select="POD-101,POD-301")
    new = pack("new", pod(), pod("two"), options=["--set", "evidence.max_age=30"])
    found = compare(old, new)
    assert found.values == (("evidence.max_age", "90", "30"),)
    assert found.requirements == (("POD-301", "removed"),)
    assert [(one.requirement, one.old, one.new, one.came) for one in found.populations if one.requirement == "POD-101"] \
        == [("POD-101", 1, 2, 1)]  # fmt: skip


def test_every_format_tells_the_same_and_the_gate_closes_on_what_is_worse(pack, tmp_path):
    old, new = pack("old", pod(), pod("b", privileged=True)), pack("new", pod(privileged=True), pod("b"))
    plain = preaudit("diff", old, new, cwd=tmp_path, code=0).stdout
    assert "new failure: 1" in plain
    assert "shop/Pod/web containers[c]  pass -> fail" in plain
    preaudit("diff", old, new, "--fail-on-new", cwd=tmp_path, code=1)
    preaudit("diff", new, new, "--fail-on-new", cwd=tmp_path, code=0)
    told = json.loads(preaudit("diff", old, new, "--format", "json", cwd=tmp_path, code=0).stdout)
    assert told["counts"] == {"new failure": 1, "lost sight of": 0, "still failing, on other evidence": 0,
                              "still failing": 0, "fixed": 1, "fixed, the subject is gone": 0, "waived since": 0,
                              "seen now": 0}  # fmt: skip
    suites = ET.fromstring(preaudit("diff", old, new, "--format", "junit", cwd=tmp_path, code=0).stdout)
    assert [(one.get("tests"), one.get("failures")) for one in suites] == [("2", "1")]
    assert "**fixed** (1)" in preaudit("diff", old, new, "--format", "markdown", cwd=tmp_path, code=0).stdout


def test_a_milder_profile_hides_no_new_failure(pack, tmp_path):
    (tmp_path / "mild.yaml").write_text("profile: mild\nextends: bank\nlevels: {'*': info}\n")
    old, new = pack("old", pod(), pod("bad", privileged=True)), pack("new", pod(privileged=True), options=["--profile", "mild.yaml"])
    comparison = compare(old, new)
    assert ("levels.POD-101", '"fail"', '"info"') in comparison.values
    (worse,) = comparison.worse
    assert (worse.subject, worse.level.value, worse.note) == ("shop/Pod/web containers[c]", "fail", "the old profile's level was fail")
    preaudit("diff", old, new, "--fail-on-new", cwd=tmp_path, code=1)
    assert compare(new, new).worse == []


def test_an_archive_that_cannot_be_opened_is_no_new_failure(pack, tmp_path):
    (tmp_path / "junk.tar.zst").write_bytes(b"junk")
    preaudit("diff", pack("old", pod()), "junk.tar.zst", "--fail-on-new", cwd=tmp_path, code=4)


def test_a_pack_that_was_changed_is_refused(pack, tmp_path):
    old, new = pack("old", pod(privileged=True)), pack("new", pod(privileged=True))
    records = new / "records.jsonl"
    records.write_bytes(records.read_bytes().replace(b'"verdict":"fail"', b'"verdict":"pass"'))
    with pytest.raises(UsageError, match="was changed after it was made"):
        compare(old, new)
    assert "run preaudit verify" in preaudit("diff", old, new, cwd=tmp_path, code=4).stderr
    assert "no pack that can be read" in preaudit("diff", tmp_path / "none", new, cwd=tmp_path, code=4).stderr


def test_hostile_names_act_in_no_format(pack, tmp_path):
    old, new = pack("old", pod()), pack("new", pod(privileged=True))
    hostile = "`</x>|@all\x1b[31m\u202e"
    records = (new / "records.jsonl").read_bytes().replace(b"containers[c]", json.dumps(hostile)[1:-1].encode())
    (new / "records.jsonl").write_bytes(records)
    manifest = json.loads((new / "manifest.json").read_text())
    next(one for one in manifest["files"] if one["name"] == "records.jsonl")["sha256"] = hashlib.sha256(records).hexdigest()
    (new / "manifest.json").write_text(json.dumps(manifest))
    comparison = compare(old, new)
    for name, render in RENDERED.items():
        told = render(comparison)
        assert "\x1b" not in told
        if name != "json":
            assert "\u202e" not in told
    assert "</x>" not in RENDERED["junit"](comparison)
    assert hostile[:3] not in RENDERED["markdown"](comparison)
