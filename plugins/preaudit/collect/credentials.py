"""What a credential looks like: rules on a value and on the name it is given under.

Every rule is linear in the length of the value, as values come from the cluster and may be a megabyte long.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter

from preaudit import leak_rules

_OFTEN_SEEN = 64
"""Characters of a text that is likely to come again: a name, a path, an image's pull policy."""
MAX_SCANNED = 2**20
"""Characters of a value that are looked at; etcd holds no longer ones."""
_MAX_LINES = 20_000

_NAME = re.compile(
    r"pass(?:wd|word|wort|phrase|code)|(?:^|[_.\-])(?:pwd|pw|pass)(?:$|[_.\-])|secret|token|api[_.\-]?key"
    r"|(?:require|master|root|admin|db|user|store|key|auth|sql|bind|ldap|smtp|mail|http|pg)(?:pass|pwd|pw)$|masterauth$"
    r"|access[_.\-]?key|private[_.\-]?key|signing[_.\-]?key|encryption[_.\-]?key|account[_.\-]?key|master[_.\-]?key"
    r"|shared[_.\-]?key|license[_.\-]?key|credential|connection[_.\-]?string|(?:^|[_.\-])dsn(?:$|[_.\-])"
    r"|(?:^|[_.\-])(?:psk|jwt|pat|otp|creds?|passcode|mnemonic)(?:$|[_.\-])"
    r"|(?:^|[_.\-])auth(?:$|[_.\-]?(?:key|code|hash))|dockerconfigjson|htpasswd|(?:^|[_.\-])bearer(?:$|[_.\-])"
)
"""Names that say "credential", in lower case with words split by "_"."""
_NAME_OF_SOMETHING_ELSE = re.compile(
    r"[_.\-](?:file|files|path|paths|dir|directory|folder|name|names|namespace|ref|url|uri|endpoint|endpoints|host|port"
    r"|ttl|timeout|expiry|expiration|expires|lifetime|duration|interval|age|seconds|minutes|hours|days|length|size|type"
    r"|algorithm|alg|method|mode|policy|provider|issuer|audience|scope|scopes|enabled|disabled|required|count|limit"
    r"|version|header|field|prefix|suffix|class|backend|engine|mount|rotation|store|location|key[_.\-]?id|id|volume"
    r"|manager|driver|review|reviewer|controller|label|selector|strength|min|max)$"
)
"""Names that end like this name something about a credential, not the credential."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_REFERENCE = re.compile(
    r"(?:true|false|yes|no|on|off|null|none|nil|enabled|disabled|default|required|optional|auto|-?[0-9]{1,4}"
    r"|[0-9]+(?:ms|s|m|h|d)|\$\([A-Za-z0-9_.\-]+\)|\$\{[^}]*\}|\$[A-Za-z_][A-Za-z0-9_]*|\{\{[^}]*\}\}|<[^>]*>"
    r"|\*+|x{3,}|(?:/|\./|\.\./|~/)[^\s:@]*|file:/[^\s@]*|arn:[^\s@]*"
    r"|(?:vault|ref\+[a-z]+|secretref|op|sops|gcpsm|awssm|azurekv)[:+][^\s@]*"
    r"|projects/[^\s@]+/secrets/[^\s@]*|[a-z][a-z0-9+.\-]{1,20}://[^\s@?]*)",
    re.IGNORECASE,
)
"""Values that point at a credential, or are a mere switch, number, path or duration."""

_SHAPES: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("private-key", ("PRIVATE KEY",), re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")),
    ("private-key", ("AGE-SECRET-KEY-", "PuTTY-User-Key-File"), re.compile(
        r"AGE-SECRET-KEY-1[A-Z0-9]{16}|PuTTY-User-Key-File-\d:")),
    ("jwt", ("eyJ",), re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{4,}\.[A-Za-z0-9_\-]*")),
    ("encoded-credential", ("LS0tLS1CRUdJTi", "UFJJVkFURSBLRV", "BSSVZBVEUgS0VZ", "QUklWQVRFIEtFW", "ZXlKaGJHY2lPa",
                            "ZXlKMGVYQWlPa", "eyJhdXRocyI6", "Y2xpZW50LWtleS1kYXRh", "NsaWVudC1rZXktZGF0Y",
                            "jbGllbnQta2V5LWRhdG"), re.compile(
        r"LS0tLS1CRUdJTi(?!BDRVJUSUZJQ0FUR|BQVUJMSUMgS0VZ)|UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW"
        r"|ZXlKaGJHY2lPa|ZXlKMGVYQWlPa|eyJhdXRocyI6|Y2xpZW50LWtleS1kYXRh|NsaWVudC1rZXktZGF0Y|jbGllbnQta2V5LWRhdG")),
    ("aws-key", ("AKIA", "ASIA", "ABIA", "ACCA"), re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b")),
    ("gcp-key", ("AIza", "ya29.", "GOCSPX-"), re.compile(
        r"\bAIza[A-Za-z0-9_\-]{35}|\bya29\.[A-Za-z0-9_\-]{20,}|\bGOCSPX-[A-Za-z0-9_\-]{20,}")),
    ("gcp-service-account", ("private_key",), re.compile(r"\"private_key(?:_id)?\"\s*:\s*\"[^\"]{8}")),
    ("azure-key", ("AccountKey", "SharedAccessKey", "sig=", "Q~"), re.compile(
        r"\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{20,}|[?&]sig=[A-Za-z0-9%+/]{20,}"
        r"|\b[A-Za-z0-9_~.\-]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}")),
    ("github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), re.compile(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})")),
    ("gitlab-token", ("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glsoat-", "glft-", "glimt-", "glagent-"),
     re.compile(r"\bgl(?:pat|dt|rt|cbt|ptt|soat|ft|imt|agent)-[A-Za-z0-9_\-]{16,}")),
    ("slack-token", ("xox", "xapp-", "hooks.slack.com"), re.compile(
        r"\bxox[abeoprs]-[A-Za-z0-9\-]{10,}|\bxapp-\d-[A-Za-z0-9\-]{10,}"
        r"|hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20,}")),
    ("stripe-key", ("k_live_", "k_test_", "whsec_"), re.compile(
        r"\b[prs]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/]{20,}")),
    ("npm-token", ("npm_",), re.compile(r"\bnpm_[A-Za-z0-9]{30,}")),
    ("pypi-token", ("pypi-AgE",), re.compile(r"\bpypi-AgE[A-Za-z0-9_\-]{20,}")),
    ("service-token", ("dckr_pat_", "hf_", "sk-", "SG.", "hvs.", "hvb.", "shpat_", "dop_v1_", "ATATT3", "dapi",
                       "xkeysib-", "glsa_", "NRAK-", "PMAK-", "lin_api_", "sntrys_", "dp.st.", "rubygems_"),
     re.compile(
        r"\b(?:dckr_pat_[\w\-]{20,}|hf_[A-Za-z0-9]{30,}|sk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_\-]{32,}"
        r"|SG\.[\w\-]{16,}\.[\w\-]{16,}|hv[sb]\.[\w\-]{20,}|shpat_[a-fA-F0-9]{32}|dop_v1_[a-f0-9]{40,}"
        r"|ATATT3[\w\-=]{20,}|dapi[a-f0-9]{32}|xkeysib-[a-f0-9]{32,}|glsa_[A-Za-z0-9_]{20,}|NRAK-[A-Z0-9]{20,}"
        r"|PMAK-[a-f0-9\-]{40,}|lin_api_[A-Za-z0-9]{30,}|sntrys_[A-Za-z0-9_=+/]{30,}|dp\.st\.[\w.\-]{30,}"
        r"|rubygems_[a-f0-9]{40,})")),
    ("basic-auth", ("asic ", "earer ", "uthorization"), re.compile(
        r"\b(?:[Bb]asic [A-Za-z0-9+/]{8,}={0,2}|[Bb]earer [\w.~+/\-]{12,}"
        r"|(?:[Pp]roxy-)?[Aa]uthorization\s*[:=]\s*[\"']?(?:[A-Za-z]{3,12} )?(?![$<{])[^\s\"']{4,})")),
)  # fmt: skip
"""Rule, literals of which one must occur (a fast filter), pattern."""

_ANY_LITERAL = re.compile("|".join(re.escape(literal) for _, literals, _ in _SHAPES for literal in literals))
_ANY_WORD = re.compile("pass|secret|token|key|cred|pw|auth|dsn|bearer|psk|jwt|pat(?!h)|otp|mnemonic", re.IGNORECASE)
"""Without one of these no name says "credential"; two fast filters, as most values are ordinary."""

_ANY_LITERAL_AT_ALL = re.compile("|".join(sorted({
    *(re.escape(literal.decode()) for rule in leak_rules.RULES for literal in rule.literals if b":" not in literal),
    *(re.escape(literal.decode()) for literal in leak_rules.ENCODED),
    *(re.escape(literal) for _, literals, _ in _SHAPES for literal in literals),
    "&", r"\\u00", r"\\/",
})))  # fmt: skip
"""Of a URL with a password the "@" is sign enough; what is escaped may hold any of them."""
SHAPE_LITERALS = tuple(literal.encode() for _, literals, _ in _SHAPES for literal in literals)
"""Bytes without which no shape rule can hit; for filtering whole objects at once."""

_USERINFO = re.compile(r"\b([A-Za-z][A-Za-z0-9+.\-]{0,30}://)([^\s/?#@\"'<>]{1,512})@")
_BARE_USERINFO = re.compile(r"(?<![\w.\-])[A-Za-z0-9_.\-]{1,64}:(?!sha\d)[^\s@/:]{1,256}@(?!sha\d)[A-Za-z0-9\[]")
"""A user with a password before a host, where no scheme is: ``admin:secret@db``."""
_ORACLE = re.compile(r"jdbc:oracle:[a-z]{2,8}:[^\s/@]{1,64}/[^\s@]{1,256}@")
_GO_DSN = re.compile(r"[A-Za-z0-9_.\-]{1,64}:[^\s@/]{1,256}@(?:tcp|unix|udp)\(")
_PAIR_DSN = re.compile(r"(?i)\b(?:password|pwd)\s*=\s*[^\s;]{1,256}")
_ASSIGNED = re.compile(r"\s*(?:-\s+|export\s+|set\s+|ENV\s+)?[\"']?([A-Za-z0-9_.\-]{2,128})[\"']?\s*[:=]>?\s*(\S.*)")
_JSON_PAIR = re.compile(r"\"([A-Za-z0-9_.\-]{2,128})\"\s*:\s*\"([^\"\\]{1,1024})\"")
_SHELL_PAIR = re.compile(r"(?:^|[\s;&|(?\"'])-{0,2}([A-Za-z_][A-Za-z0-9_.\-]{1,127})=(\"[^\"]*\"|'[^']*'|[^\s;&|)]+)")
_SHELL_FLAG = re.compile(r"(?:^|\s)--?([A-Za-z][A-Za-z0-9_.\-]{1,127})\s+(\"[^\"]*\"|'[^']*'|[^\s;&|)\-][^\s;&|)]*)")
_CURL_USER = re.compile(r"(?:^|\s)(?:-u|--user)[\s=]+[\"']?[^\s:\"']{1,64}:[^\s\"'$]{1,256}")
_GREEDY_USERINFO = re.compile(
    r"\b([A-Za-z][A-Za-z0-9+.\-]{0,30}://)(?:[^\s/?#@\"'<>]{1,512}@(?:[^\s/?#\"'<>@]{0,512}@){0,8}"
    r"|[^\s/?#@:\"'<>]{0,256}:(?![0-9]{1,5}[/?#])[^\s\"'<>@]{1,512}@(?:[^\s/?#\"'<>@]{0,512}@){0,8})"
)
"""The second form is that of a password with an unescaped slash, the repetition that of one with an "@"."""
_QUERY_NAMES = frozenset({"key", "sig", "signature", "sign", "code", "auth", "access", "apikey", "session", "sid"})
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
_OPAQUE = re.compile(r"[A-Za-z0-9_+=!~$%^*\-]{20,4096}")
_PLAIN = re.compile(
    r"true|false|yes|no|on|off|null|none|enabled|disabled|optional|required|auto|[0-9]+(?:ms|s|m|h|d)|\*+|[0-9]"
    r"|\$\([A-Za-z0-9_.\-]+\)|\$\{[A-Za-z0-9_]+\}|\$[A-Z_][A-Z0-9_]*|simple"
    r"|/(?:etc|var|run|mnt|opt|tmp|usr|srv|home|dev|proc|secrets?|vault|config|certs?|keys?|data|app|root|pki)/[^\s:@]*",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=8192)
def credential_name(name: str) -> bool:
    """Whether a name (of a variable, key, flag, header) says that its value is a credential."""
    words = _CAMEL.sub("_", name[:256]).lower().strip("-_. ")
    return _NAME.search(words) is not None and _NAME_OF_SOMETHING_ELSE.search(words) is None


def mere_reference(value: str) -> bool:
    """Whether a value is empty, a switch, a small number, a path, a plain URL or points at a credential."""
    text = value.strip().strip("\"'").strip()
    return not text or _REFERENCE.fullmatch(text[:4096]) is not None


def shape_hits(text: str) -> list[str]:
    """Rules that the form of a text alone meets, whatever its name: keys, tokens, URLs with userinfo, DSNs."""
    scanned = text[:MAX_SCANNED]
    hits = (
        []
        if _ANY_LITERAL.search(scanned) is None
        else list(
            dict.fromkeys(
                rule
                for rule, literals, pattern in _SHAPES
                if any(literal in scanned for literal in literals) and pattern.search(scanned)
            )
        )
    )
    if "@" in scanned:
        if "://" in scanned and any(_counts(match[2]) for match in _USERINFO.finditer(scanned)):
            hits.append("url-userinfo")
        elif _GO_DSN.search(scanned) or _ORACLE.search(scanned):
            hits.append("dsn")
        elif ":" in scanned and _BARE_USERINFO.search(scanned):
            hits.append("userinfo")
    return hits


def _counts(userinfo: str) -> bool:
    """Whether userinfo holds a password or token, rather than a variable reference or a bare user name."""
    user, colon, password = userinfo.partition(":")
    if colon:
        return bool(password) and not (password.startswith(("$", "{{", "<")))
    return len(user) >= 16


def hits_for(name: str, value: str) -> list[str]:
    """Every rule that a named value meets, sorted; empty for an ordinary one."""
    hits = set(shape_hits(value))
    if credential_name(name) and not mere_reference(value):
        hits.add("credential-name")
    hits.update(text_hits(value))
    return sorted(hits)


def text_hits(text: str) -> list[str]:
    """Rules met by credentials inside a longer text: a configuration file, a connection string, a script."""
    scanned = text[:MAX_SCANNED]
    hits = []
    if _PAIR_DSN.search(scanned) and (("=" in scanned and ";" in scanned) or "host=" in scanned):
        hits.append("dsn")
    if _assignments(scanned):
        hits.append("credential-in-text")
    return hits


def _assignments(text: str) -> bool:
    if _ANY_WORD.search(text) is None:
        return False
    for line in text.split("\n", _MAX_LINES)[:_MAX_LINES]:
        match = _ASSIGNED.match(line[:4096])
        if match and _is_credential(match[1], match[2]):
            return True
    return any(_is_credential(match[1], match[2]) for match in _JSON_PAIR.finditer(text)) or any(
        _is_credential(match[1], match[2]) for match in _SHELL_PAIR.finditer(text)
    )


def _is_credential(name: str, value: str) -> bool:
    bare = value.strip().rstrip(",;").strip().strip("\"'")
    return len(bare) > 1 and credential_name(name) and not mere_reference(bare) and not bare.startswith(("{", "[", "|"))


def argument_hits(text: str) -> list[str]:
    """Every rule that one element of a command line meets, without regard to its neighbours."""
    hits = {*shape_hits(text), *text_hits(text)}
    scanned = text[:MAX_SCANNED]
    if any(_is_credential(match[1], match[2]) for match in _SHELL_FLAG.finditer(scanned)):
        hits.add("credential-flag")
    if _CURL_USER.search(scanned):
        hits.add("basic-auth")
    return sorted(hits)


def scan_hits(text: str) -> list[str]:
    """Rules of the scan of a finished pack that a text would meet there."""
    return sorted(leak_rules.rules_met(text[:MAX_SCANNED].encode("utf-8", "replace")))


def suspicious(text: str) -> bool:
    """Whether a text may meet a rule on its form, here or in the scan of a finished pack; most texts may not."""
    return _suspicious(text) if len(text) <= _OFTEN_SEEN else _has_sign(text)


def _has_sign(text: str) -> bool:
    return "@" in text or _ANY_LITERAL_AT_ALL.search(text) is not None


_suspicious = functools.lru_cache(maxsize=8192)(_has_sign)


def without_userinfo(text: str) -> str:
    """The text with the userinfo of every URL in it replaced by ``REDACTED``, up to the last "@" of the authority."""
    return _GREEDY_USERINFO.sub(r"\1REDACTED@", text)


def credential_in_query(text: str) -> bool:
    """Whether a URL's query (or a path's) has a parameter that is named like a credential or is opaque."""
    _, mark, query = text[:MAX_SCANNED].partition("?")
    if not mark:
        return False
    pairs = (pair.partition("=") for pair in re.split(r"[&;#]", query, maxsplit=1000))
    return any(
        value and not mere_reference(value) and (name.lower() in _QUERY_NAMES or credential_name(name) or opaque(value))
        for name, _, value in pairs
    )


def opaque(text: str) -> bool:
    """Whether a word looks random: letters of both cases mixed with digits, or a long hexadecimal number."""
    if len(text) < 20 or len(text) > 4096:
        return False
    if _HEX.fullmatch(text):
        return True
    if _OPAQUE.fullmatch(text) is None or entropy_class(text) != "high":
        return False
    digits = sum(char.isdigit() for char in text)
    return digits >= 2 and any(char.islower() for char in text) and any(char.isupper() for char in text)


def plain_value(value: str) -> bool:
    """Whether the value of a flag named like a credential is none for sure: a switch, a variable, a mounted file."""
    return _PLAIN.fullmatch(value.strip()) is not None


def entropy_class(value: str) -> str:
    """``low``, ``medium`` or ``high``, by Shannon's entropy of the characters and the length."""
    sample = value[:4096]
    if len(sample) < 8:
        return "low"
    total = len(sample)
    bits = math.log2(total) - sum([count * math.log2(count) for count in Counter(sample).values() if count > 1]) / total
    if bits >= 3.5 and total >= 16 and not any(char.isspace() for char in sample):
        return "high"
    return "medium" if bits >= 2.5 else "low"


def length_class(value: str) -> str:
    """The length as a range, so that it does not give the value away."""
    length = len(value)
    for low, high in ((0, 0), (1, 7), (8, 15), (16, 31), (32, 63), (64, 255), (256, 1023), (1024, 65535)):
        if length <= high:
            return f"{low}-{high}" if high else "0"
    return "65536+"
