"""Bytes that servers send, well-formed and not."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preaudit.collect.tls.flight import Flight
from preaudit.collect.tls.hello import Hello, Shape, encode, session_id
from preaudit.collect.tls.messages import certificates
from preaudit.collect.tls.registry import KINDS, SUITES, TLS12, TLS13, suites_of
from preaudit.collect.tls.reply import Declined, Lost, Picked, Reply
from preaudit.collect.tls.sslv2 import Flight2, client_hello
from preaudit.collect.tls.steady import hello_of
from tests.unit.tls.scripted import CERTIFICATE, alert, flight, message, read_hello, record, retry, server_hello

RANDOM = bytes(range(32))
SESSION = session_id(RANDOM)


def read(data: bytes, version: int = TLS12, step: int = 0) -> Reply | None:
    incoming = Flight(hello_of(version), SESSION)
    for at in range(0, len(data), step or len(data)):
        reply = incoming.feed(data[at : at + (step or len(data))])
        if reply is not None:
            return reply
    return None


@pytest.mark.parametrize("step", [0, 1, 3, 7])
@pytest.mark.parametrize("suite", [0x0005, 0x0033, 0xC02F, 0xC0AA, 0x00A6, 0xC018, 0xC035, 0x008A, 0x0019])
def test_a_flight_is_read_in_any_pieces(suite, step) -> None:
    reply = read(flight(TLS12, suite, 24, 1024), step=step)
    assert isinstance(reply, Picked), reply
    assert reply.suite == suite
    exchange = SUITES[suite].key_exchange
    assert (reply.group, reply.dh_bits) == ({"ec": 24}.get(exchange), {"dh": 1024}.get(exchange, 0))
    assert bool(reply.chain) is bool(SUITES[suite].authentication)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (alert(70), Declined("alert protocol_version", sure=True, spoken=TLS12)),
        (alert(71), Declined("alert insufficient_security", sure=False, spoken=TLS12)),
        (alert(40), Declined("alert handshake_failure", sure=False, spoken=TLS12)),
        (alert(40, level=1), Declined("alert handshake_failure", sure=False, spoken=TLS12)),
        (alert(80), Lost("alert internal_error", repeats=True)),
        (alert(86), Lost("alert inappropriate_fallback", repeats=True)),
        (alert(0, level=1), Lost("closed by close_notify", repeats=True)),
        (alert(112, level=1) + alert(70), Declined("alert protocol_version", sure=True, spoken=TLS12)),
        (alert(112, level=1), None),
        (alert(112, level=1) * 5, Lost("more than 4 warning alerts")),
        (b"\x15\3\3\0\2\3\x46", Lost("a malformed alert")),
        (b"\x15\3\3\0\3\2\x46\0", Lost("a malformed alert")),
        (b"HTTP/1.1 400 Bad Request\r\n", Lost("what came is no TLS record")),
        (b"\x16\3\3\xff\xff", Lost("a record of 65535 bytes")),
        (b"\x16\3\3\0\0", Lost("a record of 0 bytes")),
        (b"\x15\3\0\0\2\2\x28", Declined("alert handshake_failure", sure=False, spoken=0x0300)),
        (record(22, server_hello(0x0301, 0x0005)), Declined("TLSv1.0 picked", sure=True, version=0x0301, suite=5)),
        (record(22, server_hello(TLS12, 0x1301)), Lost("it picked suite 0x1301, which was not offered")),
        (record(22, server_hello(TLS12, 0x5600)), Lost("it picked suite 0x5600, which was not offered")),
        (record(22, server_hello(TLS12, 0xC02F)) + alert(40), Declined("alert handshake_failure after TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 was picked", sure=False, suite=0xC02F, spoken=TLS12)),
        (record(22, server_hello(TLS12, 0x0005) + message(14, b"")), Lost("no certificate with TLS_RSA_WITH_RC4_128_SHA", suite=5)),
        (record(22, message(14, b"")), Lost("handshake message 14 out of turn")),
        (record(22, server_hello(TLS12, 0x0005)) * 2, Lost("handshake message 2 out of turn", suite=5)),
        (record(22, b"\2\x05\0\0"), Lost("a handshake message of 327680 bytes")),
        (record(23, b"data"), Lost("a record that no handshake begins with")),
    ],
)
def test_what_an_answer_means(data, expected) -> None:
    assert read(data) == expected


def test_a_retry_of_tls_13_names_the_group() -> None:
    assert read(retry(0x1302, 0x11EC, SESSION), TLS13) == Picked(TLS13, 0x1302, group=0x11EC)
    assert isinstance(read(retry(0x1302, 0x11EC, bytes(32)), TLS13), Lost)
    assert isinstance(read(retry(0x1302, 26, SESSION), TLS13), Lost), "a group that was not offered"
    assert read(flight(TLS12, 0x002F), TLS13) == Lost("it picked suite 0x002f, which was not offered")


def test_no_bytes_of_tls_12_make_tls_13() -> None:
    reply = read(retry(0x1301, 29, SESSION))
    assert isinstance(reply, Lost)


@pytest.mark.parametrize("version", [0x0300, 0x0301, 0x0302, TLS12, TLS13])
@pytest.mark.parametrize("shape", list(Shape))
def test_hellos_are_well_formed(version, shape) -> None:
    hello = hello_of(version, shape, server_name="x.test")
    assert isinstance(hello, Hello)
    data = encode(hello, RANDOM)
    seen = read_hello(data)
    assert seen is not None
    assert seen.suites == hello.suites
    assert not {0x00FF, 0x5600} & set(seen.suites)
    assert seen.version == min(version, TLS12)
    if version > 0x0300:
        assert seen.groups == hello.groups
        assert (b"x.test" in data) is True
    if version == TLS13:
        assert seen.versions == (TLS13,)
        assert not set(seen.groups) & set(range(1, 23)), "curves that TLS 1.3 forbids"
    elif shape is Shape.FULL:
        assert not {256, 257, 258, 259, 260} & set(seen.groups)
    if shape is Shape.SMALL:
        assert seen.size <= 255
    elif version > 0x0300:
        assert not 256 <= seen.size < 512


@given(st.integers(1, 350), st.sampled_from([0x0301, TLS12, TLS13]), st.text("abc.", max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_hello_has_a_length_that_load_balancers_choke_on(count, version, name) -> None:
    hello = hello_of(version, suites=suites_of(version)[:count], server_name=name)
    assert isinstance(hello, Hello)
    size = len(encode(hello, RANDOM)) - 5
    assert not 256 <= size < 512
    assert read_hello(encode(hello, RANDOM)).suites == hello.suites


def sslv2(kinds: bytes, certificate: bytes = CERTIFICATE) -> bytes:
    body = b"\4\0\1\0\2" + struct.pack(">HHH", len(certificate), len(kinds), 16) + certificate + kinds + bytes(16)
    return struct.pack(">H", 0x8000 | len(body)) + body


def read2(data: bytes) -> Reply | None:
    return Flight2().feed(data)


def test_sslv2() -> None:
    assert client_hello()[:5] == b"\x80" + bytes((len(client_hello()) - 2,)) + b"\1\0\2"
    reply = read2(sslv2(b"\1\0\x80\7\0\xc0"))
    assert isinstance(reply, Picked)
    assert [KINDS[kind] for kind in reply.kinds] == ["SSL_CK_RC4_128_WITH_MD5", "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"]
    assert reply.chain == (CERTIFICATE,)
    empty = read2(sslv2(b""))
    assert isinstance(empty, Picked)
    assert not empty.kinds
    assert read2(alert(70)) == Declined("alert protocol_version", sure=True)
    assert read2(b"\x80\3\0\0\1") == Lost("SSLv2 error 1", repeats=True)
    assert isinstance(read2(sslv2(b"\1\0\x80", b"")), Lost)
    assert isinstance(read2(sslv2(b"\x11\x22\x33")), Lost)
    assert isinstance(read2(b"HTTP/1.1 400"), Lost)


def test_certificates_are_kept_up_to_a_bound() -> None:
    def one(der: bytes) -> bytes:
        return len(der).to_bytes(3) + der

    many = b"".join(one(bytes((index + 1,)) * 9) for index in range(40))
    chain, unread = certificates(len(many).to_bytes(3) + many)
    assert (len(chain), unread) == (16, 24)
    large = one(b"a") + one(b"b" * 70_000) + one(b"c")
    assert certificates(len(large).to_bytes(3) + large) == ((b"a",), 2)


GOOD = [
    (TLS12, flight(TLS12, 0xC02F)), (TLS12, flight(TLS12, 0x0033)), (TLS12, flight(TLS12, 0x0005)),
    (TLS12, alert(40)), (TLS12, alert(70)), (TLS12, record(22, server_hello(0x0301, 0x0005))),
    (TLS13, retry(0x1301, 29, SESSION)), (TLS13, alert(40)), (0x0301, flight(0x0301, 0x0005)),
]  # fmt: skip
MEANT = {bytes((21, 3, minor, 0, 2, level, code)) for minor in range(5) for level in (1, 2) for code in (40, 70, 71)}


def believable(reply: Reply | None, version: int, data: bytes) -> bool:
    """Whether a reply that is better than inconclusive rests on bytes that say it."""
    if reply is None or isinstance(reply, Lost):
        return True
    if isinstance(reply, Declined):
        if reply.version is not None:
            return reply.version < version and reply.version.to_bytes(2) in data and reply.suite in suites_of(version)
        return any(one in data for one in MEANT)
    if reply.version != version or reply.suite not in suites_of(version) or reply.suite.to_bytes(2) not in data:
        return False
    done = b"\x0e\0\0\0" in data
    return done if version < TLS13 else SESSION in data


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_mutated_answers_never_raise_and_never_get_better(seed) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        version, data = chance.choice(GOOD)
        raw = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            kind, at = chance.randrange(5), chance.randrange(len(raw)) if raw else 0
            if kind == 0 and raw:
                raw[at] = chance.randrange(256)
            elif kind == 1 and raw:
                raw[at] ^= 1 << chance.randrange(8)
            elif kind == 2:
                del raw[at : at + chance.randrange(1, 9)]
            elif kind == 3:
                raw[at:at] = chance.randbytes(chance.randrange(1, 9))
            else:
                raw += chance.choice(GOOD)[1][: chance.randrange(1, 60)]
        reply = read(bytes(raw), version) if raw else None
        assert believable(reply, version, bytes(raw)), (reply, bytes(raw).hex())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([0x0300, 0x0301, TLS12, TLS13]), st.booleans())
def test_arbitrary_bytes_are_inconclusive(data, version, framed) -> None:
    whole = record(22, data) if framed and data else data
    assert believable(read(whole, version) if whole else None, version, whole)
    assert believable(read2(whole), 2, whole) or isinstance(read2(whole), Picked)
