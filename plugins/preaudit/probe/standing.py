"""How far a probe is, from what the API server says of its Job and its pod: pure, so that every fault can be tried."""

from __future__ import annotations

from dataclasses import dataclass

from preaudit.collect.wording import clean
from preaudit.probe.client import Job, Pod
from preaudit.probe.job import CONTAINER

_HOPELESS = frozenset({"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError",
                       "CreateContainerError", "RunContainerError"})  # fmt: skip
"""What a container waits for that does not come by waiting; a single ErrImagePull may still pass."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far it is.

    Attributes:
        said: what it waits for, or how it ended.
        pod: its pod, once that has ended and has a log.
        over: waiting helps no more.
        good: it ended as it should.
    """

    said: str
    pod: str = ""
    over: bool = False
    good: bool = False


def standing(job: Job | None, pods: list[Pod]) -> Standing:
    """How far a probe is.

    Args:
        job: its Job, None where that is gone.
        pods: its pods; of several the last one counts.
    """
    if job is None:
        return Standing("somebody else deleted the Job", over=True)
    failed = next((one for one in job.status.conditions if one.type == "Failed" and one.status == "True"), None)
    if not pods:
        if failed is not None:
            return Standing(f"the Job failed: {clean(f'{failed.reason}: {failed.message}', 300)}", over=True)
        return Standing("no pod was made for it; a quota or an admission rule may refuse it, which the namespace's "
                        "events tell: kubectl get events")  # fmt: skip
    pod = max(pods, key=lambda one: (one.metadata.creationTimestamp, one.metadata.name))
    ended = _ended(pod)
    if ended is not None:
        return ended
    if failed is not None:
        return Standing(f"the Job failed: {clean(f'{failed.reason}: {failed.message}', 300)}", over=True)
    return _waiting(pod)


def _ended(pod: Pod) -> Standing | None:
    name, status = pod.metadata.name, pod.status
    terminated = next((one.state.terminated for one in status.containerStatuses if one.name == CONTAINER), None)
    if status.phase == "Succeeded":
        return Standing("it ended", pod=name, over=True, good=True)
    if status.phase != "Failed":
        return None
    if status.reason:
        return Standing(f"the pod failed: {clean(f'{status.reason}: {status.message}', 300)}", over=True)
    if terminated is not None:
        said = f"the probe ended with exit code {terminated.exitCode} ({clean(terminated.reason, 60)})"
        return Standing(said, pod=name, over=True)
    return Standing("the pod failed, and its status does not say why", over=True)


def _waiting(pod: Pod) -> Standing:
    for one in pod.status.containerStatuses:
        waiting = one.state.waiting
        if waiting is not None and waiting.reason not in {"", "ContainerCreating", "PodInitializing"}:
            said = f"the pod waits: {clean(f'{waiting.reason}: {waiting.message}', 300)}"
            return Standing(said, over=waiting.reason in _HOPELESS)
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return Standing(f"no node takes the pod: {clean(f'{condition.reason}: {condition.message}', 300)}")
    return Standing(f"the pod is {clean(pod.status.phase or 'new', 20)}")
