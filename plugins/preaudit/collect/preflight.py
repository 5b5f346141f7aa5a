"""Which sources these credentials may read, asked of the server itself, before anything is read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from preaudit.collect.identity import first_contact
from preaudit.collect.kubeconfig import load_access
from preaudit.collect.listing import refusal
from preaudit.collect.transport import Api, Budget, NotAnswered
from preaudit.collect.wording import clean
from preaudit.snapshot import EVERYWHERE, Identity, Target
from preaudit.source import GROUP_RIGHTS, IN_CLUSTER, PROBE_RIGHTS, WITHOUT_RIGHTS, Source, source_named

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class AccessFinding:
    """Whether one source may be read.

    Attributes:
        source: its name.
        namespace: where, "*" for everywhere.
        verb: ``list`` or ``get``.
        allowed: the server's answer; None where it gave none, then `why` says so.
        why: the authorizer's reason, or why there is no answer.
    """

    source: str
    namespace: str
    verb: str
    allowed: bool | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a collection with these credentials would meet: the cluster, who we are there, and every finding."""

    target: Target
    identity: Identity
    findings: tuple[AccessFinding, ...]


class _Status(Struct):
    allowed: bool = False
    reason: str = ""
    evaluationError: str = ""  # noqa: N815 - the API's name


class _Review(Struct):
    kind: str = ""
    status: _Status | None = None


def preflight(  # noqa: PLR0913 - each is an option of the user's, given by name
    *,
    sources: Collection[str],
    kubeconfig: str | None,
    context: str | None,
    namespaces: Sequence[str] | None,
    now: datetime,
    groups: Collection[str] = (),
    probe_namespace: str = "",
) -> Preflight:
    """Reach the cluster and ask what may be read there.

    Raises:
        TargetError: the cluster cannot be reached, or refuses the credentials.
    """
    api = Api(load_access(kubeconfig, context))
    try:
        target, identity = first_contact(api, now)
        findings = check_access(api, sources=sources, namespaces=namespaces, groups=groups)
        if "in-cluster" in groups and probe_namespace:
            findings += check_probe(api, probe_namespace)
        return Preflight(target, identity, tuple(findings))
    finally:
        api.stop()
        api.access.pool.clear()


def check_access(
    api: Api, *, sources: Collection[str], namespaces: Sequence[str] | None, groups: Collection[str] = ()
) -> list[AccessFinding]:
    """Ask for each source, and each namespace of the scope, whether it may be read.

    Args:
        api: the server.
        sources: their names.
        namespaces: the declared scope, within which cluster-wide sources are not read; None for the whole cluster.
        groups: active groups that are included.

    Returns:
        findings sorted by source and namespace.
    """
    questions: list[tuple[Source, str]] = []
    wanted = [source_named(name) for name in sorted(set(sources) - WITHOUT_RIGHTS)]
    for source in [*wanted, *(one for group in sorted(groups) for one in GROUP_RIGHTS.get(group, ()))]:
        if namespaces is None:
            questions.append((source, EVERYWHERE))
        elif source.namespaced or source.name == "namespaces":
            questions += [(source, namespace) for namespace in sorted(set(namespaces))]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="access") as executor:
        return list(executor.map(lambda question: _ask(api, *question), questions))


def check_probe(api: Api, namespace: str) -> list[AccessFinding]:
    """Ask whether the probe may be run in its namespace; one finding for each verb and resource."""
    found = []
    for group, resource, verbs in PROBE_RIGHTS:
        for verb in verbs:
            allowed, why = _answered(api, _body(verb, group, resource, namespace))
            found.append(AccessFinding(IN_CLUSTER, namespace, f"{verb} {resource}", allowed, why))
    return found


def verb_of(source: Source, namespace: str = EVERYWHERE) -> str:
    """The verb with which a source is read: single objects are got, everything else is listed."""
    return "get" if "/" in source.name or (source.name == "namespaces" and namespace != EVERYWHERE) else "list"


def _ask(api: Api, source: Source, namespace: str) -> AccessFinding:
    verb = verb_of(source, namespace)
    body = _body(verb, source.group, source.resource, namespace, namespace if source.name == "namespaces" else "")
    allowed, why = _answered(api, body)
    return AccessFinding(source.name, namespace, verb, allowed, why)


def _body(verb: str, group: str, named: str, namespace: str, name: str = "") -> bytes:
    """A SelfSubjectAccessReview about one verb and resource."""
    resource, _, subresource = named.partition("/")
    attributes: dict[str, Any] = {"verb": verb, "group": group, "resource": resource}
    if subresource:
        attributes["subresource"] = subresource
    if namespace != EVERYWHERE:
        attributes["namespace"] = namespace
        if name:
            attributes["name"] = name
    return msgspec.json.encode(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
    )


def _answered(api: Api, body: bytes) -> tuple[bool | None, str]:
    try:
        answer = api.review(_PATH, body, budget=Budget(seconds=60))
    except NotAnswered as error:
        return None, error.cause
    if answer.status != 201:
        return None, refusal(answer).cause
    try:
        review = msgspec.json.decode(answer.body, type=_Review)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return None, f"the server's answer cannot be read: {clean(error, 120)}"
    if review.kind != "SelfSubjectAccessReview" or review.status is None:
        return None, "the server's answer is no SelfSubjectAccessReview"
    status = review.status
    if not status.allowed and status.evaluationError:
        return None, clean(f"the server could not decide: {status.evaluationError}")
    return status.allowed, clean(status.reason)
