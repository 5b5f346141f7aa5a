"""Waivers hold for what they name, until the end of their last day, and say what became of them."""

from datetime import UTC, datetime

import pytest

from preaudit.audit import Audit, make_plan
from preaudit.errors import UsageError
from preaudit.options import Options
from preaudit.snapshot import Snapshot
from preaudit.waiver import load_waivers

WAIVER = """
waivers:
  - id: W-1
    requirement: POD-101
    subject: {kind: Pod, namespace: shop, name: bad}
    owner: platform team
    approver: CISO
    reason: the CNI
    compensating_control: pinned
    approved_on: 2026-11-01
    expires: 2026-11-30
"""
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def outcome(snapshot, path, text, at=None):
    options = Options(profile="bank", select="POD-101", waivers=str(path), at=at, snapshot="x")
    audit = Audit(make_plan(options, []), Snapshot(snapshot(text, name=f"s{at or ''}".replace(":", ""))))
    records = [one for item in audit.items(audit.plan.selected[0]) for one in audit.judge(item)]
    state = audit.waivers.uses(records, audit.plan.catalogue.names)[0].state
    return [(one.verdict.value, one.waiver) for one in records if one.subject], state


def test_a_live_waiver_holds_to_the_end_of_its_last_day(snapshot, written, privileged):
    path = written(WAIVER)
    assert outcome(snapshot, path, privileged) == ([("waived", "W-1")], "live")
    assert outcome(snapshot, path, privileged, "2026-11-30T23:59:59Z") == ([("waived", "W-1")], "live")
    assert outcome(snapshot, path, privileged, "2026-12-01T00:00:00Z") == ([("fail", None)], "expired")
    assert outcome(snapshot, path, privileged, "2026-11-30T23:30:00-01:00") == ([("fail", None)], "expired")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (("name: bad", "name: other"), "unused"),
        (("POD-101", "POD-999"), "unknown"),
        (("approved_on: 2026-11-01", "approved_on: 2026-11-25"), "future"),
        (("    owner:", "    observed: false\n    owner:"), "changed"),
    ],
)
def test_a_waiver_that_does_not_hold_says_why(snapshot, written, privileged, change, state):
    assert outcome(snapshot, written(WAIVER.replace(*change)), privileged) == ([("fail", None)], state)


def test_an_accepted_value_that_is_still_there_holds(snapshot, written, privileged):
    path = written(WAIVER.replace("    owner:", "    observed: true\n    owner:"))
    assert outcome(snapshot, path, privileged)[1] == "live"


def test_a_waiver_for_what_passes_is_stale(snapshot, written, good):
    assert outcome(snapshot, written(WAIVER.replace("name: bad", "name: good")), good)[1] == "stale"


def test_an_owner_that_only_the_pod_claims_takes_no_waiver(snapshot, written, privileged):
    claimed = privileged.replace(
        "namespace: shop}",
        "namespace: shop, ownerReferences: [{apiVersion: x.example/v1, kind: Rollout, name: web, uid: u, controller: true}]}",
    )
    path = written(WAIVER.replace("kind: Pod, namespace: shop, name: bad", "kind: Rollout, namespace: shop, name: web"))
    assert outcome(snapshot, path, claimed) == ([("fail", None)], "changed")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("    owner: platform team\n", ""), "file.yaml:3: the waiver needs owner"),
        (("expires: 2026-11-30", "expires: 2028-01-01"), "a year"),
        (("expires: 2026-11-30", "expires: soon"), "write it like 2027-03-31"),
        (("name: bad", "name: '*'"), "wildcards"),
        (("kind: Pod, ", ""), "needs kind"),
        (("namespace: shop, ", ""), "needs namespace"),
        (("    owner:", "    colour: red\n    owner:"), "unknown key 'colour'"),
        (("waivers:", "waiver:"), "list under the one key"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_line(written, change, sentence):
    with pytest.raises(UsageError, match=sentence) as caught:
        load_waivers(written(WAIVER.replace(*change)), NOW)
    assert "file.yaml:" in str(caught.value)
    assert "\n" not in str(caught.value)
