"""Random pairs of packs, compared with a slow and obvious account of what may be said of each subject."""

import hashlib
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from preaudit.evidence.comparison import Change, compare
from preaudit.evidence.manifest import (
    CatalogueEntry,
    Gate,
    Manifest,
    Profile,
    Run,
    Totals,
    encode,
)
from preaudit.evidence.record import Record, Subject, in_order
from preaudit.evidence.record import encode as encode_record
from preaudit.snapshot import Identity, StoredFile, Target
from preaudit.verdict import Level, Severity, Verdict

REQUIREMENTS = ("A-1", "B-1")
PLACES = ("bank", "shop", "cluster")
OF_A_SUBJECT = [Verdict.FAIL, Verdict.UNKNOWN, Verdict.WAIVED, Verdict.PASS]
OF_NONE = [Verdict.UNKNOWN, Verdict.MANUAL, Verdict.NOT_APPLICABLE, Verdict.PASS]


def record(requirement, place, name, verdict, number):
    """A record; one without a subject that passes rests on a person's word."""
    return Record(
        requirement=requirement, title="t", area="a", severity=Severity.HIGH, controls=(), namespace=place,
        subject=Subject(api_version="v1", kind="Pod", namespace=place, name=name) if name else None, verdict=verdict,
        level=Level.FAIL, scope="product", source="pods", spec=str(number), reason="r", expected="e",
        attestation="A-1" if verdict is Verdict.PASS and not name else None,
    )  # fmt: skip


@st.composite
def sides(draw):
    """Records, and what else decides: the requirements that were judged, deselected items, scope, cluster, end."""
    records = []
    for requirement in draw(st.sets(st.sampled_from(REQUIREMENTS))):
        for place in PLACES:
            names = draw(st.lists(st.sampled_from("xy"), max_size=3))
            records += [record(requirement, place, name, draw(st.sampled_from(OF_A_SUBJECT)), number)
                        for number, name in enumerate(names)]  # fmt: skip
            if draw(st.booleans()):
                records.append(record(requirement, place, "", draw(st.sampled_from(OF_NONE)), 0))
    return {
        "records": in_order(records),
        "judged": {one.requirement for one in records} | draw(st.sets(st.sampled_from(REQUIREMENTS))),
        "deselected": draw(st.sets(st.sampled_from(["A-1[shop]", "B-1[cluster]"]))),
        "scope": draw(st.sampled_from([None, None, ["shop"]])),
        "uid": draw(st.sampled_from(["one", "one", "one", "two"])),
        "mode": draw(st.sampled_from(["live", "live", "manifests"])),
        "interrupted": draw(st.sampled_from([False, False, True])),
    }


def write(folder, side):
    """A pack as far as a comparison reads it."""
    folder.mkdir()
    content = b"".join(encode_record(one) + b"\n" for one in side["records"])
    (folder / "records.jsonl").write_bytes(content)
    entries = tuple(
        CatalogueEntry(id=one, title="t", area="a", severity=Severity.HIGH, level=Level.FAIL, why="w", fix="f", expected="e",
                       method="EXAMINE", population="p", sources=(), controls=(), reperform="r", file="f", sha256="0")
        for one in sorted(side["judged"])
    )  # fmt: skip
    count = len(side["records"])
    manifest = Manifest(
        tool={"name": "preaudit"}, profile=Profile(name="p", title="t", version="1", layers=(), parameters=()),
        now="2026-11-22T12:00:00Z", target=Target(cluster_uid=side["uid"]), identity=Identity(),
        snapshot={"mode": side["mode"], "namespaces": side["scope"]}, sources=(), partial=(), left_out=(),
        deselected=tuple({"item": one, "reason": "r"} for one in sorted(side["deselected"])), catalogue=entries,
        totals=Totals(items_collected=0, items_executed=0, items_deselected=0, records=count, verdicts={"pass": count}),
        waivers=(), gate=Gate(exit_code=0, meaning="m"),
        run=Run(id="i", started="s", finished="f", local_offset="+0000", operator="o", command=(), python="3", platform="p",
                interrupted=side["interrupted"]),
        files=(StoredFile(name="records.jsonl", bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), lines=count),),
    )  # fmt: skip
    (folder / "manifest.json").write_bytes(encode(manifest))
    return folder


def worst(records):
    return min((one.verdict for one in records), key=lambda one: one.rank, default=None)


def seen_wholly(new, requirement, place):
    """Whether the new pack shows all that there is of a requirement in a place: nothing else proves an absence."""
    bare = [one for one in new["records"] if one.requirement == requirement and not one.subject]
    return not any(one.verdict is not Verdict.NOT_APPLICABLE for one in bare if one.namespace in {place, "cluster"})


def absent(old, new, requirement, place):
    return (
        seen_wholly(new, requirement, place) and requirement in new["judged"] and old["uid"] == new["uid"]
        and f"{requirement}[{place}]" not in new["deselected"] and new["mode"] == "live" and not new["interrupted"]
        and (new["scope"] is None or place in new["scope"])
    )  # fmt: skip


def expected(old, new):  # noqa: PLR0912 - one branch for each thing that may be said
    """What is to be said of every subject, by requirement, place and name."""
    before, after = defaultdict(list), defaultdict(list)
    for side, found in ((old, before), (new, after)):
        for one in side["records"]:
            if one.subject:
                found[one.requirement, one.namespace, one.subject.name].append(one)
    told = {}
    for key in before.keys() | after.keys():
        requirement, place, _ = key
        was, is_ = worst(before[key]), worst(after[key])
        whole = seen_wholly(new, requirement, place) and old["uid"] == new["uid"]
        match was, is_:
            case Verdict.FAIL, Verdict.FAIL:
                told[key] = Change.STILL
            case _, Verdict.FAIL:
                told[key] = Change.NEW_FAILURE
            case Verdict.UNKNOWN, Verdict.PASS | Verdict.WAIVED:
                told[key] = Change.SEEN
            case Verdict.UNKNOWN, _:
                pass
            case _, Verdict.UNKNOWN:
                told[key] = Change.LOST
            case None, _:
                pass
            case _, None if not absent(old, new, requirement, place):
                told[key] = Change.LOST
            case Verdict.FAIL, None:
                told[key] = Change.GONE
            case Verdict.FAIL, Verdict.WAIVED:
                told[key] = Change.WAIVED
            case Verdict.FAIL, Verdict.PASS:
                told[key] = Change.FIXED if whole else Change.LOST
    return told


def bare(side):
    return {(one.requirement, one.namespace): one.verdict for one in side["records"] if not one.subject}


@settings(max_examples=150, deadline=None)
@given(sides(), sides())
def test_a_comparison_says_of_each_subject_what_the_obvious_account_says(old, new):
    with tempfile.TemporaryDirectory() as folder:
        found = compare(write(Path(folder) / "old", old), write(Path(folder) / "new", new))
    named = [one for one in found.differences if "/Pod/" in one.subject]
    told = {(one.requirement, one.namespace, one.subject.rpartition("/")[2]): one.change for one in named}
    assert len(told) == len(named)
    assert told == expected(old, new)
    places = [one for one in found.differences if "/Pod/" not in one.subject]
    assert not any(one.change in {Change.FIXED, Change.GONE} for one in places)
    # A place that is not seen now, and was not unseen before, is told: itself, or by the subjects that it had.
    lost = {(one.requirement, where) for one in found.of(Change.LOST) for where in (one.namespace, "cluster")}
    was = bare(old)
    for key, verdict in bare(new).items():
        if verdict is Verdict.UNKNOWN and was.get(key) is not Verdict.UNKNOWN:
            assert key in lost


def test_the_account_of_a_pack_without_records_is_empty(tmp_path):
    side = {"records": [], "judged": set(), "deselected": set(), "scope": None, "uid": "one", "mode": "live",
            "interrupted": False}  # fmt: skip
    found = compare(write(tmp_path / "old", side), write(tmp_path / "new", side))
    assert found.differences == ()
