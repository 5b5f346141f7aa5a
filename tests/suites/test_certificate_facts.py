"""Facts of certificates: names as clients match them, and odd DER that never raises anything but NotObservable."""

from __future__ import annotations

import base64
import contextlib
import string

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preaudit.errors import NotObservable
from preaudit.subjects.certificate import Certificate, certificate
from preaudit.subjects.hostname import covers
from preaudit.suites import data_folder

STORED = yaml.safe_load((data_folder("suites") / "tls" / "examples" / "certificates.yaml").read_text())
DER = {name: base64.b64decode("".join(text.split())) for name, text in STORED.items() if name != "garbage"}
FACTS = ("name", "issuer", "key", "key_sha256", "signature_hash", "not_before", "not_after", "names", "serves", "ca_faults",
         "self_signed")  # fmt: skip
LABEL = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
HOST = st.lists(LABEL, min_size=1, max_size=5)


def read_all(der: bytes) -> None:
    with contextlib.suppress(NotObservable):
        found = Certificate(der)
        for fact in FACTS:
            with contextlib.suppress(NotObservable):
                getattr(found, fact)
        with contextlib.suppress(NotObservable):
            found.is_good_for("web.shop.svc")


@given(
    st.sampled_from(sorted(DER)), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4)
)
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
def test_changed_bytes_raise_nothing_else(name, changes):
    der = bytearray(DER[name])
    for place, byte in changes:
        der[place % len(der)] = byte
    read_all(bytes(der))


@given(st.sampled_from(sorted(DER)), st.integers(0, 2000))
@settings(max_examples=100, deadline=None)
def test_cut_bytes_raise_nothing_else(name, length):
    read_all(DER[name][:length])


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_raise_nothing_else(der):
    read_all(der)


@pytest.mark.parametrize("text", ["", "!", "AAAA", "é", "AAAA\n"])
def test_any_text_is_not_observable(text):
    with pytest.raises(NotObservable):
        certificate(text)


def test_every_self_signed_certificate_is_known_whatever_its_hash():
    found = {name for name, der in DER.items() if Certificate(der).self_signed}
    assert found == {"ca", "ca-sloppy", "ca-old-root", "self-signed"}


@given(HOST)
def test_a_name_covers_itself_in_any_case_and_with_the_root_dot(labels):
    name = ".".join(labels)
    assume_no_address = not name.replace(".", "").isdecimal()
    if assume_no_address:
        assert covers(name, [name.upper()], [])
        assert covers(f"{name}.", [name], [])
        assert not covers(f"x.{name}", [name], [])
        assert not covers(name, [f"x.{name}"], [])


@given(LABEL, HOST)
def test_a_wildcard_stands_for_one_whole_label(first, rest):
    domain = ".".join(rest)
    good = len(rest) > 1
    if first.isdecimal() and domain.replace(".", "").isdecimal():
        return
    assert covers(f"{first}.{domain}", [f"*.{domain}"], []) is good
    assert not covers(f"a.{first}.{domain}", [f"*.{domain}"], [])
    assert not covers(domain, [f"*.{domain}"], []) or rest[0] == "*"
    assert not covers(f"{first}x.{domain}", [f"{first}*.{domain}"], [])
    assert not covers(f"{first}.{domain}", [f"{first}.*"], [])


@pytest.mark.parametrize(
    ("wanted", "names", "addresses", "good"),
    [
        ("10.0.0.1", (), ("10.0.0.1",), True),
        ("10.0.0.1", ("10.0.0.1",), (), False),
        ("10.0.0.1", ("*.0.0.1",), (), False),
        ("::1", (), ("::1",), True),
        ("[0:0:0:0:0:0:0:1]", (), ("::1",), True),
        ("localhost", ("localhost",), ("127.0.0.1",), True),
        ("localhost", (), ("127.0.0.1",), False),
        ("a.example", ("*",), (), False),
        ("a.example", ("*.example",), (), False),
        ("a.b.example", ("*.*.example",), (), False),
        ("", ("",), (), False),
        ("a..example", ("a..example",), (), False),
        ("a.example.", (".a.example",), (), False),
    ],
)
def test_names_and_addresses_are_not_mixed(wanted, names, addresses, good):
    assert covers(wanted, names, addresses) is good
