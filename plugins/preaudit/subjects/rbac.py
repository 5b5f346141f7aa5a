"""Access as subjects: roles, bindings, and each grant (one subject of one binding) with the rules it ends in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from preaudit.errors import NotObservable
from preaudit.snapshot import EVERYWHERE
from preaudit.subjects.estate import CLUSTER, Estate
from preaudit.subjects.lens import Lens, ReadLog
from preaudit.subjects.objects import ObjectSubject
from preaudit.subjects.ref import Subject

GROUP = "rbac.authorization.k8s.io"
SOURCES = {kind: f"{kind.lower()}s.{GROUP}" for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")}
NAMESPACE_SOURCES = (SOURCES["RoleBinding"], SOURCES["Role"])
CLUSTER_SOURCES = (SOURCES["ClusterRoleBinding"], SOURCES["ClusterRole"])
_LISTS = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
_MAX_AGGREGATED = 10_000


@cache
def bootstrap() -> dict[str, dict[str, frozenset[str]]]:
    """Rules (or role and subjects) of the RBAC objects that API servers 1.29 to 1.37 make, by kind and name."""
    raw = resources.files("preaudit.subjects").joinpath("bootstrap.json").read_bytes()
    table = msgspec.json.decode(raw, type=dict[str, dict[str, list[str]]])
    return {kind: {name: frozenset(rules) for name, rules in names.items()} for kind, names in table.items()}


def _qualified(value: dict[str, Any]) -> str:
    metadata = value.get("metadata") or {}
    return "/".join(part for part in (metadata.get("namespace"), metadata.get("name")) if part)


def _rules(value: dict[str, Any]) -> list[dict[str, Any]]:
    rules = value.get("rules")
    return [rule for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []


def role_is_bootstrap(kind: str, value: dict[str, Any]) -> bool:
    """Whether a role has a built-in name and only rules that Kubernetes gives it: the name alone proves nothing."""
    known = bootstrap().get(kind, {}).get(_qualified(value))
    if known is None:
        return False
    return {_canonical(rule) for rule in _rules(value)} <= known


def _canonical(rule: dict[str, Any]) -> str:
    """A rule with its lists sorted, as the frozen table holds it; what is no list of words matches nothing there."""
    lists = {key: rule[key] for key in _LISTS if rule.get(key)}
    if not all(isinstance(words, list) and all(isinstance(word, str) for word in words) for words in lists.values()):
        return ""
    return json.dumps({key: sorted(words) for key, words in lists.items()}, sort_keys=True)


def binding_is_bootstrap(kind: str, value: dict[str, Any]) -> bool:
    """Whether a binding has a built-in name, binds the built-in role, and to built-in subjects only."""
    known = bootstrap().get(kind, {}).get(_qualified(value))
    ref = value.get("roleRef") or {}
    if known is None or f"role {ref.get('kind')} {ref.get('name')}" not in known:
        return False
    return all(
        " ".join((str(one.get("kind")), str(one.get("namespace", "")), str(one.get("name")))) in known
        for one in value.get("subjects") or []
    )


class Rule(Lens):
    """One rule of a role, in the chain of a grant.

    Attributes:
        chain: how the grant's subject comes to it.
    """

    __slots__ = ("chain",)

    def __init__(self, value: dict[str, Any], path: str, chain: str, log: ReadLog) -> None:
        super().__init__(value, "PolicyRule", path, path, log)
        self.chain = chain

    def words(self, field: str) -> tuple[str, ...]:
        """A list of the rule; what is no list of text cannot be judged."""
        found = self._value.get(field)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
            raise NotObservable(self._full(field), "is no list of words")
        return tuple(found)

    def allows(self, verb: str, group: str, resource: str, name: str = "") -> bool:
        """Whether it allows a verb on a resource, as the API server's RBAC authorizer decides.

        Args:
            verb: ``get``.
            group: "" for the core group.
            resource: ``pods`` or ``pods/exec``.
            name: an object's name, "" for a request that names none: then a rule for single names does not allow it.
        """
        resources_ = self.words("resources")
        if not resources_ or not {verb, "*"} & set(self.words("verbs")):
            return False
        if not {group, "*"} & set(self.words("apiGroups")):
            return False
        _, slash, sub = resource.partition("/")
        wanted = {resource, "*"} | ({f"*/{sub}"} if slash else set())
        if not wanted & set(resources_):
            return False
        names = self.words("resourceNames")
        return not names or name in names

    def allows_some(self, verb: str, group: str, resource: str) -> bool:
        """The same for any object: a rule for single names counts."""
        names = self.words("resourceNames")
        return self.allows(verb, group, resource, names[0] if names else "")

    def log_rule(self) -> None:
        """Log the whole rule as the fact that decides."""
        shown = {field: list(self.words(field)) for field in _LISTS if self.words(field)}
        self.log.entries.append((self._path, self.chain, shown))


class Role(ObjectSubject):
    """A Role or ClusterRole; an aggregated one has the rules of the roles that it selects."""

    __slots__ = ("_platform",)

    def __init__(self, estate: Estate, source: str, value: dict[str, Any]) -> None:
        super().__init__(estate, source, value)
        self._platform: bool | None = None

    @property
    def platform(self) -> bool:
        """It is as Kubernetes makes it."""
        if self._platform is None:
            self._platform = role_is_bootstrap(self.ref.kind, self._value)
        return self._platform

    @property
    def rules(self) -> list[Rule]:
        """Its own rules; each one is logged when it is judged."""
        name = f"{self.ref.kind}/{self.name}"
        self.note("rules", f"{len(_rules(self._value))} items")
        return [Rule(rule, f"rules[{n}]", f"{name} rules[{n}]", self.log) for n, rule in enumerate(_rules(self._value))]


class Binding(ObjectSubject):
    """A RoleBinding or ClusterRoleBinding as a whole."""

    __slots__ = ()

    @property
    def platform(self) -> bool:
        """It is as Kubernetes makes it."""
        return binding_is_bootstrap(self.ref.kind, self._value)

    @property
    def role_is_missing(self) -> bool:
        """Whether its role is proved not to exist; logged."""
        kind, name = _role_ref(self._value)
        role, complete, where = _find_role(self.estate, kind, name, self.namespace)
        if role is None and not complete:
            raise NotObservable(where, "not seen completely, so the role may exist")
        self.note(f"roleRef {kind}/{name}", "exists" if role is not None else "does not exist")
        return role is None


class Grant(Lens):
    """One subject of one binding, with every rule it comes to.

    Attributes:
        identity: ``ServiceAccount shop/api``, ``Group system:masters``, ``User jane``.
        kind, name, namespace: the parts of the identity.
        binding: the binding's object.
    """

    __slots__ = (
        "_digest", "_platform", "_ref", "binding", "estate", "identity", "kind", "name", "namespace", "source",
    )  # fmt: skip

    def __init__(
        self, estate: Estate, source: str, binding: dict[str, Any], subject: dict[str, Any], index: int
    ) -> None:
        metadata = binding.get("metadata") or {}
        super().__init__(subject, "Subject", f"subjects[{index}]", f"subjects[{index}]", ReadLog())
        self._digest = ""
        self._platform: bool | None = None
        self.estate, self.source, self.binding = estate, source, binding
        self.kind, self.name = str(subject.get("kind", "")), str(subject.get("name", ""))
        own = str(metadata.get("namespace", ""))
        self.namespace = str(subject.get("namespace") or own) if self.kind == "ServiceAccount" else ""
        self.identity = f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"
        kind = "RoleBinding" if own else "ClusterRoleBinding"
        self._ref = Subject(
            api_version=f"{GROUP}/v1", kind=kind, namespace=own, name=str(metadata.get("name", "")),
            uid=str(metadata.get("uid", "")), within=f"subjects[{self.identity}]",
        )  # fmt: skip

    @property
    def ref(self) -> Subject:
        """The binding, with the subject as the part."""
        return self._ref

    @property
    def digest(self) -> str:
        """Sha256 over the binding's role, this subject, and the rules of the role."""
        if not self._digest:
            kind, name = _role_ref(self.binding)
            role, _, _ = _find_role(self.estate, kind, name, self._ref.namespace)
            content = [kind, name, self._value, _rules(role) if role else None]
            self._digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return self._digest

    @property
    def platform(self) -> bool:
        """Binding and role are as Kubernetes makes them."""
        if self._platform is None:
            kind, name = _role_ref(self.binding)
            role, _, _ = _find_role(self.estate, kind, name, self._ref.namespace)
            shipped = binding_is_bootstrap(self._ref.kind, self.binding)
            self._platform = shipped and role is not None and role_is_bootstrap(kind, role)
        return self._platform

    @property
    def role(self) -> str:
        """``ClusterRole/cluster-admin``; logged."""
        kind, name = _role_ref(self.binding)
        self.log.entries.append(("roleRef", f"{self._ref.kind}/{self._ref.name} roleRef", f"{kind}/{name}"))
        return f"{kind}/{name}"

    @property
    def rules(self) -> Iterator[Rule]:
        """The rules that the subject comes to, those of aggregated roles included.

        Raises:
            NotObservable: after the known ones, where the role or roles aggregated into it were not all seen.
        """
        kind, name = _role_ref(self.binding)
        role, complete, where = _find_role(self.estate, kind, name, self._ref.namespace)
        chain = f"{self.identity} <- {self._ref.kind}/{self._ref.name} <- {kind}/{name}"
        self.log.entries.append(("roleRef", f"{self._ref.kind}/{self._ref.name} roleRef", f"{kind}/{name}"))
        for found, rule, index in _resolved(self.estate, kind, role):
            via = "" if found == name else f" <- aggregated {found}"
            yield Rule(rule, f"{kind}/{found}.rules[{index}]", f"{chain}{via} <- rules[{index}]", self.log)
        if not complete and (role is None or role.get("aggregationRule")):
            raise NotObservable(where, "not seen completely, so the rules of the role are not all known")


def _role_ref(binding: dict[str, Any]) -> tuple[str, str]:
    ref = binding.get("roleRef") or {}
    return str(ref.get("kind", "")), str(ref.get("name", ""))


def _find_role(estate: Estate, kind: str, name: str, namespace: str) -> tuple[dict[str, Any] | None, bool, str]:
    """The role object if it was collected, whether its list was complete, and what that list is called."""
    source = SOURCES.get(kind)
    if source is None:
        return None, False, f"a role of the kind {kind!r}"
    where = EVERYWHERE if kind == "ClusterRole" else namespace
    for one in estate.objects(source, where):
        if one["metadata"].get("name") == name:
            return one, estate.snapshot.coverage(source, where).complete, source
    shown = source if where == EVERYWHERE else f"{source} in {where}"
    return None, estate.snapshot.coverage(source, where).complete, shown


def _resolved(estate: Estate, kind: str, role: dict[str, Any] | None) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Rules of a role and of the roles that it aggregates: (role name, rule, position)."""
    if role is None:
        return
    seen, wanted, count = set(), [role], 0
    while wanted:
        one = wanted.pop(0)
        name = str(one["metadata"].get("name", ""))
        if name in seen:
            continue
        seen.add(name)
        for index, rule in enumerate(_rules(one)):
            count += 1
            if count > _MAX_AGGREGATED:
                raise NotObservable(f"{kind}/{name}", f"more than {_MAX_AGGREGATED} rules")
            yield name, rule, index
        for selector in (one.get("aggregationRule") or {}).get("clusterRoleSelectors") or []:
            labels = selector.get("matchLabels") or {} if isinstance(selector, dict) else {}
            wanted += [
                other for other in estate.objects(SOURCES["ClusterRole"])
                if labels and labels.items() <= (other["metadata"].get("labels") or {}).items()
            ]  # fmt: skip


def roles(estate: Estate, namespace: str) -> Iterator[Role]:
    """The Roles of a namespace, or the ClusterRoles."""
    source = SOURCES["ClusterRole" if namespace == CLUSTER else "Role"]
    where = EVERYWHERE if namespace == CLUSTER else namespace
    yield from estate.kept(
        "roles", namespace, lambda: (Role(estate, source, value) for value in estate.objects(source, where))
    )


def bindings(estate: Estate, namespace: str) -> Iterator[Binding]:
    """The RoleBindings of a namespace, or the ClusterRoleBindings."""
    source = SOURCES["ClusterRoleBinding" if namespace == CLUSTER else "RoleBinding"]
    for value in estate.objects(source, EVERYWHERE if namespace == CLUSTER else namespace):
        yield Binding(estate, source, value)


def grants(estate: Estate, namespace: str) -> Iterator[Grant]:
    """Every subject of every binding of a namespace, or of the cluster."""
    yield from estate.kept("grants", namespace, lambda: _grants(estate, namespace))


def _grants(estate: Estate, namespace: str) -> Iterator[Grant]:
    source = SOURCES["ClusterRoleBinding" if namespace == CLUSTER else "RoleBinding"]
    for value in estate.objects(source, EVERYWHERE if namespace == CLUSTER else namespace):
        subjects = value.get("subjects")
        for index, one in enumerate(subjects if isinstance(subjects, list) else []):
            if isinstance(one, dict):
                yield Grant(estate, source, value, one, index)
