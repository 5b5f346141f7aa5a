"""An audit: what one process needs to judge, built the same way by pytest's controller and its workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import msgspec

from preaudit.attestation import Attestations, load_attestations
from preaudit.errors import UsageError
from preaudit.evidence.record import Record, in_order
from preaudit.gate import GateRules, parse_allow, parse_severity
from preaudit.judge import Item, items_of, judge
from preaudit.options import Options, words
from preaudit.parameter import Policy
from preaudit.plainfile import TooMuch, read_plain
from preaudit.profile import Layer, Profile, load_profile, matching, unknown_requirement
from preaudit.requirement import ACTIVE_GROUPS, Requirement
from preaudit.rules import CORE, Rules
from preaudit.snapshot import MAX_COLLECTION, Snapshot, parse_time, stored_snapshot
from preaudit.source import ENDPOINTS, with_needs
from preaudit.subjects.estate import Estate
from preaudit.suites import Catalogue, data_folder, load_builtin, load_own
from preaudit.waiver import Waivers, load_waivers


@dataclass(frozen=True)
class Plan:
    """What is to be judged, known before anything is collected.

    Attributes:
        options: as given.
        catalogue: every requirement that was loaded.
        own: ids that come from a user's own files.
        profile: the effective profile.
        gate: what the user lets through.
        endpoints_alone: no cluster is (or was) looked at, only endpoints that the user names.
    """

    options: Options
    catalogue: Catalogue
    own: frozenset[str]
    profile: Profile
    gate: GateRules
    endpoints_alone: bool = False

    @cached_property
    def in_profile(self) -> tuple[Requirement, ...]:
        """The requirements of the profile, sorted by id, those of active groups left out that it does not include."""
        groups = {"", *self.profile.active, *words(self.options.active)}
        return tuple(
            one for one in self.catalogue.requirements if one.id in self.profile.included and one.active in groups
        )

    @cached_property
    def inactive(self) -> tuple[Requirement, ...]:
        """Requirements of the profile whose active group it does not include: listed, not judged."""
        wanted = {one.id for one in self.in_profile}
        return tuple(
            one for one in self.catalogue.requirements if one.id in self.profile.included and one.id not in wanted
        )

    @cached_property
    def selected(self) -> tuple[Requirement, ...]:
        """What ``--select`` and ``--exclude`` leave of the profile.

        Raises:
            UsageError: a word names no requirement.
        """
        table = self.catalogue.table
        chosen = {one.id for one in self.in_profile}
        for option, keep in (("select", True), ("exclude", False)):
            named: set[str] = set()
            for word in words(getattr(self.options, option)):
                found = matching(word, table)
                if not found:
                    raise UsageError(f"--{option} {word}: {unknown_requirement(word, table)}")
                named |= found
            if named or (keep and self.options.select):
                chosen = chosen & named if keep else chosen - named
        return tuple(one for one in self.in_profile if one.id in chosen and one not in self.about_clusters)

    @cached_property
    def about_clusters(self) -> tuple[Requirement, ...]:
        """Requirements that lie outside a run on named endpoints alone: listed, not judged."""
        if not self.endpoints_alone:
            return ()
        named = set(ENDPOINTS)
        return tuple(one for one in self.in_profile if one.subject.must_exist or not set(one.sources) <= named)

    @cached_property
    def sources(self) -> frozenset[str]:
        """Every source that the selected requirements read, and the two that identify a cluster."""
        named = {source for one in self.selected for source in one.sources}
        return frozenset(named) if self.endpoints_alone else with_needs(named | {"namespaces", "nodes"})

    @property
    def partial(self) -> tuple[str, ...]:
        """Why the run cannot show everything that the profile asks for."""
        left = len(self.in_profile) - len(self.about_clusters) - len(self.selected)
        options = {"select": self.options.select, "exclude": self.options.exclude}
        given = [f"--{name} {value}" for name, value in options.items() if value]
        return (f"{left} requirements of the profile were left out by {' and '.join(given)}",) if left else ()


def make_plan(options: Options, own_paths: Sequence[Path], layers: Sequence[Layer] | None = None) -> Plan:
    """Load suites and profile, and check every option that can be checked before collecting.

    Args:
        options: as given.
        own_paths: suites of a user's own.
        layers: the files of the profile where they are known already, the named one first.

    Raises:
        UsageError: one sentence, with file and line where there is a file.
    """
    if options.profile is None:
        raise UsageError("no profile is named; add --profile baseline (or bank, government, or a file)")
    if options.snapshot and options.manifests:
        raise UsageError("--snapshot and --manifests exclude one another: judge a stored cluster or files")
    for name in ("target", "ca"):
        if getattr(options, name) and (options.snapshot or options.manifests):
            raise UsageError(f"--{name} goes with a live run: a stored snapshot or files are judged as they are")
    if options.at and not options.snapshot:
        raise UsageError("--at goes with --snapshot: a live run is judged at its own time")
    for word in words(options.active):
        if word not in ACTIVE_GROUPS:
            raise UsageError(f"--active {word}: unknown group; known are {', '.join(ACTIVE_GROUPS)}")
    builtin = Catalogue((), dict(CORE)) if options.no_builtin else load_builtin()
    catalogue = load_own(own_paths, builtin)
    own = frozenset(catalogue.table) - frozenset(builtin.table)
    # Profiles name built-in requirements, whether or not these are judged now.
    known = load_own(own_paths, load_builtin()) if options.no_builtin else catalogue
    profile = load_profile(
        options.profile, data_folder("profiles"), known.requirements, known.parameters,
        overrides=options.set or (), own=own, layers=layers,
    )  # fmt: skip
    gate = GateRules(
        parse_allow(options.allow), parse_severity(options.gate_severity), profile.settings["manual"] == "allow"
    )
    alone = options.targets_only or (options.snapshot is not None and _is_of_endpoints(Path(options.snapshot)))
    plan = Plan(options, catalogue, own, profile, gate, endpoints_alone=alone)
    _check_parameters(plan)
    if options.waivers:
        load_waivers(Path(options.waivers), datetime.now(UTC))
    if options.attestations:
        load_attestations(Path(options.attestations), datetime.now(UTC))
    return plan


def without_effect(options: Options) -> str:
    """Options that were given and change nothing, for what is stored is judged as it is; "" where there are none."""
    if not (options.snapshot or options.manifests):
        return ""
    live = ("kubeconfig", "context", "namespace", "read", "kubelet-ca")
    given = [f"--{name}" for name in live if getattr(options, name.replace("-", "_"))]
    stored = "stored snapshots are" if options.snapshot else "files are"
    return f"{', '.join(given)}: without effect, {stored} judged as they are" if given else ""


def _is_of_endpoints(given: Path) -> bool:
    """Whether a stored snapshot is one of named endpoints alone; what cannot be read is told when it is opened."""
    try:
        raw = read_plain(stored_snapshot(given) / "collection.json", MAX_COLLECTION)
        return msgspec.json.decode(raw, type=_Mode).mode == "targets"
    except (OSError, TooMuch, msgspec.MsgspecError, UnicodeError, RecursionError):
        return False


class _Mode(msgspec.Struct):
    """The one field of collection.json that decides what a plan is about."""

    mode: str = ""


def _check_parameters(plan: Plan) -> None:
    values = plan.profile.values
    for one in plan.selected:
        for wanted in one.uses:
            if wanted.name not in values:
                raise UsageError(
                    f"{one.id} needs the parameter {wanted.name}, and profile {plan.profile.name} gives no value for "
                    f"it; add it to a profile of yours that extends {plan.profile.name}"
                )


class Audit:
    """A plan over a snapshot.

    Args:
        plan: what to judge.
        snapshot: what was seen.
    """

    def __init__(self, plan: Plan, snapshot: Snapshot) -> None:
        self.plan = plan
        self.snapshot = snapshot
        self.now = run_clock(plan.options, snapshot)
        waivers = plan.options.waivers
        self.waivers = load_waivers(Path(waivers), self.now) if waivers else Waivers((), self.now)
        self.policy = Policy(plan.profile.values, self.now)
        attested, uid = plan.options.attestations, snapshot.collection.target.cluster_uid
        self.attestations = (
            load_attestations(Path(attested), self.now, uid) if attested else Attestations((), self.now, uid)
        )
        judged = frozenset(one.id for one in plan.selected)
        self.rules = Rules(plan.profile, self.policy, self.waivers, self.attestations, judged)
        self.estate = Estate(snapshot)

    def items(self, requirement: Requirement) -> list[Item]:
        """The items of one requirement."""
        return items_of(requirement, self.estate)

    def judge(self, item: Item) -> list[Record]:
        """The records of one item, in the order of a pack."""
        return in_order(judge(item, self.estate, self.policy, self.rules))


def run_clock(options: Options, snapshot: Snapshot) -> datetime:
    """The only clock of the run: the start of collection, or ``--at``.

    Raises:
        UsageError: ``--at`` is no time, or lies before the snapshot's: an old date must not revive a waiver.
    """
    if options.at is None:
        return snapshot.started
    try:
        moment = parse_time(options.at)
    except ValueError as error:
        raise UsageError(f"--at {options.at}: {error}; write it like 2027-03-31T12:00:00Z") from None
    if moment < snapshot.started:
        raise UsageError(f"--at {options.at}: the snapshot was taken later, at {snapshot.collection.started}")
    return moment
