"""Debug paths: found is what shows what it is known for, and no answer is never none."""

import gzip
import threading

import msgspec
import pytest

from preaudit.collect.endpoints.classify import Spoken
from preaudit.collect.endpoints.debug_paths import MISSING, debug_paths, parse_paths
from preaudit.collect.endpoints.reader import Reader
from preaudit.collect.tls.connection import TcpConnection
from preaudit.endpoint import DebugPath
from preaudit.errors import UsageError

from .servers import serving

METRICS = b"# HELP up 1 if well\n# TYPE up gauge\nup 1\n"
SPA = b"<html>one page for the admin console and all else</html>"


def page(body, status=200, head=b""):
    return b"HTTP/1.1 %d X\r\nContent-Type: text/html\r\n%bContent-Length: %d\r\n\r\n%b" % (status, head, len(body), body)


@pytest.fixture
def found():
    """What a site is seen to have at some paths; `site` gives the answer to a path, None for a hang-up."""

    def look(site, *paths):
        def talk(connection):
            path = connection.recv(4096).split(b" ")[1].decode()
            answer = site(path)
            if answer:
                connection.sendall(answer)

        stop, ends = threading.Event(), threading.TIMEOUT_MAX
        with serving(talk) as port:
            reader = Reader(lambda deadline: TcpConnection.open("127.0.0.1", port, deadline, stop), Spoken(protocol="http"), "", ends)
            return debug_paths(reader, "web.example", paths)

    return look


@pytest.mark.parametrize(("path", "body"), [
    ("/metrics", METRICS), ("/debug/pprof/", b"<p>Types of profiles available:</p>"), ("/debug/vars", b'{"memstats": {}}'),
    ("/actuator", b'{"_links":{}}'), ("/actuator/env", b'{"activeProfiles":[]}'), ("/server-status", b"<h1>Apache Server Status for x</h1>"),
    ("/.git/HEAD", b"ref: refs/heads/main\n"), ("/.env", b"# local\nDB_PASSWORD=x\n"), ("/v2/api-docs", b'{"swagger":"2.0"}'),
    ("/phpinfo.php", b"<title>phpinfo()</title>"), ("/swagger-ui/", b"<title>Swagger UI</title>"), ("/admin", b"<h1>Administration</h1>"),
    ("/secret-door", b"anything that is not the missing page"),
])  # fmt: skip
def test_what_is_there_is_recognised_and_its_body_is_not_kept(found, path, body):
    (one,) = found(lambda asked: page(body) if asked == path else page(b"no", 404), path)
    assert one == DebugPath(path=path, status=200, recognised=True, as_missing=False)


@pytest.mark.parametrize("path", ["/metrics", "/actuator/env", "/.git/HEAD", "/admin", "/console", "/swagger", "/secret-door"])
def test_a_page_that_stands_for_all_is_no_finding(found, path):
    (one,) = found(lambda asked: page(SPA + asked.encode()), path)  # it shows the path that was asked for
    assert (one.recognised, one.as_missing, one.cause) == (False, True, "")


@pytest.mark.parametrize("path", ["/metrics", "/admin", "/secret-door"])
def test_a_page_that_stands_for_all_may_change_with_each_answer(found, path):
    nonces = iter(("3q2+7wAAAAAAAAAAAAAA", "cmFuZG9tLXZhbHVlLTI="))
    pages = iter([page(SPA + b'<script nonce="%s">' % nonce.encode() + b"%d</script>" % number) for number, nonce in enumerate(nonces)])
    (one,) = found(lambda _: next(pages), path)
    assert (one.recognised, one.as_missing, one.cause) == (False, True, "")


@pytest.mark.parametrize("path", ["/metrics", "/actuator/env", "/admin"])
def test_what_is_in_no_known_form_is_neither_recognised_nor_missing(found, path):
    (one,) = found(lambda asked: page(b'{"requests": 5}') if asked == path else page(b"no", 404), path)
    assert (one.status, one.recognised, one.as_missing) == (200, False, False)


def test_an_exporter_that_gives_metrics_at_every_path_gives_metrics(found):
    (one,) = found(lambda asked: page(METRICS), "/metrics")
    assert (one.recognised, one.as_missing) == (True, True)


@pytest.mark.parametrize(("status", "path"), [(401, "/metrics"), (403, "/admin"), (404, "/admin"), (302, "/admin"), (503, "/metrics")])
def test_other_statuses_are_kept_as_they_are(found, status, path):
    (one,) = found(lambda asked: page(b"no", status, b"Location: /login\r\n"), path)
    assert one == DebugPath(path=path, status=status)


def test_a_folder_is_looked_into_where_the_server_sends_there(found):
    sites = {"/debug/pprof": page(b"", 301, b"Location: /debug/pprof/\r\n"), "/debug/pprof/": page(b"Types of profiles available")}
    (one,) = found(lambda asked: sites.get(asked, page(b"no", 404)), "/debug/pprof")
    assert (one.status, one.recognised) == (200, True)


@pytest.mark.parametrize("path", ["/metrics", "/admin", "/secret-door"])
def test_a_path_without_an_answer_is_not_known(found, path):
    (one,) = found(lambda asked: None if asked == path else page(b"no", 404), path)
    assert (one.status, one.recognised) == (0, False)
    assert one.cause


@pytest.mark.parametrize("path", ["/admin", "/secret-door", "/metrics", "/.env"])
def test_without_the_missing_page_likeness_is_not_known(found, path):
    (one,) = found(lambda asked: None if asked == MISSING else page(b"admin"), path)
    assert (one.status, one.recognised, one.as_missing, one.cause) == (200, False, None, "what it gives for a missing page is not known")


def test_a_page_that_was_cut_says_so(found):
    cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nhalf"
    (one,) = found(lambda asked: cut if asked == "/metrics" else page(b"no", 404), "/metrics")
    assert not one.recognised
    assert b"half" not in msgspec.json.encode(one)


@pytest.mark.parametrize(("path", "body"), [("/metrics", METRICS), ("/.env", b"DB_PASSWORD=x\n"), ("/.git/HEAD", b"ref: refs/heads/main\n")])
def test_what_carries_a_body_is_no_part_of_it(found, path, body):
    """Heads that end with bare line feeds, chunks, interim answers, and packed bodies."""
    carried = [
        b"HTTP/1.1 200 OK\nServer: x\n\n" + body,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(body),
    ]
    for said in carried:
        (one,) = found(lambda asked, said=said: said if asked == path else b"HTTP/1.1 200 OK\nServer: x\n\n<p>all</p>", path)
        assert (one.status, one.recognised) == (200, True), said


def test_a_body_that_cannot_be_unpacked_is_not_compared(found):
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc"
    (one,) = found(lambda _: packed, "/metrics")
    assert (one.recognised, one.as_missing) == (False, None)
    assert "br" in one.cause


@pytest.mark.parametrize("path", ["metrics", "/a b", "/a?x=1", "/é", "/a\r\nX: y", "/a#b", ""])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(UsageError, match=r"scan\.debug_paths"):
        parse_paths([path])


def test_each_path_is_asked_for_once():
    assert parse_paths(["/metrics", "/admin", "/metrics"]) == ("/metrics", "/admin")
