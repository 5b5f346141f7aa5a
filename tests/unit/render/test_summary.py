"""The counts behind all renderings: one place, reconciled, and every gap attributed to what was not seen."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings

from preaudit.errors import UsageError
from preaudit.evidence.manifest import Gate
from preaudit.evidence.record import Subject
from preaudit.gate import GateRules
from preaudit.render.sources import source_looks
from preaudit.render.summary import COLUMNS, population_hash, summarise
from preaudit.snapshot import SourceStatus, Status
from preaudit.verdict import Level, Verdict

from .sample import manifest_for, record, sample_records, workload
from .strategies import records


@given(records())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_areas_requirements_and_gaps_all_sum_to_the_records(found):
    summary = summarise(found, manifest_for(found))
    assert summary.counts.total == len(found)
    for verdict in COLUMNS:
        assert sum(area.counts[verdict] for area in summary.areas) == summary.counts[verdict]
        assert sum(one.counts[verdict] for one in summary.requirements) == summary.counts[verdict]
    assert sum(gap.verdicts for gap in summary.unseen) == summary.counts[Verdict.UNKNOWN]
    assert (
        sum(len(one.fails) for remedy in summary.remedies for one in remedy.requirements)
        == summary.counts[Verdict.FAIL]
    )
    for one in summary.requirements:
        quiet = sum(part.passes + part.not_applicable for part in one.quiet)
        assert quiet + len(one.open) == one.counts.total
        assert all(record.verdict is Verdict.FAIL for record in one.fails)
    closing = sum(GateRules.of(manifest_for(found).gate).closes(one) for one in found)
    assert sum(one.closing for one in summary.requirements) == closing


def test_counts_that_differ_from_the_manifest_are_refused():
    found = sample_records()
    with pytest.raises(UsageError, match="do not belong together"):
        summarise(found[:-1], manifest_for(found))


def test_a_requirement_without_a_record_is_still_listed():
    summary = summarise([], manifest_for([]))
    assert len(summary.requirements) == 9
    assert summary.failing == ()


def test_failing_requirements_are_sorted_by_gate_severity_and_number():
    names = [one.entry.id for one in summarise(sample_records(), manifest_for(sample_records())).failing]
    assert names[:2] == ["POD-101", "RBAC-201"]
    assert set(names[2:4]) == {"POD-102", "POD-103"}
    assert set(names[4:]) == {"POD-110", "POD-111"}


def status(source, namespace="*", state=Status.FORBIDDEN, cause="no", **given_):
    return SourceStatus(source=source, namespace=namespace, status=state, cause=cause, **given_)


def gaps_of(found, *sources):
    gaps = summarise(found, manifest_for(found, sources=sources)).unseen
    return [(gap.source, gap.namespace, gap.word, gap.verdicts, gap.right) for gap in gaps]


def test_a_gap_that_nothing_hangs_on_is_listed_all_the_same():
    assert gaps_of([], status("services", "shop")) == [("services", "shop", "forbidden", 0, "list services in shop")]


def test_a_reason_names_the_source_that_was_missing_beside_the_one_that_was_read():
    told = workload("POD-101", Verdict.UNKNOWN, "shop", "Deployment", "api",
                    reason="poddisruptionbudgets.policy in shop: forbidden: no")  # fmt: skip
    sources = (status("pods", "payments"), status("poddisruptionbudgets.policy", "shop"))
    assert gaps_of([told], *sources)[0] == (
        "poddisruptionbudgets.policy", "shop", "forbidden", 1, "list poddisruptionbudgets.policy in shop",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "gap"),
    [
        ("not seen: services, pods (forbidden: pods is forbidden); nodes (error: gone)", ("services", "shop")),
        ("not seen: pods (forbidden: no)", ("pods", "shop")),
        ("pods in shop: forbidden: no", ("pods", "shop")),
    ],
)
def test_the_sources_that_a_reason_lists_are_its_gap(reason, gap):
    found = [record("RBAC-201", Verdict.UNKNOWN, source="", reason=reason)]
    gaps = gaps_of(found, status("pods", "shop"), status("services", "shop"))
    assert [one[:2] for one in gaps if one[3]] == [gap]


def test_a_question_about_the_cluster_hangs_on_the_namespace_that_was_not_seen():
    found = [record("RBAC-201", Verdict.UNKNOWN, namespace="cluster", source="pods", reason="pods: forbidden: no")]
    assert [one[:4] for one in gaps_of(found, status("pods", "payments"))] == [("pods", "payments", "forbidden", 1)]


def test_a_cluster_wide_refusal_is_told_once_where_namespaces_were_read_instead():
    sources = (status("pods"), status("pods", "payments"), status("pods", "shop", Status.COLLECTED, ""))
    assert [gap[:3] for gap in gaps_of([], *sources)] == [("pods", "payments", "forbidden")]
    assert [gap[:3] for gap in gaps_of([], status("pods"))] == [("pods", "*", "forbidden")]


@pytest.mark.parametrize(
    ("one", "right"),
    [
        (status("pods"), "list pods in all namespaces"),
        (status("nodes"), "list nodes"),
        (status("nodes/configz", object="node-a"), "get nodes/configz"),
        (status("secrets", "*", Status.ERROR, "not read without --read secrets-metadata"),
         "list secrets, and the option --read secrets-metadata"),
        (status("pods", "shop", Status.ERROR, "slow"), "no right: the read failed; run again when the cause is gone"),
    ],
)  # fmt: skip
def test_the_least_right_is_named(one, right):
    assert gaps_of([], one)[0][4] == right


def test_an_unknown_without_a_failed_read_keeps_its_reason_as_the_cause():
    found = [record("POD-101", Verdict.UNKNOWN, reason="the check broke: KeyError")]
    gap = summarise(found, manifest_for(found, sources=())).unseen[0]
    assert (gap.source, gap.word, gap.cause, gap.verdicts) == ("", "", "the check broke: KeyError", 1)


def test_lenient_fails_are_counted_by_level_and_by_gate_severity():
    found = sorted([
        workload("POD-101", Verdict.FAIL, "shop", "Pod", "a", level=Level.WARN),
        workload("POD-101", Verdict.FAIL, "shop", "Pod", "b"),
        workload("POD-110", Verdict.FAIL, "shop", "Pod", "c"),
    ], key=lambda one: one.sort_key)  # fmt: skip
    assert summarise(found, manifest_for(found)).lenient == 1
    gate = Gate(exit_code=1, meaning="something fails", gate_severity="high")
    assert summarise(found, manifest_for(found, gate=gate)).lenient == 2


def test_the_population_hash_is_the_one_that_the_glossary_describes():
    found = [record("POD-101", Verdict.PASS, subject=Subject(kind="Pod", name=name, namespace="shop")) for name in "ba"]
    lines = "|Pod|shop|a||\n|Pod|shop|b||\n"
    assert population_hash([*found, found[0]]) == hashlib.sha256(lines.encode()).hexdigest()


def test_looks_name_all_places_of_each_status():
    (look,) = source_looks(
        [status("pods"), status("pods", "payments"), status("pods", "shop", Status.COLLECTED, "", count=3)]
    )
    assert (look.count, look.complete) == (3, False)
    assert look.told == (("collected", "in shop"), ("forbidden", "cluster-wide and in payments"))
