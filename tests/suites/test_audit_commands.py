"""Command lines are read as their programs read them, and what cannot be told is never taken for absent."""

from __future__ import annotations

import pytest

from preaudit.subjects.command import parse


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
    ],
)
def test_a_value_that_is_not_seen_hides_its_flag_alone(elements):
    assert last([*elements, "--v=2"], "key").hidden
    assert last([*elements, "--v=2"], "v").value == "2"
