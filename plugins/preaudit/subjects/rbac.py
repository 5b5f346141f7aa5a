"""Access as subjects: roles, bindings, and each grant (one subject of one binding) with the rules it ends in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from preaudit.errors import NotObservable, Unreadable
from preaudit.snapshot import EVERYWHERE, REDACTED
from preaudit.subjects.estate import BINDINGS, CLUSTER, Estate
from preaudit.subjects.grantee import identity, meant, named
from preaudit.subjects.label_selector import selects
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


def _items(value: dict[str, Any], field: str) -> list[Any]:
    """What stands in a list of an object; what is no list stands for one item that cannot be read."""
    found = value.get(field)
    return found if isinstance(found, list) else [] if found is None else [None]


def role_is_bootstrap(kind: str, value: dict[str, Any]) -> bool:
    """Whether a role has a built-in name and only rules that Kubernetes gives it: the name alone proves nothing."""
    known = bootstrap().get(kind, {}).get(_qualified(value))
    if known is None:
        return False
    return {_canonical(rule) for rule in _items(value, "rules")} <= known


def _canonical(rule: Any) -> str:
    """A rule with its lists sorted, as the frozen table holds it; what is no list of words matches nothing there."""
    if not isinstance(rule, dict):
        return ""
    lists = {key: rule[key] for key in _LISTS if rule.get(key)}
    if not all(isinstance(words, list) and all(isinstance(word, str) for word in words) for words in lists.values()):
        return ""
    return json.dumps({key: sorted(words) for key, words in lists.items()}, sort_keys=True)


def binding_is_bootstrap(kind: str, value: dict[str, Any]) -> bool:
    """Whether a binding has a built-in name, binds the built-in role, and to built-in subjects only."""
    known = bootstrap().get(kind, {}).get(_qualified(value))
    role = "role {} {}".format(*_role_ref(value))
    if known is None or role not in known:
        return False
    return all(
        isinstance(one, dict)
        and " ".join((str(one.get("kind")), str(one.get("namespace", "")), str(one.get("name")))) in known
        for one in _items(value, "subjects")
    )


class Rule(Lens):
    """One rule of a role, in the chain of a grant.

    Attributes:
        chain: how the grant's subject comes to it.
    """

    __slots__ = ("chain",)

    def __init__(self, value: Any, path: str, chain: str, log: ReadLog) -> None:
        super().__init__(value, "PolicyRule", path, path, log, judged=True)
        self.chain = chain

    @property
    def is_readable(self) -> bool:
        """It is a mapping, and each of its lists is a list of words."""
        value = self._value
        return isinstance(value, dict) and REDACTED not in value and all(_is_words(value.get(one)) for one in _LISTS)

    def words(self, field: str) -> tuple[str, ...]:
        """A list of the rule; what is no list of text cannot be judged."""
        found = self._find(field, log=False)
        if not _is_words(found):
            raise Unreadable(self._full(field), "is no list of words")
        return tuple(found or ())

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


def _is_words(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(word, str) for word in value))


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
        """Its own rules, those that cannot be read last; each one is logged when it is judged."""
        name, found = f"{self.ref.kind}/{self.name}", _items(self._value, "rules")
        self.note("rules", f"{len(found)} items")
        rules = [Rule(rule, f"rules[{n}]", f"{name} rules[{n}]", self.log) for n, rule in enumerate(found)]
        return sorted(rules, key=lambda rule: not rule.is_readable)


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
        binding: the binding's object.
    """

    __slots__ = ("_digest", "_platform", "_ref", "_who", "binding", "estate", "source")

    def __init__(self, estate: Estate, source: str, binding: dict[str, Any], subject: Any, index: int) -> None:
        metadata = binding.get("metadata") or {}
        super().__init__(subject, "Subject", f"subjects[{index}]", f"subjects[{index}]", ReadLog(), judged=True)
        self._digest = ""
        self._platform: bool | None = None
        self.estate, self.source, self.binding = estate, source, binding
        own = str(metadata.get("namespace", ""))
        written = named(subject, own)
        self._who = meant(written) if written is not None else None
        self._ref = Subject(
            api_version=f"{GROUP}/v1", kind="RoleBinding" if own else "ClusterRoleBinding", namespace=own,
            name=str(metadata.get("name", "")), uid=str(metadata.get("uid", "")),
            within=f"subjects[{identity(written) if written is not None else index}]",
        )  # fmt: skip

    @property
    def kind(self) -> str:
        """``ServiceAccount``, also where the binding names the account by its user name; ``Group``, ``User``."""
        return self._known()[0]

    @property
    def namespace(self) -> str:
        """The namespace of a service account, "" for users and groups."""
        return self._known()[1]

    @property
    def name(self) -> str:
        """The name of the service account, group or user."""
        return self._known()[2]

    @property
    def identity(self) -> str:
        """``ServiceAccount shop/api``, ``Group system:masters``, ``User jane``."""
        return identity(self._known())

    def _known(self) -> tuple[str, str, str]:
        if self._who is None:
            raise Unreadable(self._path, "it names no user, group or service account that can be read")
        return self._who

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
            content = [kind, name, self._value, (role.get("rules") or []) if role else None]
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
        if kind not in SOURCES or not name:
            raise Unreadable("roleRef", "names no role that can be read")
        self.log.entries.append(("roleRef", f"{self._ref.kind}/{self._ref.name} roleRef", f"{kind}/{name}"))
        return f"{kind}/{name}"

    @property
    def rules(self) -> Iterator[Rule]:
        """The rules that the subject comes to, those of aggregated roles included.

        Raises:
            NotObservable: after the known ones, where the role or roles aggregated into it were not all seen. A rule
                that cannot be read comes last, and raises when it is read.
        """
        kind, name = _role_ref(self.binding)
        role, complete, where = _find_role(self.estate, kind, name, self._ref.namespace)
        chain = f"{self.identity} <- {self._ref.kind}/{self._ref.name} <- {kind}/{name}"
        self.log.entries.append(("roleRef", f"{self._ref.kind}/{self._ref.name} roleRef", f"{kind}/{name}"))
        last: list[Rule] = []
        for found, value, path in _resolved(self.estate, kind, role):
            via = "" if found == name else f" <- aggregated {found}"
            rule = Rule(value, f"{kind}/{found}.{path}", f"{chain}{via} <- {path}", self.log)
            if rule.is_readable:
                yield rule
            else:
                last.append(rule)
        yield from last
        if not complete and (role is None or role.get("aggregationRule")):
            raise NotObservable(where, "not seen completely, so the rules of the role are not all known")


def _role_ref(binding: dict[str, Any]) -> tuple[str, str]:
    """Kind and name of the role that a binding binds, "" where they cannot be read."""
    ref = binding.get("roleRef")
    found = (ref.get("kind"), ref.get("name")) if isinstance(ref, dict) else ("", "")
    kind, name = (one if isinstance(one, str) else "" for one in found)
    return kind, name


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


def _resolved(estate: Estate, kind: str, role: dict[str, Any] | None) -> Iterator[tuple[str, Any, str]]:
    """Rules of a role and of the roles that it aggregates: (role name, rule, path).

    A selector that cannot be read stands for a rule that cannot be read.
    """
    if role is None:
        return
    seen, wanted, count = set(), [role], 0
    while wanted:
        one = wanted.pop(0)
        name = str(one["metadata"].get("name", ""))
        if name in seen:
            continue
        seen.add(name)
        for index, rule in enumerate(_items(one, "rules")):
            count += 1
            if count > _MAX_AGGREGATED:
                raise NotObservable(f"{kind}/{name}", f"more than {_MAX_AGGREGATED} rules")
            yield name, rule, f"rules[{index}]"
        for selector in _selectors(one.get("aggregationRule")):
            try:
                wanted += [
                    other for other in estate.objects(SOURCES["ClusterRole"])
                    if selects(selector, other["metadata"].get("labels") or {})
                ]  # fmt: skip
            except Unreadable:  # told by the rule that stands for it, after all others
                yield name, None, "aggregationRule"


def _selectors(rule: Any) -> list[Any]:
    """The selectors of an aggregation rule; what cannot be read stands as a word, which is no selector."""
    if rule is None:
        return []
    found = rule.get("clusterRoleSelectors") if isinstance(rule, dict) else ""
    return found if isinstance(found, list) else [] if found is None else [""]


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
        for index, one in enumerate(_items(value, "subjects")):
            yield Grant(estate, source, value, one, index)


def account_is_bound(estate: Estate, namespace: str, account: str, log: ReadLog) -> bool:
    """Whether some binding gives rights to a service account; logged. One that was seen proves it, wherever it is.

    By its name, by its user name, or by a group of service accounts that it belongs to. What Kubernetes itself binds to
    such a group, every account has, and it does not count.

    Raises:
        NotObservable: none was seen, and the bindings were not all seen or not all readable.
    """
    (bound,) = estate.kept("bound", "", lambda: [frozenset(_bound(estate))])
    groups = (("Group", "", "system:serviceaccounts"), ("Group", "", f"system:serviceaccounts:{namespace}"))
    found = any(who in bound for who in (("ServiceAccount", namespace, account), *groups))
    what = f"bindings of ServiceAccount {namespace}/{account}"
    log.entries.append((what, what, "some" if found else "none"))
    for source in () if found else BINDINGS:
        coverage = estate.snapshot.coverage(source)
        if coverage.given:
            log.given = True
        elif not coverage.complete:
            raise NotObservable(source, coverage.told)
    if not found and None in bound:
        raise Unreadable("bindings", "one of them has a subject that cannot be read")
    return found


def _bound(estate: Estate) -> Iterator[tuple[str, str, str] | None]:
    """Everyone whom a binding names, in any namespace that was seen; None for a subject that cannot be read."""
    for source, kind in zip(BINDINGS, ("RoleBinding", "ClusterRoleBinding"), strict=True):
        for binding in estate.objects(source):
            own = str((binding.get("metadata") or {}).get("namespace", ""))
            shipped = binding_is_bootstrap(kind, binding)
            for one in _items(binding, "subjects"):
                written = named(one, own)
                who = meant(written) if written is not None else None
                if not shipped or (who is not None and who[0] != "Group"):
                    yield who
