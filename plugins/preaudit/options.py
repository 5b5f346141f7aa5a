"""The options of a run, as they were given; shared by ``preaudit run`` and pytest, and sent to xdist's workers."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import msgspec

from preaudit.requirement import ACTIVE_GROUPS

QUIET = "preaudit_quiet"
DEMO = "preaudit_demo"
"""Hidden options that ``preaudit`` gives to pytest: it tells the items itself; the snapshot is the shipped one."""
READ_WORDS = ("secrets-metadata",)


_JOINED = frozenset({"select", "exclude", "allow"})
"""Lists of which each counts; of active groups the last one does, so that nothing is done that it does not name."""


class _Joined(argparse.Action):
    """A list whose words may also come one by one: the last of them would otherwise silently stand for all."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:  # noqa: ARG002
        """Append to what was given before."""
        before = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, f"{before},{values}" if before else values)


@dataclass(frozen=True, slots=True)
class Option:
    """One command line option: its name without dashes, its help, and argparse's keywords."""

    name: str
    help: str
    metavar: str = ""
    repeat: bool = False
    flag: bool = False

    @property
    def dest(self) -> str:
        """The attribute that holds its value in pytest's options."""
        return "preaudit_" + self.field

    @property
    def field(self) -> str:
        """Its attribute in `Options`."""
        return self.name.replace("-", "_")

    @property
    def keywords(self) -> dict[str, Any]:
        """Keywords for ``add_argument``."""
        if self.flag:
            return {"dest": self.dest, "action": "store_true", "default": False, "help": self.help}
        action: Any = "append" if self.repeat else _Joined if self.name in _JOINED else "store"
        return {"dest": self.dest, "action": action, "default": None, "metavar": self.metavar, "help": self.help}


RUN_OPTIONS: tuple[Option, ...] = (
    Option("profile", "profile to judge by: baseline, bank, government, or a file", "NAME|FILE"),
    Option("kubeconfig", "kubeconfig file (default: as kubectl: KUBECONFIG, then in-cluster)", "F"),
    Option("context", "context of the kubeconfig", "C"),
    Option("snapshot", "judge a stored snapshot (or pack) instead of a live cluster", "DIR"),
    Option("manifests", "judge YAML/JSON files before they are deployed; - is stdin (repeatable)", "PATH", repeat=True),
    Option("waivers", "waiver file", "F"),
    Option("out", "folder for the pack (default: preaudit-<UTC time>); never overwritten", "DIR"),
    Option("select", "judge only these areas, prefixes, ids or globs; the pack then says PARTIAL", "AREA|ID[,...]"),
    Option("exclude", "leave these out; the pack then says PARTIAL", "AREA|ID[,...]"),
    Option("namespace", "look at this namespace only (repeatable)", "NS", repeat=True),
    Option("read", "read more than by default: secrets-metadata", "WORD"),
    Option("active", f"include active groups: {', '.join(ACTIVE_GROUPS)}", "GROUP[,...]"),
    Option("at", "judge dates at this time (with --snapshot; never before the snapshot's own)", "TIME"),
    Option("gate-severity", "only findings at least this severe close the gate", "S"),
    Option("allow", "open the gate for unknown and/or manual; printed in the report", "unknown|manual[,...]"),
    Option("set", "override a profile parameter, recorded as such (repeatable)", "KEY=VALUE", repeat=True),
    Option("target", "look at this endpoint: host:port[,sni=NAME][,starttls=P][,ca=FILE] (repeatable); without "
           "--kubeconfig or --context no cluster is looked at", "HOST:PORT", repeat=True),
    Option("ca", "trust anchors (PEM) for endpoints, beside the system's store (repeatable)", "FILE", repeat=True),
    Option("kubelet-ca", "CA file that the kubelets' certificates are verified with, to read their configuration", "F"),
    Option("redaction-key-file", "key for redaction tokens, to compare two packs (default: a new one a pack)", "F"),
    Option("attestations", "attestation file: a person's word on what only a person can tell", "F"),
    Option("sign-key", "sign the pack with this key (PEM) at the end", "FILE"),
    Option("sign-cert", "certificate chain (PEM, leaf first) of that key; it carries identity and expiry", "FILE"),
    Option("previous", "the pack before this one; the hash of its manifest is written into this one", "PACK"),
    Option("nonce", "text of an auditor's choice, written into this very run", "TEXT"),
    Option("archive", "also write the pack as one file beside it, .tar.zst", flag=True),
    Option("pseudonyms", "replace hosts, addresses and users in the renderings (the records keep them)", flag=True),
    Option("junit-attachments", "folder under which Jenkins finds the pack, for attachment marks in junit.xml", "ROOT"),
    Option("no-builtin", "leave the built-in suites out, judge by the suites given as paths only", flag=True),
)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The values of `RUN_OPTIONS`; None or empty where an option was not given."""

    profile: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    snapshot: str | None = None
    manifests: list[str] | None = None
    waivers: str | None = None
    out: str | None = None
    select: str | None = None
    exclude: str | None = None
    namespace: list[str] | None = None
    read: str | None = None
    active: str | None = None
    at: str | None = None
    gate_severity: str | None = None
    allow: str | None = None
    set: list[str] | None = None
    target: list[str] | None = None
    ca: list[str] | None = None
    kubelet_ca: str | None = None
    redaction_key_file: str | None = None
    attestations: str | None = None
    sign_key: str | None = None
    sign_cert: str | None = None
    previous: str | None = None
    nonce: str | None = None
    archive: bool = False
    pseudonyms: bool = False
    junit_attachments: str | None = None
    no_builtin: bool = False

    @property
    def targets_only(self) -> bool:
        """Only endpoints are looked at that the user names, and no cluster."""
        others = (self.kubeconfig, self.context, self.namespace, self.snapshot, self.manifests)
        return bool(self.target) and not any(others)

    @staticmethod
    def of(namespace: argparse.Namespace) -> Options:
        """The options of a parsed command line."""
        values: dict[str, Any] = {one.field: getattr(namespace, one.dest, None) for one in RUN_OPTIONS}
        flags = {one.field: bool(values[one.field]) for one in RUN_OPTIONS if one.flag}
        return Options(**{**values, **flags})


def words(text: str | None) -> list[str]:
    """A comma-separated option as a list."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]
