"""A verifier looks at the cluster again: what is as stored is confirmed, what was forged is found, the rest is named."""

import hashlib
import json
import random

import pytest

from preaudit.errors import UsageError
from preaudit.evidence import manifest as manifests
from preaudit.recheck import recheck

pytestmark = pytest.mark.live


@pytest.fixture
def pack(preaudit, kubeconfig, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(b"a redaction key of the customer's")
    done = preaudit("run", "--profile", "bank", "--select", "access,POD-101", "--kubeconfig", kubeconfig, "--out",
                    tmp_path / "pack", "--redaction-key-file", key)  # fmt: skip
    assert done.returncode in {0, 1, 6}, done.stderr
    return tmp_path / "pack"


def looked(pack, kubeconfig, count, key=None):
    manifest = manifests.decode((pack / "manifest.json").read_bytes())
    return recheck(pack, manifest, count, kubeconfig=str(kubeconfig), context=None,
                   redaction_key_file=key and str(key), lot=random.Random(7))  # fmt: skip


def forged(pack, source, change):
    """Change every stored object of a source, and put the hash right, as a forger would."""
    path = pack / "snapshot" / f"{source}.jsonl"
    objects = [json.loads(line) for line in path.read_bytes().splitlines()]
    for one in objects:
        change(one)
    content = b"".join(json.dumps(one).encode() + b"\n" for one in objects)
    path.write_bytes(content)
    place = pack / "snapshot" / "collection.json"
    collection = json.loads(place.read_text())
    stored = next(one for one in collection["files"] if one["name"] == path.name)
    stored |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    place.write_text(json.dumps(collection))


def test_what_is_as_stored_is_confirmed_and_what_was_forged_is_found(pack, kubeconfig, preaudit, tmp_path):
    found = looked(pack, kubeconfig, 60, tmp_path / "key")
    assert found.compared >= 50
    assert not found.differing
    assert all("changed since" in one or "not there any more" in one for one in found.left_out)
    told = preaudit("verify", pack, "--live", "20", "--kubeconfig", kubeconfig)
    assert told.returncode == 6, told.stdout  # INTEGRITY ONLY
    assert "objects read again: " in told.stdout

    def harmless(one):
        for rule in one.get("rules") or []:
            rule["verbs"] = ["get"]

    forged(pack, "clusterroles.rbac.authorization.k8s.io", harmless)
    found = looked(pack, kubeconfig, 400)
    assert len(found.differing) >= 30
    assert all("differs at the same revision: rules[" in one for one in found.differing)


def test_another_cluster_a_wrong_key_and_files_are_refused(pack, kubeconfig, preaudit, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"another redaction key, long enough")
    with pytest.raises(UsageError, match="redacted with another key"):
        looked(pack, kubeconfig, 5, other)
    manifest = json.loads((pack / "manifest.json").read_text())
    manifest["target"]["cluster_uid"] = "00000000-0000-4000-8000-000000000000"
    (pack / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="the pack is about cluster 00000000"):
        looked(pack, kubeconfig, 5)
    manifest["snapshot"]["mode"] = "manifests"
    (pack / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="made of files"):
        looked(pack, kubeconfig, 5)
