"""Rules of the leak scan: what no file of a pack may hold. Literals first, patterns only around them.

They are written for bytes as they stand in a file and know nothing of the redaction's own rules: what the redaction
overlooks is to be seen here. The redaction asks them last of all about every text that it keeps, for what only the scan
found would end the run, and nobody can take it out of somebody else's cluster.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

AFTER = 640
"""Bytes after a literal that a pattern may look at, where it does not begin with the literal."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: as it is told to the user.
        literals: one of them stands in every match.
        pattern: what is a hit.
        before: bytes before a literal that the pattern may look at; 0 where every match begins with a literal.
    """

    name: str
    literals: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    before: int = 0


_PLAIN = (
    rb"(?:null|none|true|false|simple|enabled|disabled|optional|required|auto|[0-9]{1,6}(?:ms|s|m|h|d))"
    rb"(?=[\s\"'\\<>&,;{}()\[\]]|\Z)"
)
"""Words that are no password; in a pattern that takes both cases."""
_VALUE = rb"(?!\$|/|\\?\"|\{|<|\*|REDACTED|" + _PLAIN + rb")[^\s\"'\\<>&,;{}()\[\]]{4,256}"
IN_TEXT = "password in a text"
RULES: tuple[Rule, ...] = (
    Rule("private key", (b"PRIVATE KEY",), re.compile(
        rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"), 100),
    Rule("private key", (b"AGE-SECRET-KEY-1", b"PuTTY-User-Key-"), re.compile(
        rb"AGE-SECRET-KEY-1[A-Z0-9]{16}|PuTTY-User-Key-File-\d:")),
    Rule("JWT", (b"eyJ",), re.compile(rb"(?<![A-Za-z0-9_\-])eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{4,}")),
    Rule("AWS key", (b"AKIA", b"ASIA", b"ABIA", b"ACCA"), re.compile(
        rb"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    Rule("Google key", (b"AIza", b"ya29.", b"GOCSPX-"), re.compile(
        rb"(?<![A-Za-z0-9])(?:AIza[A-Za-z0-9_\-]{35}|ya29\.[A-Za-z0-9_\-]{20,}|GOCSPX-[A-Za-z0-9_\-]{20,})")),
    Rule("Azure key", (b"AccountKey=", b"AccessKey=", b"Q~", b"sig="), re.compile(
        rb"Acc(?:ount|ess)Key=[A-Za-z0-9+/]{20,}|(?<=[?&;])sig=[A-Za-z0-9%+/]{20,}"
        rb"|(?<=\d)Q~[A-Za-z0-9_~.\-]{31,34}")),
    Rule("GitHub token", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"), re.compile(
        rb"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})")),
    Rule("GitLab token", (b"glpat-", b"gldt-", b"glrt-", b"glcbt-", b"glptt-", b"glsoat-", b"glft-", b"glimt-"),
         re.compile(rb"(?<![A-Za-z0-9])gl(?:pat|dt|rt|cbt|ptt|soat|ft|imt)-[A-Za-z0-9_\-]{16,}")),
    Rule("Slack token", (b"xox", b"xapp-", b"hooks.slack.com"), re.compile(
        rb"(?<![A-Za-z0-9])(?:xox[abeoprs]-[A-Za-z0-9\-]{10,}|xapp-\d-[A-Za-z0-9\-]{10,})"
        rb"|hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20,}")),
    Rule("Stripe key", (b"k_live_", b"k_test_", b"whsec_"), re.compile(
        rb"(?<=[prs])k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/]{20,}")),
    Rule("npm token", (b"npm_",), re.compile(rb"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}")),
    Rule("PyPI token", (b"pypi-AgE",), re.compile(rb"pypi-AgE[A-Za-z0-9_\-]{20,}")),
    Rule("token of a service", (b"dckr_pat_", b"hf_", b"sk-ant-", b"sk-proj-", b"SG.", b"hvs.", b"hvb.", b"shpat_",
                                b"dop_v1_", b"ATATT3", b"xkeysib-", b"glsa_", b"NRAK-", b"PMAK-", b"sntrys_"),
         re.compile(
        rb"(?<![A-Za-z0-9])(?:dckr_pat_[\w\-]{20,}|hf_[A-Za-z0-9]{30,}|sk-(?:ant|proj)-[\w\-]{20,}"
        rb"|SG\.[\w\-]{16,}\.[\w\-]{16,}|hv[sb]\.[\w\-]{20,}|shpat_[a-fA-F0-9]{32}|dop_v1_[a-f0-9]{40,}"
        rb"|ATATT3[\w\-=]{20,}|xkeysib-[a-f0-9]{32,}|glsa_\w{20,}|NRAK-[A-Z0-9]{20,}|PMAK-[a-f0-9\-]{40,}"
        rb"|sntrys_[\w=+/]{30,})")),
    Rule("credential in a URL", (b"://", b":\\/\\/"), re.compile(
        rb":(?://|\\/\\/)(?!REDACTED@)[^\s/?#@\"'<>\\:]{0,256}:[^\s@\"'<>\\]{1,512}@")),
    Rule("database address with a password", (b"@tcp(", b"@unix(", b"@udp("), re.compile(
        rb"[A-Za-z0-9_.\-]{1,64}:[^\s@/\"'\\]{1,256}@(?:tcp|unix|udp)\("), 400),
    Rule("authorization header", (b"asic ", b"earer "), re.compile(
        rb"(?<=[Bb])asic [A-Za-z0-9+/]{12,}={0,2}(?![A-Za-z0-9+/ ])"
        rb"|(?<=[Bb])earer (?=[\w.~+/\-]*\d)[\w.~+/\-]{16,}")),
    Rule(IN_TEXT, (
        b"assword", b"ASSWORD", b"asswd", b"ASSWD", b"pwd", b"PWD", b"ecret_", b"ECRET_", b"ecretA", b"ecret-",
        b"ecretK", b"assphrase", b"client-key-data",
        b"lient_secret", b"lientSecret", b"LIENT_SECRET", b"api_key", b"apiKey", b"API_KEY", b"api-key",
        b"rivate_key", b"rivateKey", b"RIVATE_KEY", b"ccess_token", b"ccessToken", b"CCESS_TOKEN", b"uth_token",
        b"uthToken", b"UTH_TOKEN"), re.compile(
        rb"(?:assw(?:or)?d|pwd|ecret[_\-]?(?:access[_\-]?)?key|lient[_\-]?secret|api[_\-]?key|rivate[_\-]?key"
        rb"|(?:ccess|uth)[_\-]?token|client-key-data|assphrase)"
        rb"(?:\\{0,3}\"{1,2}|')?\s{0,4}[:=]\s{0,4}(?:\\{0,3}\"{1,2}|')?" + _VALUE, re.IGNORECASE)),
)  # fmt: skip
"""Every rule; the patterns have no unbounded repetition before their literal."""

ENCODED = (
    b"LS0tLS1CRUdJTi", b"UFJJVkFURSBLRV", b"BSSVZBVEUgS0VZ", b"QUklWQVRFIEtFW", b"ZXlKaGJHY2lPa", b"ZXlKMGVYQWlPa",
    b"eyJhdXRocyI6", b"Y2xpZW50LWtleS1kYXRh", b"NsaWVudC1rZXktZGF0Y", b"jbGllbnQta2V5LWRhdG",
    b"QUtJQ", b"Z2hwX", b"Z2xwYXQt",
)  # fmt: skip
"""Base64 of what begins a PEM block, names a private key, begins a JWT, a registry's or a cluster's configuration."""
_JSON_ESCAPE = re.compile(rb"\\u00([0-7][0-9a-fA-F])|\\/")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_RUN = re.compile(rb"[A-Za-z0-9+/_\-]*")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_WITHIN_BASE64 = frozenset({"private key", "JWT", "AWS key", "GitHub token", "GitLab token"})
MAX_BEFORE = 4096
MAX_ENCODED = 65536


def _encoded_run(text: bytes, start: int) -> tuple[int, bytes]:
    """Where the base64 text around a place begins, and what of it is decoded.

    Args:
        text: what holds one of `ENCODED`.
        start: where that begins.
    """
    head = text[max(0, start - MAX_BEFORE) : start]
    low = start - len(head) + len(head.rstrip(_BASE64))
    run = _RUN.match(text, low, start + MAX_ENCODED)
    return low, run[0] if run else b""


def _encoded_rule(coded: bytes) -> str:
    """The rule that a base64 text meets once it is decoded, "" where it is harmless (a certificate)."""
    for skip in range(4):
        piece = coded[skip:].translate(_URL_SAFE)
        try:
            decoded = base64.b64decode(piece[: len(piece) // 4 * 4])
        except binascii.Error:
            continue
        for rule in RULES:
            if rule.name in _WITHIN_BASE64 and any(literal in decoded for literal in rule.literals):
                match = rule.pattern.search(decoded)
                if match:
                    return f"{rule.name} in base64"
        if b"client-key-data" in decoded or decoded.startswith(b'{"auths":'):
            return "credentials of a client in base64"
    return ""


def _by_literal() -> dict[bytes, tuple[Rule, ...]]:
    table: dict[bytes, tuple[Rule, ...]] = {}
    for rule in RULES:
        for literal in rule.literals:
            table[literal] = (*table.get(literal, ()), rule)
    return table


BY_LITERAL = _by_literal()
"""The rules by literal."""
IN_TEXT_LITERALS = next(rule.literals for rule in RULES if rule.name == IN_TEXT)


def hits(text: bytes) -> Iterator[tuple[str, int, int]]:
    """Rule, start and end of everything in a text that meets a rule, as it stands there or in base64."""
    for literal, rules in BY_LITERAL.items():
        start = text.find(literal)
        while start >= 0:
            end = start + len(literal)
            for rule in rules:
                if rule.before:
                    match = rule.pattern.search(text, max(0, start - rule.before), end + AFTER)
                else:
                    match = rule.pattern.match(text, start)
                if match is not None and match.start() < end and match.end() > start:
                    yield rule.name, match.start(), match.end()
            start = text.find(literal, end)
    for literal in ENCODED:
        start = text.find(literal)
        while start >= 0:
            low, coded = _encoded_run(text, start)
            if name := _encoded_rule(coded):
                yield name, low, low + len(coded)
            start = text.find(literal, max(start + len(literal), low + len(coded) - len(literal)))


def unescaped(text: bytes) -> Iterator[bytes]:
    """A text without the escapes of JSON and of markup, where it has any."""
    if b"\\u00" in text or b"\\/" in text:
        yield _JSON_ESCAPE.sub(lambda match: bytes([int(match[1], 16)]) if match[1] else b"/", text)
    if b"&" in text:
        plain = html.unescape(text.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if plain != text:
            yield plain


def rules_met(text: bytes) -> set[str]:
    """The rules that a text meets in any form in which the scan looks at it."""
    return {rule for form in (text, *unescaped(text)) for rule, _, _ in hits(form)}
