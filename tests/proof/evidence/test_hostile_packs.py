"""Any value in any place of a pack's JSON ends in findings, never in a crash; nothing of it reaches the terminal raw."""

import contextlib
import copy
import hashlib
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preaudit.evidence.counting import RecordCheck
from preaudit.evidence.envelope import seal, unseal
from preaudit.evidence.integrity import check
from preaudit.evidence.keys import load_signer
from preaudit.evidence.opinion import opinion
from preaudit.evidence.outline import Totals, read_outline
from preaudit.evidence.strict import NotStrict, canonical, pretty, read_canonical, read_pretty

from .packs import NOW

HOSTILE = (
    None, True, -1, 0, 2**63, 10**400, -(10**30), 1.5, 1e308, "", "\x1b[2J\u202e\x00", "../../etc/passwd", "x" * 10_000, "\ud7ff",
    [], {}, [[[]]] * 3, {"": {"": None}}, {"name": 1}, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] * 20,
)  # fmt: skip


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for position, one in enumerate(value):
            yield from places(one, (*path, position))


def replaced(value, path, new):
    whole = [copy.deepcopy(value)]
    holder, last = whole, 0
    for step in path:
        holder, last = holder[last], step
    holder[last] = new
    return whole[0]


def removed(value, path):
    changed = copy.deepcopy(value)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return changed


def variants(value, tries):
    chance = random.Random(7)
    found = list(places(value))
    for path in found:
        if path:
            yield removed(value, path)
    for _ in range(tries):
        yield replaced(value, chance.choice(found), chance.choice(HOSTILE))


def told(folder, trusted):
    checked = check(folder, trusted, now=NOW)
    text, _ = opinion(checked, [], trusted=trusted is not None)
    assert all(line.isprintable() for line in text.splitlines())
    assert len(text) < 200_000
    return checked


def test_any_value_in_the_manifest(signed, trusted):
    value = json.loads((signed / "manifest.json").read_bytes())
    tried = 0
    for changed in variants(value, 250):
        (signed / "manifest.json").write_bytes(pretty_or_not(changed))
        if changed != value:
            assert told(signed, trusted).findings
            tried += 1
    print(f"{tried} manifests")


def pretty_or_not(value):
    try:
        return pretty(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return json.dumps(value).encode()


@pytest.mark.parametrize("name", ["attestation.dsse.json", "test-result.dsse.json"])
def test_any_value_in_a_statement_of_the_trusted_signer(name, signed, trusted, sealing):
    signer = load_signer(str(sealing / "signer.key"))
    value = json.loads(unseal((signed / name).read_bytes()).payload)
    tried = 0
    for changed in variants(value, 100):
        if changed != value:
            (signed / name).write_bytes(seal(canonical(changed), signer))
            assert told(signed, trusted).findings, changed
            tried += 1
    print(f"{tried} statements")


def test_any_value_in_the_collection(pack):
    path = pack / "snapshot" / "collection.json"
    value, manifest = json.loads(path.read_bytes()), json.loads((pack / "manifest.json").read_bytes())
    for changed in variants(value, 50):
        raw = pretty_or_not(changed)
        path.write_bytes(raw)
        hashed = hashlib.sha256(raw).hexdigest()
        manifest["snapshot"]["sha256"] = hashed
        for one in manifest["files"]:
            if one["name"] == "snapshot/collection.json":
                one.update(sha256=hashed, bytes=len(raw), lines=raw.count(b"\n"))
        (pack / "manifest.json").write_bytes(pretty(manifest))
        told(pack, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=20,
)  # fmt: skip


@given(value=JSON)
def test_what_is_written_is_read_back(value):
    assert read_canonical(canonical(value)) == value
    assert pretty(read_pretty(pretty(value))) == pretty(value)


@given(raw=st.binary(max_size=200) | st.text(alphabet='{}[]",:0123456789eE.-+\\u truefalsn', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(raw):
    for read in (read_canonical, read_pretty, read_outline):
        with contextlib.suppress(NotStrict):
            value = read(raw)
            assert (canonical if read is read_canonical else pretty)(value) == raw


@settings(max_examples=60)
@given(lines=st.lists(st.binary(max_size=60), max_size=20), cuts=st.lists(st.integers(1, 50), max_size=20))
def test_records_may_come_in_pieces_of_any_length(lines, cuts):
    raw = b"\n".join(lines) + b"\n"
    totals = Totals(0, 0, 0, 0, 0, dict.fromkeys(("pass", "fail", "unknown", "manual", "waived", "not-applicable"), 0))
    whole, pieces = RecordCheck(), RecordCheck()
    whole.feed(raw)
    position = 0
    for cut in [*cuts, len(raw)]:
        if raw[position : position + cut]:
            pieces.feed(raw[position : position + cut])
        position += cut
    assert whole.findings(totals) == pieces.findings(totals)
    assert whole.findings(totals)
