"""Hosts, addresses and people are replaced in what is rendered, the same way each time, and nothing else is."""

import io
import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preaudit.collect.redact import Redactor
from preaudit.evidence.record import Observation, Record, Subject
from preaudit.render.csvfile import render_csv
from preaudit.render.pseudonyms import SEED, _Mask, _Names, pseudonymised
from preaudit.snapshot import Identity, SourceStatus, Status, Target
from preaudit.verdict import Level, Severity, Verdict
from tests.unit.render import sample

SEED_OF_PACK = Redactor(b"k" * 32).pseudonym_seed
NAMES = [
    "worker-7.dc1.example", "10.20.30.40", "fd00:1::7", "api.corp.example", "jane@corp.example", "jane", "payments devs",
    "registry.corp.example", "kubernetes-admin@corp", "corp-admins", "auditor7", "/home/auditor7",
]  # fmt: skip


def record(**more):
    given_fields = {
        "requirement": "POD-101", "title": "t", "area": "a", "severity": Severity.HIGH, "controls": (), "namespace": "shop",
        "subject": None, "verdict": Verdict.FAIL, "level": Level.FAIL, "scope": "product", "source": "pods", "reason": "r",
        "expected": "e",
    }  # fmt: skip
    return Record(**given_fields | more)


RECORDS = [
    record(subject=Subject(kind="Node", name="worker-7.dc1.example"), reason="Node worker-7.dc1.example is old"),
    record(subject=Subject(kind="Pod", namespace="kube-system", name="etcd-worker-7.dc1.example"), scope="platform",
           observed=(Observation("--listen-peer-urls", "https://10.20.30.40:2380,https://[fd00:1::7]:2380"),
                     Observation("--etcd-servers", {"a": ["https://api.corp.example:2379"]}))),
    record(subject=Subject(kind="ClusterRoleBinding", name="ops", within="subjects[User jane]"),
           reason="User jane holds cluster-admin", observed=(Observation("identity", "Group payments devs"),)),
    record(subject=Subject(kind="ClusterRoleBinding", name="ops", within="subjects[User jane@corp.example]")),
    record(subject=Subject(kind="ClusterRoleBinding", name="m", within="subjects[Group system:masters]"),
           reason="Group system:masters, ServiceAccount shop/api and User system:node:worker-7.dc1.example hold it"),
    record(subject=Subject(kind="Deployment", namespace="shop", name="web", within="containers[app]"),
           reason='containers[app].image is "registry.corp.example/team/app:1", not registry.k8s.io/pause:3',
           note="listens on 127.0.0.1 and 0.0.0.0:80", population="every container in shop"),
]  # fmt: skip


def manifest(seed=SEED_OF_PACK):
    made = sample.manifest_for(RECORDS)
    redaction = {"policy": "p", "key": "per-pack"} | ({SEED: seed} if seed else {})
    return msgspec.structs.replace(
        made, snapshot={**made.snapshot, "redaction": redaction, "notes": ["read from 10.20.30.40"]},
        target=Target(api_url="https://api.corp.example:6443", context="kubernetes-admin@corp", cluster_uid="u"),
        identity=Identity(user="jane", groups=("corp-admins", "system:authenticated")),
        run=msgspec.structs.replace(made.run, operator="auditor7", command=("preaudit", "--out", "/home/auditor7/x")),
        sources=(
            SourceStatus(source="nodes/configz", object="worker-7.dc1.example", status=Status.ERROR,
                         call="GET https://10.20.30.40:10250/configz", cause="worker-7.dc1.example does not answer"),
            SourceStatus(source="pods", status=Status.FORBIDDEN, cause='pods is forbidden: User "jane" cannot list'),
        ),
    )  # fmt: skip


def everything(records, told):
    stream = io.BytesIO()
    render_csv(records, stream)
    parts = [msgspec.json.encode(one) for one in records]
    return b"\n".join([*parts, msgspec.json.encode(told), stream.getvalue()]).decode()


def test_names_are_replaced_and_what_kubernetes_calls_its_own_stays():
    records, told, _ = pseudonymised(RECORDS, manifest())
    text = everything(records, told)
    assert [name for name in NAMES if name in text] == []
    for kept in ("system:masters", "ServiceAccount shop/api", "registry.k8s.io/pause:3", "127.0.0.1", "0.0.0.0:80", "containers[app]",
                 '"web"', "every container in shop", "system:authenticated", "etcd-node-", "system:node:node-", ":6443"):  # fmt: skip
        assert kept in text, kept
    assert len(records) == len(RECORDS)
    assert records[0].subject.name in records[0].reason
    assert records[1].subject.name == "etcd-" + records[0].subject.name
    assert records[2].subject.within == f"subjects[User {told.identity.user}]"
    assert records[2].reason.startswith(f"User {told.identity.user} holds")
    assert f'User "{told.identity.user}" cannot' in told.sources[1].cause
    assert told.sources[0].object == records[0].subject.name


CLIENTS = {("User", "jane"), ("User", "smith, joe"), ("Group", "kubeadm:cluster-admins"), ("Group", "system:masters"), ("User", "kubeadm")}


def test_whom_a_clients_certificate_names_is_replaced_and_who_is_only_called_alike_is_not():
    names = ["CN=jane,O=kubeadm:cluster-admins+O=system:masters", "CN=smith\\, joe,O=dev"]
    mine = record(subject=Subject(kind="Kubeconfig", name="in-use", within="user.client-certificate"),
                  observed=(Observation("user.client-certificate", names),),
                  reason="ends soon: CN=jane at 2026-11-23, CN=smith\\, joe ends; small keys: CN=jane: RSA 1024 bits; "
                         "CN=jane-web,CN=janet,CN=jane.shop.svc and --CN=kubeadmin stay")  # fmt: skip
    (shown,), told, _ = pseudonymised([mine], manifest(), CLIENTS)
    user = told.identity.user
    text = everything([shown], told)
    assert [one for one in ("CN=jane,", "CN=jane ", "CN=jane:", "joe", "kubeadm:cluster-admins") if one in text] == []
    assert shown.reason.startswith(f"ends soon: CN={user} at 2026-11-23, CN=user-")
    assert f"CN={user}: RSA" in shown.reason
    for kept in ("CN=jane-web", "CN=janet", "CN=jane.shop.svc", "O=system:masters", "O=dev", "--CN=kubeadmin"):
        assert kept in text, kept


def test_a_pack_has_the_same_pseudonyms_each_time_and_another_key_others():
    first, again = (everything(*pseudonymised(RECORDS, manifest())[:2]) for _ in range(2))
    assert first == again
    other = everything(*pseudonymised(RECORDS, manifest(Redactor(b"x" * 32).pseudonym_seed))[:2])
    assert other != first
    assert pseudonymised(RECORDS, manifest())[0][0].subject != pseudonymised(RECORDS, manifest(Redactor(b"x" * 32).pseudonym_seed))[0][0].subject


def test_what_the_pseudonyms_are_made_from_is_not_rendered_and_tells_nothing_of_the_key():
    records, told, _ = pseudonymised(RECORDS, manifest())
    assert SEED_OF_PACK not in everything(records, told)
    assert told.snapshot["redaction"] == {"policy": "p", "key": "per-pack"}
    assert (b"k" * 32).hex() not in SEED_OF_PACK
    assert len(SEED_OF_PACK) == 64


def test_a_snapshot_without_that_number_has_pseudonyms_too():
    text = everything(*pseudonymised(RECORDS, manifest(seed=""))[:2])
    assert [name for name in NAMES if name in text] == []
    assert text == everything(*pseudonymised(RECORDS, manifest(seed=""))[:2])


class Counted(list):
    """Records that tell how far they were read."""

    read = 0

    def __iter__(self):
        for one in super().__iter__():
            self.read += 1
            yield one


def test_records_are_replaced_as_they_are_read():
    source = Counted(RECORDS * 100)
    records, _, _ = pseudonymised(source, manifest())
    source.read = 0
    assert len(list(itertools.islice(records, 3))) == 3
    assert source.read == 3
    assert [one.requirement for one in records[:2]] == ["POD-101"] * 2


def test_the_originals_are_left_alone():
    told = manifest()
    before = everything(RECORDS, told)
    list(pseudonymised(RECORDS, told)[0])
    assert everything(RECORDS, told) == before


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*NAMES, "spec.template", "rbac.authorization.k8s.io/v1", "1.2.3.4.5", "12:30:15", "a::b", "User ",
                                 "Group ", "https://", ":", "/", " ", '"', "-", "."]) | st.text(max_size=4), max_size=8).map("".join))  # fmt: skip
def test_no_name_is_left_whatever_stands_around_it(text):
    names = _Names()
    names.nodes = {"worker-7.dc1.example"}
    names.people = {("User", "jane")}
    mask = _Mask(b"m" * 32, names)
    assert mask.text(text) == mask.text(text)
    for name in ("10.20.30.40", "worker-7.dc1.example", "User jane", "https://api.corp.example:1", "x@corp.example"):
        assert name not in mask.text(f"{text} {name}, {text}").replace(mask.text(text), "")


@pytest.mark.parametrize("text", ["spec.containers[0].image", "1.2.3", "v1.35.4", "12:30:15", "sha256:" + "ab" * 32, "a/b:c", "::", "::1"])
def test_what_is_no_name_stays(text):
    assert _Mask(b"m" * 32, _Names()).text(text) == text
