"""Suite for suite against sslyze, over all servers that it can talk to; every difference has a reason."""

from __future__ import annotations

import time

import pytest

from preaudit.endpoint import Answer
from tests.tls import sslyze_scan

pytest.importorskip("sslyze", reason="sslyze is not installed")

NOTHING_IN_COMMON = "could not find a TLS version and cipher suite supported by the server"
# sslyze 6's two OpenSSLs (1.0.2 for old versions, 1.1.1) do not know these at all.
_UNKNOWN_TO_IT = ("_CCM", "ARIA", "GOST", "_PSK_", "DH_anon_WITH_CAMELLIA_128_CBC_SHA256", "DH_anon_WITH_CAMELLIA_256_CBC_SHA256",
                  "CAMELLIA_128_GCM", "CAMELLIA_256_GCM")  # fmt: skip
BLIND = {
    "node-mlkem-only": "it knows no ML-KEM group",
    "node-hybrids-only": "it knows no hybrid group",
}
"""Servers that it can find nothing in common with, and why."""


def reason(server, version, suite, ours):
    """Why sslyze and the survey may differ over one suite; "" where they may not. `ours`: the survey accepts it."""
    if not ours:
        return ""
    truth = server.truth
    if any(part in suite for part in _UNKNOWN_TO_IT):
        return "sslyze does not know the suite"
    groups = truth.groups.get(version, frozenset())
    if version != "TLSv1.3" and "_ECDH" in suite and groups and not groups & {"secp256r1", "secp384r1", "secp521r1"}:
        return "before TLS 1.3 sslyze offers NIST's curves only"
    if "ed25519" in truth.identities and version == "TLSv1.2":
        return "sslyze offers no Ed25519 signature before TLS 1.3"
    return ""


@pytest.fixture(scope="module")
def scans(zoo, told):
    """Every server that it can be asked about; one of two hosts on a port stands for both."""
    began = time.monotonic()
    asked = [(name, one.server_name, zoo.ports[name]) for name, one in zoo.servers.items()
             if not one.no_sslyze and name != "nginx-second-host"]  # fmt: skip
    direct = [one for one in asked if not zoo.servers[one[0]].starttls]
    wrapped = [one for one in asked if zoo.servers[one[0]].starttls]
    seen = sslyze_scan.scan(direct) | sslyze_scan.scan(wrapped, starttls="postgres")
    told[f"sslyze over {len(seen)} servers"] = time.monotonic() - began
    return seen


def test_every_suite_or_a_reason(zoo, surveys, scans, told):
    compared, reasons, wrong = 0, {}, []
    for name, scan in scans.items():
        server, ours = zoo.servers[name], surveys[name]
        if scan.cause:
            continue
        for version in sslyze_scan.SCANS:
            offer = ours.offer(version)
            mine, theirs = set(offer.suites), scan.accepted.get(version, frozenset())
            compared += len(mine & theirs)
            for suite in sorted(mine ^ theirs):
                why = reason(server, version, suite, suite in mine)
                reasons[why] = reasons.get(why, 0) + 1
                if not why:
                    wrong.append(f"{name} {version} {suite}: {'survey' if suite in mine else 'sslyze'} only")
            if theirs and offer.answer is not Answer.ACCEPTED:
                wrong.append(f"{name} {version}: survey says {offer.answer}, sslyze accepted {len(theirs)} suites")
    print(f"{compared} suites alike on {sum(not one.cause for one in scans.values())} servers; by reason: {reasons}")
    told["suites alike with sslyze"] = f"{compared}; unlike, by reason: {reasons}"
    assert not wrong, "\n".join(wrong)


def test_where_sslyze_is_blind_is_known(zoo, scans):
    """It sees nothing of servers that offer only what it lacks; the reason is in each truth, or in the table."""
    for name, scan in scans.items():
        truth = zoo.servers[name].truth
        lacks = name in BLIND or all(_lacks(truth, version, one) for version, taken in truth.suites.items() for one in taken)
        assert not scan.cause or (NOTHING_IN_COMMON in scan.cause and lacks), f"{name}: {scan.cause}"
    assert zoo.left_out or sum(not one.cause for one in scans.values()) >= 50


def _lacks(truth, version, suite):
    """Its test of connectivity offers neither of these."""
    odd = ("NULL", "anon", "_CCM", "CAMELLIA_128_GCM", "CAMELLIA_256_GCM")
    common = {"x25519", "secp256r1", "secp384r1", "secp521r1", "x448"}
    groups = truth.groups.get(version, common)
    return any(part in suite for part in odd) or not groups & common or 512 in truth.dh_bits


def test_client_certificates_alike(zoo, surveys, scans):
    """Where it could look: whether a client's certificate is asked for."""
    for name, scan in scans.items():
        if not scan.cause:
            assert surveys[name].client_certificate.value is (scan.client_certificate != "DISABLED"), name


def test_groups_alike(zoo, surveys, scans):
    """The groups that both know: nothing that sslyze accepts is missing from the survey."""
    names = {"prime256v1": "secp256r1", "X25519": "x25519", "X448": "x448"}
    for name, scan in scans.items():
        ours = {group for offer in surveys[name].offers for group in offer.groups}
        theirs = {names.get(one, one) for one in scan.groups}
        if ours:
            assert theirs <= ours, f"{name}: {sorted(theirs - ours)}"
