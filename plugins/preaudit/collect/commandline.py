"""Where programs take credentials on their command lines: options without a telling name, scripts, mere positions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from preaudit.collect import credentials

if TYPE_CHECKING:
    from collections.abc import Sequence

_SQL = ("mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlcheck", "mysqlshow", "mysqlslap", "mysqlbinlog",
        "mariadb", "mariadb-dump", "mariadb-admin", "mariadb-check", "mariadb-import", "mariadb-backup", "xtrabackup")
_REGISTRY = ("docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "crane", "regctl", "img")
_LDAP = ("ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldapcompare", "ldapmodrdn", "ldappasswd")
_OPTIONS: dict[str, frozenset[str]] = {
    "-p": frozenset({*_SQL, *_REGISTRY, "mongo", "mongosh", "mongodump", "mongorestore", "mongoimport", "mongoexport",
                     "sshpass", "cqlsh", "az", "oc", "7z", "7za", "useradd", "usermod", "kcadm.sh", "ipmitool", "jf"}),
    "-P": frozenset({"zip", "unzip", "sqlcmd", "isql", "bcp", "mosquitto_pub", "mosquitto_sub", "ipmitool"}),
    "-a": frozenset({"redis-cli", "redis-benchmark", "valkey-cli", "keydb-cli"}),
    "-w": frozenset({*_LDAP, "kadmin", "kadmin.local"}),
    "-U": frozenset({"smbclient", "rpcclient", "net"}),
    "-A": frozenset({"snmpget", "snmpwalk"}),
    "-X": frozenset({"snmpget", "snmpwalk"}),
    "-c": frozenset({"snmpget", "snmpwalk"}),
    "-k": frozenset({"openssl"}),
    "-K": frozenset({"openssl"}),
    "-b": frozenset({"curl"}),
}  # fmt: skip
"""Options that take a credential, by the programs that read them so."""
_OPTIONS_ANYWHERE = frozenset({"-pw", "-passin", "-passout", "-pass", "-storepass", "-keypass", "--from-literal",
                               "--http-password", "--proxy-user", "--cookie", "--auth", "--creds",
                               "--src-creds", "--dest-creds", "--basic-auth", "--oauth2-bearer", "--passin",
                               "--pass"})  # fmt: skip
_PAIR_OPTIONS = frozenset({"-u", "--user", "-U", "--auth", "-auth", "--proxy-user", "-n", "--http-user",
                           "--userpass"})
"""Options whose value is a credential where it holds a colon or a percent sign: user:password."""
_CURL_BUNDLE = re.compile(r"-[A-Za-z]{0,12}u")
_PAIR = re.compile(r"[^:%\s/]{1,64}[:%].+", re.DOTALL)
_DOUBTFUL_NAME = re.compile(
    r"(?:^|[_.\-])(?:key|pin|salt|licen[sc]e|seed|secret[_\-]?id|signature|session|cookie|nonce)$"
)
"""Options that take a credential as often as not."""
_HEADER_OPTIONS = frozenset({"-H", "--header", "--headers", "--add-header"})
_HEADER = re.compile(r"\s*([A-Za-z0-9_\-]{1,128})\s*[:=]\s*(\S.*)", re.DOTALL)
_PLAIN_HEADERS = frozenset({"accept", "content-type", "host", "user-agent", "accept-encoding", "cache-control",
                            "origin", "accept-language", "connection", "expect", "range", "if-none-match"})  # fmt: skip
_POSITIONAL = frozenset({"htpasswd", "rabbitmqctl", "mc", "chpasswd", "sqlplus", "vault", "expect", "smbpasswd",
                         "passwd", "rabbitmqadmin", "echo", "printf", "kinit", "impdp", "expdp", "bw", "op",
                         "doveadm"})  # fmt: skip
"""Programs whose words may be credentials by position; none of them is kept."""
_OTHER_P = frozenset({
    "mkdir", "ssh", "scp", "sftp", "cp", "mv", "ps", "nc", "ncat", "nmap", "psql", "pg_isready", "pg_dump",
    "pg_restore", "pg_basebackup", "createdb", "dropdb", "install", "touch", "rsync", "tar", "read", "python",
    "python3", "pytest", "perl", "ruby", "node", "sed", "memcached", "redis-server", "sshd", "ping", "sysctl",
    "mount", "ping6", "unzip",
})  # fmt: skip
"""Programs that read ``-p`` as something ordinary."""
_INTERPRETERS = re.compile(
    r"(?:ba|da|z|k|a|c|tc|fi|r)?sh|busybox|python[0-9.]*|perl|ruby|node|nodejs|php[0-9.]*|lua[0-9.]*|pwsh|powershell"
    r"|deno|cmd(?:\.exe)?|awk|gawk|mawk|groovy|jshell|tclsh|su|runuser|psql|mongosh?|redis-cli|mysql"
    r"|mariadb|sqlcmd|cypher-shell"
)
_CODE_OPTION = re.compile(r"-[A-Za-z]{0,6}[ceErR]|--(?:command|eval|execute|print|run)|/[cC]|-Command|-EncodedCommand")
_SHELL_SIGNS = re.compile(r"[\n;|&<>`]|\$\(\s*[^A-Za-z_)]|\$\([A-Za-z0-9_.\-]+[^A-Za-z0-9_.\-)]")
_GLUED = {"-p": _OPTIONS["-p"] - {"docker", "useradd", "usermod", "az", "oc"},
          "-P": frozenset({"sqlcmd", "bcp", "unzip"}), "-a": _OPTIONS["-a"], "-w": frozenset(_LDAP)}  # fmt: skip
_NUMBER = re.compile(r"[0-9]{1,5}(?::[0-9]{1,5})?(?:/(?:tcp|udp))?")
_PATH = re.compile(r"\.{0,2}/[^\s:@]*")
_DSN = re.compile(r"(?:^|[\s=\"',])[A-Za-z0-9_.\-]{1,64}[:/][^\s@/:\"']{3,256}@(?!sha[0-9]{3}:)[A-Za-z0-9_.\-\[]")


def is_script(programs: Sequence[str], previous: str, element: str) -> bool:
    """Whether an element is a program text; nobody but its interpreter can tell where a credential is in it.

    Args:
        programs: base names of the elements before it.
        previous: the element before it.
        element: the element itself.
    """
    if "\n" in element.strip():
        return True
    if any(char.isspace() for char in element) and _SHELL_SIGNS.search(element):
        return True
    if not _CODE_OPTION.fullmatch(previous):
        return False
    return any(_INTERPRETERS.fullmatch(program) for program in programs)


def value_of(programs: Sequence[str], previous: str, element: str) -> list[str] | None:
    """The rules for which the option before an element makes it a credential; None where it does not.

    An empty list is a credential by caution: the option often takes one, and nothing says what it is here.
    """
    if previous in _HEADER_OPTIONS:
        return ["credential-flag"] if _secret_header(element) else None
    if credentials.plain_value(element):
        return None
    if previous.startswith("-") and "=" not in previous and not element.startswith("-"):
        if credentials.credential_name(previous):
            return [] if credentials.mere_reference(element) else ["credential-flag"]
        if previous in _OPTIONS_ANYWHERE or any(one in _OPTIONS.get(previous, ()) for one in programs):
            return ["credential-flag"]
        if (previous in _PAIR_OPTIONS or _curl_user(programs, previous)) and _PAIR.fullmatch(element):
            return ["basic-auth"] if not _NUMBER.fullmatch(element) else None
        if doubtful_name(previous):
            return []
        if previous in {"-p", "-P"} and not any(one in _OTHER_P for one in programs):
            return None if _NUMBER.fullmatch(element) or _PATH.fullmatch(element) else []
    if not element.startswith("-") and any(one in _POSITIONAL for one in programs):
        return []
    return None


def glued(programs: Sequence[str], element: str) -> str:
    """The option that stands in one element with its credential (``-psecret`` of mysql), "" for none."""
    option = element[:2]
    if option == "-u" and _curl_user(programs, option) and _PAIR.fullmatch(element[2:]):
        return option
    if len(element) > 2 and option in _GLUED and any(one in _GLUED[option] for one in programs):
        return option
    return ""


def _curl_user(programs: Sequence[str], option: str) -> bool:
    return _CURL_BUNDLE.fullmatch(option) is not None and any(one in {"curl", "wget"} for one in programs)


def doubtful_name(option: str) -> bool:
    """Whether an option's name says that its value may be a credential."""
    return _DOUBTFUL_NAME.search(option.lower().lstrip("-")) is not None


def pair(option: str, value: str) -> bool:
    """Whether ``--user=name:password`` stands in one element."""
    return option in _PAIR_OPTIONS and _PAIR.fullmatch(value) is not None and not _NUMBER.fullmatch(value)


def doubtful(text: str) -> bool:
    """Whether a word that no rule knows is hidden by caution: it looks random, or like user:password@host."""
    if credentials.opaque(text) or ("@" in text and _DSN.search(text[: credentials.MAX_SCANNED]) is not None):
        return True
    return "?" in text and credentials.credential_in_query(text)


def _secret_header(text: str) -> bool:
    match = _HEADER.fullmatch(text[:65536])
    return match is None or (match[1].lower() not in _PLAIN_HEADERS and not credentials.plain_value(match[2]))
