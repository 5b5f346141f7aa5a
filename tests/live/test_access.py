"""Who may do what, against the API server's own SubjectAccessReview: zero disagreements."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from preaudit.collect.cluster import collect_cluster
from preaudit.collect.progress import Silent
from preaudit.example import NOW
from preaudit.snapshot import Snapshot
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.rbac import CLUSTER_SOURCES, NAMESPACE_SOURCES, grants
from tests.api_server import Server

pytestmark = pytest.mark.live
GROUP = "rbac.authorization.k8s.io"
PREFIX = "preaudit-access"
SPACES = (f"{PREFIX}-a", f"{PREFIX}-b")
QUESTIONS = 2400
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "escalate", "bind", "impersonate", "*")
TARGETS = (
    ("", "pods"), ("", "pods/exec"), ("", "pods/log"), ("", "secrets"), ("", "configmaps"), ("", "nodes/proxy"),
    ("", "serviceaccounts/token"), ("apps", "deployments"), ("apps", "deployments/scale"), (GROUP, "roles"),
    (GROUP, "clusterroles"), ("certificates.k8s.io", "certificatesigningrequests/approval"), ("batch", "jobs"),
)  # fmt: skip


def rule(chance):
    groups = chance.choice([["*"], [""], ["apps"], [GROUP], ["", "apps"], ["certificates.k8s.io"], ["batch"]])
    names = [resource for _, resource in TARGETS]
    resources = chance.choice([["*"], ["*/exec"], ["pods/*"], ["*/scale"], chance.sample(names, 2), [chance.choice(names)]])
    verbs = chance.choice([["*"], chance.sample(VERBS[:-1], 2), [chance.choice(VERBS[:-1])]])
    found = {"apiGroups": groups, "resources": resources, "verbs": verbs}
    if chance.random() < 0.15:
        found["resourceNames"] = chance.sample(["one", "two"], 1)
    return found


def identities():
    accounts = [{"kind": "ServiceAccount", "name": f"sa{n}", "namespace": space} for n in range(3) for space in SPACES]
    people = [{"kind": kind, "name": f"{PREFIX}-{kind.lower()}{n}", "apiGroup": GROUP} for n in range(3) for kind in ("User", "Group")]
    return accounts + people


def plant(server, chance):
    """Roles and bindings at random in two namespaces and in the cluster; the paths that remove them again."""
    paths = []
    for space in SPACES:
        server.post("/api/v1/namespaces", {"metadata": {"name": space}})
        paths.append(f"/api/v1/namespaces/{space}")
    base = f"/apis/{GROUP}/v1"
    for n in range(8):
        body = {"metadata": {"name": f"{PREFIX}-{n}", "labels": {f"{PREFIX}-up": str(n % 2)}},
                "rules": [rule(chance) for _ in range(2)]}  # fmt: skip
        if n == 7:
            body = {"metadata": {"name": f"{PREFIX}-7"}, "rules": [],
                    "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {f"{PREFIX}-up": "1"}}]}}  # fmt: skip
        assert server.post(f"{base}/clusterroles", body)[0] == 201
        paths.append(f"{base}/clusterroles/{PREFIX}-{n}")
        for space in SPACES:
            body = {"metadata": {"name": f"r{n}"}, "rules": [rule(chance)]}
            assert server.post(f"{base}/namespaces/{space}/roles", body)[0] == 201
    who = identities()
    for n in range(8):
        body = {"metadata": {"name": f"{PREFIX}-{n}"}, "subjects": chance.sample(who, 1),
                "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": f"{PREFIX}-{n}"}}  # fmt: skip
        assert server.post(f"{base}/clusterrolebindings", body)[0] == 201
        paths.append(f"{base}/clusterrolebindings/{PREFIX}-{n}")
        for space in SPACES:
            kind, name = chance.choice([("Role", f"r{n}"), ("ClusterRole", f"{PREFIX}-{n}"), ("Role", "gone")])
            body = {"metadata": {"name": f"b{n}"}, "subjects": chance.sample(who, 2),
                    "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name}}  # fmt: skip
            assert server.post(f"{base}/namespaces/{space}/rolebindings", body)[0] == 201
    return paths


def holds(grant, user, groups):
    if grant.kind == "ServiceAccount":
        return user == f"system:serviceaccount:{grant.namespace}:{grant.name}"
    return grant.name == user if grant.kind == "User" else grant.name in groups


def ours(estate, user, groups, question):
    """Our answer: some grant that the user holds, in the namespace or in the cluster, has a rule that allows it."""
    for place in (CLUSTER, question["namespace"]):
        for grant in grants(estate, place) if place else ():
            if holds(grant, user, groups) and any(
                one.allows(question["verb"], question["group"], question["resource"], question["name"])
                for one in grant.rules
            ):
                return True
    return False


def asked(server, user, groups, question):
    resource, _, subresource = question["resource"].partition("/")
    attributes = {"namespace": question["namespace"], "verb": question["verb"], "group": question["group"],
                  "resource": resource, "subresource": subresource, "name": question["name"]}  # fmt: skip
    body = {"spec": {"user": user, "groups": groups, "resourceAttributes": attributes}}
    status, answer = server.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    assert status == 201, answer
    return answer["status"]["allowed"]


def test_grants_are_what_the_api_server_grants(kubeconfig, tmp_path):
    server, chance = Server(kubeconfig), random.Random(7)
    paths = plant(server, chance)
    try:
        collect_cluster(
            tmp_path, sources={*CLUSTER_SOURCES, *NAMESPACE_SOURCES, "namespaces"}, kubeconfig=kubeconfig, context=None,
            namespaces=None, read=(), redaction_key=None, kubelet_ca=None, now=NOW, progress=Silent(),
        )  # fmt: skip
        estate = Estate(Snapshot(tmp_path))
        questions = []
        for _ in range(QUESTIONS):
            one = chance.choice(identities())
            user = f"{PREFIX}-nobody" if one["kind"] == "Group" else one["name"]
            groups = ["system:authenticated", *([one["name"]] if one["kind"] == "Group" else [])]
            if one["kind"] == "ServiceAccount":
                user = f"system:serviceaccount:{one['namespace']}:{one['name']}"
                groups += ["system:serviceaccounts", f"system:serviceaccounts:{one['namespace']}"]
            group, resource = chance.choice(TARGETS)
            question = {"verb": chance.choice(VERBS[:-1]), "group": group, "resource": resource,
                        "namespace": chance.choice([*SPACES, ""]), "name": chance.choice(["", "", "one", "other"])}  # fmt: skip
            questions.append((user, groups, question))
        with ThreadPoolExecutor(4) as pool:
            theirs = list(pool.map(lambda one: asked(server, *one), questions))
    finally:
        for path in reversed(paths):
            server.delete(path)
    mine = [ours(estate, *one) for one in questions]
    wrong = [(one, said) for one, said, own in zip(questions, theirs, mine, strict=True) if said != own]
    print(f"\n{len(questions)} questions, {sum(theirs)} allowed, {len(wrong)} disagreements")
    assert not wrong, wrong[:5]
    assert min(sum(theirs), len(theirs) - sum(theirs)) > 200
