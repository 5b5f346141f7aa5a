"""The probe's own way to the API server: Jobs in one namespace, their pods, their log, and nothing else."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

import preaudit
from preaudit.collect.kubeconfig import Access
from preaudit.collect.listing import refusal
from preaudit.collect.transport import RETRIED, Answer, NotAnswered, Request, exchange
from preaudit.collect.wording import clean
from preaudit.probe.job import CONTAINER, LABEL
from preaudit.probe.words import MAX_LOG

SECONDS = 20.0
TRIES = 3
_MAX_ANSWER = 4 * 2**20
_T = TypeVar("_T")
_NAME = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"
_ALLOWED = {
    "GET": re.compile(rf"/apis/batch/v1/namespaces/{_NAME}/jobs(/{_NAME})?"
                      rf"|/api/v1/namespaces/{_NAME}/pods(/{_NAME}/log)?"),
    "POST": re.compile(rf"/apis/batch/v1/namespaces/{_NAME}/jobs"),
    "DELETE": re.compile(rf"/apis/batch/v1/namespaces/{_NAME}/jobs/preaudit-probe-[a-z0-9]+"),
}  # fmt: skip


class Fault(Exception):  # noqa: N818 - a state of the world
    """The probe could not do its work; the text says why, as a sentence without a full stop."""


class Unanswered(Fault):
    """Nobody knows whether a request had its effect."""


class Metadata(Struct):
    """Of a Job or a pod."""

    name: str = ""
    uid: str = ""
    creationTimestamp: str = ""  # noqa: N815 - the API's names, here and below
    labels: dict[str, str] = {}


class Condition(Struct):
    """Of a Job or a pod."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class JobSpec(Struct):
    """What of a Job's spec is read."""

    activeDeadlineSeconds: int | None = None  # noqa: N815


class JobStatus(Struct):
    """What of a Job's status is read."""

    conditions: list[Condition] = []
    active: int = 0


class Job(Struct):
    """What of a Job is read."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)
    spec: JobSpec = msgspec.field(default_factory=JobSpec)
    status: JobStatus = msgspec.field(default_factory=JobStatus)


class Waiting(Struct):
    """Why a container does not run."""

    reason: str = ""
    message: str = ""


class Terminated(Struct):
    """How a container ended."""

    exitCode: int = -1  # noqa: N815
    reason: str = ""


class ContainerState(Struct):
    """One of the two, or neither."""

    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Struct):
    """What of a container's status is read."""

    name: str = ""
    state: ContainerState = msgspec.field(default_factory=ContainerState)


class PodStatus(Struct):
    """What of a pod's status is read."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: list[Condition] = []
    containerStatuses: list[ContainerStatus] = []  # noqa: N815


class Pod(Struct):
    """What of a pod is read."""

    metadata: Metadata = msgspec.field(default_factory=Metadata)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class _Jobs(Struct):
    items: list[Job]


class _Pods(Struct):
    items: list[Pod]


@dataclass(frozen=True, slots=True)
class Client:
    """Requests to one API server about one namespace.

    Attributes:
        access: where and as whom.
        namespace: the only one that is ever named.
        sleep: waits between tries; given, so that tests need not wait.
    """

    access: Access
    namespace: str
    sleep: Callable[[float], None] = time.sleep

    @property
    def _jobs(self) -> str:
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    @property
    def _pods(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    def create(self, body: Mapping[str, Any]) -> None:
        """Make a Job.

        Raises:
            Fault: the server refused, or did not say whether it is made.
        """
        answer = self._send("POST", self._jobs, body=msgspec.json.encode(body), tries=1)
        if answer.status != 201:
            raise self._refused(f"the Job could not be made in namespace {self.namespace}", answer)

    def jobs(self) -> tuple[list[Job], Answer]:
        """Every Job of a probe, and the answer that says what time the server has.

        Raises:
            Fault: they could not be listed.
        """
        answer = self._send("GET", self._jobs, {"labelSelector": LABEL})
        return self._read("Jobs", answer, _Jobs).items, answer

    def job(self, name: str) -> Job | None:
        """A Job, None where there is none.

        Raises:
            Fault: nobody knows.
        """
        answer = self._send("GET", f"{self._jobs}/{name}")
        return None if answer.status == 404 else self._read("the Job", answer, Job)

    def pods(self, run_id: str) -> list[Pod]:
        """The pods of a run.

        Raises:
            Fault: they could not be listed.
        """
        return self._read("pods", self._send("GET", self._pods, {"labelSelector": f"{LABEL}={run_id}"}), _Pods).items

    def log(self, pod: str) -> bytes:
        """What a pod printed.

        Raises:
            Fault: it could not be read, or is longer than it may be.
        """
        query = {"container": CONTAINER, "limitBytes": str(MAX_LOG + 1)}
        answer = self._send("GET", f"{self._pods}/{pod}/log", query)
        if answer.status != 200:
            raise self._refused("the probe's log could not be read", answer)
        if len(answer.body) > MAX_LOG:
            raise Fault(f"the probe's log is longer than {MAX_LOG} bytes")
        return answer.body

    def delete(self, name: str, uid: str = "") -> bool:
        """Delete a Job with its pod; False where there is none.

        Raises:
            Fault: it could not be deleted.
        """
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
        if uid:
            options["preconditions"] = {"uid": uid}
        answer = self._send("DELETE", f"{self._jobs}/{name}", body=msgspec.json.encode(options))
        if answer.status == 404:
            return False
        if answer.status not in {200, 202}:
            raise self._refused(f"the Job {name} could not be deleted", answer)
        return True

    def _send(
        self, verb: str, path: str, query: Mapping[str, str] | None = None, *, body: bytes | None = None,
        tries: int = TRIES,
    ) -> Answer:  # fmt: skip
        if not _ALLOWED[verb].fullmatch(path):
            raise Fault(f"{verb} {clean(path, 120)} is nothing that the probe sends")
        headers = {"Accept": "application/json, */*", "User-Agent": f"preaudit-probe/{preaudit.__version__}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if authorization := self.access.authorization():
            headers["Authorization"] = authorization
        url = self.access.api_url + path + ("?" + urlencode(query) if query else "")
        limit = MAX_LOG + 2**20 if path.endswith("/log") else _MAX_ANSWER
        for left in range(tries - 1, -1, -1):
            try:
                answer, _ = exchange(
                    self.access.pool, Request(verb, url, headers, body), seconds=SECONDS, limit=limit
                )
            except NotAnswered as error:
                if not left:
                    raise Unanswered(f"{verb} {path}: {error.cause}") from None
            else:
                if answer.status not in RETRIED or not left:
                    return answer
            self.sleep(1.0)
        raise AssertionError("the loop ends by return or raise")

    @staticmethod
    def _refused(what: str, answer: Answer) -> Fault:
        return Fault(f"{what}: {refusal(answer).cause}")

    def _read(self, what: str, answer: Answer, shape: type[_T]) -> _T:
        if answer.status != 200:
            raise self._refused(f"{what} of namespace {self.namespace} could not be read", answer)
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Fault(f"the server's answer about {what} cannot be read: {clean(error, 120)}") from None
