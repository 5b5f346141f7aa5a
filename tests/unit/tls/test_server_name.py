"""Every name that is sent is one that OpenSSL takes; those that it would not take are not sent."""

import ssl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from preaudit.collect.tls.server_name import sni

LABELS = st.text("abcxyz019-_*ü\x00 ", max_size=70)


@given(st.one_of(st.text(max_size=300), st.lists(LABELS, max_size=6).map(".".join)))
@example("a" * 64 + ".example")
@example("web..example")
@example(".example")
@example("a\x00b.example")
def test_whatever_is_sent_openssl_takes(name):
    sent = sni(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=sent or None)
    assert len(sent) <= 253


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("web.example", "web.example"),
        ("web.example.", "web.example"),
        ("*.example", "*.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("a" * 64 + ".example", ""),
        ("192.0.2.1", ""),
        ("2001:db8::1", ""),
        ("[2001:db8::1]", ""),
        ("", ""),
    ],
)
def test_names_are_sent_and_addresses_are_not(name, sent):
    assert sni(name) == sent
