"""Command lines are read as their programs read them, and what cannot be told is never taken for absent."""

from __future__ import annotations

import re

import pytest

from preaudit.subjects.command import SWITCHES, parse
from preaudit.suites import data_folder


def last(elements, flag):
    line = parse(elements, "kube-apiserver")
    assert not line.hidden, line.hidden
    found = line.flags.get(flag)
    return found[-1] if found else None


@pytest.mark.parametrize(
    ("elements", "value"),
    [
        (["kube-apiserver", "--v=2"], "2"),
        (["/usr/local/bin/kube-apiserver", "--v", "2"], "2"),
        (["kube-apiserver", "-v=2"], "2"),
        (["kube-apiserver", "--v=1", "--v=2"], "2"),
        (["kube-apiserver", "--v="], ""),
        (["kube-apiserver", "--v=a=b"], "a=b"),
        (["go-runner", "--log-file=/x", "kube-apiserver", "--v=2"], "2"),
        (["kube-apiserver", "--v", "--other"], None),
    ],
)
def test_the_value_of_a_flag(elements, value):
    assert last(elements, "v").value == value


def test_what_follows_two_dashes_is_no_flag():
    assert last(["kube-apiserver", "--", "--v=2"], "v") is None


def test_underscores_are_dashes():
    assert last(["kube-apiserver", "--audit_log_path=/x"], "audit-log-path").value == "/x"


@pytest.mark.parametrize(
    "elements",
    [
        None,
        "kube-apiserver --v=2",
        [],
        ["sh", "-c", "kube-apiserver --v=2"],
        ["/bin/wrapper", "kube-apiserver", "--v=2"],
        ["--v=2"],
        ["kube-apiserver", "$(FLAGS)"],
        ["kube-apiserver", "--$(NAME)=2"],
        ["kube-apiserver", "--allow-privileged", "$(FLAG)", "--v=2"],
        ["kube-apiserver", "--v", "$(FLAG)"],
        ["kube-apiserver", {"$redacted": {"token": "00"}}],
        [{"$redacted": {"token": "00"}}, "kube-apiserver"],
        ["kube-apiserver", "--v=2", 7],
    ],
)
def test_what_may_hide_any_flag_hides_all(elements):
    assert parse(elements, "kube-apiserver").hidden


@pytest.mark.parametrize(
    "elements",
    [
        ["kube-apiserver", {"$redacted": {"token": "00", "flag": "--key"}}],
        ["kube-apiserver", "--key", {"$redacted": {"token": "00", "flag": "--key"}}],
        ["kube-apiserver", "--key", {"$redacted": {"token": "00"}}],
        ["kube-apiserver", "--key=$(KEY)"],
        ["kube-apiserver", "--key", "https://$(ADDRESS)"],
    ],
)
def test_a_value_that_is_not_seen_hides_its_flag_alone(elements):
    assert last([*elements, "--v=2"], "key").hidden
    assert last([*elements, "--v=2"], "v").value == "2"


@pytest.mark.parametrize("elements", [
    ["kube-apiserver", "--etcd-prefix", "--profiling=false"],
    ["kube-apiserver", "--a", "--b", "--profiling=false"],
    ["kube-apiserver", "--etcd-prefix", "--profiling"],
])  # fmt: skip
def test_what_may_be_the_value_of_the_flag_before_it_is_hidden(elements):
    assert last(elements, elements[1].removeprefix("--")).hidden
    assert last([*elements, "--v=2"], "profiling").hidden
    assert last([*elements, "--v=2", "--w=3"], "w").value == "3"


@pytest.mark.parametrize("elements", [
    ["kube-apiserver", "--allow-privileged", "--profiling=false"],
    ["kube-apiserver", "--a", "--allow-privileged", "--profiling=false"],
    ["kube-apiserver", "--audit-log-path", "-", "--profiling=false"],
    ["kube-apiserver", "--a", "b", "--profiling=false"],
    ["kube-apiserver", "--a=", "--profiling=false"],
])  # fmt: skip
def test_what_follows_a_switch_or_a_value_is_a_flag(elements):
    assert last(elements, "profiling").value == "false"
    assert not last(elements, "profiling").hidden


def test_two_dashes_may_be_a_value_as_well():
    assert parse(["kube-apiserver", "--etcd-prefix", "--", "--profiling=false"], "kube-apiserver").hidden
    assert last(["kube-apiserver", "--allow-privileged", "--", "--profiling=false"], "profiling") is None


def test_what_the_suites_read_as_a_switch_is_one():
    text = "".join(path.read_text() for path in data_folder("suites").glob("audit/*.py"))
    assert set(re.findall(r"switch\(\"([a-z-]+)\"", text)) <= SWITCHES
