"""What the reader may do, as the API server tells it (SelfSubjectRulesReview): the evidence names its own means."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from preaudit.collect.listing import refusal
from preaudit.collect.transport import Api, Budget, NotAnswered
from preaudit.collect.wording import clean
from preaudit.snapshot import HeldRule, Permissions

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
_MOST_RULES = 500
_MOST_WORDS = 200


class _Rule(Struct):
    verbs: list[str] = []
    apiGroups: list[str] = []  # noqa: N815 - the API's name
    resources: list[str] = []
    resourceNames: list[str] = []  # noqa: N815
    nonResourceURLs: list[str] = []  # noqa: N815


class _Status(Struct):
    resourceRules: list[_Rule] = []  # noqa: N815
    nonResourceRules: list[_Rule] = []  # noqa: N815
    incomplete: bool = False
    evaluationError: str = ""  # noqa: N815


class _Review(Struct):
    status: _Status


def permissions(api: Api, namespace: str) -> Permissions:
    """The rules that hold for us in one namespace, those of the whole cluster among them.

    Args:
        api: the server.
        namespace: where to ask; the API answers for one namespace at a time.
    """
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    try:
        answer = api.review(_PATH, msgspec.json.encode(body), budget=Budget(seconds=30))
    except NotAnswered as error:
        return Permissions(namespace=namespace, cause=f"the server did not say what we may do: {error.cause}")
    if answer.status != 201:
        return Permissions(namespace=namespace, cause=f"the server did not say what we may do: {refusal(answer).cause}")
    try:
        told = msgspec.json.decode(answer.body, type=_Review).status
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return Permissions(namespace=namespace, cause=f"the SelfSubjectRulesReview cannot be read: {clean(error, 120)}")
    rules = [*told.resourceRules, *told.nonResourceRules]
    cause = ""
    if told.incomplete or told.evaluationError:
        why = told.evaluationError or "an authorizer cannot list its rules"
        cause = clean(f"the server's list may lack some: {why}")
    elif len(rules) > _MOST_RULES:
        cause = f"{len(rules)} rules, of which the first {_MOST_RULES} are kept"
    return Permissions(namespace=namespace, rules=tuple(sorted(map(_held, rules[:_MOST_RULES]))), cause=cause)


def _held(rule: _Rule) -> HeldRule:
    return HeldRule(
        verbs=_words(rule.verbs), groups=_words(rule.apiGroups), resources=_words(rule.resources),
        names=_words(rule.resourceNames), urls=_words(rule.nonResourceURLs),
    )  # fmt: skip


def _words(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(clean(word, 253) for word in words[:_MOST_WORDS]))
