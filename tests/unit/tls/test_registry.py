"""The pinned registry covers what others know."""

from __future__ import annotations

import subprocess

import pytest

from preaudit.collect.tls.registry import ASSIGNED, CLASSIC_SUITES, KINDS, SUITES, SUITES_13


def test_every_assigned_suite_and_no_signalling_value() -> None:
    assert len(ASSIGNED) == 350
    assert not {0x00FF, 0x5600} & set(SUITES)
    assert not [code for code in SUITES if code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF], "GREASE"
    assert set(CLASSIC_SUITES) | set(SUITES_13) == set(SUITES)
    assert not set(CLASSIC_SUITES) & set(SUITES_13)
    assert len(set(CLASSIC_SUITES)) == len(CLASSIC_SUITES)


@pytest.mark.parametrize(("name", "exchange", "kind"), [
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ec", "RSA"), ("TLS_RSA_WITH_NULL_MD5", "", "RSA"),
    ("TLS_DHE_DSS_WITH_DES_CBC_SHA", "dh", "DSS"), ("TLS_ECDH_anon_WITH_NULL_SHA", "ec", ""),
    ("TLS_DH_anon_EXPORT_WITH_RC4_40_MD5", "dh", ""), ("TLS_ECDH_ECDSA_WITH_NULL_SHA", "", "ECDSA"),
    ("TLS_RSA_PSK_WITH_NULL_SHA", "", ""), ("TLS_PSK_DHE_WITH_AES_128_CCM_8", "dh", ""),
    ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", "", "RSA"), ("TLS_SRP_SHA_RSA_WITH_AES_128_CBC_SHA", "", ""),
])  # fmt: skip
def test_what_a_name_says(name, exchange, kind) -> None:
    suite = next(one for one in SUITES.values() if one.name == name)
    assert (suite.key_exchange, suite.authentication) == (exchange, kind)


def test_openssl_knows_no_other() -> None:
    said = subprocess.run(["openssl", "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True, text=True, check=True, timeout=20).stdout
    rows = [line.split() for line in said.splitlines()]
    assert len(rows) > 100
    assert {int(row[0].replace(",0x", "").replace("0x", ""), 16) for row in rows} <= set(SUITES)


def test_tlslite_knows_no_other() -> None:
    constants = pytest.importorskip("tlslite.constants")
    drafts = {0xCCA1, 0xCCA2, 0xCCA3}
    known = {code: name for code, name in constants.CipherSuite.ietfNames.items() if code not in drafts | {0x00FF, 0x5600}}
    assert set(known) <= set(SUITES) | set(KINDS)
    assert not {code: name for code, name in known.items() if code in SUITES and SUITES[code].name.lower() != name.lower()}
