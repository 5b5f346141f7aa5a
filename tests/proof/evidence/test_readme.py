"""The commands of README.txt, run as they stand there and with nothing else, tell a good pack from a bad one."""

import shutil
import subprocess

import pytest

from preaudit.evidence.keys import load_signer
from preaudit.evidence.readme import README, certificate_commands, commands, readme
from preaudit.evidence.seal import sign_pack

from .test_verifying import change, renamed

TOOLS = ("openssl", "sha256sum", "sed", "base64", "printf", "awk")


@pytest.fixture
def by_hand(sealing, tmp_path):
    """Runs the commands in a shell that finds no other programs; what it said, or None where a command failed."""
    tools, work = tmp_path / "bin", tmp_path / "work"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(shutil.which(tool))

    def run(folder, key=sealing / "signer.pub", ca=None):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        lines = commands()
        if ca is not None:
            key = work / "key.pub"
            lines = (*lines[:1], *certificate_commands(), *lines)
        line = "\n".join(lines)
        environment = {"PATH": str(tools), "KEY": str(key), "WORK": str(work), "CA": str(ca)}
        ran = subprocess.run(["/bin/sh", "-eu", "-c", line], check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
        return ran.stdout if ran.returncode == 0 else None

    return run


def test_a_good_pack_passes(signed_pack, by_hand):
    said = by_hand(signed_pack)
    assert said is not None
    assert "Verified OK" in said
    assert "manifest.json: OK" in said
    assert "records.jsonl: OK" in said


def unsigned(folder):
    (folder / "attestation.dsse.json").unlink()


BAD = {
    "signature": change("attestation.dsse.json", lambda raw: raw.replace(b'"sig":"MEU', b'"sig":"MEV').replace(b'"sig":"MEQ', b'"sig":"MEV')),
    "payload": change("attestation.dsse.json", lambda raw: raw.replace(b'"payload":"ey', b'"payload":"ez')),
    "white space": change("attestation.dsse.json", lambda raw: raw.replace(b'"payload":', b'"payload": ')),
    "unsigned": unsigned,
    "manifest": change("manifest.json", lambda raw: raw.replace(b'"exit_code": 1', b'"exit_code": 0')),
    "records": change("records.jsonl", lambda raw: raw.replace(b'"verdict":"fail"', b'"verdict":"pass"')),
    "profile": change("inputs/profile-bank.yaml", lambda raw: raw + b"#"),
    "snapshot": change("snapshot/pods.jsonl", lambda raw: raw + b"{}\n"),
    "removed": lambda folder: (folder / "empty.txt").unlink(),
    "renamed": renamed,
    "added": lambda folder: (folder / "inputs/more").write_text(""),
    "added hidden": lambda folder: (folder / "snapshot/..more").write_text(""),
    "added folder": lambda folder: (folder / "more").mkdir(),
    "a pattern as a name": lambda folder: (folder / ".[!.]*").write_text(""),
    "two names in one": lambda folder: (folder / "manifest.json\nREADME.txt").write_text(""),
    "added link": lambda folder: (folder / "link").symlink_to("/nowhere"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_pack_fails(name, signed, by_hand):
    BAD[name](signed)
    assert by_hand(signed) is None


def test_another_key_fails(signed_pack, by_hand, sealing):
    assert by_hand(signed_pack, sealing / "other.pub") is None


def test_a_certificate_is_taken_from_the_envelope(pack, by_hand, sealing, certified):
    sign_pack(pack, load_signer(str(sealing / "signer.key"), certified / "leaf-chain.pem"))
    assert "Verified OK" in by_hand(pack, ca=certified / "root.pem")
    assert by_hand(pack, ca=certified / "stranger.pem") is None


def test_the_text_is_plain_and_fixed():
    assert readme() == README.encode("ascii")
    assert len(commands()) == 10
    assert all(f"  {name}" in README for name in ("manifest.json", "records.jsonl", "attestation.dsse.json", "timestamp.tsr"))
