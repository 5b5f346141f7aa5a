"""Whatever is done to a signed pack, a check under trust says so. The number of tries is printed."""

import base64
import hashlib
import itertools
import json
import random
import shutil

import pytest

from preaudit.evidence import p256
from preaudit.evidence.files import check_files
from preaudit.evidence.finding import Fault
from preaudit.evidence.integrity import check
from preaudit.evidence.keys import load_signer
from preaudit.evidence.seal import sign_pack
from preaudit.evidence.signatures import check_signatures
from preaudit.evidence.strict import canonical, pretty

from .conftest import write_pack
from .packs import NOW

ENVELOPES = ("attestation.dsse.json", "test-result.dsse.json")


@pytest.fixture(scope="module")
def other_pack(tmp_path_factory, sealing):
    """Another pack of the same signer."""
    folder = write_pack(tmp_path_factory.mktemp("other") / "pack", 1)
    sign_pack(folder, load_signer(str(sealing / "signer.key")), test_result=True)
    return folder


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def positions(path, content, folder):
    """Every byte of an envelope, of others 40 that are spread over the file and its ends."""
    if path.name in ENVELOPES or len(content) <= 64:
        return range(len(content))
    chance = random.Random(path.relative_to(folder).as_posix())
    return sorted({0, len(content) - 1, *(chance.randrange(len(content)) for _ in range(40))})


def test_every_flipped_region_is_noticed(signed, trusted):
    tried, unnoticed = 0, []
    whole = check_files(signed)
    hashed = hashlib.sha256(whole.manifest_bytes).hexdigest()
    assert not check_signatures(signed, whole, hashed, trusted, now=NOW, timestamp_trust=()).findings
    for path in files(signed):
        content = path.read_bytes()
        for position in positions(path, content, signed):
            changed = bytearray(content)
            changed[position] ^= 1 << (position % 8)
            path.write_bytes(changed)
            tried += 1
            if path.name in ENVELOPES:
                # The other files are as they were: only what looks at envelopes need look again.
                found = check_signatures(signed, whole, hashed, trusted, now=NOW, timestamp_trust=()).findings
            else:
                found = check(signed, trusted, now=NOW).findings
            if not found:
                unnoticed.append((path.name, position))
        path.write_bytes(content)
    print(f"{tried} flipped bytes, {tried - len(unnoticed)} noticed")
    assert not unnoticed
    assert tried > 2_000


def test_every_removed_added_renamed_or_swapped_file_is_noticed(signed, other_pack, faults):
    tried = 0
    for path in files(signed):
        content, name = path.read_bytes(), path.relative_to(signed)
        path.unlink()
        assert faults(signed), f"{name} removed"
        path.write_bytes(content)
        beside = path.with_name("x" + path.name)
        path.rename(beside)
        assert faults(signed), f"{name} renamed"
        beside.rename(path)
        shutil.copy(path, beside)
        assert faults(signed), f"{name} copied"
        beside.unlink()
        path.write_bytes(content + b"\n")
        assert faults(signed), f"{name} lengthened"
        tried += 4
        if (theirs := (other_pack / name).read_bytes()) != content:
            path.write_bytes(theirs)
            assert faults(signed), f"{name} of another pack"
            tried += 1
        path.write_bytes(content)
    names = files(signed)
    for first, second in itertools.pairwise(names):
        one, two = first.read_bytes(), second.read_bytes()
        first.write_bytes(two)
        second.write_bytes(one)
        assert faults(signed), f"{first.name} and {second.name} exchanged"
        first.write_bytes(one)
        second.write_bytes(two)
        tried += 1
    assert not faults(signed)
    print(f"{tried} changed sets of files, all noticed")


def high_s(envelope):
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    r, s = decode_dss_signature(base64.b64decode(envelope["signatures"][0]["sig"]))
    return encode_dss_signature(r, p256.ORDER - s)


def long_der(envelope):
    """The same two numbers with a length in the long form."""
    der = base64.b64decode(envelope["signatures"][0]["sig"])
    return b"\x30\x81" + der[1:]


def resigned(sig):
    def edit(value):
        value["signatures"][0]["sig"] = base64.b64encode(sig(value)).decode()
        return canonical(value)

    return edit


def edited(change):
    def edit(value):
        change(value)
        return canonical(value)

    return edit


FORMS = {
    "white space": lambda value: json.dumps(value, sort_keys=True).encode(),
    "a line break": lambda value: canonical(value) + b"\n",
    "a byte order mark": lambda value: b"\xef\xbb\xbf" + canonical(value),
    "order of keys": lambda value: json.dumps(dict(reversed(value.items())), separators=(",", ":")).encode(),
    "escapes": lambda value: canonical(value).replace(b'"payload"', b'"\\u0070ayload"'),
    "escaped slash": lambda value: canonical(value).replace(b"application/vnd", b"application\\/vnd"),
    "duplicate key": lambda value: b'{"payload":"e30=",' + canonical(value)[1:],
    "unknown key": edited(lambda value: value.update(more=1)),
    "unknown key of the signature": edited(lambda value: value["signatures"][0].update(cert="x")),
    "url-safe base64": lambda value: canonical(value).replace(b"+", b"-").replace(b"/", b"_"),
    "unpadded base64": edited(lambda value: value["signatures"][0].update(sig=value["signatures"][0]["sig"].rstrip("="))),
    "base64 with a line break": edited(lambda value: value.update(payload=value["payload"][:76] + "\n" + value["payload"][76:])),
    "high s": resigned(high_s),
    "long DER": resigned(long_der),
    "trailing bytes": resigned(lambda value: base64.b64decode(value["signatures"][0]["sig"]) + b"\0"),
    "negated": resigned(lambda _: bytes.fromhex("3006020100020100")),
    "r and s of 1": resigned(lambda _: bytes.fromhex("3006020101020101")),
    "empty signature": resigned(lambda _: b""),
    "two signatures": edited(lambda value: value["signatures"].append(value["signatures"][0])),
    "no signature": edited(lambda value: value["signatures"].clear()),
    "signatures no list": edited(lambda value: value.update(signatures={})),
    "another type of payload": edited(lambda value: value.update(payloadType="text/plain")),
    "another key id": edited(lambda value: value["signatures"][0].update(keyid="ab" * 32)),
    "key id in capitals": edited(lambda value: value["signatures"][0].update(keyid=value["signatures"][0]["keyid"].upper())),
    "payload no text": edited(lambda value: value.update(payload=7)),
    "a list": lambda value: canonical([value]),
    "nothing": lambda _: b"",
    "null": lambda _: b"null",
    "deep": lambda _: b"[" * 10**6,
    "long": lambda value: canonical(value) + b" " * 2**23,
}  # fmt: skip


@pytest.mark.parametrize("file", ENVELOPES)
@pytest.mark.parametrize("name", FORMS)
def test_an_envelope_has_one_form(name, file, signed, faults):
    path = signed / file
    content = path.read_bytes()
    changed = FORMS[name](json.loads(content))
    if changed != content:
        path.write_bytes(changed)
        assert faults(signed)


def test_base64_has_one_spelling(signed, faults):
    tried = 0
    for file in ENVELOPES:
        content = (signed / file).read_bytes()
        for target in ("payload", "sig"):
            value = json.loads(content)
            holder = value if target == "payload" else value["signatures"][0]
            if not holder[target].endswith("="):
                continue
            bare, alphabet = holder[target].rstrip("="), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            holder[target] = bare[:-1] + alphabet[alphabet.index(bare[-1]) + 1] + holder[target][len(bare) :]
            (signed / file).write_bytes(canonical(value))
            assert faults(signed)
            tried += 1
        (signed / file).write_bytes(content)
    print(f"{tried} second spellings")


@pytest.mark.parametrize("file", ENVELOPES)
def test_signed_again_by_another(file, signed, other_pack, sealing, faults):
    """The insider's way: change a verdict, make the manifest fit, sign it with a key of one's own."""
    stranger = load_signer(str(sealing / "other.key"))
    shutil.rmtree(signed)
    shutil.copytree(other_pack, signed)
    assert not faults(signed)
    if file == ENVELOPES[0]:
        for name in ENVELOPES:
            (signed / name).unlink()
        sign_pack(signed, stranger, test_result=True)
        assert [one.fault for one in faults(signed)] == [Fault.UNTRUSTED]
        assert not faults(signed, None)
    else:
        from preaudit.evidence.envelope import seal, unseal

        payload = unseal((signed / file).read_bytes()).payload
        (signed / file).write_bytes(seal(payload, stranger))
        assert [one.fault for one in faults(signed)] == [Fault.UNTRUSTED]


def test_a_signature_that_is_stripped_or_borrowed(signed, other_pack, faults):
    own = (signed / ENVELOPES[0]).read_bytes()
    (signed / ENVELOPES[0]).unlink()
    assert {one.fault for one in faults(signed)} == {Fault.UNSIGNED}
    shutil.copy(other_pack / ENVELOPES[0], signed)
    assert [one.fault for one in faults(signed)] == [Fault.SIGNATURE]
    (signed / ENVELOPES[0]).write_bytes(own)
    shutil.copy(other_pack / ENVELOPES[1], signed)
    assert [one.fault for one in faults(signed)] == [Fault.SIGNATURE]
    shutil.copy(signed / ENVELOPES[0], signed / ENVELOPES[1])
    assert [one.fault for one in faults(signed)] == [Fault.MALFORMED]


def test_a_signer_who_tells_another_story(pack, sealing, faults):
    """Signed with the trusted key, but the envelope says what the manifest does not."""
    from preaudit.evidence.envelope import seal
    from preaudit.evidence.statement import Signer, about_manifest, predicate_of

    signer = load_signer(str(sealing / "signer.key"))
    checked = check_files(pack)
    said = predicate_of(checked.outline, checked.manifest, Signer(p256.public_pem(signer.public), ()))
    better = about_manifest(checked.manifest_bytes, said).replace(b'"exit_code":1', b'"exit_code":0')
    (pack / ENVELOPES[0]).write_bytes(seal(better, signer))
    assert [one.fault for one in faults(pack)] == [Fault.CONTRADICTION]


def test_a_manifest_that_is_changed_to_fit(signed, faults):
    """Records and manifest agree again, but the signature is about the manifest as it was."""
    path = signed / "manifest.json"
    value = json.loads(path.read_bytes())
    value["partial"] = []
    path.write_bytes(pretty(value))
    assert [one.fault for one in faults(signed)] == [Fault.SIGNATURE]
