"""One run of the probe, from what earlier ones left behind to the proof that this one left nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from preaudit.collect.wording import clean
from preaudit.probe.client import Client, Fault, Job, Unanswered
from preaudit.probe.job import PREFIX, job
from preaudit.probe.parameters import Settings
from preaudit.probe.standing import Standing, standing
from preaudit.snapshot import parse_time

POLL_SECONDS = 1.0
POD_SECONDS = 30.0
"""How long a Job may be without a pod."""
LATE_SECONDS = 20.0
"""How long after its deadline a Job is waited for; the controllers act late."""
GONE_SECONDS = 90.0
"""How long its deletion is waited for."""
SETTLE_SECONDS = 5.0
"""How long after a request that nobody answered its effect is looked for."""
_STALE = timedelta(seconds=60)


@dataclass(slots=True)
class Running:
    """A run of the probe.

    Attributes:
        client: the way to the API server.
        settings: where and how.
        run_id: of this run.
        plan: the probe's argument.
        notes: what was done to the cluster, in sentences.
        now: a clock that goes on evenly, in seconds.
    """

    client: Client
    settings: Settings
    run_id: str
    plan: str
    notes: list[str] = field(default_factory=list)
    now: Callable[[], float] = time.monotonic

    @property
    def name(self) -> str:
        """The Job's name."""
        return PREFIX + self.run_id

    def log(self) -> bytes:
        """What the probe printed. Whatever happens, its Job is deleted before this returns or raises.

        Raises:
            Fault: it printed nothing that counts; with the cause.
        """
        self.sweep()
        try:
            self._make()
            ended = self._end()
            text = self.client.log(ended.pod) if ended.pod else b""
            if not ended.good:
                last = clean(text[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2], 200)
                raise Fault(ended.said + (f": {last}" if last else ""))
            return text
        finally:
            # Also where the server did not say whether the Job was made, and on Ctrl-C.
            self._clear()

    def _make(self) -> None:
        try:
            self.client.create(job(self.settings, self.run_id, self.plan))
        except Unanswered:
            # The server may still be at it, and what it makes after our deletion would stay.
            self.client.sleep(SETTLE_SECONDS)
            raise

    def sweep(self) -> None:
        """Delete the Jobs of earlier runs that nobody can be waiting for any more.

        Raises:
            Fault: nobody knows whether there are any.
        """
        found, answer = self.client.jobs()
        server = answer.date or datetime.now(UTC)
        for one in found:
            if one.metadata.name.startswith(PREFIX) and _expired(one, server):
                try:
                    self.client.delete(one.metadata.name, one.metadata.uid)
                    said = "was found and deleted"
                except Fault as error:
                    said = f"was found and is still there: {error}"
                self.notes.append(f"The Job {clean(one.metadata.name, 80)} of an earlier run {said}.")

    def _end(self) -> Standing:
        """Wait until the probe has ended."""
        begun = self.now()
        while True:
            found = standing(self.client.job(self.name), self.client.pods(self.run_id))
            if found.over:
                return found
            gone = self.now() - begun
            if gone > self.settings.seconds + LATE_SECONDS:
                raise Fault(f"it did not end within {self.settings.seconds} s: {found.said}")
            if gone > POD_SECONDS and found.said.startswith("no pod was made"):
                raise Fault(found.said)
            self.client.sleep(POLL_SECONDS)

    def _clear(self) -> None:
        """Delete this run's Job, and make sure that it and its pods are gone; told in a note, never raised."""
        namespace = self.settings.namespace
        where = f"the Job {self.name} in namespace {namespace}"
        try:
            there = self.client.delete(self.name)
            self._gone()
        except Fault as error:
            self.notes.append(
                f"It could not be confirmed that {where} is gone ({error}). It ends by itself after "
                f"{self.settings.seconds} s and is then cleared away; or: kubectl -n {namespace} delete job {self.name}"
            )
            return
        if there:
            self.notes.append(f"For --active in-cluster {where} was made, and deleted again: it and its pod are gone.")
        else:
            self.notes.append(f"For --active in-cluster nothing was left: {where} is not there.")

    def _gone(self) -> None:
        ends = self.now() + GONE_SECONDS
        while True:
            if self.client.job(self.name) is None and not self.client.pods(self.run_id):
                return
            if self.now() > ends:
                raise Fault(f"it was still there after {GONE_SECONDS:.0f} s")
            self.client.sleep(POLL_SECONDS / 2)


def _expired(one: Job, server: datetime) -> bool:
    """A Job's own deadline has long passed."""
    try:
        made = parse_time(one.metadata.creationTimestamp)
    except ValueError:
        return False
    return server > made + timedelta(seconds=one.spec.activeDeadlineSeconds or 3600) + _STALE
