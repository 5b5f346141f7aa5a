"""Judging: one item (a requirement in one namespace) over a snapshot gives records. Pure, and never optimistic.

This is the one place where a check is called. Whatever a check does that is not a clean return or a failed
assertion becomes ``unknown``; what was not seen becomes ``unknown``; only a complete look can become ``pass`` or
``not-applicable``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from preaudit.errors import NotObservable, Unreadable
from preaudit.evidence.record import Observation, Record
from preaudit.parameter import Policy
from preaudit.requirement import Requirement
from preaudit.rules import Rules, Standing
from preaudit.snapshot import EVERYWHERE, Status
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.kinds import Judged
from preaudit.subjects.lens import ReadLog
from preaudit.subjects.workload import Workload
from preaudit.verdict import Level, Verdict, lower
from preaudit.wording import bounded, sentence_of, shown

MAX_OBSERVED = 24
"""Facts kept in one record; a check that reads more keeps the first and the deciding last ones."""


@dataclass(frozen=True, slots=True)
class Item:
    """A requirement in one namespace ("cluster" for cluster-wide subjects): what pytest runs."""

    requirement: Requirement
    namespace: str

    @property
    def name(self) -> str:
        """``POD-101[shop]``."""
        return f"{self.requirement.id}[{self.namespace}]"


@dataclass(frozen=True, slots=True)
class Unseen:
    """A source that was not seen completely for one item."""

    source: str
    cause: str


def items_of(requirement: Requirement, estate: Estate) -> list[Item]:
    """The items of a requirement over a snapshot: one a namespace, one for the cluster.

    Where the namespaces are not all known and the subjects were not listed cluster-wide either, the item "cluster"
    stands for the namespaces that nobody could name.
    """
    kind = requirement.subject
    if kind.places is not None:
        return [Item(requirement, place) for place in kind.places(estate)]
    scoped = estate.snapshot.collection.scope_namespaces is not None
    items = [Item(requirement, namespace) for namespace in estate.namespaces] if kind.namespace_sources else []
    if kind.cluster_sources:
        return items if scoped else [*items, Item(requirement, CLUSTER)]
    if not scoped and not estate.given and (not items or _nameless(requirement, estate)):
        items.append(Item(requirement, CLUSTER))
    return items


def _nameless(requirement: Requirement, estate: Estate) -> list[Unseen]:
    """What was not seen of namespaces that are not known by name."""
    if estate.snapshot.collection.namespaces_complete:
        return []
    return _unseen(requirement.subject.namespace_sources, EVERYWHERE, estate)


def judge(item: Item, estate: Estate, policy: Policy, rules: Rules) -> list[Record]:
    """The records of one item, unsorted.

    Args:
        item: what to judge.
        estate: the snapshot.
        policy: the profile's values and the run's clock.
        rules: levels, scope, waivers, and what the profile says of hidden or stale things.
    """
    requirement, kind = item.requirement, item.requirement.subject
    unseen, elsewhere, subjects = _looked_through(item, estate, rules)
    population = _population(item, unseen, estate)
    stale = rules.stale(estate.snapshot.collection)
    standing = rules.standing_in(requirement, item.namespace)
    records: list[Record] = []
    counted = 0
    try:
        for subject in _released(subjects):
            outcome = _judge_subject(requirement, subject, policy)
            if outcome is None:
                continue
            counted += 1
            if unseen and outcome.verdict is Verdict.PASS and _form(subject)[0] == "template":
                continue  # what runs was not seen: the unknown below covers this workload
            if stale and outcome.verdict is Verdict.PASS:
                outcome = _Outcome(Verdict.UNKNOWN, stale, outcome.log)
            if outcome.left_out and estate.given and rules.manifests == "leave-out":
                continue
            records.append(_record(item, subject, outcome, rules, standing, population))
    except NotObservable as error:
        unseen.append(Unseen(error.what, error.why))
    except Exception as error:  # noqa: BLE001 - an object of a shape that nobody foresaw: what it hides is unknown
        unseen.append(Unseen(kind.population, f"error: {type(error).__name__}: {sentence_of(error)}"))
    if not counted:
        unseen += elsewhere
    if unseen:
        records.append(_not_seen(item, unseen, rules, population))
    elif not counted and not estate.given:
        records.append(_empty(item, estate, rules, population, stale))
    elif not records and estate.given and rules.manifests == "unknown":
        records.append(_bare(item, Verdict.UNKNOWN, "files cannot answer this: what is not in them proves nothing",
                             rules, population))  # fmt: skip
    return records


def _looked_through(item: Item, estate: Estate, rules: Rules) -> tuple[list[Unseen], list[Unseen], Iterable[Judged]]:
    """What of an item's population was not seen, what another requirement tells of that, and the subjects.

    What another requirement tells is no unknown here, but it keeps an empty population from being one.
    """
    requirement, kind = item.requirement, item.requirement.subject
    if kind.places is not None:
        missing = [Unseen(*one) for one in kind.missing(estate, item.namespace)] if kind.missing is not None else []
        subjects = kind.enumerate(estate, item.namespace)
        return ([], missing, subjects) if kind.told_by in rules.judged else (missing, [], subjects)
    if kind.cluster_sources or item.namespace != CLUSTER:
        unseen = _unseen(kind.sources_of(item.namespace, estate.snapshot), item.namespace, estate)
        return unseen, [], kind.enumerate(estate, item.namespace)
    return _nameless(requirement, estate), [], ()


def _released(subjects: Iterable[Judged]) -> Iterator[Judged]:
    """The subjects, each without what was read of it once it is judged: they stay for other requirements."""
    for subject in subjects:
        yield subject
        subject.log.entries.clear()


class _Outcome(msgspec.Struct):
    verdict: Verdict
    reason: str
    log: ReadLog
    left_out: bool = False
    """A run on files leaves this subject out, where its profile says so: files cannot answer it."""
    at_most: str = ""
    """The highest level at which the verdict stands, "" for the requirement's own."""


def _judge_subject(requirement: Requirement, subject: Judged, policy: Policy) -> _Outcome | None:
    """The outcome for one subject; None where the requirement's own filter leaves it out of the population."""
    log = subject.log
    log.given = False  # a subject is judged by many requirements
    try:
        if requirement.where is not None and not requirement.where(subject):
            return None
        log.entries.clear()
        check: Callable[..., Any] = requirement.check
        returned = check(subject, policy) if requirement.takes_policy else check(subject)
    except AssertionError as error:
        if log.given:
            return _Outcome(Verdict.UNKNOWN, "files cannot answer this: what is not in them proves nothing", log,
                            left_out=True)  # fmt: skip
        if not log.entries:
            return _Outcome(Verdict.UNKNOWN, "the check read nothing, so it judged nothing", log)
        return _Outcome(Verdict.FAIL, _reason(requirement, log, sentence_of(error)), log)
    except NotObservable as error:
        return _Outcome(Verdict.UNKNOWN, f"not seen: {error.what}: {error.why}", log,
                        left_out=not isinstance(error, Unreadable), at_most=error.at_most)  # fmt: skip
    except (Exception, SystemExit, pytest.skip.Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - a check
        # may be anybody's code: whatever it raises is the cause of an unknown, and the run goes on.
        return _Outcome(Verdict.UNKNOWN, f"the check raised {type(error).__name__}: {sentence_of(error)}", log)
    if returned is not None:
        return _Outcome(Verdict.UNKNOWN, f"the check returned {type(returned).__name__} instead of asserting", log)
    if not log.entries:
        return _Outcome(Verdict.UNKNOWN, "the check read nothing, so it judged nothing", log)
    return _Outcome(Verdict.PASS, "", log)


def _reason(requirement: Requirement, log: ReadLog, said: str) -> str:
    """Subject, last path, observed value and expectation as one sentence, unless the assertion says its own."""
    if said:
        return said
    _, path, value = log.entries[-1]
    return f"{path} is {shown(value)}, expected {requirement.expected}"


def _record(  # noqa: PLR0913, PLR0917 - one call, all of it needed
    item: Item, subject: Judged, outcome: _Outcome, rules: Rules, standing: Standing, population: str
) -> Record:
    requirement, ref = item.requirement, subject.ref
    source, pods, digest, note = _form(subject)
    observed = tuple([Observation(path, bounded(value)) for path, _, value in _kept(outcome.log)])
    left = len(outcome.log.entries) - len(observed)
    if left > 0:
        note = "; ".join(part for part in (note, f"{left} more facts were read") if part)
    scope, level, why = standing(subject)
    if outcome.at_most:
        level = lower(level, Level(outcome.at_most))
    verdict, reason, waiver = outcome.verdict, outcome.reason or _holds(requirement, outcome.log), None
    if verdict is Verdict.FAIL:
        deciding = outcome.log.entries[-1][2]
        found = rules.waiver_for(requirement, ref, bounded(deciding))
        if found.holds is not None:
            verdict, waiver = Verdict.WAIVED, found.holds
        note = "; ".join(part for part in (note, found.note, why) if part)
    elif why:
        note = "; ".join(part for part in (note, why) if part)
    return Record(
        requirement=requirement.id, title=requirement.title, area=requirement.area, severity=requirement.severity,
        controls=requirement.controls, namespace=item.namespace, subject=ref, verdict=verdict, level=level,
        scope=scope, source=source, pods=pods, spec=digest, reason=reason, observed=observed,
        expected=requirement.expected, population=population, note=note, waiver=waiver,
    )  # fmt: skip


def _holds(requirement: Requirement, log: ReadLog) -> str:
    """The sentence of a pass: the deciding fact, which meets the expectation."""
    _, path, value = log.entries[-1]
    return f"{path} is {shown(value)}, as expected: {requirement.expected}"


def _kept(log: ReadLog) -> list[tuple[str, str, Any]]:
    entries = log.entries
    if len(entries) > MAX_OBSERVED:
        half = MAX_OBSERVED // 2
        entries = [*entries[:half], *entries[-half:]]
    return entries


def _form(subject: Judged) -> tuple[str, int | None, str, str]:
    """Source, number of pods, spec hash and note of a subject."""
    form = getattr(subject, "form", None)
    if form is None:
        return str(getattr(subject, "source", "")), None, str(getattr(subject, "digest", "")), ""
    if isinstance(subject, Workload):
        return "template", None, form.digest, ""
    return form.source, form.pods, form.digest, form.note


def _unseen(sources: tuple[str, ...], namespace: str, estate: Estate) -> list[Unseen]:
    """The sources that were not seen completely for one item."""
    return [Unseen(name, cause) for name, cause in estate.gaps(sources, namespace)]


def _population(item: Item, unseen: list[Unseen], estate: Estate) -> str:
    requirement = item.requirement
    # A filter has words of its own for what it keeps.
    filtered = requirement.where is not None
    named = requirement.population if filtered else requirement.subject.population_in(estate.snapshot)
    where = "in the cluster" if item.namespace == CLUSTER else f"in {item.namespace}"
    seen = f"; not seen completely: {', '.join(one.source for one in unseen)}" if unseen else ""
    return f"{named} {where}{seen}"


def _not_seen(item: Item, unseen: list[Unseen], rules: Rules, population: str) -> Record:
    causes: dict[str, list[str]] = {}
    for one in unseen:
        causes.setdefault(one.cause, []).append(one.source)
    said = "; ".join(f"{', '.join(sources)} ({cause})" for cause, sources in causes.items())
    reason = f"not seen: {said}"
    if item.requirement.subject.must_exist:
        # Not manual, whatever the profile says: what a right or another try would show is for nobody to attest.
        reason += f"; ask for: {item.requirement.subject.ask}"
    return _bare(item, Verdict.UNKNOWN, reason, rules, population)


def _empty(item: Item, estate: Estate, rules: Rules, population: str, stale: str) -> Record:
    """The record of an item without subjects whose sources were all seen completely."""
    kind = item.requirement.subject
    if stale:
        return _bare(item, Verdict.UNKNOWN, stale, rules, population)
    if kind.must_exist:
        reason = f"none is visible through the API, and every cluster has them: ask for: {kind.ask}"
        return _bare(item, rules.hidden, reason, rules, population)
    proofs = []
    for name in kind.sources_of(item.namespace, estate.snapshot) or kind.sources:
        absent = _status(estate, name, item.namespace) is Status.ABSENT
        proofs.append(f"{name} ({'is not served here' if absent else 'complete list'})")
    reason = f"there is no such subject: {', '.join(proofs)}"
    return _bare(item, Verdict.NOT_APPLICABLE, reason, rules, population)


def _status(estate: Estate, source: str, namespace: str) -> Status:
    return estate.snapshot.coverage(source, EVERYWHERE if namespace == CLUSTER else namespace).status


def _bare(item: Item, verdict: Verdict, reason: str, rules: Rules, population: str) -> Record:
    requirement = item.requirement
    scope, level, _ = rules.standing_in(requirement, item.namespace)(None)
    attestation, note = None, ""
    if verdict is Verdict.MANUAL:
        found = rules.attested(requirement, None)
        note = found.note
        if found.by is not None:
            verdict, attestation, note = found.by.verdict, found.by.id, reason
            reason = f"attested by {found.by.author}, {found.by.role}: {found.by.statement}"
    return Record(
        requirement=requirement.id, title=requirement.title, area=requirement.area, severity=requirement.severity,
        controls=requirement.controls, namespace=item.namespace, subject=None, verdict=verdict, level=level,
        scope=scope, source="", reason=reason, expected=requirement.expected, population=population, note=note,
        attestation=attestation,
    )  # fmt: skip


def unreached(item: Item, cause: str, rules: Rules) -> Record:
    """The record of an item that the run never judged (interrupted, ``-x``, a crashed worker)."""
    return _bare(item, Verdict.UNKNOWN, f"not judged: {cause}", rules, item.requirement.population)


