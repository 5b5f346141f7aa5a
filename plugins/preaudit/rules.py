"""The rules of a run: how a requirement stands in its profile, what is platform, what is stale, what is waived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from preaudit.attestation import Attestations, Attested
from preaudit.manner import MANNER
from preaudit.parameter import Parameter, Policy, parameter
from preaudit.probe.parameters import PROBE
from preaudit.profile import Profile
from preaudit.requirement import Requirement
from preaudit.snapshot import Collection, parse_time
from preaudit.subjects.estate import CLUSTER
from preaudit.subjects.kinds import Judged
from preaudit.subjects.ref import Subject
from preaudit.verdict import Level, Verdict, lower
from preaudit.waiver import Found, Waivers


class Exemptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Pods that the cluster's admission does not hold to its Pod Security level; the API does not tell them.

    Attributes:
        namespaces: names of exempt namespaces.
        runtime_classes: names of exempt runtime classes.
        usernames: users whose pods are exempt; who made a running pod is not stored, so they exempt none here.
    """

    namespaces: list[str] = []
    runtime_classes: list[str] = []
    usernames: list[str] = []


PLATFORM_NAMESPACES = parameter(
    "scope.platform_namespaces", list[str], meaning="Namespaces that belong to the cluster and not to the product."
)
PLATFORM_LEVEL = parameter("scope.platform_level", Level, meaning="Highest level of findings on the platform.")
MAX_AGE = parameter(
    "evidence.max_age", int, unit="d", meaning="Age at which what was collected proves nothing any more."
)
RETENTION = parameter("evidence.retention", int, unit="d", meaning="How long a pack is to be kept.")
EXEMPT = parameter(
    "pod_security.exempt", Exemptions, meaning="Pods that the cluster exempts from its Pod Security level."
)
CORE: dict[str, Parameter[Any]] = {
    one.name: one for one in (PLATFORM_NAMESPACES, PLATFORM_LEVEL, MAX_AGE, RETENTION, EXEMPT, *MANNER, *PROBE)
}
"""Parameters that belong to no suite."""
Stands = tuple[str, Level, str]
"""Scope ("product" or "platform"), level, and a remark on the level."""
Standing = Callable[[Judged | None], Stands]
"""`Stands` of one subject, None for no subject, in one item."""


class Rules:
    """What decides about a verdict beside the check itself.

    Args:
        profile: the effective profile.
        policy: its values with the run's clock.
        waivers: the run's waivers.
        attestations: the run's attestations.
        judged: ids of the requirements that the run judges.
    """

    def __init__(
        self, profile: Profile, policy: Policy, waivers: Waivers, attestations: Attestations,
        judged: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.judged = judged
        self._profile = profile
        self._now = policy.now
        self._waivers = waivers
        self._attestations = attestations
        platform = policy[PLATFORM_NAMESPACES]
        self._platform = frozenset(platform)
        self._platform_level = policy[PLATFORM_LEVEL]
        self._max_age = timedelta(days=policy[MAX_AGE])
        exempt = policy[EXEMPT]
        self._exempt_namespaces = frozenset(exempt.namespaces)
        self._exempt_classes = frozenset(exempt.runtime_classes)

    @property
    def manifests(self) -> str:
        """What a run on files does with what files cannot tell: "leave-out" or "unknown"."""
        return self._profile.settings["manifests"]

    @property
    def hidden(self) -> Verdict:
        """The verdict about what every cluster has and this one does not show."""
        return Verdict.MANUAL if self._profile.settings["control_plane"] == "manual" else Verdict.UNKNOWN

    def stale(self, collection: Collection) -> str:
        """Why what was collected is too old to prove anything; "" where it is not."""
        age = self._now - parse_time(collection.started)
        if age <= self._max_age:
            return ""
        return f"stale: collected {age.days} days before {self._now.date()}, the profile takes {self._max_age.days}"

    def standing_in(self, requirement: Requirement, namespace: str) -> Standing:
        """How a requirement stands in a namespace: a function that tells it for one subject, None for no subject.

        All that does not depend on the subject is looked up here, once for an item.
        """
        level = self._profile.level(requirement.id)
        ours: Stands = ("product", level, "")
        theirs: Stands = ("platform", lower(level, self._platform_level), "")
        if namespace in self._platform or requirement.subject.must_exist:
            ours = theirs
        marked = namespace == CLUSTER and ours is not theirs
        exempted = bool(self._exempt_namespaces or self._exempt_classes) and any(
            control.startswith("pss:") for control in requirement.controls
        )

        def standing(subject: Judged | None) -> Stands:
            found = theirs if marked and getattr(subject, "platform", None) else ours
            if exempted and subject is not None and self._is_exempt(namespace, subject):
                return found[0], Level.INFO, "exempt"
            # A subject that is nobody's product and no part of the cluster says so itself.
            why = getattr(subject, "closes_no_gate", "")
            return (found[0], lower(found[1], Level.WARN), why) if why else found

        return standing

    def waiver_for(self, requirement: Requirement, ref: Subject, deciding: Any) -> Found:
        """The waiver for one violation; see `Waivers.waiver_for`."""
        for name in (requirement.id, *requirement.aliases):
            found = self._waivers.waiver_for(name, ref, deciding)
            if found.holds is not None or found.note:
                return found
        return Found(None)

    def attested(self, requirement: Requirement, ref: Subject | None) -> Attested:
        """What a person stated about a manual verdict; see `Attestations.decide`."""
        for name in (requirement.id, *requirement.aliases):
            found = self._attestations.decide(name, ref)
            if found.by is not None or found.note:
                return found
        return Attested(None)

    def _is_exempt(self, namespace: str, subject: Judged) -> bool:
        spec: Mapping[str, Any] | None = getattr(getattr(subject, "form", None), "spec", None)
        runtime_class = spec.get("runtimeClassName") if spec is not None else None
        return namespace in self._exempt_namespaces or (
            isinstance(runtime_class, str) and runtime_class in self._exempt_classes
        )
