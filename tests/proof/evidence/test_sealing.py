"""The commands keygen, sign and verify, as a user calls them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from preaudit.cli import main
from preaudit.evidence.archive import write_archive
from preaudit.evidence.envelope import unseal
from preaudit.evidence.finding import Fault
from preaudit.evidence.images import PREDICATE
from preaudit.evidence.integrity import check
from preaudit.evidence.opinion import Comparison, opinion
from preaudit.evidence.statement import predicate_schema
from preaudit.evidence.strict import pretty
from preaudit.verdict import Exit

from .packs import NOW

SCHEMAS = Path(__file__).parents[3] / "reports" / "schemas"


def test_from_a_key_to_a_verified_pack(pack, tmp_path, capsys):
    name = str(tmp_path / "audit")
    assert main(["keygen", "--out", name]) == 0
    assert main(["sign", str(pack), "--key", f"{name}.key"]) == 0
    assert main(["verify", str(pack), "--trust", f"{name}.pub"]) == 0
    said = capsys.readouterr().out
    for part in (
        "VERIFIED: files, counts and signature are right", "not proven: that the cluster was as the snapshot shows it",
        "run      01a2051f-904b-70ef-95a2-7a55010451e0", "cluster  uid-0", "result   exit code 1: something fails",
        "records  12: 2 fail, 2 unknown, 2 manual, 2 waived, 2 pass, 2 not-applicable; 1 of them rest on a person's word",
        "PARTIAL  one thing was left out", "nonce    said by the auditor",
    ):  # fmt: skip
        assert part in said
    assert main(["sign", str(pack), "--key", f"{name}.key"]) == 4
    assert "is signed already; a signature is never replaced" in capsys.readouterr().err


def test_without_trust_it_says_what_that_means(signed_pack, capsys):
    assert main(["verify", str(signed_pack)]) == 6
    said = capsys.readouterr().out
    assert "INTEGRITY ONLY" in said
    assert "whoever made it could have changed and re-sealed it" in said
    assert "VERIFIED" not in said


def test_what_is_wrong_is_listed(signed, sealing, capsys):
    for number in range(30):
        (signed / f"more-{number}").write_text("x")
    assert main(["verify", str(signed), "--trust", str(sealing / "signer.pub")]) == 1
    said = capsys.readouterr().out
    assert said.count("WRONG: ") == 20
    assert "and 10 more" in said
    assert "NOT VERIFIED: 30 things wrong" in said
    assert "\nVERIFIED" not in said
    assert main(["verify", str(signed)]) == 1


def test_an_archive_is_verified_too(signed_pack, sealing, tmp_path, capsys):
    write_archive(signed_pack, tmp_path / "pack.tar.zst")
    trust = ["--trust", str(sealing / "signer.pub")]
    assert main(["verify", str(tmp_path / "pack.tar.zst"), *trust]) == 0
    raw = (tmp_path / "pack.tar.zst").read_bytes()
    (tmp_path / "pack.tar.zst").write_bytes(raw[: len(raw) // 2])
    assert main(["verify", str(tmp_path / "pack.tar.zst"), *trust]) == 1
    assert "NOT VERIFIED: the archive was not opened" in capsys.readouterr().out
    assert main(["sign", str(tmp_path / "pack.tar.zst"), "--key", str(sealing / "signer.key")]) == 4


def test_a_signer_that_is_killed_leaves_the_pack_as_it_was(pack, sealing, trusted):
    """At any moment there is either no signature or a whole one; what lies around is beside the pack."""
    code = f"import os; from preaudit.cli import main; os._exit(main(['sign', {str(pack)!r}, '--key', {str(sealing / 'signer.key')!r}]))"
    signed = 0
    for turn in range(8):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
        time.sleep(0.08 * turn)
        process.kill()
        process.wait(timeout=60)
        found = [one.fault for one in check(pack, trusted, now=NOW).findings]
        assert found in ([], [Fault.UNSIGNED])
        if not found:
            (pack / "attestation.dsse.json").unlink()
            signed += 1
    print(f"{signed} of 8 signed before they were killed")


def test_a_manifest_of_another_version_is_checked_but_not_compared(pack, sealing, capsys):
    value = json.loads((pack / "manifest.json").read_bytes())
    value["run"]["python"] = None
    (pack / "manifest.json").write_bytes(pretty(value))
    assert main(["sign", str(pack), "--key", str(sealing / "signer.key")]) == 0
    assert main(["verify", str(pack), "--trust", str(sealing / "signer.pub")]) == 0
    assert main(["verify", str(pack), "--trust", str(sealing / "signer.pub"), "--reperform"]) == 6
    assert "NOT COMPARED: manifest.json is not one that this version" in capsys.readouterr().out


def test_what_was_given_wrongly_is_a_usage_error(signed_pack, sealing, tmp_path, capsys):
    pack, pub = str(signed_pack), str(sealing / "signer.pub")
    for line, said in (
        (["verify", str(tmp_path / "nothing")], "no pack that can be read"),
        (["verify", pack, "--trust", str(tmp_path / "nothing")], "cannot be read"),
        (["verify", pack, "--trust", pub, "--timestamp-trust", pub], "holds no certificate"),
        (["verify", pack, "--trust", pub, "--live", "0"], "at least 1"),
        (["sign", str(tmp_path / "nothing"), "--key", str(sealing / "signer.key")], "no pack there"),
        (["sign", pack, "--key", str(tmp_path / "nothing")], "cannot be read"),
    ):
        assert main(line) == 4
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("looks", "trusted", "code"),
    [
        ([Comparison("x", 5, (), ())], True, Exit.OK),
        ([Comparison("x", 5, (), ())], False, Exit.UNKNOWN),
        ([Comparison("x", 0, (), ())], True, Exit.UNKNOWN),
        ([Comparison("x", 5, (), ("a suite of yours",))], True, Exit.UNKNOWN),
        ([Comparison("x", 5, ("POD-101",), ("a suite",))], True, Exit.FAILED),
        ([Comparison("x", 5, ("POD-101",), ())], False, Exit.FAILED),
        ([Comparison("x", 5, (), ()), Comparison("y", 0, (), ())], True, Exit.UNKNOWN),
        ([Comparison("x", 0, (), ()), Comparison("y", 1, ("z",), ())], True, Exit.FAILED),
    ],
)
def test_a_second_look_decides_too(looks, trusted, code, signed_pack):
    from preaudit.evidence.integrity import check

    checked = check(signed_pack, None, now=NOW)
    told, found = opinion(checked, looks, trusted=trusted)
    assert found is code
    assert ("\nVERIFIED:" in told) == (code is Exit.OK)


def test_what_differs_is_listed_at_most_twenty_times(signed_pack, trusted):
    differing = tuple(f"POD-{number}\x1b[2J" for number in range(50))
    told, _ = opinion(check(signed_pack, trusted, now=NOW), [Comparison("records judged again", 60, differing, ())], trusted=True)
    assert told.count("DIFFERS: ") == 20
    assert "and 30 more" in told
    assert "\x1b" not in told


def test_the_committed_schema_of_the_predicate_is_current(signed_pack):
    assert (SCHEMAS / "predicate.schema.json").read_bytes() == predicate_schema()
    statement = json.loads(unseal((signed_pack / "attestation.dsse.json").read_bytes()).payload)
    jsonschema.Draft202012Validator(json.loads(predicate_schema())).validate(statement["predicate"])
    assert statement["_type"] == "https://in-toto.io/Statement/v1"


def test_the_result_about_images_names_only_digests_that_were_read(signed_pack):
    statement = json.loads(unseal((signed_pack / "test-result.dsse.json").read_bytes()).payload)
    assert statement["predicateType"] == PREDICATE
    assert statement["subject"] == [{"name": "registry.example/shop/web", "digest": {"sha256": "5e" * 32}}]
    assert statement["predicate"]["result"] == "FAILED"
    assert statement["predicate"]["failedTests"] == ["POD-101"]
    assert statement["predicate"]["configuration"][0]["name"] == "manifest.json"


def test_verifying_brings_neither_kubernetes_nor_pytest(signed_pack):
    code = f"import sys; from preaudit.cli import main; code = main(['verify', {str(signed_pack)!r}]); print({{'kubernetes', 'pytest', '_pytest', 'jinja2', 'yaml', 'rfc3161_client'}} & set(sys.modules), file=sys.stderr); sys.exit(code)"
    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 6
    assert ran.stderr == "set()\n"
