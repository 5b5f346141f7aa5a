"""What "better under a fault" means, and how a snapshot with one source seen under a fault is made.

Better means from fail or unknown to pass, waived or not-applicable; a verdict that vanishes counts as better, unless
an unknown of the same requirement covers its namespace (or the cluster).
"""

import shutil
from collections import defaultdict

import msgspec

from preaudit.audit import Audit
from preaudit.collect.cluster import collect_cluster
from preaudit.collect.progress import Silent
from preaudit.example import NOW
from preaudit.snapshot import Snapshot, file_name
from preaudit.verdict import PROVED, Verdict, worst
from testbed.layout import STATE

KUBELET_CA = str(STATE / "pki/ca.crt")
OPEN = {Verdict.FAIL, Verdict.UNKNOWN}


def collect(folder, kubeconfig, sources):
    collect_cluster(
        folder, sources=sources, kubeconfig=str(kubeconfig), context=None, namespaces=None, read=["secrets-metadata"],
        redaction_key=b"the same in every run", kubelet_ca=KUBELET_CA, now=NOW, progress=Silent(),
    )  # fmt: skip


def spliced(folder, whole, part, source):
    """The whole snapshot, with one source as it was seen under a fault."""
    shutil.copytree(whole.folder, folder)
    name = file_name(source)
    (folder / name).unlink(missing_ok=True)
    files = [one for one in whole.collection.files if one.name != name]
    found = [one for one in part.collection.files if one.name == name]
    if found:
        shutil.copyfile(part.folder / name, folder / name)
    statuses = [one for one in whole.collection.sources if one.source != source]
    statuses += [one for one in part.collection.sources if one.source == source]
    merged = msgspec.structs.replace(whole.collection, files=(*files, *found), sources=tuple(statuses))
    if source == "namespaces":
        merged = msgspec.structs.replace(
            merged, namespaces=part.collection.namespaces, namespaces_complete=part.collection.namespaces_complete
        )
    (folder / "collection.json").write_bytes(msgspec.json.encode(merged))
    return Snapshot(folder)


def verdicts(plan, snapshot, reading=None):
    """Worst verdict by (requirement, namespace, kind, name, within), of requirements that read a source."""
    audit, found = Audit(plan, snapshot), defaultdict(list)
    for requirement in plan.selected:
        if reading is None or reading in requirement.sources or reading in ("namespaces", "nodes"):
            for item in audit.items(requirement):
                for record in audit.judge(item):
                    subject = record.subject
                    who = (subject.kind, subject.name, subject.within) if subject else None
                    found[requirement.id, item.namespace, who].append(record.verdict)
    return {key: worst(several) for key, several in found.items()}


def better(before, after):
    """Keys whose verdict got better under the fault."""
    covered = {(requirement, place) for (requirement, place, who), verdict in after.items()
               if who is None and verdict is Verdict.UNKNOWN}  # fmt: skip
    wrong = []
    for (requirement, place, who), verdict in before.items():
        now = after.get((requirement, place, who))
        if verdict not in OPEN or now in OPEN:
            continue
        if now in PROVED or now is Verdict.MANUAL or not {(requirement, place), (requirement, "cluster")} & covered:
            wrong.append((requirement, place, who, verdict.value, now.value if now else "vanished"))
    return wrong
