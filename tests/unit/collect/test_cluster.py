"""A whole collection against a small server: statuses, scope, and that only reads are sent."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from preaudit.collect import cluster as module
from preaudit.collect.cluster import NOT_ASKED_FOR, collect_cluster
from preaudit.collect.discovery import discover
from preaudit.collect.kubelet import NOT_ASKED, kubelets
from preaudit.collect.one import OneByOne
from preaudit.collect.preflight import check_access
from preaudit.collect.progress import PlainLines, Silent
from preaudit.collect.transport import Budget
from preaudit.errors import NotObservable, TargetError, UsageError
from preaudit.kubeconfig import AUTHORITY, CLIENT
from preaudit.snapshot import Snapshot, Status, Target
from preaudit.source import KUBECONFIG, SOURCES, Source
from tests.issued import issued

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
SSR = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
SSRR = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
SSAR = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Cluster:
    """A fake API server with everything that a collection asks first."""

    def __init__(self, fake, make):
        self.fake, self.make = fake, make
        fake.pages("/version", make.reply({"gitVersion": "v1.35.4"}))
        fake.pages(SSR, make.reply({"status": {"userInfo": {"username": "reader", "groups": ["g"]}}}, 201))
        groups = sorted({source.group for source in SOURCES.values() if source.group})
        fake.pages("/apis", make.reply({"kind": "APIGroupList", "groups": [
            {"name": group, "versions": [{"version": "v1"}]} for group in groups]}))  # fmt: skip
        for source in SOURCES.values():
            if "/" not in source.name:
                version = "meta.k8s.io/v1" if source.name == "secrets" else source.api_version
                kind = "PartialObjectMetadata" if source.name == "secrets" else source.kind
                fake.pages(self.path(source.name), {**make.page(kind=kind + "List"), "apiVersion": version})

    @staticmethod
    def path(name, namespace=""):
        source = SOURCES[name]
        root = f"/apis/{source.group}/v1" if source.group else "/api/v1"
        return root + (f"/namespaces/{namespace}" if namespace else "") + f"/{source.resource}"

    def namespace(self, name, uid="u"):
        return {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name, "uid": uid}}

    def namespaces(self, *names):
        self.fake.pages("/api/v1/namespaces", self.make.page(
            *[{"metadata": {"name": name, "uid": "u-" + name}} for name in names], kind="NamespaceList"))  # fmt: skip

    def forbid(self, *paths):
        for path in paths:
            self.fake.pages(path, self.make.failure(403, "no \x1b[31mright"))


@pytest.fixture
def world(fake, make):
    return Cluster(fake, make)


@pytest.fixture
def collect(world, access, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_access", lambda *_: access)
    folder = tmp_path / "snapshot"

    def run(sources=("pods",), *, namespaces=None, read=(), **more):
        collection = collect_cluster(
            folder, sources=sources, kubeconfig=None, context=None, namespaces=namespaces, read=read,
            redaction_key=more.pop("key", None), kubelet_ca=more.pop("kubelet_ca", None), now=NOW,
            progress=more.pop("progress", Silent()),
        )  # fmt: skip
        return collection, Snapshot(folder)

    return run


def statuses(collection):
    return {(entry.source, entry.namespace): entry.status for entry in collection.sources}


def test_everything_is_collected_and_can_be_opened(world, collect, make):
    world.namespaces("kube-system", "shop")
    world.fake.pages("/api/v1/pods", make.page(make.pod()))
    collection, snapshot = collect(list(SOURCES), read=["secrets-metadata"])
    wrong = {key: status for key, status in statuses(collection).items() if status is not Status.COLLECTED}
    assert wrong.pop(("nodes/configz", "*")) is Status.ERROR
    # The fake server tells nothing of groups beyond the built-in ones.
    assert {source for source, _ in wrong} == {one.name for one in SOURCES.values() if not one.builtin}
    assert collection.identity.user == "reader"
    assert collection.target.version == "v1.35.4"
    assert collection.target.cluster_uid == "u-kube-system"
    assert collection.target.nodes == 0
    assert (collection.namespaces, collection.namespaces_complete) == (("kube-system", "shop"), True)
    assert collection.redaction["key"] == "per-pack"
    assert [pod["metadata"]["name"] for pod in snapshot.objects("pods")] == ["a"]
    assert snapshot.coverage("pods", "shop").complete
    assert collection.started == "2026-11-22T12:00:00Z"


def test_only_get_and_self_reviews_are_sent(world, collect):
    world.namespaces("shop")
    collect(list(SOURCES), read=["secrets-metadata"])
    assert {(verb, path) for verb, path, _, _ in world.fake.seen if verb != "GET"} == {("POST", SSR), ("POST", SSRR)}


def test_secrets_are_not_asked_for_without_the_word(world, collect):
    collection, _ = collect(["secrets"])
    (entry,) = [entry for entry in collection.sources if entry.source == "secrets"]
    assert (entry.status, entry.cause) == (Status.FORBIDDEN, NOT_ASKED_FOR)
    assert not [path for _, path, _, _ in world.fake.seen if "secrets" in path]


def test_secrets_are_listed_by_type(world, collect, make):
    entry = {"metadata": {"name": "t", "namespace": "a", "uid": "1", "annotations": {"x": "CANARY"}}}
    world.fake.pages("/api/v1/secrets", {
        **make.page(entry, kind="PartialObjectMetadataList"), "apiVersion": "meta.k8s.io/v1"})  # fmt: skip
    _, snapshot = collect(["secrets"], read=["secrets-metadata"])
    assert snapshot.objects("secrets") == [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "t", "namespace": "a", "uid": "1"},
         "type": "kubernetes.io/service-account-token"}
    ]  # fmt: skip
    (query,) = [query for _, path, query, _ in world.fake.seen if path.endswith("/secrets")]
    assert query["fieldSelector"] == "type=kubernetes.io/service-account-token"


def test_a_forbidden_list_is_tried_in_every_namespace(world, collect, make):
    world.namespaces("bank", "shop")
    world.forbid("/api/v1/pods", "/api/v1/namespaces/bank/pods")
    world.fake.pages("/api/v1/namespaces/shop/pods", make.page(make.pod()))
    collection, snapshot = collect()
    assert statuses(collection) == {
        ("namespaces", "*"): Status.COLLECTED,
        ("pods", "*"): Status.FORBIDDEN,
        ("pods", "bank"): Status.FORBIDDEN,
        ("pods", "shop"): Status.COLLECTED,
    }
    assert snapshot.coverage("pods", "shop").complete
    assert not snapshot.coverage("pods", "bank").complete
    assert not snapshot.coverage("pods").complete
    assert len(snapshot.objects("pods")) == 1
    assert "\x1b" not in str(collection)


def test_nothing_allowed_is_forbidden_everywhere_and_not_an_error(world, collect):
    for source in SOURCES.values():
        if "/" not in source.name:
            world.forbid(world.path(source.name))
    world.forbid("/apis", SSR, "/version")
    collection, _ = collect(list(SOURCES), read=["secrets-metadata"])
    mine = statuses(collection)
    # Our own kubeconfig is nothing that the API server could forbid.
    assert mine.pop((KUBECONFIG, "*")) is Status.COLLECTED
    assert set(mine.values()) == {Status.FORBIDDEN, Status.ERROR}
    assert {entry.source for entry in collection.sources if entry.status is Status.ERROR} == {
        "nodes/configz", *(one.name for one in SOURCES.values() if not one.builtin),
    }  # fmt: skip
    assert not collection.namespaces_complete
    assert collection.identity.cause
    assert collection.files == ()


def test_namespaces_of_objects_are_known_even_where_they_cannot_be_listed(world, collect, make):
    world.forbid("/api/v1/namespaces")
    world.fake.pages("/api/v1/pods", make.page(make.pod()))
    collection, _ = collect()
    assert (collection.namespaces, collection.namespaces_complete) == (("shop",), False)


def test_refused_credentials_are_a_target_error(world, collect, make):
    world.fake.pages(SSR, make.failure(401, "Unauthorized"))
    with pytest.raises(TargetError, match="refuses the credentials"):
        collect()


def test_credentials_that_expire_half_way_are_an_error(world, collect, make):
    world.fake.pages("/api/v1/pods", make.page(make.pod(), token="t"), make.failure(401))
    collection, _ = collect()
    (entry,) = [entry for entry in collection.sources if entry.source == "pods"]
    assert entry.status is Status.TRUNCATED
    assert "expired" in entry.cause


def test_a_scope_reads_its_namespaces_only(world, collect, make):
    world.fake.pages("/api/v1/namespaces/shop", make.reply(world.namespace("shop")))
    world.fake.pages("/api/v1/namespaces/shop/pods", make.page(make.pod()))
    collection, snapshot = collect(["pods", "nodes", "clusterroles.rbac.authorization.k8s.io"], namespaces=["shop"])
    assert statuses(collection) == {("namespaces", "shop"): Status.COLLECTED, ("pods", "shop"): Status.COLLECTED}
    assert collection.scope_namespaces == ("shop",)
    assert "nodes" in collection.notes[0]
    assert snapshot.objects("namespaces")[0]["metadata"]["name"] == "shop"
    listed = {path for _, path, query, _ in world.fake.seen if "limit" in query}
    assert listed == {"/api/v1/namespaces/shop/pods"}


def test_a_namespace_that_does_not_exist_is_a_target_error(world, collect, make):
    world.fake.pages("/api/v1/namespaces/shop", make.failure(404, "not found"))
    with pytest.raises(TargetError, match="'shop' does not exist"):
        collect(namespaces=["shop"])


def test_empty_lists_of_a_namespace_that_nobody_confirmed_prove_nothing(world, collect, make):
    world.forbid("/api/v1/namespaces/shop")
    world.fake.pages("/api/v1/namespaces/shop/pods", make.page())
    collection, snapshot = collect(namespaces=["shop"])
    assert statuses(collection) == {("namespaces", "shop"): Status.FORBIDDEN, ("pods", "shop"): Status.ERROR}
    assert not snapshot.coverage("pods", "shop").complete


def test_a_namespace_with_objects_needs_no_other_confirmation(world, collect, make):
    world.forbid("/api/v1/namespaces/shop")
    world.fake.pages("/api/v1/namespaces/shop/pods", make.page(make.pod()))
    collection, _ = collect(namespaces=["shop"])
    assert statuses(collection)["pods", "shop"] is Status.COLLECTED


def test_one_source_that_fails_does_not_touch_the_others(world, collect, make):
    world.namespaces("shop")
    world.fake.pages("/api/v1/pods", make.reply(b"<html>"))
    collection, _ = collect(["pods", "services"])
    assert statuses(collection)["services", "*"] is Status.COLLECTED
    assert statuses(collection)["pods", "*"] is Status.ERROR


def test_a_folder_is_not_overwritten(world, collect):
    collect()
    with pytest.raises(UsageError, match="never overwritten"):
        collect()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": ["podz"]}, "unknown source"),
        ({"read": ["everything"]}, "secrets-metadata"),
        ({"namespaces": []}, "empty"),
        ({"key": b"short"}, "16 bytes"),
    ],
)
def test_options_that_cannot_be_used(world, collect, options, message):
    with pytest.raises(UsageError, match=message):
        collect(**options)


def test_kubelets_are_not_asked_without_a_ca(world, collect, make):
    node = {"metadata": {"name": "n1", "uid": "1"}, "status": {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 1}}}}  # fmt: skip
    world.fake.pages("/api/v1/nodes", make.page(node, kind="NodeList"))
    collection, _ = collect(["nodes/configz"])
    (entry,) = [entry for entry in collection.sources if entry.source == "nodes/configz"]
    assert (entry.status, entry.cause) == (Status.ERROR, NOT_ASKED)
    assert statuses(collection)["nodes", "*"] is Status.COLLECTED


def test_hostile_addresses_of_nodes_are_not_called():
    def node(address, port):
        return json.dumps({"metadata": {"name": "n"}, "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}}).encode()  # fmt: skip

    odd = [node("evil.example", 10250), node("1.2.3.4/x", 10250), node("1.2.3.4", "10250"), node("1.2.3.4", 70000),
           node(16909060, 10250), b'{"metadata":{"name":"n"},"status":[]}', b'{"metadata":{"name":"n"}}']  # fmt: skip
    assert {kubelet.address for kubelet in kubelets(iter(odd))} == {""}
    (good,) = kubelets(iter([node("fd00::1", 10250)]))
    assert (good.address, good.port) == ("fd00::1", 10250)


def test_the_kubeconfig_is_looked_at_where_it_is_asked_for(world, collect, monkeypatch, access, tmp_path):
    (tmp_path / "ca.crt").write_bytes(issued("Cluster CA").pem)
    given = replace(access, ca_file=str(tmp_path / "ca.crt"), cert_file=str(tmp_path / "gone"))
    monkeypatch.setattr(module, "load_access", lambda *_: given)
    collection, snapshot = collect([KUBECONFIG])
    (entry,) = [entry for entry in collection.sources if entry.source == KUBECONFIG]
    assert (entry.status, entry.count, entry.cause) == (Status.COLLECTED, 2, "")
    assert [one["spec"]["part"] for one in snapshot.objects(KUBECONFIG)] == [AUTHORITY, CLIENT]
    assert snapshot.objects(KUBECONFIG)[1]["spec"]["cause"] == "its file cannot be read: No such file or directory"
    assert str(tmp_path) not in (snapshot.folder / "kubeconfig-certificates.jsonl").read_text()


@pytest.mark.parametrize("options", [{"sources": ["pods"]}, {"sources": [KUBECONFIG], "namespaces": ["shop"]}])
def test_the_kubeconfig_is_left_alone_where_nobody_asks_or_the_cluster_is_out_of_scope(world, collect, options):
    world.namespaces("shop")
    world.fake.pages("/api/v1/namespaces/shop", world.make.reply(world.namespace("shop")))
    collection, snapshot = collect(**options)
    assert not snapshot.tells_of(KUBECONFIG)
    assert not [one for one in collection.files if "kubeconfig" in one.name]


def test_progress_is_one_line_a_source(world, collect, capsys):
    world.namespaces("shop")
    collect(["pods", "services"], progress=PlainLines(sys.stderr))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert any(line.endswith("namespaces: 1 collected") for line in lines)


CUSTOM = Source("widgets.example.com", ("v1",), "Widget", builtin=False)


def served(api, source):
    return discover(api, [source], Budget(seconds=10))[source.name]


def test_a_kind_is_absent_only_after_a_whole_discovery(api, fake, make):
    fake.pages("/apis", make.reply({"kind": "APIGroupList", "groups": []}))
    assert served(api, CUSTOM).status is Status.ABSENT
    assert served(api, SOURCES["pods"]).status is None
    assert served(api, SOURCES["deployments.apps"]).status is None


@pytest.mark.parametrize("answer", ["failure", "half", "kind"])
def test_a_failed_discovery_makes_nothing_absent(api, fake, make, answer):
    fake.pages("/apis", {
        "failure": make.failure(503), "half": make.reply(b'{"kind":"APIGroupList"'), "kind": make.reply({"kind": "X"}),
    }[answer])  # fmt: skip
    assert served(api, CUSTOM).status is Status.ERROR
    assert served(api, SOURCES["deployments.apps"]).status is None


def test_a_group_whose_resources_cannot_be_listed_is_an_error(api, fake, make):
    fake.pages("/apis", make.reply({"kind": "APIGroupList", "groups": [
        {"name": "example.com", "versions": [{"version": "v1"}]}]}))  # fmt: skip
    fake.pages("/apis/example.com/v1", make.failure(503))
    assert served(api, CUSTOM).status is Status.ERROR
    fake.pages("/apis/example.com/v1", make.reply({"kind": "APIResourceList", "resources": []}))
    assert served(api, CUSTOM).status is Status.ABSENT
    fake.pages("/apis/example.com/v1", make.reply({"kind": "APIResourceList", "resources": [{"name": "widgets"}]}))
    assert served(api, CUSTOM).version == "v1"
    fake.pages("/apis", make.reply({"kind": "APIGroupList", "groups": [
        {"name": "example.com", "versions": [{"version": "v9"}]}]}))  # fmt: skip
    assert served(api, CUSTOM).status is Status.ERROR


def group_of(fake, make, **versions):
    """A group example.com that is served in some versions, each with its resources, or with a failure."""
    fake.pages("/apis", make.reply({"kind": "APIGroupList", "groups": [
        {"name": "example.com", "versions": [{"version": version} for version in versions]}]}))  # fmt: skip
    for version, names in versions.items():
        listed = {"kind": "APIResourceList", "resources": [{"name": name} for name in names or ()]}
        fake.pages(f"/apis/example.com/{version}", make.failure(503) if names is None else make.reply(listed))


@pytest.mark.parametrize(("versions", "told"), [
    ({"v1": ["gadgets"], "v1alpha2": ["widgets"]}, ("v1alpha2", None)),
    ({"v1alpha2": ["widgets"], "v1": ["widgets"]}, ("v1", None)),
    ({"v1": None, "v1alpha2": ["widgets"]}, ("v1alpha2", None)),
    ({"v1": ["gadgets"], "v1alpha2": []}, ("", Status.ABSENT)),
    ({"v1": ["gadgets"], "v1alpha2": None}, ("", Status.ERROR)),
    ({"v1": ["gadgets"], "v9": ["widgets"]}, ("", Status.ERROR)),
    ({"v1": ["gadgets"], "v9": ["gadgets"]}, ("", Status.ABSENT)),
    ({"v9": ["widgets"]}, ("", Status.ERROR)),
])  # fmt: skip
def test_a_kind_may_be_served_in_one_version_of_its_group_alone(api, fake, make, versions, told):
    group_of(fake, make, **versions)
    found = served(api, replace(CUSTOM, versions=("v1", "v1alpha2")))
    assert (found.version, found.status) == told


def test_an_object_is_read_again_in_the_version_that_is_served(api, fake, make, monkeypatch):
    kept = replace(SOURCES["configmaps"], name=CUSTOM.name, versions=("v1", "v1alpha2"), builtin=False)
    monkeypatch.setitem(SOURCES, CUSTOM.name, kept)
    group_of(fake, make, v1=["gadgets"], v1alpha2=["widgets"])
    again = OneByOne(api, Target(), b"k" * 32)
    item = {"metadata": {"name": "a", "namespace": "shop"}, "immutable": True}
    fake.pages("/apis/example.com/v1alpha2/namespaces/shop/widgets", {
        **make.page(item, kind="ConfigMapList"), "apiVersion": "example.com/v1alpha2"})  # fmt: skip
    assert b'"immutable":true' in again.line(CUSTOM.name, "shop", "a")
    group_of(fake, make, v1=["gadgets"])
    with pytest.raises(NotObservable, match="absent"):
        OneByOne(api, Target(), b"k" * 32).line(CUSTOM.name, "shop", "a")


def test_preflight_tells_allowed_denied_and_unknown(api, fake, make):
    answers = iter(
        [{"allowed": True}, {"allowed": False, "reason": "no\x1b"}, {"allowed": False, "evaluationError": "x"}]
    )
    fake.routes[SSAR] = lambda _: make.reply({"kind": "SelfSubjectAccessReview", "status": next(answers)}, 201)
    found = []
    for name in ("pods", "services", "nodes"):
        found += check_access(api, sources=[name], namespaces=None)
    assert [finding.allowed for finding in found] == [True, False, None]
    assert found[1].why == "no"


def test_preflight_asks_for_no_right_to_our_own_kubeconfig(api, fake):
    assert check_access(api, sources=[KUBECONFIG], namespaces=None) == []
    assert fake.seen == []


def test_preflight_asks_in_each_namespace_of_the_scope(api, fake, make):
    fake.routes[SSAR] = lambda _: make.reply({"kind": "SelfSubjectAccessReview", "status": {"allowed": True}}, 201)
    found = check_access(api, sources=["pods", "nodes", "namespaces"], namespaces=["b", "a"])
    assert [(finding.source, finding.namespace, finding.verb) for finding in found] == [
        ("namespaces", "a", "get"), ("namespaces", "b", "get"), ("pods", "a", "list"), ("pods", "b", "list"),
    ]  # fmt: skip
