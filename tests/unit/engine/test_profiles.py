"""Profiles say where each value comes from, and a mistake in one is a sentence with file and line."""

import pytest

from preaudit.audit import make_plan, without_effect
from preaudit.cli import make_parser
from preaudit.errors import UsageError
from preaudit.options import Options
from preaudit.verdict import Level

OWN = """
profile: acme-bank
extends: bank
requirements: {include: [POD, RBAC-2*], exclude: [POD-310]}
levels: {POD-30*: warn}
parameters:
  pod_security.allowed_host_paths: {value: [/var/log], source: "Acme 7.2", source_date: 2026-05-01, kind: our-default}
"""


def plan(path, **options):
    return make_plan(Options(profile=str(path), **options), [])


def test_a_profile_narrows_and_says_who_set_what(written):
    found = plan(written(OWN))
    ids = {one.id for one in found.selected}
    assert "POD-101" in ids
    assert "RBAC-203" in ids
    assert not {"POD-310", "RBAC-101"} & ids
    assert found.profile.level("POD-301") is Level.WARN
    value = next(one for one in found.profile.parameters if one.name == "pod_security.allowed_host_paths")
    assert (value.value, value.layer, value.overrides) == (["/var/log"], "file.yaml", ("baseline.yaml",))


def test_the_command_line_is_a_layer_of_its_own(written):
    found = plan(written(OWN), set=["pod_security.allowed_host_paths=[/opt]"])
    value = next(one for one in found.profile.parameters if one.name == "pod_security.allowed_host_paths")
    assert (value.value, value.layer) == (["/opt"], "--set")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("POD, ", "POD-1O1, "), r"file.yaml:4: unknown requirement POD-1O1, did you mean POD-101\?"),
        (("extends: bank", "extends: bnak"), r"file.yaml:3: unknown profile 'bnak', did you mean bank\?"),
        (("levels: {POD-30*: warn}", "levels: {POD-301: loud}"), r"file.yaml:5: unknown level 'loud'"),
        (("allowed_host_paths", "allowed_host_path"), r"file.yaml:7: unknown parameter .* did you mean"),
        (("[/var/log]", "7"), r"file.yaml:7: pod_security.allowed_host_paths: Expected array"),
        (("2026-05-01", "May"), r"file.yaml:7: source_date is 'May'"),
        ((", kind: our-default", ""), r"file.yaml:7: .* needs exactly value, source"),
        (("kind: our-default", "kind: rumour"), r"file.yaml:7: kind is 'rumour'"),
        (("levels:", "level:"), r"file.yaml:5: unknown key 'level', did you mean levels\?"),
        (("extends: bank", "extends: bank\nextends: baseline"), r"file.yaml:4: "),
        (("profile: acme-bank\n", ""), r"a profile starts with"),
        (("profile: acme-bank", "profile: bank"), r"file.yaml:2: bank is a profile that preaudit ships; give yours a name"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_line(written, change, sentence):
    with pytest.raises(UsageError, match=sentence) as caught:
        plan(written(OWN.replace(*change)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"profile": "bnak"}, "unknown profile 'bnak', did you mean bank"),
        ({"profile": "bank", "select": "POD-1O1"}, "--select POD-1O1: unknown requirement"),
        ({"profile": "bank", "set": ["x"]}, "write it like"),
        ({"profile": "bank", "set": ["evidence.max_age=soon"]}, "evidence.max_age: Expected int"),
        ({"profile": "bank", "set": ["evidence.max_age=999999999999"]}, "evidence.max_age: 999999999999 is not from 0 to"),
        ({"profile": "bank", "set": ["connect.per_second=-1"]}, "connect.per_second: -1 is not from 0 to"),
        ({"profile": "bank", "set": ["scope.platform_level=nonsense"]}, "scope.platform_level: Invalid enum value 'nonsense'"),
        ({"profile": "bank", "set": ["pod_security.level=Restricted"]}, "pod_security.level: 'Restricted' is none of privileged, baseline, restricted"),
        ({"profile": "bank", "set": ["tls.banned_suites=[RC4, rc2]"]}, "tls.banned_suites: 'rc2' is none of NULL, anon, EXPORT"),
        ({"profile": "bank", "set": ["tls.refused_cbc_hashes=[SHA-1]"]}, "tls.refused_cbc_hashes: 'SHA-1' is none of"),
        ({"profile": "bank", "set": ["tls.unapproved_ciphers=[CHACHA20]"]}, "tls.unapproved_ciphers: 'CHACHA20' is none of"),
        ({"profile": "bank", "set": ["audit.tls_min_version=VersionTLS11"]}, "is none of VersionTLS12, VersionTLS13"),
        ({"profile": "bank", "active": "everything"}, "unknown group"),
        ({"profile": "bank", "allow": "fail"}, "a fail is never allowed"),
        ({"profile": "bank", "gate_severity": "huge"}, "it is one of critical"),
        ({"profile": "bank", "at": "2026-01-01T00:00:00Z"}, "--at goes with --snapshot"),
        ({"profile": "bank", "snapshot": "a", "manifests": ["b"]}, "exclude one another"),
        ({"profile": None}, "no profile is named"),
    ],
)
def test_options_are_checked_before_anything_is_read(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        assert make_plan(Options(**options), []).selected


@pytest.mark.parametrize("name", ["baseline", "bank", "government"])
def test_every_value_of_our_profiles_has_a_source(name):
    found = plan(name)
    assert len(found.selected) > 25
    for value in found.profile.parameters:
        assert value.source
        assert value.kind in {"regulation", "benchmark", "our-default"}
        assert value.source_date


def test_options_that_change_nothing_are_told():
    assert without_effect(Options(snapshot="a", namespace=["x"], read="secrets-metadata")) == (
        "--namespace, --read: without effect, stored snapshots are judged as they are"
    )
    assert without_effect(Options(manifests=["a"], kubelet_ca="x")) == "--kubelet-ca: without effect, files are judged as they are"
    assert not without_effect(Options(snapshot="a", active="scan"))
    assert not without_effect(Options(namespace=["x"], kubeconfig="k"))


def test_a_list_may_come_in_parts():
    """The last --select would otherwise stand for all, and the population shrink without a word."""
    parsed = make_parser().parse_args(["demo", "--select", "POD", "--select", "RBAC,TLS", "--allow", "unknown", "--allow", "manual"])
    options = Options.of(parsed)
    assert (options.select, options.allow) == ("POD,RBAC,TLS", "unknown,manual")


def test_select_takes_areas_prefixes_ids_and_globs():
    assert {one.area for one in plan("bank", select="access").selected} == {"access"}
    assert [one.id for one in plan("bank", select="POD-10[12]").selected] == ["POD-101", "POD-102"]
    found = plan("bank", exclude="RBAC")
    assert "RBAC" not in {one.prefix for one in found.selected}
    assert "left out by --exclude RBAC" in found.partial[0]
