"""A good pack is verified, a bad one is not: each kind of fault has its own sentence."""

import json
import os
import shutil
import time

import msgspec
import pytest

from preaudit.errors import UsageError
from preaudit.evidence.finding import Fault
from preaudit.evidence.integrity import check
from preaudit.evidence.keys import load_signer
from preaudit.evidence.pack import files_below
from preaudit.evidence.seal import sign_pack
from preaudit.evidence.strict import pretty

from .packs import NOW


def test_a_signed_pack_is_verified(signed_pack, faults, trusted):
    assert not faults(signed_pack)
    checked = check(signed_pack, trusted, now=NOW)
    assert checked.trusted
    assert any("trusted" in one or "the key is the one in" in one for one in checked.proved)


def test_without_trust_there_is_integrity_only(signed_pack, unsigned_pack):
    for folder in (signed_pack, unsigned_pack):
        checked = check(folder, None, now=NOW)
        assert not checked.findings
        assert not checked.trusted


def test_an_unsigned_pack_fails_under_trust(unsigned_pack, faults):
    assert [one.fault for one in faults(unsigned_pack)] == [Fault.UNSIGNED]


def change(name, edit):
    def do(folder):
        path = folder / name
        path.write_bytes(edit(path.read_bytes()))

    return do


def manifest(edit):
    """Changes the manifest and keeps it canonical."""

    def do(folder):
        value = json.loads((folder / "manifest.json").read_bytes())
        edit(value)
        (folder / "manifest.json").write_bytes(pretty(value))

    return do


def relist(folder):
    """Makes the manifest tell the hashes that the files have now: what an insider would do."""
    def edit(value):
        value["files"] = msgspec.to_builtins(files_below(folder))

    manifest(edit)(folder)


def records(edit):
    """Changes the lines of the records, and lists them anew."""

    def do(folder):
        path = folder / "records.jsonl"
        path.write_bytes(b"".join(line + b"\n" for line in edit(path.read_bytes().splitlines())))
        relist(folder)

    return do


def renamed(folder):
    (folder / "inputs/selection.json").rename(folder / "inputs/other.json")


def linked(folder):
    shutil.copy(folder / "records.jsonl", folder.parent / "elsewhere")
    (folder / "records.jsonl").unlink()
    (folder / "records.jsonl").symlink_to(folder.parent / "elsewhere")


def linked_folder(folder):
    (folder / "inputs").rename(folder.parent / "inputs")
    (folder / "inputs").symlink_to(folder.parent / "inputs")


def piped(folder):
    (folder / "records.jsonl").unlink()
    os.mkfifo(folder / "records.jsonl")


def collection(folder):
    change("snapshot/collection.json", lambda raw: raw.replace(b'"live"', b'"manifests"'))(folder)
    relist(folder)


def undeclared(folder):
    (folder / "snapshot/nodes.jsonl").write_bytes(b"")
    relist(folder)


def set_total(name, value):
    def edit(told):
        told["totals"][name] = value

    return manifest(edit)


def swap(lines):
    return [lines[1], lines[0], *lines[2:]]


FAULTS = {
    "missing": (lambda folder: (folder / "README.txt").unlink(), Fault.MISSING, "README.txt is missing"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), Fault.MISSING, "manifest.json is missing"),
    "extra": (lambda folder: (folder / "inputs/more").write_text("x"), Fault.EXTRA, "inputs/more is an extra file"),
    "extra hidden": (lambda folder: (folder / ".more").write_text("x"), Fault.EXTRA, ".more is an extra file"),
    "extra folder": (lambda folder: (folder / "more").mkdir(), Fault.EXTRA, "more/ is an extra folder"),
    "hostile name": (lambda folder: (folder / "\x1b[2J\u202e").write_text("x"), Fault.EXTRA, "\u241b[2J\u27e8U+202E\u27e9 is an extra"),
    "undecodable name": (lambda folder: (folder / os.fsdecode(b"\xff\xfe")).write_text("x"), Fault.EXTRA, "\u27e8U+DCFF\u27e9"),
    "renamed": (renamed, Fault.MISSING, "inputs/selection.json is missing"),
    "changed": (change("README.txt", lambda raw: raw.replace(b"W", b"V", 1)), Fault.CHANGED, "README.txt was changed: its sha256"),
    "shortened": (change("README.txt", lambda raw: raw[:-1]), Fault.CHANGED, "README.txt was changed: it has"),
    "link": (linked, Fault.IRREGULAR, "records.jsonl is a link or a special file"),
    "link to a folder": (linked_folder, Fault.IRREGULAR, "inputs is a link or a special file"),
    "pipe": (piped, Fault.IRREGULAR, "records.jsonl is a link or a special file"),
    "too few records": (records(lambda lines: lines[:-1]), Fault.COUNT, "11 records, manifest.json says 12"),
    "another verdict": (records(lambda lines: [line.replace(b'"verdict":"manual"', b'"verdict":"pass"') for line in lines]), Fault.COUNT, "records with the verdict manual"),
    "no verdict": (records(lambda lines: [line.replace(b'"verdict":"fail"', b'"verdict":"fine"') for line in lines]), Fault.MALFORMED, "no verdict that there is"),
    "attested": (records(lambda lines: [line.replace(b'"A-1"', b"null") for line in lines]), Fault.COUNT, "rest on an attestation"),
    "order": (records(swap), Fault.ORDER, "line 2 of records.jsonl is out of order"),
    "twice": (records(lambda lines: [lines[0], *lines]), Fault.ORDER, "line 2 of records.jsonl stands there twice"),
    "white space": (records(lambda lines: [lines[0] + b" ", *lines[1:]]), Fault.MALFORMED, "line 1 of records.jsonl is not in canonical"),
    "duplicate in a record": (records(lambda lines: [b'{"verdict":"pass",' + lines[0][1:], *lines[1:]]), Fault.MALFORMED, "line 1 of records.jsonl is not in canonical"),
    "no JSON": (records(lambda lines: [b"\xff", *lines[1:]]), Fault.MALFORMED, "line 1 of records.jsonl is no JSON"),
    "no record": (records(lambda lines: [b"[]", *lines[1:]]), Fault.MALFORMED, "line 1 of records.jsonl is no record"),
    "deep record": (records(lambda lines: [b"[" * 10**5 + b"]" * 10**5, *lines[1:]]), Fault.MALFORMED, "line 1 of records.jsonl is no JSON"),
    "half a line": (lambda folder: (change("records.jsonl", lambda raw: raw[:-1])(folder), relist(folder)), Fault.MALFORMED, "ends in the middle of a line"),
    "totals": (set_total("items_executed", 2), Fault.COUNT, "3 items were collected, but 2 are accounted for"),
    "records": (set_total("records", 13), Fault.COUNT, "13 records, but the verdicts add up to 12"),
    "huge number": (set_total("records", 10**30), Fault.COUNT, "records, but the verdicts add up to 12"),
    "collection": (collection, Fault.CONTRADICTION, "manifest.json tells two sha256"),
    "undeclared snapshot file": (undeclared, Fault.EXTRA, "collection.json does not tell"),
    "profile": (lambda folder: (change("inputs/profile-bank.yaml", lambda raw: raw + b"#")(folder), relist(folder)), Fault.CONTRADICTION, "inputs/profile-bank.yaml is not the file of the profile"),
    "effective profile": (manifest(lambda value: value["profile"].update(title="Bank!")), Fault.CONTRADICTION, "inputs/effective-profile.json is not the profile"),
    "waivers": (manifest(lambda value: value.update(waivers=[{}])), Fault.MISSING, "inputs/waivers.yaml is missing"),
    "lines": (manifest(lambda value: value["files"][0].update(lines=7)), Fault.COUNT, "lines, manifest.json says 7"),
    "upwards": (manifest(lambda value: value["files"][0].update(name="../x")), Fault.MALFORMED, "'../x', which does not lie in the pack"),
    "absolute": (manifest(lambda value: value["files"][0].update(name="/etc/passwd")), Fault.MALFORMED, "does not lie in the pack"),
    "named twice": (manifest(lambda value: value["files"].append(value["files"][0])), Fault.MALFORMED, "names a file twice"),
    "duplicate key": (change("manifest.json", lambda raw: raw.replace(b'{\n "att', b'{\n "demo": true,\n "demo": true,\n "att')), Fault.MALFORMED, "has the key 'demo' twice"),
    "another form": (change("manifest.json", lambda raw: raw + b"\n"), Fault.MALFORMED, "manifest.json is not in canonical form"),
    "cut": (change("manifest.json", lambda raw: raw[:-5]), Fault.MALFORMED, "manifest.json is no JSON"),
    "no text": (change("manifest.json", lambda raw: raw.replace(b'"Bank"', b'"\xff"')), Fault.MALFORMED, "manifest.json is no UTF-8"),
    "endless number": (change("manifest.json", lambda raw: raw.replace(b'"records": 12', b'"records": ' + b"9" * 10**5)), Fault.MALFORMED, "manifest.json is no JSON"),
    "deep": (change("manifest.json", lambda _: b"[" * 10**6), Fault.MALFORMED, "manifest.json is nested too deeply"),
    "not a number": (change("manifest.json", lambda raw: raw.replace(b'"demo": false', b'"demo": NaN')), Fault.MALFORMED, "manifest.json is no JSON"),
    "other schema": (manifest(lambda value: value.update(schema="preaudit.manifest/9")), Fault.MALFORMED, "'preaudit.manifest/9', this version reads"),
    "empty": (change("manifest.json", lambda _: b""), Fault.MALFORMED, "manifest.json is no JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_sentence(name, pack, faults):
    spoil, fault, said = FAULTS[name]
    spoil(pack)
    found = faults(pack, None)
    assert any(one.fault is fault and said in one.sentence for one in found), found
    assert all(one.sentence.isprintable() for one in found)


@pytest.mark.parametrize("name", FAULTS)
def test_what_does_not_fit_its_manifest_is_not_signed(name, pack, sealing):
    FAULTS[name][0](pack)
    with pytest.raises(UsageError, match="is not signed, because"):
        sign_pack(pack, load_signer(str(sealing / "signer.key")))
    assert not (pack / "attestation.dsse.json").exists()


def test_records_that_grow_without_end_are_given_up(pack, faults):
    with (pack / "records.jsonl").open("r+b") as stream:
        stream.truncate(2**30)
    assert [one.fault for one in faults(pack, None)] == [Fault.CHANGED]
    value = json.loads((pack / "manifest.json").read_bytes())
    for one in value["files"]:
        if one["name"] == "records.jsonl":
            one["bytes"] = 2**28
    (pack / "manifest.json").write_bytes(pretty(value))
    os.truncate(pack / "records.jsonl", 2**28)
    began = time.monotonic()
    assert faults(pack, None)
    assert time.monotonic() - began < 20
