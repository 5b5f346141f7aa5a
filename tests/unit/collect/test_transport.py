"""What leaves for the API server, and what is made of what comes back."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import urllib3

from preaudit.collect.kubeconfig import Access
from preaudit.collect.transport import Api, Budget, NotAnswered, Refused, Request, exchange
from preaudit.collect.wording import clean

PATH = "/api/v1/pods"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nodes/n1/proxy/configz",
        "/api/v1/namespaces/a/pods/p/exec",
        "/api/v1/namespaces/a/secrets/s",
        "/api/v1/namespaces/a/pods/p/log",
        "/api/v1/namespaces/a/../../x",
        "/metrics",
        "//evil",
        "/api/v1/pods\n",
    ],
)
def test_paths_that_reading_does_not_need_are_refused(api, fake, path, budget):
    with pytest.raises(Refused):
        api.get(path, budget=budget)
    assert fake.seen == []


def test_watching_is_refused(api, budget):
    with pytest.raises(Refused):
        api.get(PATH, {"watch": "1"}, budget=budget)


@pytest.mark.parametrize("path", [PATH, "/api/v1/namespaces", "/apis/authorization.k8s.io/v1/subjectaccessreviews"])
def test_only_reviews_of_ourselves_are_posted(api, fake, path, budget):
    with pytest.raises(Refused):
        api.review(path, b"{}", budget=budget)
    assert fake.seen == []


@pytest.mark.parametrize("verb", ["DELETE", "PUT", "PATCH", "HEAD", "CONNECT"])
def test_no_other_verb_can_be_sent(api, verb):
    with pytest.raises(Refused):
        api._request(verb, PATH)


def test_namespaces_with_names_of_verbs_can_be_read(api, fake, make, budget):
    fake.pages("/api/v1/namespaces/proxy/pods", make.page())
    assert api.get("/api/v1/namespaces/proxy/pods", budget=budget).status == 200


def test_the_token_is_sent_to_the_server(api, fake, make, budget):
    fake.pages(PATH, make.page())
    api.get(PATH, budget=budget)
    assert fake.seen[0][3]["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_transient_answers_are_tried_again(api, fake, make, budget, status):
    fake.pages(PATH, make.failure(status), make.page())
    assert api.get(PATH, budget=budget).status == 200
    assert len(fake.seen) == 2


def test_retry_after_is_honoured_up_to_a_cap(api, fake, make, budget):
    fake.pages(PATH, make.reply({}, 429, Retry_After="3"), make.page())
    api.get(PATH, budget=budget)
    assert api.waits == [3.0]
    api.waits.clear()
    fake.pages(PATH, make.reply({}, 429, Retry_After="86400"), make.page())
    api.get(PATH, budget=Budget(seconds=100))
    assert api.waits == [30.0]


def test_a_wait_beyond_the_budget_is_not_begun(api, fake, make):
    fake.pages(PATH, make.reply({}, 429, Retry_After="25"))
    assert api.get(PATH, budget=Budget(seconds=5)).status == 429
    assert api.waits == []


def test_tries_end(api, fake, make, budget):
    fake.pages(PATH, make.failure(503))
    assert api.get(PATH, budget=budget).status == 503
    assert len(fake.seen) == 5


def test_redirects_are_not_followed(api, fake, make, budget):
    fake.pages(PATH, make.reply(b"", 307, Location="http://127.0.0.1:1/steal"))
    with pytest.raises(NotAnswered, match="redirects to") as caught:
        api.get(PATH, budget=budget)
    assert caught.value.reason == "redirect"
    assert len(fake.seen) == 1


def test_a_cut_body_is_an_error_after_its_tries(api, fake, make, budget):
    fake.pages(PATH, make.reply(b'{"kind":', Content_Length="5000"))
    with pytest.raises(NotAnswered) as caught:
        api.get(PATH, budget=budget)
    assert caught.value.reason == "cut"
    assert len(fake.seen) == 5


def test_a_connection_that_closes_without_answer_is_tried_again(api, fake, make, budget):
    fake.pages(PATH, make.reply(b"", drop="1"), make.page())
    assert api.get(PATH, budget=budget).status == 200


def test_a_body_beyond_the_bound_is_refused(api, fake, make):
    fake.pages(PATH, make.reply(b"x" * 5000))
    with pytest.raises(NotAnswered) as caught:
        api.get(PATH, budget=Budget(seconds=10, bytes=4000))
    assert caught.value.reason == "size"


def test_nobody_there_is_told(access, budget):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gone = Api(Access(f"http://127.0.0.1:{port}", "", access.pool, lambda: ""), sleep=lambda _: None)
    with pytest.raises(NotAnswered, match="no connection") as caught:
        gone.get(PATH, budget=budget)
    assert caught.value.reason == "connect"


def test_a_server_that_is_gone_is_not_asked_five_times_by_every_source(access, budget):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gone = Api(Access(f"http://127.0.0.1:{port}", "", access.pool, lambda: ""), sleep=lambda _: None)
    for _ in range(5):
        with pytest.raises(NotAnswered):
            gone.get(PATH, budget=budget)
    assert gone.requests == 5 + 5 + 1 + 1 + 1


def test_a_dripping_answer_meets_the_deadline():
    server = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            for _ in range(100):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return
                time.sleep(0.05)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    pool = urllib3.PoolManager()
    begin = time.monotonic()
    with pytest.raises(NotAnswered, match="within the time"):
        exchange(pool, Request("GET", f"http://127.0.0.1:{server.getsockname()[1]}/", {}), seconds=0.5, limit=10**6)
    assert time.monotonic() - begin < 3
    pool.clear()
    server.close()
    thread.join(5)


def test_texts_of_the_server_are_made_fit_for_a_cause():
    assert clean("a\x1b[31mred\x07\n\u202eb") == "a [31mred b"
    assert len(clean("x" * 10**6)) == 300
    assert clean("  many\t\n words ") == "many words"
