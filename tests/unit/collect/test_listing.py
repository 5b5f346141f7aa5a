"""A list is complete only where that is proved; what was received stays."""

from __future__ import annotations

import json

import pytest

from preaudit.snapshot import Status

PODS = "/api/v1/pods"


def names(listing):
    return [line["metadata"]["name"] for line in listing.lines]


def test_pages_are_read_to_the_end(fake, listing, make):
    fake.pages(
        PODS, make.page(make.pod("a"), token="t1"), make.page(make.pod("b"), token="t2"), make.page(make.pod("c"))
    )
    end = listing.read()
    assert (end.status, end.cause, end.count, end.resource_version) == (Status.COLLECTED, "", 3, "7")
    assert names(listing) == ["a", "b", "c"]
    assert [query.get("continue") for _, _, query, _ in fake.seen] == [None, "t1", "t2"]
    assert {query["limit"] for _, _, query, _ in fake.seen} == {"500"}


def test_an_empty_list_is_collected(fake, listing, make):
    fake.pages(PODS, make.page())
    assert listing.read().status is Status.COLLECTED


def test_null_items_of_an_empty_list_are_collected(fake, listing, make):
    fake.pages(PODS, {**make.page(), "items": None})
    assert listing.read().status is Status.COLLECTED


def test_only_what_is_kept_is_written(fake, listing, make):
    odd = make.pod("a", metadata={"managedFields": [{"x": "CANARY"}], "selfLink": "CANARY"}, extra="CANARY")
    odd["status"]["message"] = "CANARY"
    fake.pages(PODS, make.page(odd))
    listing.read()
    assert b"CANARY" not in listing.raw
    assert listing.lines[0]["kind"] == "Pod"
    assert listing.lines[0]["apiVersion"] == "v1"


FLAWED = {
    "null items although some remain": lambda make: [{**make.page(remainingItemCount=3), "items": None}],
    "ended although some remain": lambda make: [make.page(make.pod(), remainingItemCount=3)],
    "the same continue token again": lambda make: [
        make.page(make.pod("a"), token="t"), make.page(make.pod("b"), token="t"),
    ],
    "endless empty pages": lambda make: [make.page(token=f"t{n}") for n in range(30)],
    "one UID twice": lambda make: [make.page(make.pod(), make.pod())],
    "one UID on two pages": lambda make: [make.page(make.pod(), token="t"), make.page(make.pod())],
    "an object without a name": lambda make: [make.page(make.pod(), {"metadata": {}})],
    "an object with a number for a name": lambda make: [make.page(make.pod(), make.pod(metadata={"name": 7}))],
    "an object that is none": lambda make: [make.page(make.pod(), "text")],
    "an object of another kind": lambda make: [make.page(make.pod(), make.pod("b", kind="Secret"))],
    "an object without a namespace": lambda make: [make.page(make.pod(), make.pod("b", namespace=""))],
    "always another resourceVersion": lambda make: [
        make.page(make.pod(f"p{n}"), token=f"t{n}", rv=str(n)) for n in range(30)
    ],
    "gone again and again": lambda make: [
        entry for n in range(30) for entry in (make.page(make.pod(), token=f"t{n}"), make.failure(410, "expired"))
    ],
    "error on the second page": lambda make: [make.page(make.pod(), token="t"), make.failure(400, "bad token")],
    "forbidden on the second page": lambda make: [make.page(make.pod(), token="t"), make.failure(403)],
    "server errors from the second page on": lambda make: [make.page(make.pod(), token="t"), make.failure(500)],
    "cut for ever from the second page on": lambda make: [
        make.page(make.pod(), token="t"), make.reply(b"{", Content_Length="99"),
    ],
    "broken JSON from the second page on": lambda make: [make.page(make.pod(), token="t"), make.reply(b'{"items": [')],
    "another kind on the second page": lambda make: [make.page(make.pod(), token="t"), make.page(kind="ServiceList")],
}  # fmt: skip


@pytest.mark.parametrize("case", FLAWED)
def test_a_list_that_is_not_proved_complete_is_truncated(fake, listing, make, case):
    fake.pages(PODS, *FLAWED[case](make))
    end = listing.read()
    assert end.status is Status.TRUNCATED
    assert end.cause
    assert end.cause.isprintable()
    assert end.count == len(listing.lines)


@pytest.mark.parametrize("case", [case for case in FLAWED if "page" not in case or "two" in case])
def test_objects_already_received_are_kept(fake, listing, make, case):
    fake.pages(PODS, *FLAWED[case](make))
    end = listing.read()
    assert end.count == (
        0 if case in {"null items although some remain", "endless empty pages"} else len(listing.lines)
    )


UNREADABLE = {
    "a Status with 200": lambda make: make.reply({"kind": "Status", "apiVersion": "v1", "message": "sorry \x1b[2J"}),
    "another kind": lambda make: make.page(kind="SecretList"),
    "another version": lambda make: {**make.page(), "apiVersion": "v2"},
    "no kind": lambda make: {"items": []},
    "no items": lambda make: {"kind": "PodList", "apiVersion": "v1", "metadata": {}},
    "items that are no list": lambda make: {**make.page(), "items": {"a": 1}},
    "metadata that is none": lambda make: {**make.page(), "metadata": "x"},
    "an empty body": lambda make: make.reply(b""),
    "a page for people": lambda make: make.reply(b"<html>log in</html>"),
    "half of the JSON": lambda make: make.reply(b'{"kind":"PodList","items":[{"metadata":'),
    "bytes that are no text": lambda make: make.reply(b'{"kind":"PodList","apiVersion":"v1","items":[{"a":"\xff"}]}'),
    "a very deep body": lambda make: make.reply(
        b'{"kind":"PodList","apiVersion":"v1","items":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    ),
    "404": lambda make: make.failure(404),
    "500 for ever": lambda make: make.failure(500),
    "401": lambda make: make.failure(401, "Unauthorized"),
    "a redirect": lambda make: make.reply(b"", 302, Location="/login"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_answer_that_is_no_list_is_an_error(fake, listing, make, case):
    fake.pages(PODS, UNREADABLE[case](make))
    end = listing.read()
    assert end.status is Status.ERROR
    assert end.cause.isprintable()
    assert len(end.cause) < 500
    assert listing.lines == []


def test_a_forbidden_list_says_what_the_server_said(fake, listing, make):
    fake.pages(PODS, make.failure(403, 'pods is forbidden: User "x" cannot list'))
    end = listing.read()
    assert (end.status, end.code) == (Status.FORBIDDEN, 403)
    assert end.cause == 'forbidden: pods is forbidden: User "x" cannot list'


def test_an_expired_list_is_read_again_from_its_start(fake, listing, make):
    fake.pages(
        PODS,
        make.page(make.pod("old"), make.pod("both"), token="t1", rv="1"),
        make.failure(410, "expired", "Expired"),
        make.page(make.pod("both"), token="t2", rv="2"),
        make.page(make.pod("new"), rv="2"),
    )
    end = listing.read()
    assert (end.status, end.count, end.resource_version) == (Status.COLLECTED, 2, "2")
    assert names(listing) == ["both", "new"]


def test_a_cut_page_is_read_again(fake, listing, make):
    body = json.dumps(make.page(make.pod("a"))).encode()
    fake.pages(PODS, make.reply(body[:40], Content_Length=str(len(body))), make.reply(body))
    assert listing.read().status is Status.COLLECTED


def test_a_page_of_half_a_body_with_a_right_length_is_read_again(fake, listing, make):
    body = json.dumps(make.page(make.pod("a"))).encode()
    fake.pages(PODS, make.reply(body[:40]), make.reply(body))
    assert listing.read().status is Status.COLLECTED


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(fake, listing, make, monkeypatch):
    monkeypatch.setattr("preaudit.collect.transport.MAX_ANSWER", 3000)
    pods = [make.pod(f"p{n}") for n in range(60)]

    def route(query):
        begin = int(query.get("continue", "0"))
        stop = begin + int(query["limit"])
        more = {"token": str(stop)} if stop < len(pods) else {}
        return make.reply(make.page(*pods[begin:stop], **more))

    fake.routes[PODS] = route
    end = listing.read()
    assert (end.status, end.count) == (Status.COLLECTED, 60)
    assert {query["limit"] for _, _, query, _ in fake.seen} == {"500", "62", "7"}


def test_an_object_larger_than_any_answer_is_an_error(fake, listing, make, monkeypatch):
    monkeypatch.setattr("preaudit.collect.transport.MAX_ANSWER", 500)
    fake.pages(PODS, make.page(make.pod("x" * 600)))
    assert listing.read().status is Status.ERROR


def test_bytes_of_a_source_are_bounded(fake, listing, make):
    listing.budget.bytes = 2000
    fake.pages(PODS, *[make.page(make.pod(f"p{n}"), token=f"t{n}") for n in range(100)])
    end = listing.read()
    assert end.status is Status.TRUNCATED
    assert 0 < end.count < 20


def test_time_of_a_source_is_bounded(fake, listing, make):
    listing.budget.seconds = 0.3

    def route(query):
        number = int(query.get("continue", "0")) + 1
        return make.reply(make.page(make.pod(f"p{number}"), token=str(number)))

    fake.routes[PODS] = route
    end = listing.read()
    assert end.status is Status.TRUNCATED
    assert "more than" in end.cause or "within the time" in end.cause


def test_a_list_of_one_namespace_takes_no_objects_of_another(fake, listing, make):
    fake.pages("/api/v1/namespaces/shop/pods", make.page(make.pod("a"), make.pod("b", namespace="bank")))
    end = listing.read("shop")
    assert end.status is Status.TRUNCATED
    assert names(listing) == ["a"]


def test_hostile_names_of_namespaces_stay_in_their_place(fake, listing):
    listing.read("../../../metrics?x=#")
    assert fake.seen[0][1] == "/api/v1/namespaces/..%2F..%2F..%2Fmetrics%3Fx%3D%23/pods"


def test_json_for_people_is_stored_as_one_line(fake, listing, make):
    body = json.dumps(make.page(make.pod("ä", metadata={"labels": {"a": "b"}})), indent=2, ensure_ascii=False).encode()
    fake.pages(PODS, make.reply(body))
    assert listing.read().status is Status.COLLECTED
    assert listing.lines[0]["metadata"]["labels"] == {"a": "b"}


def test_odd_metadata_does_not_lose_the_object(fake, listing, make):
    fake.pages(PODS, make.page(make.pod("a", metadata={"annotations": {"x": 1, "y": ["z"]}}), make.pod("b")))
    end = listing.read()
    assert (end.status, end.count) == (Status.COLLECTED, 2)
    assert set(listing.lines[0]["metadata"]["annotations"]) == {"x", "y"}


def test_large_objects_are_read(fake, listing, make):
    containers = [{"name": f"c{n}", "image": "i", "env": [{"name": "A", "value": "b"}]} for n in range(5000)]
    big = make.pod("n" * 253, metadata={"annotations": {"big": "x" * 2**20}}, spec={"containers": containers})
    fake.pages(PODS, make.page(big))
    end = listing.read()
    assert (end.status, end.count) == (Status.COLLECTED, 1)
    assert len(listing.lines[0]["spec"]["containers"]) == 5000


def test_an_object_nested_too_deeply_is_left_out_and_told(fake, listing, make):
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    body = json.dumps(make.page(make.pod("a"), make.pod("b", spec="DEEP"))).encode().replace(b'"DEEP"', deep)
    fake.pages(PODS, make.reply(body))
    end = listing.read()
    assert end.status in {Status.TRUNCATED, Status.ERROR}
    assert "deep" in end.cause


def test_secrets_are_asked_for_as_metadata_and_refused_as_anything_else(fake, listing, make):
    secret = {"metadata": {"name": "s", "namespace": "a", "uid": "1"}, "data": {"p": "CANARY"}, "type": "Opaque"}
    fake.pages("/api/v1/secrets", make.page(secret, kind="SecretList"))
    end = listing.read(source="secrets", metadata_only=True)
    assert end.status is Status.ERROR
    assert listing.raw == b""
    assert "PartialObjectMetadataList" in fake.seen[0][3]["Accept"]


def test_annotations_of_secrets_are_dropped(fake, listing, make):
    entry = {"metadata": {"name": "s", "namespace": "a", "uid": "1",
                          "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "CANARY"}}}  # fmt: skip
    fake.pages(
        "/api/v1/secrets", {**make.page(entry, kind="PartialObjectMetadataList"), "apiVersion": "meta.k8s.io/v1"}
    )
    end = listing.read(source="secrets", metadata_only=True)
    assert end.status is Status.COLLECTED
    assert b"CANARY" not in listing.raw
    assert "annotations" not in listing.lines[0]["metadata"]
