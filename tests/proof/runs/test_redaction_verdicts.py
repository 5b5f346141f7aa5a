"""Redaction changes no verdict: the same objects, collected with and without it, are judged alike.

The collector that keeps values exists here alone. One requirement judges what the redaction notes beside a value
(POD-311, credentials in the environment): there is nothing to judge where nothing was replaced, so its verdicts are
compared with what the rules for credentials say of the raw values.

Where redaction hides a value that a check reads (a flag of the API server that holds what looks like a credential, a
variable by which etcd is configured, an annotation), the check says unknown, and nothing else: eight examples are about
that, and they are named for it.
"""

import copy
import json
import os
import random
from collections import Counter
from functools import cache

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import preaudit.example
from preaudit.collect.credentials import hits_for
from preaudit.collect.objects import Lines
from preaudit.collect.redact import Redactor
from preaudit.example import NOW, examples_of, write_snapshot
from preaudit.judge import items_of, judge
from preaudit.parameter import Policy
from preaudit.profile import load_profile
from preaudit.rules import Rules
from preaudit.snapshot import REDACTED
from preaudit.source import SOURCES
from preaudit.subjects.estate import Estate
from preaudit.suites import data_folder, load_builtin
from preaudit.verdict import Verdict
from tests.generated_pods import Generator
from tests.proof.runs.test_canaries import Planted, objects

BY_MARK = "POD-311"
CATALOGUE = load_builtin()
EXAMPLES = list(examples_of(data_folder("suites")))


def hidden(one):
    """Whether the example is about a value that redaction hides (a credential in a flag, etcd's environment)."""
    return one.path.stem.startswith(("unknown-redacted", "unknown-environment"))


class Keeping(Redactor):
    """Keeps every value; only for tests."""

    def token(self, value, **_):
        return value

    def values(self, mapping):
        return mapping

    def annotations(self, annotations):
        return dict(annotations)

    def named(self, name, value):
        return value

    def key(self, key):
        return key

    def opaque(self, node):
        return node

    def string(self, text):
        return text

    def arguments(self, arguments, before=()):
        return arguments

    def tree(self, node):
        return node

    def kept(self, node, schema):
        return node

    def raw(self, raw, schema=None):
        return raw

    def changed(self, raw, change, schema):
        return msgspec.json.encode(change(msgspec.json.decode(raw)))


@cache
def rules_of(profile="bank", overrides=()):
    loaded = load_profile(
        profile, data_folder("profiles"), CATALOGUE.requirements, CATALOGUE.parameters, overrides=list(overrides)
    )
    policy = Policy(loaded.values, NOW)
    if preaudit.example.judge_example.__globals__.get("Attestations") is None:
        return policy, Rules(loaded, policy, preaudit.example.Waivers((), NOW))
    attested = preaudit.example.Attestations((), NOW)
    return policy, Rules(loaded, policy, preaudit.example.Waivers((), NOW), attested)


def judged(folder, given, redactor, requirements, *, overrides=(), sources=None, profile="bank"):
    """How many records of each (requirement, subject, verdict, level) there are."""
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preaudit.example, "Redactor", redactor)
        patch.setattr(os, "fsync", lambda _: None)  # thousands of snapshots that nobody keeps
        estate = Estate(write_snapshot(folder, copy.deepcopy(given), sources))
    policy, rules = rules_of(profile, overrides)
    records = (one for wanted in requirements for item in items_of(wanted, estate) for one in judge(item, estate, policy, rules))
    return Counter((one.requirement, one.namespace, json.dumps(msgspec.to_builtins(one.subject)), one.source, one.verdict,
                    one.level) for one in records)  # fmt: skip


def test_no_example_gets_another_verdict(tmp_path):
    compared = hid = 0
    for number, one in enumerate(EXAMPLES):
        if one.requirement == BY_MARK:
            continue
        overrides = tuple(f"{name}={json.dumps(value)}" for name, value in one.parameters.items())
        with_it, without = (
            judged(tmp_path / f"{number}{way.__name__}", one.objects, way, [CATALOGUE.table[one.requirement]],
                   overrides=overrides, sources=one.sources, profile=one.profile)
            for way in (Redactor, Keeping)
        )  # fmt: skip
        if hidden(one) and with_it != without:
            hid += 1
            told = {key[4] for key in with_it - without}
            assert told == {Verdict.UNKNOWN}, one.path
        else:
            assert with_it == without, one.path
        compared += with_it.total()
    assert compared >= len(EXAMPLES) - 20
    assert hid == 8


def merged(examples):
    """One cluster of all examples' objects, each in a namespace of its own where it has one."""
    everything = []
    for number, one in enumerate(examples):
        for item in copy.deepcopy(one.objects):
            metadata = item.setdefault("metadata", {})
            if metadata.get("namespace") not in {None, "kube-system"}:
                metadata["namespace"] += f"-{number}"
            elif item["kind"] == "Namespace" and metadata["name"] != "kube-system":
                metadata["name"] += f"-{number}"
            everything.append(item)
    return everything


def test_all_requirements_over_the_objects_of_all_examples_agree(tmp_path):
    everything = merged(one for one in EXAMPLES[::3] if not hidden(one))
    others = [one for one in CATALOGUE.requirements if one.id != BY_MARK]
    with_it, without = (judged(tmp_path / way.__name__, everything, way, others) for way in (Redactor, Keeping))
    assert with_it == without
    assert {key[0] for key in with_it} == {one.id for one in others}
    assert with_it.total() > 5000


def test_the_requirement_that_judges_the_mark_agrees_with_the_raw_values(tmp_path):
    wanted = CATALOGUE.table[BY_MARK]
    for number, one in enumerate(item for item in EXAMPLES if item.requirement == BY_MARK):
        found = judged(tmp_path / str(number), one.objects, Redactor, [wanted])
        raw = json.dumps(one.objects)
        hits = [
            variable for variable in _variables(json.loads(raw)) if isinstance(variable.get("value"), str)
            and hits_for(str(variable.get("name", "")), variable["value"])
        ]  # fmt: skip
        assert any(key[4].value == "fail" for key in found) == bool(hits), one.path


def _variables(node):
    if isinstance(node, dict):
        if isinstance(node.get("env"), list):
            yield from (one for one in node["env"] if isinstance(one, dict))
        for value in node.values():
            yield from _variables(value)
    elif isinstance(node, list):
        for value in node:
            yield from _variables(value)


WORDS = ["web", "prod", "hunter22", "glpat-" + "q7w0rt5yk2m9xc4b8np1", "true", "a=b", "https://u:" + "p@x/", "1", "", "sh", "-c",
         "--token", "-p", "/run/x", "a b; c", "Bearer " + "q7w0rt5yk2m9xc4b8np1", "AKIA" + "Q7WZ2RTYK2LM9XC4"]  # fmt: skip


def strew(node, source):
    """Put odd strings where one may: environment, arguments, annotations, labels, selectors, and unknown fields."""
    def word():
        return source.choice(WORDS)

    for spec in (node["spec"],):
        for name in ("containers", "initContainers"):
            for container in spec.get(name, ()):
                container["env"] = [{"name": source.choice(["A", "PASSWORD"]), "value": word()} for _ in range(2)]
                container["args"] = [word() for _ in range(source.randrange(4))]
                container["x" + str(source.randrange(3))] = word()
        spec["nodeSelector"] = {"token": word()}
        spec["hostAliases"] = [{"ip": "10.0.0.1", "hostnames": [word()]}]
    metadata = node["metadata"]
    metadata["labels"] = {"app": word(), "secret": word()}
    metadata.setdefault("annotations", {}).update({"a/b": word(), "helm.sh/hook": word()})
    return node


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000))
@example(seed=1)
def test_random_clusters_are_judged_alike(tmp_path_factory, seed):
    generator, source = Generator(seed), random.Random(seed)
    given_objects = [strew(generator.pod(f"p{n}", source.choice("ab")), source) for n in range(6)]
    account = source.choice(["default", "web", "glpat-" + "q7w0rt5yk2m9xc4b8np1"])
    role = source.choice(["web", "glpat-" + "q7w0rt5yk2m9xc4b8np1"])
    for one in given_objects[:3]:
        one["spec"]["serviceAccountName"] = account
    api = "rbac.authorization.k8s.io"
    given_objects += [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": "a"}},
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": {"name": role, "namespace": "a"},
         "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]},
        {"apiVersion": f"{api}/v1", "kind": "RoleBinding", "metadata": {"name": "b", "namespace": "a"},
         "roleRef": {"apiGroup": api, "kind": "Role", "name": role},
         "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "a"}, {"kind": "User", "apiGroup": api, "name": "u:p@x"}]},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "pdb", "namespace": "a"},
         "spec": {"minAvailable": 1, "selector": {"matchLabels": {"secret": source.choice(WORDS)}}}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "pdb2", "namespace": "b"},
         "spec": {"minAvailable": 1, "selector": {"matchExpressions": [
             {"key": "secret", "operator": source.choice(["In", "NotIn"]), "values": [source.choice(WORDS)]}]}}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "n", "namespace": "a"},
         "spec": {"podSelector": {"matchLabels": {"secret": source.choice(WORDS)}}, "policyTypes": ["Ingress", "Egress"]}},
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("s")
    others = [one for one in CATALOGUE.requirements if one.id != BY_MARK]
    with_it, without = (judged(folder / way.__name__, given_objects, way, others) for way in (Redactor, Keeping))
    assert with_it == without


def test_the_collector_that_keeps_lets_the_canaries_through():
    """Else the comparison would compare redaction with redaction, and the canaries prove nothing."""
    planted = Planted()
    kept, redacted = "", ""
    for name, items in objects(planted).items():
        for one in items if name else ():
            for lines in (Lines(SOURCES[name], Keeping(b"k" * 32)), Lines(SOURCES[name], Redactor(b"k" * 32))):
                line = lines.line(lines.repaired(msgspec.Raw(msgspec.json.encode(one)))).decode()
                if isinstance(lines.redactor, Keeping):
                    kept += line
                else:
                    redacted += line
    assert sum(word in kept for word in planted.words.values()) > 150
    assert not [place for place, word in planted.words.items() if word in redacted]
    assert REDACTED not in kept
