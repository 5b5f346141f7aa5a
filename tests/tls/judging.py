"""From a survey to verdicts: the survey as an endpoint of a snapshot, judged by a profile as any run judges."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from preaudit.attestation import Attestations
from preaudit.endpoint import Endpoint, Reached, Replica, Tls, endpoint_line
from preaudit.judge import items_of, judge
from preaudit.parameter import Policy
from preaudit.profile import load_profile
from preaudit.requirement import Requirement
from preaudit.rules import Rules
from preaudit.snapshot import Collection, Snapshot, SourceStatus, SourceWriter, Status, write_collection
from preaudit.subjects.estate import Estate
from preaudit.suites import Catalogue, data_folder, load_builtin
from preaudit.verdict import Verdict
from preaudit.waiver import Waivers

PROFILES = ("baseline", "bank", "government")


@cache
def catalogue() -> Catalogue:
    return load_builtin()


def requirements(profile: str) -> list[Requirement]:
    """Those about what an endpoint does with TLS, in a profile."""
    included = loaded(profile).included
    return [one for one in catalogue().requirements
            if one.id in included and one.area == "tls" and one.subject.name == "endpoint" and one.active == "connect"]  # fmt: skip


@cache
def loaded(profile: str):
    return load_profile(profile, data_folder("profiles"), catalogue().requirements, catalogue().parameters)


def endpoint(name: str, tls: Tls, server_name: str, starttls: str = "") -> Endpoint:
    """A survey's result as an endpoint inside a cluster that clients know by the server's name."""
    return Endpoint(
        owner_kind="Deployment", owner=name, namespace="zoo", port=443, server_name=server_name, names=(server_name,), served=True,
        reached=Reached.OPEN, protocol=starttls or "tls", starttls=starttls, tls=tls, replicas=(Replica(address="192.0.2.1"),),
    )  # fmt: skip


def judged(seen: list[Endpoint], profile: str) -> dict[str, dict[str, Verdict]]:
    """Verdicts by endpoint's owner and requirement."""
    now = datetime.now(UTC)
    with TemporaryDirectory() as folder:
        writer = SourceWriter(Path(folder), "endpoints/connect")
        for one in seen:
            writer.write(endpoint_line(one))
        status = SourceStatus(source="endpoints/connect", status=Status.COLLECTED, count=len(seen))
        write_collection(Path(folder), Collection(
            started=f"{now:%Y-%m-%dT%H:%M:%SZ}", sources=(status,), files=(writer.close(),), namespaces=("zoo",), namespaces_complete=True,
        ))  # fmt: skip
        estate, known = Estate(Snapshot(Path(folder))), loaded(profile)
        policy = Policy(known.values, now)
        rules = Rules(known, policy, Waivers((), now), Attestations((), now), frozenset({"TLS-001"}))
        found: dict[str, dict[str, Verdict]] = {one.owner: {} for one in seen}
        for requirement in requirements(profile):
            for item in items_of(requirement, estate):
                for record in judge(item, estate, policy, rules):
                    if record.subject is not None:
                        owner = record.subject.name.split("/", 1)[1].split(":", 1)[0]
                        found[owner][requirement.id] = record.verdict
    return found
