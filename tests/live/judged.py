"""An audit of the testbed's product: how it is asked for, and what came of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from testbed import deploy, identities
from testbed.layout import STATE

TABLES = Path(deploy.__file__).parent / "verdicts"
AUDIT_LOG = STATE / "node1/var/log/kubernetes/audit/audit.log"
AREAS = ("--profile", "bank", "--select", "pod_security,access,tls,exposure")
# Who may list Secrets is a finding of its own; this auditor is known to the customer, who says so.
KNOWN = '["Group system:masters", "Group kubeadm:cluster-admins", "User auditor"]'
JUDGE = (
    *AREAS, "--set", f"access.trusted_subjects={KNOWN}", "--set", 'exposure.allowed_services=["shop/web"]',
)  # fmt: skip
READ = ("--read", "secrets-metadata", "--kubelet-ca", STATE / "pki/ca.crt")


@dataclass(frozen=True)
class Run:
    """One audit of a variant.

    Attributes:
        pack: its folder.
        said: standard output and standard error.
        requests: events of the API server's audit log for the auditor, and for nobody, from its beginning to its end.
    """

    variant: str
    pack: Path
    said: str
    requests: tuple[dict, ...]

    @property
    def records(self):
        return records(self.pack)

    @property
    def endpoints(self):
        """What was seen of every endpoint, as the snapshot holds it."""
        with (self.pack / "snapshot" / "endpoints-connect.jsonl").open() as lines:
            return [json.loads(line)["spec"] for line in lines]

    @property
    def rows(self):
        """The table of the product: requirement, namespace, subject, part, verdict."""
        mine = deploy.NAMESPACES[self.variant]
        found = []
        for record in self.records:
            subject = record["subject"] or {"kind": "", "name": ""}
            ours = subject["name"].startswith(f"{mine[0]}-") and record["namespace"] == "cluster"
            ours = ours or (subject["kind"] == "Key" and f"{mine[0]}/" in record["reason"])
            if ours or record["namespace"] in mine:
                found.append(row(record))
        return sorted(found)


def anchors(variant):
    """What a customer names: the CA of the product's certificates, and etcd's."""
    return ("--ca", identities.authority_file(variant), "--ca", STATE / "pki/etcd/ca.crt")


def records(pack):
    with (pack / "records.jsonl").open() as lines:
        return [json.loads(line) for line in lines]


def row(record):
    subject = record["subject"] or {"kind": "", "name": ""}
    name = f"{subject['kind']}/{subject['name']}".strip("/") or "-"
    if subject["kind"] == "Key":  # named by its hash, and made anew each time
        name = "Key"
    part = subject.get("within") or "-"
    return "\t".join((record["requirement"], record["namespace"], name, part, record["verdict"]))


def differences(rows, table):
    """What a table does not have and what it has too much; the table is written anew where that is asked for."""
    if os.environ.get("PREAUDIT_WRITE_VERDICTS"):
        table.write_text("\n".join(("requirement\tnamespace\tsubject\tpart\tverdict", *rows)) + "\n")
        return [f"{table} was written anew: read the difference line by line before it is committed"]
    known = table.read_text().splitlines()[1:]
    return [f"- {one}" for one in sorted(set(known) - set(rows))] + [f"+ {one}" for one in sorted(set(rows) - set(known))]


def listed(name):
    """The requirements of a list beside the tables, whose lines are an id and a reason."""
    lines = (TABLES / name).read_text().splitlines()
    return {line.split()[0] for line in lines if line and not line.startswith("#")}


def requests_since(offset, user):
    with AUDIT_LOG.open("rb") as log:
        log.seek(0, os.SEEK_END)
        assert log.tell() >= offset, "the audit log was rotated meanwhile: run the test again"
        log.seek(offset)
        events = [json.loads(line) for line in log.read().splitlines()]
    # Requests without credentials, as the look at the API server's own endpoint makes them, have no user.
    mine = {user, "system:anonymous", None}
    return tuple(one for one in events if one["user"].get("username") in mine and one["stage"] == "ResponseComplete")
