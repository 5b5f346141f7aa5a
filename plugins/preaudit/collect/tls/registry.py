"""Code points by name: suites, SSLv2 cipher kinds, groups and signature schemes, from the pinned `registry.json`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

SSL2, SSL3, TLS10, TLS11, TLS12, TLS13 = 0x0002, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
VERSION_NAMES = {
    SSL2: "SSLv2",
    SSL3: "SSLv3",
    TLS10: "TLSv1.0",
    TLS11: "TLSv1.1",
    TLS12: "TLSv1.2",
    TLS13: "TLSv1.3",
}
VERSION_CODES = {name: code for code, name in VERSION_NAMES.items()}

_ONLY_13 = {0x00C6, 0x00C7, 0xC0B4, 0xC0B5, 0xC103, 0xC104, 0xC105, 0xC106} | set(range(0x1301, 0x1308))
_EPHEMERAL_EC = re.compile(r"TLS_(ECDHE_|ECDH_anon_|ECCPWD_)|OLD_TLS_ECDHE_")
_EPHEMERAL_DH = re.compile(r"(OLD_)?TLS_(DHE_|DH_anon_|PSK_DHE_)")
_AUTHENTICATED = re.compile(r"(OLD_)?TLS_(?:EC)?(?:DHE?_)?(RSA|DSS|ECDSA)_")


@dataclass(frozen=True)
class Suite:
    """One cipher suite.

    Attributes:
        code: two bytes on the wire (three for a kind of SSLv2).
        name: IANA's.
        key_exchange: "ec" and "dh" for an ephemeral exchange over curves or finite fields, "" for all else.
        authentication: "RSA", "ECDSA", "DSS", or "" where no certificate says who the server is (or it is not known).
    """

    code: int
    name: str
    key_exchange: str
    authentication: str


def _suite(code: int, name: str) -> Suite:
    if code in _ONLY_13:
        return Suite(code, name, "", "")
    exchange = "ec" if _EPHEMERAL_EC.match(name) else "dh" if _EPHEMERAL_DH.match(name) else ""
    found = _AUTHENTICATED.match(name)
    kind = found[2] if found and "_PSK_" not in name else ""
    return Suite(code, name, exchange, kind)


_TABLE: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("registry.json").read_bytes())


def _codes(*sections: str) -> dict[int, str]:
    return {int(code, 16): name for section in sections for code, name in _TABLE[section].items()}


ASSIGNED = frozenset(_codes("suites"))
"""Suites that IANA assigned."""
SUITES = {code: _suite(code, name) for code, name in _codes("suites", "deployed").items()}
"""Every suite that is asked for, by code."""
KINDS = _codes("sslv2")
"""Cipher kinds of SSLv2, three bytes each."""
GROUPS = _codes("groups")
SIGNATURES = _codes("signatures")

# The common ones first: a server that reads the head of a long list only still finds one that it knows.
COMMON_SUITES = (
    *(0xC02F, 0xC030, 0xC02B, 0xC02C, 0xCCA8, 0xCCA9, 0x009E, 0x009F, 0xC013, 0xC014, 0xC009, 0xC00A),
    *(0x009C, 0x009D, 0x002F, 0x0035, 0x0033, 0x0039, 0x003C, 0x003D, 0x000A, 0x0005, 0x0004),
)
"""Suites of which nearly every server up to TLS 1.2 has one."""
SMALL_SUITES = 40
"""Suites that a small hello holds at most."""
_BROKEN = re.compile(
    r"TLS_(NULL|RSA|DHE_RSA|DHE_DSS|DH_anon|ECDHE_RSA|ECDHE_ECDSA|ECDH_anon)_.*(NULL|RC[24]|DES|IDEA|SEED|MD5)"
    r"|TLS_(EC)?DH_anon_WITH_AES"
)


def _classic() -> tuple[int, ...]:
    """Broken ones that libraries have had stand last: who reads the head only finds them in a list turned round."""
    every = (*COMMON_SUITES, *(code for code in SUITES if code not in _ONLY_13 and code not in COMMON_SUITES))
    head, others = every[:SMALL_SUITES], every[SMALL_SUITES:]
    broken = [code for code in others if _BROKEN.match(SUITES[code].name)]
    return (*head, *(code for code in others if code not in broken), *broken)


CLASSIC_SUITES = _classic()
"""Suites of SSLv3 to TLS 1.2."""
SUITES_13 = tuple(sorted(_ONLY_13, key=lambda code: (code >> 8 != 0x13, code)))
"""Suites of TLS 1.3."""

_NIST_FIRST = (29, 23, 24, 25, 30)
CURVES = (*_NIST_FIRST, *(code for code in range(1, 42) if code not in (*_NIST_FIRST, 31, 32, 33)))
"""Curves up to TLS 1.2. No ffdhe: with one of them in the list RFC 7919 bids servers refuse DH groups of their own."""
COMMON_CURVES = _NIST_FIRST
FFDHE = (256, 257, 258, 259, 260)
STANDARD_FIELD_BITS = frozenset({2048, 3072, 4096, 6144, 8192})
"""Sizes of `FFDHE`."""
GROUPS_13 = (
    *(0x11EC, *_NIST_FIRST, 0x11EB, 0x11ED, *FFDHE),
    *(*range(31, 42), 0x11EE, 0x200, 0x201, 0x202, 0x6399, 0x639A),
)
"""Groups that are legal in TLS 1.3; older curves draw illegal_parameter from strict servers."""


_MODERN = frozenset({0xC02B, 0xC02C, 0xC02F, 0xC030, 0xCCA8, 0xCCA9, 0x1301, 0x1302, 0x1303, 0x1304, 0x1305})
BEYOND_MODERN = tuple(suite.name for code, suite in SUITES.items() if code not in _MODERN)
"""Every suite that some policy may forbid; the others have forward secrecy over curves and authenticated encryption."""


def suites_of(version: int) -> tuple[int, ...]:
    """Codes that are asked for under a version, in the order in which they are offered."""
    return SUITES_13 if version == TLS13 else tuple(KINDS) if version == SSL2 else CLASSIC_SUITES


def suite_name(version: int, code: int) -> str:
    """A suite's IANA name, or a kind's ``SSL_CK_…``."""
    return KINDS[code] if version == SSL2 else SUITES[code].name
