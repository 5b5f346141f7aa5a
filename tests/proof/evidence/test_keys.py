"""Keys: made once, of one kind, from files or tokens, never from a command line."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from preaudit.errors import UsageError
from preaudit.evidence import p256
from preaudit.evidence.envelope import NoEnvelope, seal, unseal
from preaudit.evidence.keys import FileSigner, generate, load_signer
from preaudit.evidence.trust import load_trust

SOFTHSM = next((path for path in map(Path, ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")) if path.exists()), None)


def test_a_key_pair_is_made_once(tmp_path):
    key, pub = generate(tmp_path / "bank.audit")
    assert (key.name, pub.name) == ("bank.audit.key", "bank.audit.pub")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert isinstance(load_pem_private_key(key.read_bytes(), None).curve, ec.SECP256R1)
    before = key.read_bytes(), pub.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        generate(tmp_path / "bank.audit")
    key.unlink()
    with pytest.raises(UsageError, match="exists already"):
        generate(tmp_path / "bank.audit")
    assert not key.exists()
    assert pub.read_bytes() == before[1]
    (tmp_path / "dangling.key").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="exists already"):
        generate(tmp_path / "dangling")
    with pytest.raises(UsageError, match="cannot be written"):
        generate(tmp_path / "no" / "folder")


def test_the_key_id_is_what_openssl_tells(sealing):
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", sealing / "signer.pub", "-outform", "DER"], capture_output=True, check=True).stdout
    told = subprocess.run(["sha256sum"], input=der, capture_output=True, check=True).stdout.split()[0].decode()
    assert told == p256.key_id(load_signer(str(sealing / "signer.key")).public)


OTHERS = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "EC secp384r1": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EC secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_key_of_another_kind_is_refused(kind, tmp_path):
    private = OTHERS[kind]()
    (tmp_path / "key").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "pub").write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    said = rf"^\S+ is a key of another kind \({kind}\); packs are signed with ECDSA P-256$"
    with pytest.raises(UsageError, match=said):
        load_signer(str(tmp_path / "key"))
    with pytest.raises(UsageError, match=said):
        load_trust(tmp_path / "pub")


def test_openssl_keys_are_read(tmp_path):
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", tmp_path / "sec1"], check=True, capture_output=True)
    assert load_signer(str(tmp_path / "sec1"))


def test_what_is_no_key_is_refused(tmp_path, sealing):
    (tmp_path / "text").write_text("hello")
    (tmp_path / "long").write_bytes(b"x" * (2**20 + 1))
    for name, said in {"text": "is no private key in PEM", "long": "is longer than", "nothing": "cannot be read", ".": "cannot be read"}.items():
        with pytest.raises(UsageError, match=said):
            load_signer(str(tmp_path / name))
    with pytest.raises(UsageError, match="is no private key in PEM"):
        load_signer(str(sealing / "signer.pub"))
    with pytest.raises(UsageError, match="holds a private key"):
        load_trust(sealing / "signer.key")
    with pytest.raises(UsageError, match="is no public key in PEM"):
        load_trust(tmp_path / "text")


def test_a_passphrase_comes_from_the_environment(tmp_path, monkeypatch):
    private = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pass phrase")))
    with pytest.raises(UsageError, match="is encrypted; put its passphrase in the environment as PREAUDIT_KEY_PASSPHRASE"):
        load_signer(str(tmp_path / "key"))
    monkeypatch.setenv("PREAUDIT_KEY_PASSPHRASE", "wrong")
    with pytest.raises(UsageError, match="or its passphrase is another one") as caught:
        load_signer(str(tmp_path / "key"))
    assert "wrong" not in str(caught.value)
    monkeypatch.delenv("PREAUDIT_KEY_PASSPHRASE")
    (tmp_path / "phrase").write_text("pass phrase\n")
    monkeypatch.setenv("PREAUDIT_KEY_PASSPHRASE_FILE", str(tmp_path / "phrase"))
    assert load_signer(str(tmp_path / "key")).public == private.public_key()


class Grumpy(FileSigner):
    """Signs as some tokens do: with the larger of the two values of s."""

    def signature(self, message):
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

        r, s = decode_dss_signature(super().signature(message))
        return encode_dss_signature(r, max(s, p256.ORDER - s))


@given(payload=st.binary(max_size=200))
def test_what_is_sealed_is_opened_again(payload):
    signer = Grumpy(ec.generate_private_key(ec.SECP256R1()))
    opened = unseal(seal(payload, signer))
    assert opened.payload == payload
    assert opened.signed_by(signer.public)
    assert not opened.signed_by(ec.generate_private_key(ec.SECP256R1()).public_key())


@given(raw=st.binary(max_size=400))
def test_any_bytes_are_an_envelope_or_refused(raw):
    with pytest.raises(NoEnvelope):
        unseal(raw)


@pytest.mark.skipif(SOFTHSM is None, reason="softhsm2 is not installed: keys in tokens are not tried")
class TestToken:
    @pytest.fixture
    def token(self, tmp_path, monkeypatch):
        """A token of SoftHSM with a key in it; its URI."""
        import pkcs11

        (tmp_path / "tokens").mkdir()
        (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
        tool = shutil.which("softhsm2-util")
        subprocess.run([tool, "--init-token", "--free", "--label", "bank", "--so-pin", "1234", "--pin", "987654"], check=True, capture_output=True, timeout=60)
        library = pkcs11.lib(str(SOFTHSM))
        library.reinitialize()
        with library.get_token(token_label="bank").open(rw=True, user_pin="987654") as session:
            for label, curve in (("audit seal", "secp256r1"), ("wide", "secp384r1")):
                parameters = session.create_domain_parameters(
                    pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters(curve)}, local=True
                )
                parameters.generate_keypair(store=True, label=label, id=label.encode())
        monkeypatch.setenv("PREAUDIT_PKCS11_MODULE", str(SOFTHSM))
        monkeypatch.setenv("PREAUDIT_PKCS11_PIN", "987654")
        return "pkcs11:token=bank;object=audit%20seal"

    def test_a_token_signs(self, token, pack, faults, tmp_path):
        from preaudit.evidence.seal import sign_pack

        signer = load_signer(token)
        sign_pack(pack, signer)
        (tmp_path / "token.pub").write_text(p256.public_pem(signer.public))
        assert not faults(pack, load_trust(tmp_path / "token.pub"))
        assert load_signer("pkcs11:token=bank;id=audit%20seal").public == signer.public

    @pytest.mark.parametrize(
        ("uri", "pin", "said"),
        [
            ("pkcs11:token=bank;object=wide", "987654", "is on another curve; packs are signed with ECDSA P-256"),
            ("pkcs11:token=bank;object=none", "987654", "the token cannot be used .*NoSuchKey"),
            ("pkcs11:token=other;object=x", "987654", "the token cannot be used .*NoSuchToken"),
            ("pkcs11:token=bank;object=audit%20seal", "wrong", "the token cannot be used .*PinIncorrect"),
            ("pkcs11:token=bank?pin-value=987654", "987654", "a PIN does not belong into a command line"),
            ("pkcs11:token=bank;colour=red", "987654", "has the attribute 'colour'"),
            ("pkcs11:token=bank?module-path=/nowhere.so", "987654", "the token cannot be used"),
        ],
    )
    def test_what_cannot_be_used_is_said_at_once(self, token, uri, pin, said, monkeypatch):
        monkeypatch.setenv("PREAUDIT_PKCS11_PIN", pin)
        with pytest.raises(UsageError, match=said) as caught:
            load_signer(uri)
        assert "987654" not in str(caught.value)

    def test_a_pin_that_is_missing_is_asked_for(self, token, monkeypatch):
        monkeypatch.delenv("PREAUDIT_PKCS11_PIN")
        with pytest.raises(UsageError, match="no PIN was given, put it in the environment as PREAUDIT_PKCS11_PIN"):
            load_signer(token)

    def test_the_pin_may_stand_in_a_file(self, token, monkeypatch, tmp_path):
        monkeypatch.delenv("PREAUDIT_PKCS11_PIN")
        (tmp_path / "pin").write_text("987654\n")
        assert load_signer(f"{token}?pin-source=file:{tmp_path}/pin")
        monkeypatch.setenv("PREAUDIT_PKCS11_PIN_FILE", str(tmp_path / "pin"))
        assert load_signer(token)


def test_keys_are_unreadable_for_others_whatever_the_umask(tmp_path):
    old = os.umask(0)
    try:
        key, _ = generate(tmp_path / "k")
    finally:
        os.umask(old)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
