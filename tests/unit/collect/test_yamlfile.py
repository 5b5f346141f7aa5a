"""YAML comes in as plain data with lines, and what is not plain data is refused with its line."""

from __future__ import annotations

import math
import re

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from preaudit.errors import UsageError
from preaudit.yamlfile import MAX_DEPTH, documents, load, load_text


def data(text):
    return load_text(text, "f.yaml").data


TEXT = """\
profile: acme
requirements:
  include: [POD, "RBAC-2*"]
parameters:
  certificate.days_left: {value: 60, source_date: 2026-05-01}
  other:
    - a
    - b: 1
"""


def test_lines_of_keys():
    document = load_text(TEXT, "p.yaml")
    assert document.line("profile") == 1
    assert document.line("requirements", "include") == 3
    assert document.line("requirements", "include", 1) == 3
    assert document.line("parameters", "certificate.days_left", "value") == 5
    assert document.line("parameters", "other", 1, "b") == 8
    assert document.line("parameters", "missing", "deeper") == 4
    assert document.line() == 1
    assert str(document.fault("no such thing", "parameters", "other")) == "p.yaml:6: no such thing"


def test_dates_stay_text():
    assert data("a: 2026-11-22\nb: 2026-11-22T10:00:00Z\nc: 12:30:45") == {
        "a": "2026-11-22", "b": "2026-11-22T10:00:00Z", "c": "12:30:45"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0644", 420), ("0o644", 420), ("0x1F", 31), ("1_000", 1000), ("-5", -5), ("+5", 5), ("0", 0), ("1.5", 1.5),
        ("1e3", 1000.0), (".5", 0.5), ("yes", True), ("off", False), ("~", None), ("", None), ("null", None),
        ("1.2.3", "1.2.3"),
        ("089", "089"), (".inf", ".inf"), (".nan", ".nan"), ("1e999", "1e999"), ("y", "y"), ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!int '5'", 5), ("!!float 5", 5.0), ("500m", "500m"), ("1Gi", "1Gi"), ("=", "="),
    ],
)  # fmt: skip
def test_scalars(text, value):
    found = data(f"a: {text}\n")["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "second time"),
        ("a:\n  b: 1\n  b: 2\n", 3, "second time"),
        ("{a: 1,\n a: 2}", 2, "second time"),
        ("a: !custom x", 1, "unknown tag"),
        ("a: 1\nb: !!python/object/apply:os.system [x]", 2, "unknown tag"),
        ("a: !!binary QQ==", 1, "unknown tag"),
        ("a: !!set {x}", 1, "unknown tag"),
        ("a: &x [*x]", 1, "stands inside"),
        ("a: *nothing", 1, ""),
        ("a: !!int x", 1, "is no int"),
        ("? [a]\n: b", 1, "must be text"),
        ("a: [1, 2", 1, "broken YAML"),
        ("a: 1\n\tb: 2", 2, "broken YAML"),
        ("a: {{ .Values.x }}: y", 1, ""),
        ("a: 1\n---\nb: 2\n", 3, "second document"),
        ("a: \x01", 1, "broken YAML"),
        ("[" * 2000, 1, ""),
        ("- " * (MAX_DEPTH + 5) + "x", 1, "levels deep"),
    ],
)
def test_what_is_refused_names_its_line(text, line, word):
    with pytest.raises(UsageError) as caught:
        data(text)
    assert re.match(rf"f\.yaml:{line}: ", str(caught.value))
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_billion_laughs_are_refused_at_once():
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    with pytest.raises(UsageError, match="aliases counted in full"):
        data(text)


def test_aliases_are_copies():
    found = data("a: &x {k: [1]}\nb: *x\nc:\n  <<: *x\n  l: 2\n")
    assert found == {"a": {"k": [1]}, "b": {"k": [1]}, "c": {"k": [1], "l": 2}}
    found["a"]["k"].append(2)
    assert found["b"] == {"k": [1]}


def test_own_keys_win_over_merged_ones():
    assert data("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}")["c"] == {"x": 1, "y": 1, "z": 3}


def test_keys_are_text():
    assert data("1: a\ntrue: b\n~: c\n'1.0': d\n") == {"1": "a", "true": "b", "null": "c", "1.0": "d"}


def test_files(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load(path).data == {"a": 1}
    path.write_bytes(b"")
    assert load(path).data is None
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(UsageError, match=r"a\.yaml:2: the file is not UTF-8"):
        load(path)
    path.write_bytes(b"#" * (4 * 2**20 + 1))
    with pytest.raises(UsageError, match="longer than 4 MB"):
        load(path)
    with pytest.raises(UsageError, match="no such file"):
        load(tmp_path / "missing")
    with pytest.raises(UsageError, match="cannot be read"):
        load(tmp_path)


def test_many_documents_have_their_lines():
    found = list(documents("a: 1\n---\n\nb: 2\n---\n", "x"))
    assert [(document.first_line, document.data) for document in found] == [(1, {"a": 1}), (4, {"b": 2}), (6, None)]


class Reference(yaml.CSafeLoader):
    """PyYAML's safe loader without what the Kubernetes API reads otherwise: dates, ``12:30``, ``0o7``, ``1e3``, inf."""


OTHERWISE = re.compile(
    r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?|0o[0-7_]+|[-+]?[0-9_.]+[eE][-+]?[0-9]+|[-+]?\.(inf|Inf|INF|nan|NaN|NAN)"
    r"|[-+]?0[0-7_]+|[-+]?[._]+|[0-9]{4}-.*|[-+]?[0-9_]*_[0-9_.xXbBa-fA-F]*|=|<<|[-+]?0[xb]_*|[-+]?\.[0-9_]*|.*_.*"
)

scalars = st.text(st.sampled_from("0123456789abefnorstuxyAEFNTY.+-_:~ "), max_size=8).map(str.strip) | st.sampled_from(
    ["yes", "No", "true", "FALSE", "null", "~", "1.5", "-3", "0x1f", "0b11", "a b", "1.", "-1.5", "on", "1:2", "12a"]
)


@given(scalars)
@settings(max_examples=800, deadline=None)
def test_plain_scalars_are_read_as_by_pyyaml(text):
    assume(not OTHERWISE.fullmatch(text))
    source = f"a: {text}\n"
    try:
        expected = yaml.load(source, Loader=Reference)
    except (yaml.YAMLError, ValueError):
        assume(False)
    assume(isinstance(expected, dict) and list(expected) == ["a"])
    assert data(source) == expected
    assert type(data(source)["a"]) is type(expected["a"])


texts = st.text(max_size=12).filter(lambda text: not OTHERWISE.fullmatch(text))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | texts
    | st.floats(allow_nan=False, allow_infinity=False).filter(math.isfinite),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(values, st.booleans())
@settings(max_examples=300, deadline=None)
def test_what_pyyaml_writes_is_read_back(value, flow):
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
    expected = yaml.load(text, Loader=yaml.CSafeLoader)
    assume(expected == value)
    assert load_text(text, "x").data == value
