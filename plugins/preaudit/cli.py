"""The ``preaudit`` command: a thin front of pytest for ``run``, and the commands that need no pytest."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TypeAlias

import preaudit
from preaudit.errors import PreauditError
from preaudit.options import DEMO, QUIET, RUN_OPTIONS
from preaudit.verdict import Exit

EPILOG = """\
exit codes of run: 0 something passed, nothing is open - 1 something fails - 2 interrupted - 3 internal error -
4 usage (profile, waiver, target) - 5 nothing was judged - 6 nothing fails, something is unknown
"""
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse gives no public name
_CACHED = frozenset({"--lf", "--last-failed", "--ff", "--failed-first", "--lfnf", "--last-failed-no-failures", "--nf",
                     "--new-first", "--sw", "--stepwise", "--sw-skip", "--stepwise-skip", "--cache-clear"})  # fmt: skip
_TARGET = ("kubeconfig", "context", "namespace", "read", "kubelet-ca", "active", "target", "ca", "set")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = make_parser()
    if arguments[:1] == ["run"] and not {"-h", "--help"} & set(arguments):
        return _pytest(_translated(arguments[1:]))
    parsed = parser.parse_args(arguments)
    try:
        return _COMMANDS[parsed.command](parsed)
    except PreauditError as error:
        print(f"preaudit: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("preaudit: interrupted", file=sys.stderr)
        return Exit.INTERRUPTED.value
    except BrokenPipeError:
        # The reader of a pipe (head) has gone; what is left to flush would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK.value


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are those of usage: 2 is the exit code of what was interrupted."""

    def error(self, message: str) -> NoReturn:
        """Tell it, and end."""
        self.print_usage(sys.stderr)
        self.exit(Exit.USAGE.value, f"{self.prog}: {message}\n")


def make_parser() -> argparse.ArgumentParser:
    """The command line, as ``preaudit --help`` tells it."""
    parser: argparse.ArgumentParser = _Parser(
        prog="preaudit", description="Find what the auditor will find, before the auditor does.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"preaudit {preaudit.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _run(commands, "run", "collect, judge, write a pack; paths of your own test_*.py and pytest's options may follow")
    _run(commands, "demo", "the same on a recorded real cluster that ships with preaudit: no cluster, no network")
    preflight = _command(commands, "preflight", "which requirements would be unknown with these credentials, and why")
    preflight.add_argument("--rbac", action="store_true", help="print the least roles and bindings that remove that")
    _command(commands, "snapshot", "collect only; --out names the folder")
    report = commands.add_parser("report", help="render a pack again", description="Render a pack again.")
    report.add_argument("pack", metavar="PACK")
    for option in RUN_OPTIONS:
        if option.name in {"pseudonyms", "junit-attachments", "out"}:
            report.add_argument(f"--{option.name}", **option.keywords)
    _sealing(commands)
    listing = commands.add_parser("list", help="the catalogue of a profile, with every value, its source and layer")
    explain = commands.add_parser("explain", help="one requirement: why, how it is tested, how to fix it, controls")
    explain.add_argument("id", metavar="ID")
    for one in (listing, explain):
        one.add_argument("--profile", default="baseline", metavar="NAME|FILE", help="profile (default: baseline)")
        one.add_argument("--set", action="append", metavar="KEY=VALUE", help="override a profile parameter")
        one.add_argument("paths", nargs="*", metavar="PATH", help="suites of your own")
    return parser


def _run(commands: _Commands, name: str, told: str) -> None:
    parser = commands.add_parser(name, help=told, description=told[0].upper() + told[1:] + ".", epilog=EPILOG)
    for one in RUN_OPTIONS:
        parser.add_argument(f"--{one.name}", **one.keywords)
    parser.add_argument("-n", dest="workers", metavar="N", help="judge in N processes (pytest-xdist)")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="suites of your own")


def _sealing(commands: _Commands) -> None:
    """The commands of those who get a pack, and of those who sign it."""
    told = "check a pack: files, counts, signature; judge it again; look again"
    verify = commands.add_parser("verify", help=told, description=told[0].upper() + told[1:] + ".")
    verify.add_argument("pack", metavar="PACK", help="folder or .tar.zst")
    verify.add_argument("--trust", metavar="KEY|CA", help="public key or CA certificate (PEM) that you got elsewhere")
    verify.add_argument("--timestamp-trust", metavar="CA", help="CA (PEM) of the time-stamping authority")
    verify.add_argument("--reperform", action="store_true", help="judge the stored snapshot again, compare each record")
    verify.add_argument("--live", type=int, metavar="N", help="read N sampled objects again from the cluster, compare")
    verify.add_argument("paths", nargs="*", metavar="PATH", help="suites of your own that the pack was judged with")
    for one in RUN_OPTIONS:
        if one.name in {"kubeconfig", "context", "redaction-key-file"}:
            verify.add_argument(f"--{one.name}", **one.keywords)
    told = "make a signing key for those who have none: NAME.key and NAME.pub"
    keygen = commands.add_parser("keygen", help=told, description=told[0].upper() + told[1:] + ".")
    keygen.add_argument("--out", required=True, metavar="NAME", help="name of the two files, without their endings")
    told = "sign a pack, also later and on another machine"
    sign = commands.add_parser("sign", help=told, description=told[0].upper() + told[1:] + ".")
    sign.add_argument("pack", metavar="PACK")
    sign.add_argument("--key", required=True, metavar="FILE", help="private key (PEM, ECDSA P-256), or a pkcs11: URI")
    sign.add_argument("--cert", metavar="FILE", help="certificate chain (PEM, leaf first) of that key")
    sign.add_argument("--test-result", action="store_true", help="also sign the result about the images that were seen")
    told = "compare two packs: new failures, fixed, still failing, lost sight of"
    diff = commands.add_parser("diff", help=told, description=told[0].upper() + told[1:] + ".")
    diff.add_argument("old", metavar="OLD")
    diff.add_argument("new", metavar="NEW")
    diff.add_argument("--format", choices=("text", "json", "junit", "markdown"), default="text")
    told = "exit 1 where something newly fails or was lost sight of"
    diff.add_argument("--fail-on-new", action="store_true", help=told)


def _command(commands: _Commands, name: str, told: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=told, description=told[0].upper() + told[1:] + ".")
    wanted = ("profile", *_TARGET, *(("select", "exclude") if name == "preflight" else ()))
    for one in RUN_OPTIONS:
        if one.name in wanted or (name == "snapshot" and one.name in ("out", "manifests", "redaction-key-file")):
            parser.add_argument(f"--{one.name}", **one.keywords)
    return parser


def _translated(arguments: Sequence[str]) -> list[str]:
    """The arguments of ``run`` under the names that no other pytest plugin can hold."""
    names = {f"--{one.name}": f"--preaudit-{one.name}" for one in RUN_OPTIONS}
    translated = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        translated.append(names.get(name, name) + equals + value)
    if not any(one.partition("=")[0] == "--preaudit-profile" for one in translated):
        translated += ["--preaudit-profile", "baseline"]
    return translated


def _pytest(arguments: Sequence[str]) -> int:
    """Run pytest in this process, told to leave the items to us."""
    import pytest  # noqa: PLC0415 - the other commands do without

    # What failed last time is remembered only for those who ask for it: nothing else is written beside the pack.
    cached = any(one.partition("=")[0] in _CACHED for one in arguments)
    cache = ["-o", f"cache_dir={Path.cwd() / '.pytest_cache'}"] if cached else ["-p", "no:cacheprovider"]
    flags = ["-p", "preaudit.plugin", "-qq", *cache, "--" + QUIET.replace("_", "-")]
    return int(pytest.main([*flags, *arguments]))


def _demo(parsed: argparse.Namespace) -> int:
    from preaudit.demo import demo_arguments  # noqa: PLC0415

    chosen = []
    for one in RUN_OPTIONS:
        value = getattr(parsed, one.dest)
        for each in value if isinstance(value, list) else [value]:
            if each:
                chosen += [f"--preaudit-{one.name}"] + ([] if one.flag else [str(each)])
    if parsed.workers:
        chosen += ["-n", parsed.workers]
    with demo_arguments(parsed) as extra:
        code = _pytest([*chosen, *extra, "--" + DEMO.replace("_", "-"), *parsed.paths])
    judged = {Exit.OK.value, Exit.FAILED.value, Exit.UNKNOWN.value, Exit.NOTHING_JUDGED.value}
    return Exit.OK.value if code in judged else code


def _preflight(parsed: argparse.Namespace) -> int:
    from preaudit.commands import preflight  # noqa: PLC0415

    return preflight(parsed, sys.stdout)


def _snapshot(parsed: argparse.Namespace) -> int:
    from preaudit.commands import snapshot  # noqa: PLC0415

    return snapshot(parsed, sys.stdout)


def _report(parsed: argparse.Namespace) -> int:
    from preaudit.rerendering import report  # noqa: PLC0415

    return report(parsed, sys.stdout)


def _verify(parsed: argparse.Namespace) -> int:
    from preaudit.sealing import verify  # noqa: PLC0415

    return verify(parsed, sys.stdout)


def _keygen(parsed: argparse.Namespace) -> int:
    from preaudit.sealing import keygen  # noqa: PLC0415

    return keygen(parsed, sys.stdout)


def _sign(parsed: argparse.Namespace) -> int:
    from preaudit.sealing import sign  # noqa: PLC0415

    return sign(parsed, sys.stdout)


def _diff(parsed: argparse.Namespace) -> int:
    from preaudit.comparing import diff  # noqa: PLC0415

    return diff(parsed, sys.stdout)


def _list(parsed: argparse.Namespace) -> int:
    from preaudit.commands import list_catalogue  # noqa: PLC0415

    return list_catalogue(parsed, sys.stdout)


def _explain(parsed: argparse.Namespace) -> int:
    from preaudit.commands import explain  # noqa: PLC0415

    return explain(parsed, sys.stdout)


_COMMANDS = {
    "demo": _demo,
    "preflight": _preflight,
    "snapshot": _snapshot,
    "report": _report,
    "verify": _verify,
    "keygen": _keygen,
    "sign": _sign,
    "diff": _diff,
    "list": _list,
    "explain": _explain,
}
