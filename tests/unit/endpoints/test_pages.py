"""Pages: what is kept of an HTTP answer, and what no answer can do."""

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preaudit.collect.endpoints.answers import body_of, page_of, redirected, wants_tls
from preaudit.collect.endpoints.ask import Ask
from preaudit.collect.endpoints.pages import fetch
from preaudit.collect.tls.connection import Reset, TimedOut
from preaudit.endpoint import Cookie


class Script:
    """A connection that gives these pieces; an exception among them is raised."""

    def __init__(self, *pieces):
        self.pieces, self.sent = list(pieces), b""

    def send(self, data, deadline):
        self.sent += data

    def receive(self, limit, deadline):
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece[:limit]

    def close(self):
        pass


def page(head, body=b"", status=b"200 OK"):
    return page_of(Ask(), b"HTTP/1.1 " + status + b"\r\n" + head + b"\r\n\r\n" + body)


def test_cookies_lose_their_values():
    found = page(b"Set-Cookie: sid=s3cret; Path=/; Secure; HttpOnly; SameSite=Lax\r\nSet-Cookie: theme=dark")
    assert found.cookies == (Cookie(name="sid", secure=True, http_only=True, same_site="lax"), Cookie(name="theme"))
    assert "s3cret" not in repr(found)


def test_a_redirect_loses_its_path_and_query():
    found = page(b"Location: https://shop.example:8443/login?token=s3cret", status=b"302 Found")
    assert found.location == "https://shop.example:8443"
    assert page(b"Location: /login?token=s3cret", status=b"302 Found").location == "/"


def test_headers_outside_the_list_are_not_kept():
    found = page(b"Server: nginx\r\nX-Internal: s3cret\r\nAuthorization: s3cret\r\nWWW-Authenticate: Bearer realm=s3cret")
    assert set(found.headers) == {"server", "www-authenticate"}
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(("head", "body", "told"), [
    (b"Server: nginx/1.22.1", b"", ("nginx/1.22.1 (header server)",)),
    (b"Server: nginx", b"", ()),
    (b"X-Powered-By: PHP/8.2.7", b"", ("PHP/8.2.7 (header x-powered-by)",)),
    (b"X-AspNet-Version: 4.0.30319", b"", ("4.0.30319 (header x-aspnet-version)",)),
    (b"Content-Type: text/html", b"<h1>404</h1><hr>Apache/2.4.57 (Debian)", ("Apache/2.4.57 (page)",)),
    (b"Content-Type: text/html", b"<script src=/jquery/3.7.1/x.js>var a='lib/1.2.3'</script>HTTP/1.1 only", ()),
    (b"Content-Type: application/json", b'{"v":"lib/1.2.3"}', ()),
])  # fmt: skip
def test_products_with_versions_are_told(head, body, told):
    assert page(head, body).disclosed == told


def test_only_reads_are_asked_and_nothing_can_add_a_line():
    for wrong in ({"method": "POST"}, {"path": "x"}, {"path": "/a\r\nX: y"}, {"host": "a\r\nX: y"}, {"path": "/ü"}):
        with pytest.raises(ValueError, match=r".+"):
            Ask(**wrong)
    assert b"Host:" not in Ask("/", "").encoded()


def test_a_page_that_says_to_use_tls_is_known():
    body = b"<center>The plain HTTP request was sent to HTTPS port</center>"
    raw = b"HTTP/1.1 400 Bad Request\r\n\r\n" + body
    assert wants_tls(page_of(Ask(), raw), raw)
    assert not wants_tls(page_of(Ask(), raw.replace(b"400", b"200")), raw.replace(b"400", b"200"))


def test_what_broke_off_says_so():
    whole, _ = fetch(Script(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Ask(), 0)
    assert (whole.status, whole.cause) == (200, "")
    cut, _ = fetch(Script(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", Reset("connection reset")), Ask(), 0)
    assert (cut.status, cut.cause) == (200, "connection reset")
    none, _ = fetch(Script(TimedOut("timed out")), Ask(), 0)
    assert (none.status, none.cause) == (0, "timed out")
    other, _ = fetch(Script(b"220 smtp\r\n"), Ask(), 0)
    assert (other.status, other.cause) == (0, "the answer is not HTTP")


HEAD = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nSet-Cookie: a=1; Secure\r\nSet-Cookie: b=2\r\n"


@pytest.mark.parametrize("ends", [[], [Reset("connection reset")], [TimedOut("timed out")]])
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"])
def test_half_a_head_is_no_answer(ends, before):
    """A cookie that did not come is not a cookie that is not there."""
    answer = before + HEAD + b"\r\n"
    for cut in range(len(answer)):
        found, _ = fetch(Script(answer[:cut], *ends), Ask(), 0)
        assert (found.status, bool(found.cause), found.cookies) == (0, True, ()), answer[:cut]
    found, _ = fetch(Script(answer, *ends), Ask(), 0)
    assert (found.status, [one.name for one in found.cookies]) == (200, ["a", "b"])


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(("ask", "pieces", "whole"), [
    (Ask(), [HEAD + b"Content-Length: 2\r\n\r\n", b"ok"], True),
    (Ask(), [HEAD + b"Content-Length: 2\r\n\r\n", b"o"], False),
    (Ask(method="HEAD"), [HEAD + b"Content-Length: 2\r\n\r\n"], True),
    (Ask(), [HEAD.replace(b"200 OK", b"204 No Content") + b"\r\n"], True),
    (Ask(), [CHUNKED, b"2\r\nok\r\n", b"0\r\n\r\n"], True),
    (Ask(), [CHUNKED, b"2;a=b\r\nok\r\n", b"0\r\nX: y\r\n\r\n"], True),
    (Ask(), [CHUNKED, b"2\r\nok\r\n"], False),
    (Ask(), [CHUNKED, b"7\r\nx=0\r\n\r\n", b"\r\n"], False),
    (Ask(), [CHUNKED, b"-2\r\nok\r\n0\r\n\r\n"], False),
    (Ask(), [HEAD + b"\r\n", b"o"], False),
])  # fmt: skip
def test_an_answer_is_whole_where_its_own_head_says_so(ask, pieces, whole):
    """Servers that keep the connection open are not waited for; what did not come by then is lacking."""
    found, _ = fetch(Script(*pieces, TimedOut("timed out")), ask, 0)
    assert (bool(found.status), found.cause) == (True, "" if whole else "timed out")


def test_a_stream_that_ends_before_its_length_broke_off():
    assert fetch(Script(HEAD + b"Content-Length: 2\r\n\r\n", b"o"), Ask(), 0)[0].cause == "it broke off"
    assert fetch(Script(CHUNKED, b"2\r\nok\r\n"), Ask(), 0)[0].cause == "it broke off"
    assert not fetch(Script(HEAD + b"\r\n", b"ok"), Ask(), 0)[0].cause
    assert fetch(Script(), Ask(), 0)[0].cause == "it closes without an answer"


def test_no_cookie_and_no_header_is_left_out():
    many = b"\r\n".join([b"Server: nginx"] * 6 + [b"Set-Cookie: c%d=1" % number for number in range(60)])
    assert (len(page(many).headers["server"]), len(page(many).cookies)) == (6, 60)
    policy = b"Content-Security-Policy: default-src " + b" https://a.example" * 200 + b"; frame-ancestors *"
    assert page(policy).headers["content-security-policy"][0].endswith("frame-ancestors *")
    longer = page(b"Content-Security-Policy: default-src " + b" https://a.example" * 600 + b"; frame-ancestors *")
    assert (longer.status, "longer than" in longer.cause) == (0, True)


def test_an_endless_answer_is_cut():
    found, raw = fetch(Script(*[b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n" * 500] * 1000]), Ask(), 0)
    assert len(raw) <= 128 * 1024
    assert found.cause


@pytest.mark.parametrize(("kind", "came", "enough"), [
    (b"text/plain", 16_384, True), (b"text/plain", 16_383, False), (b"text/html", 16_383, False),
    (b"application/json", 0, True), (b"application/json", 300_000, True), (b"text/plain", 300_000, True),
])  # fmt: skip
def test_of_a_cut_answer_the_searched_text_may_have_come(kind, came, enough):
    head = HEAD + b"Content-Type: " + kind + b"\r\nContent-Length: 400000\r\n\r\n"
    found, _ = fetch(Script(head, *[b"x" * 4096] * (came // 4096), b"x" * (came % 4096)), Ask(), 0)
    assert (found.status, bool(found.cause), found.enough) == (200, True, enough)


@pytest.mark.parametrize("line", [b"no colon", b"Server : x", b"a b: c", b"\xffx: y", b"x\0: y", b"X: a\rSet-Cookie: b=1", b": x"])
def test_a_line_that_is_no_header_hides_none_of_those_after_it(line):
    """`http.client` leaves out all that follows one."""
    found = page(line + b"\r\nSet-Cookie: sid=1\r\nServer: nginx/1.22.1")
    assert ([one.name for one in found.cookies], found.disclosed) == (["sid"], ("nginx/1.22.1 (header server)",))
    assert found.odd == "a line of its head is no header"
    assert not page(b"Set-Cookie: sid=1;\r\n Secure").odd


@pytest.mark.parametrize(("head", "body"), [
    (b"Content-Encoding: gzip", gzip.compress(b"<p>nginx/1.22.1</p>", mtime=0)), (b"Content-Encoding: deflate", zlib.compress(b"nginx/1.22.1")),
    (b"Content-Type: text/html; charset=utf-16", "nginx/1.22.1".encode("utf-16-le")), (b"X: y", "nginx/1.22.1".encode("utf-16")),
    (b'Content-Type: text/plain; charset="UTF-16BE"', "nginx/1.22.1".encode("utf-16-be")),
])  # fmt: skip
def test_a_packed_text_is_searched_all_the_same(head, body):
    assert page(head, body).disclosed == ("nginx/1.22.1 (page)",)


@pytest.mark.parametrize("head", [b"Content-Encoding: br", b"Content-Encoding: gzip", b"Content-Encoding: gzip, br", b"Transfer-Encoding: gzip, chunked"])
def test_a_text_that_cannot_be_unpacked_is_not_seen(head):
    found = page(head, b"\x8b\x05\x80nginx\x03")
    assert (found.status, found.enough, "encoding" in found.cause) == (200, False, True)
    assert page(head + b"\r\nContent-Type: image/png", b"\x8b\x05\x80").enough


def test_a_text_that_unfolds_without_end_is_cut():
    bomb = gzip.compress(b"x" * 2**28, mtime=0)
    assert len(body_of(Ask(), b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + bomb)[0]) <= 128 * 1024


@pytest.mark.parametrize(("head", "body", "sniffed"), [
    (b"X: y", b"\n<!DOCTYPE html>", True), (b"X: y", b"<html>", True), (b"X: y", b'{"a": 1}', False), (b"X: y", b"", False),
    (b"Content-Type: text/plain", b"<html>", False),
])  # fmt: skip
def test_what_browsers_take_for_html_is_told(head, body, sniffed):
    assert page(head, body).sniffed == sniffed


@pytest.mark.parametrize(("value", "schemes"), [
    ("Basic realm=x", ("Basic",)), ('Negotiate, Basic realm="a, b"', ("Negotiate", "Basic")), ('Bearer realm="a", error="x", basic', ("Bearer", "basic")),
    ('Digest realm="a\\", Basic b", nonce=1', ("Digest",)),
])  # fmt: skip
def test_every_scheme_of_a_challenge_is_kept_and_nothing_else(value, schemes):
    assert page(b"WWW-Authenticate: " + value.encode()).headers["www-authenticate"] == schemes


@pytest.mark.parametrize(("location", "path"), [
    ("/ui/", "/ui/"), ("ui/?token=1", "/ui/"), ("https://web.example/ui/", "/ui/"), ("https://web.example", "/"), ("/a b", ""), ("/\u00e9", ""),
    ("https://other.example/ui/", None), ("http://web.example/", None), ("?x=1", None), ("", None), ("https://[", None),
])  # fmt: skip
def test_a_redirect_at_the_same_place_is_known(location, path):
    raw = b"HTTP/1.1 302 Found\r\nLocation: " + location.encode() + b"\r\nContent-Length: 0\r\n\r\n"
    assert redirected(Ask(host="web.example"), raw, tls=True) == path
    assert redirected(Ask(host="web.example"), raw.replace(b" 302 ", b" 200 "), tls=True) is None


def test_a_whole_answer_needs_no_excuse():
    assert not page(b"Content-Type: application/json").enough


@settings(max_examples=1500, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"HTTP/", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nSet-Cookie: ",
                                                 b"HTTP/1.1 301 x\r\nLocation: ", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]))  # fmt: skip
def test_no_answer_raises(tail, head):
    found = page_of(Ask(), head + tail)
    assert found.status or found.cause
