"""The version of the Pod Security Standards that pods are judged by."""

import re

from preaudit import Lens, NotObservable, Policy, parameter

NEWEST = 37
"""Newest minor version whose standards are known here (Kubernetes 1.37)."""
VERSION = parameter(
    "pod_security.version",
    str,
    meaning="Version of the Pod Security Standards: 1.N, or latest for the newest known here.",
)


def minor(subject: Lens, policy: Policy) -> int:
    """The minor version to judge by; it is noted as a fact of the verdict.

    Raises:
        NotObservable: the version is no version, or newer than the newest table.
    """
    wanted = policy[VERSION]
    subject.note("pod_security.version", wanted)
    if wanted == "latest":
        return NEWEST
    found = re.fullmatch(r"v?1\.([0-9]{1,3})", wanted)
    if found is None:
        raise NotObservable("pod_security.version", f"{wanted!r} is no version; write latest or 1.N")
    if int(found[1]) > NEWEST:
        raise NotObservable("pod_security.version", f"{wanted} is newer than 1.{NEWEST}, the newest table known here")
    return int(found[1])
