"""The flag sets that the testbed's cluster really runs with: the good one passes, the bad one is found out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from preaudit.example import Example, examples_of, judge_example, write_snapshot
from preaudit.snapshot import Snapshot, SourceStatus, Status, write_collection
from preaudit.subjects.component import ApiServer
from preaudit.subjects.estate import Estate
from preaudit.subjects.kinds import SUBJECTS
from preaudit.suites import data_folder, load_builtin
from preaudit.verdict import Verdict, worst
from testbed import flags

CATALOGUE = load_builtin()
PROFILES: dict = {}
AUDIT = [one for one in CATALOGUE.requirements if one.prefix == "AUD"]
NODE = {"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "node1", "labels": {"node-role.kubernetes.io/control-plane": ""}}}  # fmt: skip
NOT_MET_BY_GOOD = {"AUD-228"}
"""AlwaysPullImages: the testbed's nodes keep images that no registry serves any more."""
NOT_BROKEN_BY_BAD = {
    "AUD-202", "AUD-203", "AUD-206", "AUD-207", "AUD-209", "AUD-210", "AUD-229", "AUD-243", "AUD-246", "AUD-248",
    "AUD-249", "AUD-250", "AUD-251", "AUD-225", "AUD-303", "AUD-304", "AUD-305", "AUD-401", "AUD-403", "AUD-409",
    "AUD-410", "AUD-503", "AUD-509", "AUD-204",
}  # fmt: skip
"""What a cluster cannot lack and still run, or what its second bad set (AlwaysAllow) is for."""


def static_pod(program: str, given: dict[str, str], name: str = "") -> dict:
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name or f"{program}-node1", "namespace": "kube-system", "labels": {"component": program},
            "annotations": {"kubernetes.io/config.mirror": "4f1d"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "node1", "uid": "1", "controller": True}],
        },
        "spec": {"nodeName": "node1", "containers": [
            {"name": program, "command": [program, *(f"--{flag}={value}" for flag, value in given.items())]},
        ]},
    }  # fmt: skip


def cluster(which: str) -> tuple[dict, ...]:
    kubelet = json.loads(flags.kubelet(which, "node1", version2=True))
    return (
        NODE,
        static_pod("kube-apiserver", flags.apiserver(which)),
        static_pod("kube-controller-manager", flags.controller_manager(which)),
        static_pod("kube-scheduler", flags.scheduler(which)),
        static_pod("etcd", flags.etcd(which)),
        {"kind": "KubeletConfiguration", "metadata": {"name": "node1"}, "config": kubelet},
    )


def verdict(requirement: str, objects: tuple[dict, ...], folder: Path, **parameters) -> Verdict:
    example = Example(Path("examples") / requirement / "x.yaml", Verdict.PASS, objects, parameters=parameters)
    return worst(one.verdict for one in judge_example(example, CATALOGUE, folder, PROFILES))


@pytest.mark.parametrize("requirement", [one.id for one in AUDIT])
def test_the_good_flags_pass(requirement, tmp_path):
    wanted = Verdict.FAIL if requirement in NOT_MET_BY_GOOD else Verdict.PASS
    assert verdict(requirement, cluster("good"), tmp_path) is wanted


@pytest.mark.parametrize("requirement", [one.id for one in AUDIT])
def test_the_bad_flags_fail(requirement, tmp_path):
    wanted = Verdict.PASS if requirement in NOT_BROKEN_BY_BAD else Verdict.FAIL
    assert verdict(requirement, cluster("bad"), tmp_path) is wanted


def test_allow_all_is_found_out(tmp_path):
    assert verdict("AUD-204", cluster("allow-all"), tmp_path) is Verdict.FAIL


@pytest.mark.parametrize("change", [
    {"annotations": {}},
    {"ownerReferences": []},
    {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "node1", "uid": "1"}]},
    {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "node2", "uid": "1", "controller": True}]},
    {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "node1", "uid": "1", "controller": True}]},
    {"name": "kube-apiserver"},
    {"namespace": "shop"},
])  # fmt: skip
def test_a_pod_that_claims_to_be_the_apiserver_is_none(change, tmp_path):
    pod = static_pod("kube-apiserver", flags.apiserver("good"))
    pod["metadata"] |= change
    assert verdict("AUD-101", (NODE, pod), tmp_path) is Verdict.UNKNOWN


def test_a_hidden_control_plane_is_manual_where_the_profile_says_so(tmp_path):
    own = tmp_path / "hosted.yaml"
    text = 'profile: hosted\ntitle: hosted\nversion: "1"\nextends: bank\ncontrol_plane: manual\n'
    own.write_text(text, "utf-8")
    folder = tmp_path / "snapshot"
    folder.mkdir()
    worker = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "w1"}}
    path = Path("examples") / "AUD-101" / "x.yaml"
    example = replace(Example(path, Verdict.MANUAL, (worker,)), profile=str(own))
    records = judge_example(example, CATALOGUE, folder, PROFILES)
    assert [one.verdict for one in records] == [Verdict.MANUAL]
    assert "ask for" in records[0].reason


def test_a_kubelet_that_was_not_read_leaves_the_source_incomplete(tmp_path):
    nodes = (NODE, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node2"}})
    told = {"kind": "KubeletConfiguration", "metadata": {"name": "node1"},
            "config": {"authentication": {"anonymous": {"enabled": False}}}}  # fmt: skip
    snapshot = write_snapshot(tmp_path, [*nodes, told])
    others = tuple(one for one in snapshot.collection.sources if one.source != "nodes/configz")
    statuses = (
        SourceStatus(source="nodes/configz", object="node1", status=Status.COLLECTED, count=1),
        SourceStatus(source="nodes/configz", object="node2", status=Status.ERROR, cause="timed out"),
    )
    (tmp_path / "collection.json").unlink()
    changed = {name: getattr(snapshot.collection, name) for name in snapshot.collection.__struct_fields__}
    write_collection(tmp_path, type(snapshot.collection)(**(changed | {"sources": (*others, *statuses)})))
    coverage = Snapshot(tmp_path).coverage("nodes/configz")
    assert not coverage.complete
    assert coverage.cause == "timed out"


def test_the_missing_instance_is_named(tmp_path):
    second = {**NODE, "metadata": {**NODE["metadata"], "name": "node2"}}
    pod = static_pod("kube-apiserver", flags.apiserver("good"))
    estate = Estate(write_snapshot(tmp_path, [NODE, second, pod]))
    found = list(SUBJECTS["apiserver"].enumerate(estate, "cluster"))
    assert [type(one) for one in found] == [ApiServer, ApiServer]
    assert found[1].ref.within == "nodes[node2]"


def test_every_requirement_has_an_example_of_what_cannot_be_seen_or_shares_its_reading():
    kinds = {one.requirement for one in examples_of(data_folder("suites")) if one.expected is Verdict.UNKNOWN}
    subjects = {CATALOGUE.table[one].subject.name for one in kinds if one.startswith("AUD-")}
    assert subjects == {one.subject.name for one in AUDIT}
